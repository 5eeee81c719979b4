"""The state of a page: one experiment under one view, as its form, its links and its script see it.

The template and the answer to a drag share it, so a page that was opened and a page that was
dragged there are the same.
"""

from typing import Any, NamedTuple

from app.knobs import Experiment, View, control, default, without_effect, words
from app.links import plain, write
from lstm_engine import CELLS


class Preset(NamedTuple):
    """A well-known setting of weights and biases, or of the cell; sizes, input and seed stay."""

    name: str
    meaning: str
    knobs: dict[str, Any]


# What a preset does not name goes back to its default.
SET_BY_PRESETS = tuple(
    key
    for key in Experiment.model_fields
    if (shown := control(key)) and shown.group in ("Gate biases", "Weights", "Vanilla RNN")
)

PRESETS = (
    Preset("Keras", "Glorot and orthogonal weights, forget bias 1", {"b_f": 1.0}),
    Preset(
        "PyTorch", "all weights and biases uniform, no forget bias", {"init": "pytorch", "b_f": 0.0}
    ),
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

# The controls whose words follow the cell.
NAMED_AFTER_THE_CELL = tuple(
    key
    for key in Experiment.model_fields
    if control(key) and len({words(key, c) for c in CELLS}) > 1
)


def state(experiment: Experiment, view: View) -> dict[str, Any]:
    """What the page knows beside the figure: link, values of the form, presets, files."""
    query, shown, unused = write(experiment), write(experiment, view), experiment.unused()
    # A knob that decides nothing now stands at its default, where it will be when it counts again.
    values = {key: plain(value) for key, value in [*experiment, *view]}
    values |= {key: plain(default(key)) for key in unused}
    return {
        "link": address("/", shown),
        "query": shown,
        "values": values,
        "unused": sorted(unused),
        "words": {key: words(key, experiment.cell) for key in NAMED_AFTER_THE_CELL},
        "presets": {
            preset.name: address("/", preset_query(preset, experiment, view)) for preset in PRESETS
        },
        "reset": address("/", write(Experiment(), View(hide=view.hide))),
        "pages": {"highway": address("/", shown), "api": address("/api", shown)},
        "pictures": {
            "wide": address("/picture/highway-wide.png", shown),
            "narrow": address("/picture/highway-narrow.png", shown),
        },
        "another_seed": address("/", write(next_seed(experiment), view)),
        "files": {
            name: address(path, query)
            for name, path in (
                ("JSON", "/api/highway"),
                ("CSV", "/api/highway.csv"),
                ("NPZ", "/api/highway.npz"),
                ("weights", "/api/weights.safetensors"),
            )
        }
        | {"picture": address("/picture/highway-wide.png", shown)},
    }


def preset_query(preset: Preset, experiment: Experiment, view: View) -> str:
    """The canonical query of an experiment under a preset.

    The cell stays, unless it has no use for what the preset sets.
    """
    knobs = {key: default(key) for key in SET_BY_PRESETS}
    if not preset.knobs.keys() & set(without_effect(experiment.cell)):
        knobs["cell"] = experiment.cell
    knobs |= preset.knobs
    if "chrono" in preset.knobs:
        knobs["chrono"] = max(3, experiment.T)
    return write(experiment.model_copy(update=knobs), view)


def next_seed(experiment: Experiment) -> Experiment:
    """The same experiment with other draws."""
    return experiment.model_copy(update={"seed": (experiment.seed + 1) % 2**32})


def address(path: str, query: str) -> str:
    """A path with its query, where there is one."""
    return f"{path}?{query}" if query else path
