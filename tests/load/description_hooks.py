"""What schemathesis has to know of this service beside /openapi.json; it loads this file itself.

A description can say what a key takes, not which keys fit together, nor what costs too much. So two
checks are put in the place of schemathesis's own: a link that follows the description is accepted,
or refused for a reason that takes more than one key to tell; one that does not is refused where
links are not repaired.
"""

import re

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection

# Larger ones would only take longer.
MOST = {"T": 40, "H": 6, "vs_H": 6}
GREATEST = {"T": 20000, "H": 256, "vs_H": 256}
OF_SEVERAL_KEYS = re.compile(
    r"must be at least \d for signal=|is too large|leaves? float64|takes longer than"
    r"|too much work|must be another knob|must be above|, as \w+ is|two of which differ"
)

REPAIRED = ("/picture/", "/preview")


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, object]
) -> None:
    """Make right sizes small; wrong ones stay wrong."""
    for key, most in MOST.items():
        value = (case.query or {}).get(key)
        if type(value) is int and most < value <= GREATEST[key]:
            case.query[key] = most


@schemathesis.check
def a_link_as_described_is_accepted(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Stands in for positive_data_acceptance."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 422:
        return
    problem = response.json()
    told = f"{problem['title']} {problem['detail']}"
    assert OF_SEVERAL_KEYS.search(told), f"refused though it is as described: {told[:300]}"


@schemathesis.check
def a_link_not_as_described_is_refused(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> bool | None:
    """Stands in for negative_data_rejection: a picture may read what is plainly meant."""
    if case.path.startswith(REPAIRED):
        return None
    return negative_data_rejection(context, response, case)
