"""Well-known settings, one click each: what frameworks and papers do."""

from typing import Any, NamedTuple

from app.initialization import FRAMEWORKS
from app.keys import control, default
from app.knobs import Experiment, without_effect


class Preset(NamedTuple):
    """A well-known setting of weights and biases, or of the cell; sizes, input and seed stay.

    One of a framework (`framework` is its `init`) exists for that framework's cells alone.
    """

    name: str
    meaning: str
    knobs: dict[str, Any]
    framework: str = ""

    def applies(self, cell_name: str) -> bool:
        """Whether there is such a setting of this cell."""
        return not self.framework or cell_name in FRAMEWORKS[self.framework].forget_biases

    def of(self, experiment: Experiment) -> Experiment:
        """An experiment under this preset, where it `applies`.

        The cell stays, unless it has no use for what the preset sets.
        """
        knobs = {key: default(key) for key in SET_BY_PRESETS}
        if self.framework:
            b_f = FRAMEWORKS[self.framework].forget_biases[experiment.cell]
            knobs |= {"cell": experiment.cell, "init": self.framework, "b_f": b_f}
            return experiment.model_copy(update=knobs)
        if not self.knobs.keys() & set(without_effect(experiment.cell)):
            knobs["cell"] = experiment.cell
        knobs |= self.knobs
        if "chrono" in self.knobs:
            knobs["chrono"] = max(3, experiment.T)
        return experiment.model_copy(update=knobs)


# What a preset does not name goes back to its default.
SET_BY_PRESETS = tuple(
    key
    for key in Experiment.model_fields
    if (shown := control(key)) and shown.group in ("Gate biases", "Weights", "Vanilla RNN")
)

PRESETS = (
    Preset(
        "Keras",
        "Glorot and orthogonal weights; forget bias 1 in the LSTM, zero biases in the GRU",
        {},
        "keras",
    ),
    Preset("PyTorch", "all weights and biases uniform, no forget bias", {}, "pytorch"),
    Preset(
        "Chrono",
        "forget biases drawn for memories as long as the sequence",
        {"chrono": None, "b_f": 0.0},
    ),
    Preset("1997", "the first LSTM, without a forget gate", {"cell": "lstm-1997"}),
    Preset(
        "IRNN",
        "a vanilla RNN that starts as the identity, with relu",
        {"rnn_init": "identity", "act": "relu"},
    ),
    Preset("Forget bias 5", "gates that stay almost open", {"b_f": 5.0}),
    Preset("No recurrence", "recurrent gain 0: only the carry is left", {"gain": 0.0}),
)


def next_seed(seed: int) -> int:
    """Other draws; after the last one the first."""
    return (seed + 1) % 2**32
