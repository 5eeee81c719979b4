"""What /openapi.json says holds: programs that follow it meet no surprise."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.app.samples import OF_EVERY_SORT

load_all_checks()
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
MOST = {"T": 40, "H": 6, "D": 8}  # larger ones would only take longer
LITTLE = {"trained": 2, "updates": 3, "batch": 2, "seeds": 2, "x_points": 4, "y_points": 3}


@pytest.fixture(scope="module")
def description(server: str) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield schemathesis.openapi.from_url(f"{server}/openapi.json")


RIGHT, WRONG = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    ("path", "mode"),
    [(path, mode) for path in OF_EVERY_SORT for mode in (RIGHT, WRONG)]
    + [(path, RIGHT) for path in ("/healthz", "/readyz")],
)
def test_every_address_answers_as_it_is_described(
    description: Any, path: str, mode: schemathesis.GenerationMode
) -> None:
    @settings(max_examples=12)
    @given(description[path]["GET"].as_strategy(generation_mode=mode))
    def answers(case: schemathesis.Case) -> None:
        for key, most in MOST.items():
            value = (case.query or {}).get(key)
            if isinstance(value, int) and value > most:
                case.query[key] = most
        case.query = dict(case.query or {}) | (LITTLE if mode is RIGHT else {})
        case.call_and_validate(checks=CHECKS)

    answers()
