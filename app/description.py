"""The API as /openapi.json describes it: its keys, its answers, its refusals."""

from typing import Any

from app.keys import OFF_OR_LONG, allowed, bounds, choices, default, kind
from app.knobs import Experiment
from app.links import plain
from app.view import HIDEABLE, Focus, View

# One of a series: as the grammar has it, and finite.
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?"

DESCRIPTION = (
    "The query string is the experiment; what it leaves out is at its default. Keys that trackers "
    "add (`utm_source`, `fbclid`, …) are ignored. A wrong link is answered with 422, and `nearest` "
    "is the link that works: of one that was damaged (`b_f=3)`, `&amp;T=50`) the repaired one. "
    "Pictures, previews and pages read such a link as it is plainly meant. Where two readings "
    "are possible (`T=1,234`), both are named and neither is taken."
)


def parameters(*models: type[Experiment] | type[Focus] | type[View]) -> list[dict[str, Any]]:
    """The keys of an address, as its OpenAPI description lists them."""
    return [
        {
            "name": key,
            "in": "query",
            "required": False,
            "description": field.description,
            "schema": schema(key) | ({} if field.default in (None, ()) else default_of(key)),
        }
        for model in models
        for key, field in model.model_fields.items()
    ]


def default_of(key: str) -> dict[str, Any]:
    """The default in a key's schema: a number as a number, a list as the query writes it."""
    value = default(key)
    return {"default": plain(value) if isinstance(value, tuple) else value}


def schema(key: str) -> dict[str, Any]:
    """The JSON schema of one key's value as it stands in a query string."""
    span = bounds(key)
    if allowed(key) == OFF_OR_LONG:
        return {"type": "integer", "oneOf": [{"const": 0}, {"minimum": 3, "maximum": 100_000}]}
    match kind(key):
        case "choice":
            return {"type": "string", "enum": list(choices(key))}
        case "integer" | "real" as sort:
            assert span is not None
            return {
                "type": "integer" if sort == "integer" else "number",
                "minimum": span[0],
                "maximum": span[1],
            }
        case "text":
            assert span is not None
            return {"type": "string", "minLength": span[0], "maxLength": span[1]}
        case "numbers":
            return {
                "type": "string",
                "description": "2 to 1000 steps of one feature, or rows of equal length",
                # Steps are counted by the reader: a bounded repeat of a bounded repeat takes
                # gigabytes where a validator compiles it to an automaton.
                "pattern": rf"^{NUMBER}([,;]{NUMBER})+$",
            }
        case "names":
            name = "(" + "|".join(HIDEABLE) + ")"
            return {"type": "string", "pattern": f"^{name}(,{name})*$"}


def answers_of(media_type: str) -> dict[int | str, dict[str, Any]]:
    """The documented answers of an address that computes."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        200: {
            "description": "The answer",
            "content": {media_type.split(";")[0]: {}},
        },
        304: {"description": "The client has this answer already"},
        405: {"description": "Only GET and HEAD are answered", "content": problem},
        413: {
            "description": "A body where none is read, or one that is too large",
            "content": problem,
        },
        414: {"description": "The address is longer than 32,000 characters", "content": problem},
        422: {"description": "No such experiment, or one too costly", "content": problem},
        429: {"description": "Too much from one address; see Retry-After", "content": problem},
        431: {"description": "The headers are longer than 32,000 characters", "content": problem},
        503: {"description": "Busy or broken for a moment; see Retry-After", "content": problem},
    }
