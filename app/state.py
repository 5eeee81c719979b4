"""The state of a page: what its link asks for, as its form, its links and its script see it.

The template and the answer to a drag share it, so a page that was opened and a page that was
dragged there are the same.
"""

from typing import Any

from app.keys import control, words
from app.knobs import Experiment
from app.lenses import LENSES
from app.links import Asked, address, of_weights, path_of, plain, write
from app.presets import PRESETS, next_seed
from app.series import typed
from app.view import View
from lstm_engine import CELLS

# The controls whose words follow the cell.
NAMED_AFTER_THE_CELL = tuple(
    key
    for key in Experiment.model_fields
    if control(key) and len({words(key, c) for c in CELLS}) > 1
)


def state(lens: str, asked: Asked) -> dict[str, Any]:
    """What the page knows beside the figure: links, values of the form, presets, files."""
    experiment, focus, view = asked
    weights = write(*of_weights(asked))
    path, shown, told = path_of(lens), write(*asked), write(experiment, focus)
    unused, module = experiment.unused(), LENSES[lens]
    another = experiment.model_copy(update={"seed": next_seed(experiment.seed)})
    # A knob that decides nothing now shows the value that is in force.
    values = {key: plain(value) for part in asked for key, value in part}
    values |= {key: plain(value) for key, value in unused.items()}
    values["series"] = typed(values["series"])
    return {
        "link": address(path, shown),
        "query": shown,
        "values": values,
        "unused": sorted(unused),
        # What plays no part through this lens, and what stands for a value that is not given.
        "idle": sorted(module.idle(experiment, focus)) if hasattr(module, "idle") else [],
        "in_force": module.in_force(experiment, focus) if hasattr(module, "in_force") else {},
        "words": {key: words(key, experiment.cell) for key in NAMED_AFTER_THE_CELL},
        "presets": {
            preset.name: address(path, write(preset.of(experiment), focus, view))
            for preset in PRESETS
            if preset.applies(experiment.cell)
        },
        "reset": address(path, write(Experiment(), View(hide=view.hide))),
        "another_seed": address(path, write(another, focus, view)),
        "pages": {name: address(path_of(name), shown) for name in LENSES}
        | {"api": address("/api", shown)},
        "pictures": {
            width: address(f"/picture/{lens}-{width}.svg", shown) for width in ("wide", "narrow")
        },
        "preview": address("/preview.png" if lens == "highway" else f"/preview/{lens}.png", shown),
        "embed": address(f"/embed/{lens}", shown),
        "files": {
            "JSON": address(f"/api/{lens}", told),
            "CSV": address(f"/api/{lens}.csv", told),
            "NPZ": address(f"/api/{lens}.npz", told),
            "weights": address("/api/weights.safetensors", weights),
            "PNG": address(f"/picture/{lens}-wide.png", shown),
            "SVG": address(f"/picture/{lens}.svg", shown),
            "PyTorch": address("/api/code/highway_torch.py", weights),
            "JAX": address("/api/code/highway_jax.py", weights),
            "HTML": address(f"/export/{lens}.html", shown),
        },
    }
