"""The forget bias that belongs to an initialization: what frameworks and chrono set themselves.

`docs/math.md`, section "Weights".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.knobs import Experiment, without_effect
from app.links import plain
from lstm_engine import CELLS


class Framework(NamedTuple):
    """A framework's name, and the forget bias that it adds in each gated cell it has."""

    name: str
    forget_biases: Mapping[str, float]


# Keras' LSTM adds 1 (`unit_forget_bias`), its GRU adds nothing; torch draws every bias and adds
# nothing. Neither has a peephole, a coupled, a 1997 or a minimal cell.
FRAMEWORKS: Mapping[str, Framework] = {
    "keras": Framework("Keras", {"lstm": 1.0, "gru": 0.0}),
    "pytorch": Framework("PyTorch", {"lstm": 0.0, "gru": 0.0}),
}
DEFAULT = Experiment()


class OwnBias(NamedTuple):
    """The b_f that belongs to an initialization, and whose it is: the start of a sentence."""

    b_f: float
    whose: str


def own_bias(experiment: Experiment) -> OwnBias | None:
    """The b_f that belongs to an experiment's initialization; None where none does."""
    own = own_biases(experiment.cell)
    return own.get("chrono" if experiment.chrono and "chrono" in own else experiment.init)


def own_biases(cell_name: str) -> dict[str, OwnBias]:
    """The b_f that belongs to each initialization of a cell, by its `init`, or "chrono".

    Chrono draws the biases of the gate that keeps and `pytorch` those of every gate, so both add
    nothing. Of a cell that Keras lacks `keras` says nothing, nor does `normal` of any: there each
    b_f is one's own choice.
    """
    cell = CELLS[cell_name]
    if "b_f" in without_effect(cell_name):
        return {}
    own = {"pytorch": OwnBias(0.0, "PyTorch’s initialization has")}
    for init, framework in FRAMEWORKS.items():
        if cell_name in framework.forget_biases:
            whose = f"{possessive(framework.name)} own {cell.TITLE} has"
            own[init] = OwnBias(framework.forget_biases[cell_name], whose)
    if "f" in cell.CHRONO:
        own["chrono"] = OwnBias(0.0, "The chrono initialization has")
    return own


def declared() -> dict[str, Any]:
    """What the page's script needs to set the own b_f of an initialization that is chosen.

    The names of the fields: `bias` is set after a change of `choice`, or of `instead`, which counts
    in its place from `least` on. `own` has the value and its words by cell and choice.
    """
    own = {
        cell: {
            name: {"value": its.b_f, "whose": its.whose} for name, its in own_biases(cell).items()
        }
        for cell in CELLS
    }
    names = {"bias": "b_f", "cell": "cell", "choice": "init", "instead": "chrono"}
    return {"second": "vs_", **names, "least": 3, "own": own}


def possessive(name: str) -> str:
    """A name's genitive: PyTorch’s, Keras’."""
    return f"{name}’" if name.endswith("s") else f"{name}’s"


def combined_with_another(experiment: Experiment) -> OwnBias | None:
    """The initialization's own b_f, where a link combines it with another one unawares.

    With Keras' weights, which are the default, any b_f but 1 was chosen for its own sake; 1 is
    what every link has that says nothing of it.
    """
    own = own_bias(experiment)
    if own is None or own.b_f == experiment.b_f:
        return None
    default = experiment.init == DEFAULT.init and not experiment.chrono
    return None if default and experiment.b_f != DEFAULT.b_f else own


def sentence(own: OwnBias, b_f: float, where: str = "this experiment") -> str:
    """What belongs to the initialization, and what the experiment has instead."""
    theirs, here = (plain(value).replace("-", "−") for value in (own.b_f, b_f))
    return f"{own.whose} b_f = {theirs}; {where} has b_f = {here}."
