"""What a training taught, for other lenses to look at and to take away."""

from app.knobs import Experiment
from app.lenses.training.chains import Chains, weights_at
from app.lenses.training.computed import setting_of, shown_sequence
from app.networks import Learnt, Networks
from app.view import Focus


def learnt(experiment: Experiment, focus: Focus, kept: Chains | None, update: int) -> Learnt | None:
    """Both networks as they were after so many updates; None where that is not known.

    They read the sequence that the training lens shows, and are named as `torch` would name them.
    """
    found = weights_at(experiment, focus, update, kept)
    if found is None:
        return None
    read_outs = {
        f"{network}.read_out.{name}": tensor
        for network, its in found.items()
        for name, tensor in (("weight", its.weight_ho), ("bias", its.bias_o))
    }
    inputs = shown_sequence(setting_of(experiment, focus))
    return Learnt(Networks(found["cell"].weights, found["rnn"].weights, inputs), read_outs)
