"""Any query whatever: answered, redirected or refused, never broken."""

from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.keys import FIELDS, choices, kind
from app.links import Asked, write
from tests.app.experiments import asks
from tests.app.samples import COMPUTED

pytestmark = pytest.mark.slow

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
numerals = st.one_of(
    st.integers(-2, 40).map(str),
    st.floats(-25, 25, allow_nan=False).map(repr),
    st.sampled_from(["", "-0", "1e-300", "1e999", "nan", "0x1", "1_0", "9" * 400]),
)
names = st.sampled_from([name for key in FIELDS if kind(key) == "choice" for name in choices(key)])
queries = st.lists(
    st.tuples(st.sampled_from([*FIELDS] * 4 + ["tau", ""]), numerals | names | words), max_size=5
)


@settings(max_examples=300)
@given(
    st.sampled_from([*COMPUTED, "/", "/api", "/healthz", "/openapi.json"]),
    queries,
    st.sampled_from(["T=9&H=2", "T=3&H=1&D=1", "T=5&H=3&signal=series", "H=2&signal=text"]),
)
def test_any_query_is_answered_redirected_or_refused_never_broken(
    client: TestClient, path: str, pairs: list[tuple[str, str]], base: str
) -> None:
    given_keys = {key for key, _ in pairs}
    small = [part for part in base.split("&") if part.split("=")[0] not in given_keys]
    query = "&".join([*(f"{quote(key)}={quote(value)}" for key, value in pairs), *small])
    answer = client.get(f"{path}?{query}")
    assert answer.status_code in (200, 308, 422), answer.text
    if answer.status_code == 308:
        assert client.get(answer.headers["location"]).status_code in (200, 422)
    if answer.status_code == 422:
        assert "float64" in answer.text or "nearest" in answer.text
        if path not in ("/", "/api"):
            assert answer.headers["content-type"] == "application/problem+json"
    if answer.headers.get("content-type") == "application/json":
        assert b"NaN" not in answer.content
        orjson.loads(answer.content)


@settings(max_examples=150)
@given(st.sampled_from([*COMPUTED, "/"]), st.binary(min_size=1, max_size=40).map(quote))
def test_any_bytes_in_a_query_are_refused_or_answered(
    client: TestClient, path: str, query: str
) -> None:
    assert client.get(f"{path}?{query}").status_code in (200, 308, 422)


@settings(max_examples=150)
@given(
    st.sampled_from([*COMPUTED, "/"]),
    asks(),
    st.tuples(st.integers(1, 30), st.integers(1, 4), st.integers(3, 5)),
)
def test_any_valid_experiment_is_answered(
    client: TestClient, path: str, asked: Asked, sizes: tuple[int, int, int]
) -> None:
    small = asked.experiment.model_copy(update=dict(zip("THD", sizes, strict=True)))
    focus = asked.focus.model_copy(update={"vs_H": None})
    answer = client.get(f"{path}?{write(small, focus, asked.view)}")
    # A short sequence cannot leave float64 by growth of at most 10·H a step.
    assert answer.status_code == 200, answer.text
    assert answer.content
