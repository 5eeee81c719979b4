"""Whole pages: what their templates are told, and the HTML that comes of it."""

from collections.abc import Container
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel

from app.assets import PLOTLY, version
from app.errors import LARGEST_BODY
from app.export import frame
from app.initialization import declared
from app.keys import FIELDS, allowed, bounds, choices, control, default, kind
from app.knobs import GATE_OF, Control, Experiment, without_effect
from app.lenses import LENSES
from app.links import Asked, path_of, plain
from app.presets import PRESETS
from app.state import state
from app.templating import linker, templates
from app.view import Focus, View
from lstm_engine import CELLS

Shown = tuple[str, Control, str]


def static(name: str) -> str:
    """The versioned address of a file."""
    return f"/static/{version(name)}/{name}"


templates.globals.update(
    static=static,
    PLOTLY=PLOTLY,
    LARGEST_BODY=LARGEST_BODY,
    kind=kind,
    bounds=bounds,
    choices=choices,
    control=control,
    allowed=allowed,
    without_effect=without_effect,
    plain=plain,
    default=default,
    path_of=path_of,
    frame=frame,
)


def groups(model: type[BaseModel], keys: Container[str] = FIELDS) -> dict[str, list[Shown]]:
    """The controls of a model by group, the gate biases first: key, control, meaning."""
    found: dict[str, list[Shown]] = {"Gate biases": []} if model is Experiment else {}
    for key, field in model.model_fields.items():
        if (shown := control(key)) and key in keys:
            found.setdefault(shown.group, []).append((key, shown, field.description or ""))
    return found


def lens_page(
    template: str, path: str, lens: str, asked: Asked, spoken: dict[str, Any], **also: object
) -> bytes:
    """A page that shows an experiment through one lens.

    Args:
        template: its file.
        path: the address it is opened at.
        lens: its name.
        asked: what its link says.
        spoken: the headline in plain text, and the page's parts as HTML.
        also: `here`, the address of the server; `drawing`, a figure that stands in the page.
    """
    module = LENSES[lens]
    keys = module.KEYS
    return rendered(
        template,
        path=path,
        lens=lens,
        module=module,
        state=state(lens, asked),
        headline=spoken["headline"],
        parts={name: Markup(html) for name, html in spoken["parts"].items()},
        groups=groups(Experiment),
        own_groups=groups(Focus, keys) | groups(View, keys),
        travelling=[
            key
            for model in (Focus, View)
            for key in model.model_fields
            if control(key) and key not in keys
        ],
        presets=PRESETS,
        meanings=[(preset.name, preset.meaning) for preset in PRESETS],
        own_biases=declared(),
        hidden=asked.view.hide,
        link=linker(lens, asked),
        **also,
    )


def api_page(asked: Asked, here: str) -> bytes:
    """What a program can ask."""
    return rendered(
        "api.html",
        path="/api",
        state=state("highway", asked),
        fields=FIELDS,
        experiment_keys=Experiment.model_fields,
        focus_keys=Focus.model_fields,
        view_keys=View.model_fields,
        cells=CELLS,
        link=linker("highway", asked),
        bias_keys={gate: key for key, gate in GATE_OF.items()},
        here=here,
    )


def rendered(template: str, **context: object) -> bytes:
    """A template filled in."""
    return templates.get_template(template).render(context).encode()
