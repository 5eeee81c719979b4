"""What is known of a key of a link: what it takes, its default, its control, its words.

The form, the documentation and the explanations of wrong links ask here.
"""

from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from app.knobs import GATE_OF, LINK_VERSION, Control, Experiment, without_effect
from app.series import MAX_FEATURES
from app.view import HIDEABLE, Focus, View
from lstm_engine.cells import CELLS

FIELDS: dict[str, FieldInfo] = {
    **Experiment.model_fields,
    **Focus.model_fields,
    **View.model_fields,
}
# Keys that links no longer have, each with a sentence on what replaced it ("is gone since …: …").
REPLACED: dict[str, str] = {}
OFF_OR_LONG = "0 (off) or a whole number from 3 to 100000"
ALLOWED_IN_WORDS = {
    "v": f"{LINK_VERSION}, the only link version there is",
    "chrono": OFF_OR_LONG,
    "vs_chrono": OFF_OR_LONG,
    "words": "text of 2 to 1000 characters, two of which differ",
    "hide": "names of controls with commas between them, out of " + ", ".join(HIDEABLE),
}


def words(key: str, cell_name: str) -> tuple[str, str]:
    """A control's label and meaning; a bias's are those of the gate that it moves in this cell."""
    declared, cell = control(key), CELLS[cell_name]
    assert declared is not None
    if key in without_effect(cell_name):
        return (declared.label, f"without effect in the {cell.TITLE}")
    gate = cell.GATES.get(GATE_OF.get(key, ""))
    if gate is None or gate == CELLS[default("cell")].GATES[GATE_OF[key]]:
        return (declared.label, FIELDS[key].description or "")
    name, _, does = gate.partition(", ")
    meaning = f"added to the {name}'s bias" + (f": {does}" if does else "")
    return (f"{name[0].upper()}{name[1:]} {key}", meaning)


def default(key: str) -> Any:
    """The default of a key."""
    return FIELDS[key].default


def control(key: str) -> Control | None:
    """How the page offers a key; None for keys without a control of their own."""
    return next((m for m in FIELDS[key].metadata if isinstance(m, Control)), None)


def bounds(key: str) -> tuple[float, float] | None:
    """The least and the greatest value of a number key (of characters, of numbers: see `kind`)."""
    found: dict[str, float] = {}
    for mark in FIELDS[key].metadata:
        for name in ("ge", "le", "min_length", "max_length"):
            if (value := getattr(mark, name, None)) is not None:
                found[name] = value
    low, high = found.get("ge", found.get("min_length")), found.get("le", found.get("max_length"))
    return None if low is None or high is None else (low, high)


def taken(key: str) -> Any:
    """The type of a key's value; that of one that may be absent without its None."""
    annotation = FIELDS[key].annotation
    if NoneType not in (parts := get_args(annotation)):
        return annotation
    (inner,) = (part for part in parts if part is not NoneType)
    return get_args(inner)[0] if get_origin(inner) is Annotated else inner


def kind(key: str) -> Literal["integer", "real", "choice", "text", "numbers", "names"]:
    """What sort of value a key takes."""
    annotation = taken(key)
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "names" if str in get_args(annotation) else "numbers"
    if annotation is str:
        return "text"
    return "real" if annotation is float else "integer"


def choices(key: str) -> tuple[str, ...]:
    """The names a choice key takes."""
    return get_args(taken(key))


def allowed(key: str) -> str:
    """What a key takes, in words."""
    if key in ALLOWED_IN_WORDS:
        return ALLOWED_IN_WORDS[key]
    if kind(key) == "choice":
        return "one of " + ", ".join(choices(key))
    span = bounds(key)
    assert span is not None
    low, high = span
    if kind(key) == "text":
        return f"text of {low} to {high} characters"
    if kind(key) == "numbers":
        return (
            f"{low} to {high} finite numbers with commas between them, or as many steps of 1 to "
            f"{MAX_FEATURES} features each, commas between features and semicolons between steps"
        )
    return f"a {'whole ' if kind(key) == 'integer' else ''}number from {low} to {high}"
