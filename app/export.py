"""A lens to take away: one file that opens anywhere, with nothing to load, or a frame elsewhere."""

import base64
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any

from markupsafe import Markup

from app.assets import PLOTLY, STATIC, assets
from app.drawing.figure import Width
from app.keys import FIELDS, control, default, words
from app.lenses import LENSES
from app.links import Asked, address, path_of, plain, write
from app.templating import block, linker, templates
from app.view import Focus

# What stands in a document until it is sent: nothing that a visitor wrote can look like these,
# for theirs is escaped.
FIRST_SCRIPT, LIBRARY = b'<script type="application/json"', b"<script src=plotly></script>"
HERE = b'<span class="here"></span>'
ADDRESS_OF_OURS = re.compile(rb'((?:href|src|action)=")(?=/)')


def document(
    lens: str,
    asked: Asked,
    spoken: dict[str, Any],
    *,
    plot: bytes,
    answer: bytes,
    pictures: dict[Width, bytes],
) -> bytes:
    """A lens as one page without its server: question, reading, experiment, figure, numbers.

    Args:
        lens: its name.
        asked: what its link says.
        spoken: the headline in plain text, and the page's parts as HTML.
        plot: what the page draws, as ``/plot`` tells it.
        answer: the numbers, as ``/api`` tells them.
        pictures: the figure as SVG, by the width of the screen.

    Returns:
        HTML without the plotting library; `sent_from` adds it, and the address of the server.
    """
    context = spoken | {
        "module": LENSES[lens],
        "lead": written(lens, "lead", asked),
        "facts_head": written(lens, "facts_head", asked),
        "link": address(path_of(lens), write(*asked)),
        "set_here": list(rows(asked, at_default=False)),
        "at_default": list(rows(asked, at_default=True)),
        "state": {
            "pictures": {width: data_url("image/svg+xml", svg) for width, svg in pictures.items()}
        },
        "plot": in_script(plot),
        "answer": in_script(answer),
        "icon": data_url("image/svg+xml", (STATIC / "icon.svg").read_bytes()),
        "style": "\n".join((STATIC / name).read_text() for name in ("style.css", "lenses.css")),
        "modules": modules("figure.js"),
    }
    return templates.get_template("export.html").render(context).encode()


def written(lens: str, name: str, asked: Asked) -> Markup:
    """A block of a lens's page, or the one that all of them have unless they have their own."""
    own, shared = (templates.get_template(page) for page in (f"{lens}.html", "lab.html"))
    template = own if name in own.blocks else shared
    return Markup(block(template, name, {"link": linker(lens, asked)}))


def sent_from(document: bytes, here: str) -> bytes:
    """A document as a server at `here` sends it: its links lead back there, all else is inside."""
    page, mark, scripts = document.partition(FIRST_SCRIPT)
    home = escape(here).encode()
    page = ADDRESS_OF_OURS.sub(lambda found: found[1] + home, page).replace(HERE, home)
    library = assets()[PLOTLY].bodies["identity"]
    return page + mark + scripts.replace(LIBRARY, b"<script>" + library + b"</script>")


def rows(asked: Asked, *, at_default: bool) -> Iterator[tuple[str, str, str, str]]:
    """The experiment as a table: key, name, meaning and value of each knob in force.

    Where a lens looks closely is told where it was chosen.
    """
    experiment, focus, _ = asked
    idle = experiment.unused().keys() - {"T", "D"}
    for key, value in (*experiment, *focus):
        shown = control(key)
        if shown is None or key in idle or (value == default(key)) != at_default:
            continue
        if key in Focus.model_fields and at_default:
            continue
        label, meaning = (
            words(key, experiment.cell)
            if key in type(experiment).model_fields
            else (shown.label, FIELDS[key].description or "")
        )
        told = plain(value)
        yield key, label, meaning, f"{shown.names.get(told, told)} {shown.unit}".strip()


def in_script(json: bytes) -> str:
    """JSON as it may stand in a script element: no text in it can end the element."""
    return json.replace(b"<", rb"\u003c").decode()


def data_url(media_type: str, body: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(body).decode()}"


IMPORT = re.compile(rb'(\bfrom "|\bimport\(?")\./')


@cache
def modules(first: str) -> dict[str, str]:
    """A script of the page and all that it imports, by name, as addresses that hold them.

    Within such an address ``./`` leads nowhere, so they import each other by name.
    """
    found: dict[str, str] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop()
        body = (STATIC / name).read_bytes()
        found[name] = data_url("text/javascript", IMPORT.sub(rb"\1", body))
        imported = (match.decode() for match in re.findall(rb'"\./([\w.-]+\.js)"', body))
        waiting += [other for other in imported if other not in found]
    return found


def frame(source: str, title: str) -> str:
    """The HTML that shows a lens within another page: the text of an ``<iframe>``."""
    return (
        f'<iframe src="{escape(source)}" title="{escape(title)}" width="100%" height="640" '
        'style="border:0" loading="lazy" allow="fullscreen"></iframe>'
    )
