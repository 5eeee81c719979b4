"""The forms in which a lens tells what it found: numbers, words, pictures, pages, scripts."""

import io
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import safetensors.numpy
from markupsafe import Markup

from app import export, rendering
from app.code import code
from app.drawing import picture, plot
from app.drawing.figure import Figure, Width
from app.knobs import LINK_VERSION
from app.lenses import IN_CHUNKS, LENSES
from app.links import Asked, address, of_weights, path_of, write
from app.networks import networks, read_outs
from app.nulls import nulls
from app.reading import Reading
from app.state import state
from app.templating import words

PIXELS_PER_POINT: dict[Width, float] = {"wide": 1.0, "narrow": 2.0}


class Telling:
    """What a lens found, on its way into forms; what several of them need is made once."""

    def __init__(self, lens: str, found: Any, asked: Asked, here: str = "") -> None:
        self.lens, self.found, self.asked, self.here = lens, found, asked, here
        self.module = LENSES[lens]

    @cached_property
    def reading(self) -> Reading:
        """The lens's sentence and facts."""
        reading: Reading = self.module.reading(self.found)
        return reading

    @cached_property
    def figure(self) -> Figure:
        """The lens's drawing."""
        figure: Figure = self.module.figure(self.found, self.asked.view)
        return figure

    @cached_property
    def spoken(self) -> dict[str, Any]:
        """The headline in plain text, and the page's parts as HTML."""
        found, view = self.found, self.asked.view
        # What is known of many moments is told as of the one that is shown.
        reading = self.module.reading(found, view) if self.of_moments else self.reading
        parts = words(self.lens, reading, self.module.numbers(found, view), self.asked)
        return {"headline": reading.headline, "parts": parts}

    @property
    def of_moments(self) -> bool:
        """Whether the lens tells of many moments, of which one is shown."""
        return self.lens in IN_CHUNKS and self.module.EVERY_STAGE

    @property
    def whole(self) -> bool:
        """Whether this is all there is to find: of work in chunks it may be a part."""
        return self.lens not in IN_CHUNKS or self.module.whole(self.found)

    @cached_property
    def state(self) -> dict[str, Any]:
        """What the page knows beside the figure: links, values of the form, presets, files."""
        return state(self.lens, self.asked)

    @cached_property
    def answer(self) -> dict[str, Any]:
        """What the API tells: what was asked, the lens's own numbers, its reading, its nulls."""
        experiment, focus, _ = self.asked
        answer = {
            "version": LINK_VERSION,
            "experiment": {key: value for key, value in experiment if key != "v"},
            "link": address(path_of(self.lens), write(experiment, focus)),
            **self.module.answer(self.found),
            "reading": self.reading,
        }
        words = getattr(self.module, "NULLS", None)  # none where null is a zero alone
        return answer if words is None else answer | {"nulls": nulls(answer, words)}


Form = Callable[[Telling], bytes]


def as_json(telling: Telling) -> bytes:
    """Full float64 precision; what is not finite is null, and `nulls` says what it stands for."""
    return orjson.dumps(telling.answer, option=orjson.OPT_SERIALIZE_NUMPY, default=listed)


def as_csv(telling: Telling) -> bytes:
    """The lens's table, one line after the other."""
    return ("\r\n".join(telling.module.table(telling.found)) + "\r\n").encode()


def as_npz(telling: Telling) -> bytes:
    """The JSON's keys joined by _; −inf is kept, words are text arrays."""
    out = io.BytesIO()
    arrays: dict[str, Any] = {key: np.asarray(value) for key, value in flat(telling.answer)}
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def as_plot(telling: Telling) -> bytes:
    """What the page draws and says: the figure for Plotly in both layouts, words, links."""
    page = telling.spoken | plot.page_figure(telling.figure) | {"state": telling.state}
    if telling.of_moments:
        page["moment"] = telling.module.moment(telling.found)
    return orjson.dumps(page, option=orjson.OPT_SERIALIZE_NUMPY, default=listed)


def as_sketch(width: Width) -> Form:
    """What the page shows and says while one moves a knob: a picture for the plot."""

    def form(telling: Telling) -> bytes:
        drawing = picture.svg_in_a_page(telling.figure, width).decode()
        return orjson.dumps(telling.spoken | {"picture": drawing, "state": telling.state})

    return form


def as_preview(telling: Telling) -> bytes:
    """The picture of a pasted link."""
    name = telling.module.TITLE
    title = "Gradient Highways" if telling.lens == "highway" else f"Gradient Highways: {name}"
    return picture.preview(telling.figure, title, telling.reading.headline)


def as_picture(width: Width) -> Form:
    """The figure as a picture, for wide screens or for phones."""
    return lambda telling: picture.png(telling.figure, width, PIXELS_PER_POINT[width])


