"""Answers as bytes: every form in which a lens tells what it found. Runs in the workers."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import orjson
import safetensors.numpy

from app.drawing import picture, plot
from app.drawing.figure import Width
from app.knobs import Experiment, View
from app.lenses import LENSES
from app.links import write
from app.networks import networks
from app.reading import Reading, told, unit_told
from app.state import address, state

PIXELS_PER_POINT: dict[Width, float] = {"wide": 1.0, "narrow": 2.0}


class Timing(NamedTuple):
    """Where the time of an answer went, in milliseconds."""

    engine_ms: float
    figures_ms: float


class Answers(NamedTuple):
    """The bytes of each form that was asked for, and where the time went."""

    bodies: dict[str, bytes]
    timing: Timing


def answers(lens: str, forms: Sequence[str], experiment: Experiment, view: View) -> Answers:
    """One computation of the engine, told in each of `forms` (keys of `FORMS`).

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    start = perf_counter()
    module = LENSES[lens]
    found = module.compute(experiment)
    computed = perf_counter()
    bodies = {form: FORMS[form](module, found, view) for form in forms}
    written = perf_counter()
    return Answers(bodies, Timing((computed - start) * 1e3, (written - computed) * 1e3))


def as_json(lens: ModuleType, found: Any, view: View) -> bytes:
    """Full float64 precision; what is not finite (a true zero) is null."""
    return orjson.dumps(lens.answer(found), option=orjson.OPT_SERIALIZE_NUMPY, default=listed)


def as_csv(lens: ModuleType, found: Any, view: View) -> bytes:
    """One line for a unit at a step."""
    return ("\r\n".join(lens.table(found)) + "\r\n").encode()


def as_npz(lens: ModuleType, found: Any, view: View) -> bytes:
    """The JSON's keys joined by _; −inf is kept, words are text arrays."""
    out = io.BytesIO()
    arrays: dict[str, Any] = {key: np.asarray(value) for key, value in flat(lens.answer(found))}
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def as_plot(lens: ModuleType, found: Any, view: View) -> bytes:
    """What the page draws: the Plotly figure with both layouts, the reading and the link."""
    figure = lens.figure(found, view)
    drawn_wide = plot.plotly_figure(figure, "wide").to_dict()
    page = {
        "state": state(found.experiment, view),
        "reading": words(lens.reading(found)),
        "steps": figure.time.steps,
        "length": figure.time.length,
        "read": figure.time.read,
        "data": drawn_wide["data"],
        "layouts": {"wide": drawn_wide["layout"], "narrow": plot.layout(figure, "narrow")},
    }
    return orjson.dumps(page, option=orjson.OPT_SERIALIZE_NUMPY, default=listed)


def as_reading(lens: ModuleType, found: Any, view: View) -> bytes:
    """The reading alone, as the page shows it."""
    return orjson.dumps(words(lens.reading(found)))


def words(reading: Reading) -> dict[str, Any]:
    """A reading with its facts as the page shows them: label, value, unit."""
    return {
        "headline": reading.headline,
        "warnings": reading.warnings,
        "facts": [(fact.label, told(fact), unit_told(fact)) for fact in reading.facts],
    }


def as_preview(lens: ModuleType, found: Any, view: View) -> bytes:
    """The picture of a pasted link."""
    reading: Reading = lens.reading(found)
    return picture.preview(lens.figure(found, view), "Gradient Highways", reading.headline)


def as_wide_picture(lens: ModuleType, found: Any, view: View) -> bytes:
    """The page's first picture for wide screens."""
    return picture.png(lens.figure(found, view), "wide", PIXELS_PER_POINT["wide"])


def as_narrow_picture(lens: ModuleType, found: Any, view: View) -> bytes:
    """The page's first picture for phones."""
    return picture.png(lens.figure(found, view), "narrow", PIXELS_PER_POINT["narrow"])


FORMS = {
    "json": as_json,
    "csv": as_csv,
    "npz": as_npz,
    "plot": as_plot,
    "reading": as_reading,
    "preview": as_preview,
    "wide": as_wide_picture,
    "narrow": as_narrow_picture,
}


# Torch has no peepholes; they are named as it would name them, after the cell that they look at.
TORCH_NAMES = {"peephole": "weight_ch"}


def tensors(experiment: Experiment) -> Answers:
    """Weights and inputs after every knob as safetensors, float64, named as torch names them.

    What a cell lacks is left out: recurrent weights, peepholes.
    """
    start = perf_counter()
    cell, rnn, inputs = networks(experiment)
    named = {
        f"{network}.{TORCH_NAMES.get(name, name)}_l0": np.ascontiguousarray(array, dtype=np.float64)
        for network, layer in (("cell", cell), ("rnn", rnn))
        for name, array in layer._asdict().items()
        if array is not None and array.size
    }
    named["inputs"] = np.ascontiguousarray(inputs)
    body = safetensors.numpy.save(named, {"link": address("/", write(experiment))})
    return Answers({"safetensors": body}, Timing((perf_counter() - start) * 1e3, 0.0))


def listed(value: Any) -> Any:
    """What orjson does not take by itself: an array that does not lie in one piece."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")


def flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Nested keys joined by _, the reading as its parts."""
    if isinstance(value, Reading):
        value = asdict(value)
    if not isinstance(value, dict):
        if isinstance(value, tuple | list) and value and isinstance(value[0], dict):
            keys = value[0].keys()
            return [(f"{prefix}_{key}", [item[key] for item in value]) for key in keys]
        return [(prefix, value)]
    return [
        pair
        for key, inner in value.items()
        for pair in flat(inner, f"{prefix}_{key}" if prefix else key)
    ]
