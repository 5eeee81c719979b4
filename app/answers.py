"""Answers as bytes: every form in which a lens tells what it found. Runs in the workers."""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import orjson
import safetensors.numpy

from app import export
from app.drawing import picture, plot
from app.drawing.figure import Width
from app.knobs import LINK_VERSION, Experiment
from app.lenses import LENSES
from app.links import Asked, address, path_of, write
from app.networks import networks
from app.reading import Reading
from app.state import state
from app.templating import words

Form = Callable[[str, Any, Asked], bytes]
PIXELS_PER_POINT: dict[Width, float] = {"wide": 1.0, "narrow": 2.0}


class Timing(NamedTuple):
    """Where the time of an answer went, in milliseconds."""

    engine_ms: float
    figures_ms: float


class Answers(NamedTuple):
    """The bytes of each form that was asked for, and where the time went."""

    bodies: dict[str, bytes]
    timing: Timing


def answers(lens: str, forms: Sequence[str], asked: Asked) -> Answers:
    """One computation of the engine, told in each of `forms` (keys of `FORMS`).

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    start = perf_counter()
    found = LENSES[lens].compute(asked.experiment, asked.focus)
    computed = perf_counter()
    bodies = {form: FORMS[form](lens, found, asked) for form in forms}
    written = perf_counter()
    return Answers(bodies, Timing((computed - start) * 1e3, (written - computed) * 1e3))


def answer(lens: str, found: Any, asked: Asked) -> dict[str, Any]:
    """What a lens's API tells: what was asked, its own numbers, its reading."""
    experiment, focus, _ = asked
    return {
        "version": LINK_VERSION,
        "experiment": {key: value for key, value in experiment if key != "v"},
        "link": address(path_of(lens), write(experiment, focus)),
        **LENSES[lens].answer(found),
        "reading": LENSES[lens].reading(found),
    }


def as_json(lens: str, found: Any, asked: Asked) -> bytes:
    """Full float64 precision; what is not finite (a true zero) is null."""
    told = answer(lens, found, asked)
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY, default=listed)


def as_csv(lens: str, found: Any, asked: Asked) -> bytes:
    """The lens's table, one line after the other."""
    return ("\r\n".join(LENSES[lens].table(found)) + "\r\n").encode()


def as_npz(lens: str, found: Any, asked: Asked) -> bytes:
    """The JSON's keys joined by _; −inf is kept, words are text arrays."""
    out = io.BytesIO()
    told = flat(answer(lens, found, asked))
    arrays: dict[str, Any] = {key: np.asarray(value) for key, value in told}
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def as_plot(lens: str, found: Any, asked: Asked) -> bytes:
    """What the page draws and says: the figure for Plotly in both layouts, words, links."""
    figure = LENSES[lens].figure(found, asked.view)
    page = spoken(lens, found, asked) | plot.page_figure(figure) | {"state": state(lens, asked)}
    return orjson.dumps(page, option=orjson.OPT_SERIALIZE_NUMPY, default=listed)


def as_words(lens: str, found: Any, asked: Asked) -> bytes:
    """What the page says beside the figure."""
    return orjson.dumps(spoken(lens, found, asked))


def spoken(lens: str, found: Any, asked: Asked) -> dict[str, Any]:
    """The headline in plain text, and the page's parts as HTML."""
    module, reading = LENSES[lens], LENSES[lens].reading(found)
    parts = words(lens, reading, module.numbers(found, asked.view), asked)
    return {"headline": reading.headline, "parts": parts}


def as_preview(lens: str, found: Any, asked: Asked) -> bytes:
    """The picture of a pasted link."""
    module = LENSES[lens]
    title = "Gradient Highways" if lens == "highway" else f"Gradient Highways: {module.TITLE}"
    sentence = module.reading(found).headline
    return picture.preview(module.figure(found, asked.view), title, sentence)


def as_picture(width: Width) -> Form:
    """The figure as a picture, for wide screens or for phones."""

    def form(lens: str, found: Any, asked: Asked) -> bytes:
        figure = LENSES[lens].figure(found, asked.view)
        return picture.png(figure, width, PIXELS_PER_POINT[width])

    return form


def as_drawing(width: Width) -> Form:
    """The page's first picture as SVG: sharp at any size, in the reader's own font."""

    def form(lens: str, found: Any, asked: Asked) -> bytes:
        return picture.svg(LENSES[lens].figure(found, asked.view), width)

    return form


def as_svg(lens: str, found: Any, asked: Asked) -> bytes:
    """The figure as a drawing that scales."""
    module = LENSES[lens]
    figure, reading = module.figure(found, asked.view), module.reading(found)
    return picture.svg(figure, "wide", module.QUESTION, reading.headline)


def as_html(lens: str, found: Any, asked: Asked) -> bytes:
    """A page of its own, all but the library that draws in it: see `app.export.sent_from`."""
    figure = LENSES[lens].figure(found, asked.view)
    widths: tuple[Width, ...] = ("wide", "narrow")
    return export.document(
        lens,
        asked,
        spoken(lens, found, asked),
        plot=as_plot(lens, found, asked),
        answer=as_json(lens, found, asked),
        pictures={width: picture.svg(figure, width) for width in widths},
    )


FORMS: dict[str, Form] = {
    "json": as_json,
    "csv": as_csv,
    "npz": as_npz,
    "plot": as_plot,
    "words": as_words,
    "preview": as_preview,
    "wide": as_picture("wide"),
    "narrow": as_picture("narrow"),
    "wide-svg": as_drawing("wide"),
    "narrow-svg": as_drawing("narrow"),
    "svg": as_svg,
    "html": as_html,
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
