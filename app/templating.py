"""Templates: whole pages, and the parts of them that follow every step of a drag.

The server that opens a page and the worker that answers a drag fill in the same templates, so a
page that was opened and a page that was dragged there are the same.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup, escape

from app.drawing.figure import PLAIN, RAISED
from app.glossary import GLOSSARY, linked
from app.initialization import combined_with_another, sentence
from app.learning import TITLES
from app.lenses import IN_CHUNKS, LENSES
from app.links import Asked, address, path_of, write
from app.reading import Reading, told, unit_told

TOP = Path(__file__).resolve().parent.parent

templates = Environment(
    loader=FileSystemLoader(TOP / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def raised(text: str) -> Markup:
    """Text (or HTML) with its exponents as the page sets them: superscript glyphs come from fonts
    that do not match each other."""
    markup = escape(text)
    pieces = re.split(f"([{RAISED}]+)", markup)
    return Markup(
        "".join(
            f"<sup>{piece.translate(PLAIN).replace('-', '−')}</sup>" if n % 2 else piece
            for n, piece in enumerate(pieces)
        )
    )


templates.filters.update(raised=raised, told=told, unit_told=unit_told)
templates.globals.update(GLOSSARY=GLOSSARY, LENSES=LENSES, IN_CHUNKS=IN_CHUNKS, TASKS=TITLES)


def words(lens: str, reading: Reading, numbers: dict[str, Any], asked: Asked) -> dict[str, str]:
    """The parts of a lens's page that follow the experiment, as HTML by their names."""
    link = linker(lens, asked)

    def explained(text: str) -> Markup:
        """Text whose terms lead to what they mean, its exponents raised."""
        return raised(linked(text, link("learn")))

    context = {
        "reading": reading,
        "link": link,
        "explained": explained,
        "hidden": asked.view.hide,
        "lens": lens,
        "focus": asked.focus,
        "biases": list(biases_of_others(lens, asked)),
    }
    shared = templates.get_template("words.html")
    parts = {name: block(shared, name, context) for name in ("reading", "warnings", "facts")}
    own = templates.get_template(f"{lens}.html")
    for name in ("above", "numbers"):
        if name in own.blocks:
            parts[name] = block(own, name, context | numbers)
    return parts


def biases_of_others(lens: str, asked: Asked) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Forget biases that are not those of their initialization: the sentence, what a link to the
    initialization's own is called, and what it changes."""
    experiment, focus, _ = asked
    if lens == "claims" or (lens == "phase" and "b_f" in (focus.x, focus.y)):
        return  # settings of their own; every b_f there is
    sides = [("this experiment", "b_f", experiment)]
    if lens == "compare":
        sides = [("A", "b_f", experiment), ("B", "vs_b_f", focus.second(experiment))]
        if all(getattr(focus, f"vs_{key}") is None for key in ("cell", "b_f", "init", "chrono")):
            del sides[1]  # what is said of A holds of both
    for where, key, its in sides:
        if (own := combined_with_another(its)) is not None:
            yield sentence(own, its.b_f, where), f"Set b_f = {own.b_f:g}", {key: own.b_f}


def block(template: Template, name: str, context: dict[str, Any]) -> str:
    """One block of a template, by itself."""
    return "".join(template.blocks[name](template.new_context(context))).strip()


def linker(here: str, asked: Asked) -> Callable[..., str]:
    """A writer of links into the lab: `link("paths", b_f=5, unit=None)` is the address of a lens
    with what is asked for here, changed; None is a key's default."""
    fields = [type(part).model_fields for part in asked]

    def link(lens: str | None = None, **changes: Any) -> str:
        unknown = changes.keys() - {key for keys in fields for key in keys}
        assert not unknown, f"no such keys: {unknown}"
        changed = [
            part.model_copy(
                update={
                    key: keys[key].default if value is None else value
                    for key, value in changes.items()
                    if key in keys
                }
            )
            for part, keys in zip(asked, fields, strict=True)
        ]
        return address(path_of(lens or here), write(*changed))  # type: ignore[arg-type]

    return link