def as_drawing(width: Width) -> Form:
    """The page's first picture as SVG: sharp at any size, in the reader's own font."""
    return lambda telling: picture.svg_in_a_page(telling.figure, width)


def as_svg(telling: Telling) -> bytes:
    """The figure as a drawing that scales, its question and its sentence above it."""
    return picture.svg(telling.figure, "wide", telling.module.QUESTION, telling.reading.headline)


def as_html(telling: Telling) -> bytes:
    """A page of its own that needs no server and leads back to this one."""
    widths: tuple[Width, ...] = ("wide", "narrow")
    document = export.document(
        telling.lens,
        telling.asked,
        telling.spoken,
        plot=as_plot(telling),
        answer=as_json(telling),
        pictures={width: picture.svg_in_a_page(telling.figure, width) for width in widths},
    )
    return export.sent_from(document, telling.here)


def as_page(telling: Telling) -> bytes:
    """The lens's page."""
    template, path = f"{telling.lens}.html", path_of(telling.lens)
    return rendering.lens_page(
        template,
        path,
        telling.lens,
        telling.asked,
        telling.spoken,
        here=telling.here,
        whole=telling.whole,
    )


def as_frame(telling: Telling) -> bytes:
    """The lens for somebody else's page."""
    path = f"/embed/{telling.lens}"
    return rendering.lens_page(
        "embed.html", path, telling.lens, telling.asked, telling.spoken, here=telling.here
    )


def as_page_drawn(width: Width) -> Form:
    """The lens's page with its picture in it, for a script that puts it in another one's place."""

    def form(telling: Telling) -> bytes:
        return rendering.lens_page(
            f"{telling.lens}.html",
            path_of(telling.lens),
            telling.lens,
            telling.asked,
            telling.spoken,
            here=telling.here,
            whole=telling.whole,
            drawing=Markup(picture.svg_in_a_page(telling.figure, width).decode()),
        )

    return form


def as_api_page(telling: Telling) -> bytes:
    """The page that explains the API, with this experiment in its links."""
    return rendering.api_page(telling.asked, telling.here)


def as_script(framework: str) -> Form:
    """A script that finds the experiment's numbers by autograd."""
    return lambda telling: code(framework, of_weights(telling.asked), telling.here).encode()


# Torch has no peepholes; they are named as it would name them, after the cell that they look at.
TORCH_NAMES = {"peephole": "weight_ch"}


def as_tensors(telling: Telling) -> bytes:
    """Weights and inputs after every knob as safetensors, float64, named as torch names them.

    What a cell lacks is left out: recurrent weights, peepholes.
    """
    experiment = telling.asked.experiment
    cell, rnn, inputs = networks(experiment)
    named = {
        f"{network}.{TORCH_NAMES.get(name, name)}_l0": np.ascontiguousarray(array, dtype=np.float64)
        for network, layer in (("cell", cell), ("rnn", rnn))
        for name, array in layer._asdict().items()
        if array is not None and array.size
    }
    named["inputs"] = np.ascontiguousarray(inputs)
    link = address("/", write(*of_weights(telling.asked)))
    return safetensors.numpy.save(named | read_outs(), {"link": link})


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


FORMS: dict[str, Form] = {
    "json": as_json,
    "csv": as_csv,
    "npz": as_npz,
    "plot": as_plot,
    "wide-sketch": as_sketch("wide"),
    "narrow-sketch": as_sketch("narrow"),
    "preview": as_preview,
    "wide": as_picture("wide"),
    "narrow": as_picture("narrow"),
    "wide-svg": as_drawing("wide"),
    "narrow-svg": as_drawing("narrow"),
    "svg": as_svg,
    "html": as_html,
    "page": as_page,
    "frame": as_frame,
    "wide-page": as_page_drawn("wide"),
    "narrow-page": as_page_drawn("narrow"),
    "api-page": as_api_page,
    "torch": as_script("torch"),
    "jax": as_script("jax"),
    "safetensors": as_tensors,
}
BINARY_FORMS = {"npz", "preview", "wide", "narrow", "safetensors"}
TEXT_FORMS = FORMS.keys() - BINARY_FORMS
# What links name the server in, and what needs no number of the engine.
NAMING_THE_SERVER = {
    "html",
    "page",
    "frame",
    "wide-page",
    "narrow-page",
    "api-page",
    "torch",
    "jax",
}
WITHOUT_WEIGHTS = {"api-page", "torch", "jax"}
WITHOUT_NUMBERS = WITHOUT_WEIGHTS | {"safetensors"}
# What tells of work in chunks as much as is known, while all others wait for its end.
AS_FAR_AS_KNOWN = {"plot", "page", "frame", "wide-page", "narrow-page"}
AS_FAR_AS_KNOWN |= {"wide-sketch", "narrow-sketch"}
