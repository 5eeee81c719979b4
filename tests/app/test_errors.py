"""Refusals: what happened, which key, what would work, and nothing of the insides."""

import re

import pytest
from starlette.testclient import TestClient

from app.budget import USUAL
from app.errors import shown
from app.links import read
from tests.app.samples import COMPUTED, OF_EVERY_SORT, SKETCHES, WITHOUT_STATES, asked
from tests.conftest import small

TOO_LARGE = ["T=20000&H=256", "T=1987&H=256", "T=20000&H=119&b_f=2", "H=256&T=20000&signal=sine"]


@pytest.mark.parametrize("path", [*OF_EVERY_SORT, *SKETCHES])
@pytest.mark.parametrize("query", TOO_LARGE)
@pytest.mark.slow
def test_what_costs_too_much_is_refused_alike_at_every_address(
    client: TestClient, path: str, query: str
) -> None:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    reference = client.get(f"/api/highway?{query}").json()
    assert document | {"nearest": ""} == reference | {"nearest": ""}
    assert document["errors"][0]["key"] in ("T", "H")
    assert "2.0\u00a0×\u00a010¹¹" in document["detail"] and "6H³T" in document["detail"]
    path_of_nearest, nearest = document["nearest"].split("?")
    assert path_of_nearest == path
    experiment, *_ = read(nearest.encode(), with_view=True)
    assert (
        6 * experiment.H**3 * experiment.T <= USUAL.flops < 6 * experiment.H**3 * (experiment.T + 1)
    )


def test_what_costs_too_much_is_refused_whatever_the_client_holds(client: TestClient) -> None:
    answer = client.get("/api/highway?T=20000&H=256", headers={"If-None-Match": "*"})
    assert answer.status_code == 422


def test_the_nearest_affordable_experiment_is_answered(client: TestClient) -> None:
    """At the weights' address, where it costs nothing; admission is the same at all of them."""
    nearest = client.get("/api/weights.safetensors?T=20000&H=256").json()["nearest"]
    assert client.get(nearest).status_code == 200


def test_the_largest_experiment_within_the_budget_is_admitted(client: TestClient) -> None:
    assert client.get("/api/weights.safetensors?T=1986&H=256").status_code == 200
    assert client.get("/api/weights.safetensors?T=1987&H=256").status_code == 422


LEAVING = [
    "act=relu&rnn_gain=10&T=1000&H=4",
    "rnn_init=identity&act=identity&rnn_gain=10&T=1000&H=4",
    "act=identity&rnn_gain=10&T=20000&H=2&amplitude=100",
    "act=relu&rnn_gain=10&T=1000&H=4&signal=adding&D=2",
    "act=relu&rnn_gain=10&T=1000&H=4&signal=copy&seed=3",
    "act=identity&rnn_gain=10&H=4&signal=text&text=" + "ab" * 500,
    "act=identity&rnn_gain=10&H=4&signal=series&series=" + ",".join(map(str, range(1000))),
]


@pytest.mark.parametrize("query", LEAVING)
def test_states_that_leave_float64_are_refused_with_the_step_and_the_knob(
    client: TestClient, query: str
) -> None:
    answer = client.get(f"/api/highway?{query}")
    assert answer.status_code == 422
    document = answer.json()
    assert "float64" in document["detail"]
    step = re.search(r"step (\d+)", document["detail"])
    assert step and 1 < int(step[1]) <= 1000
    (error,) = document["errors"]
    assert error["key"] == "rnn_gain" and error["value"] == "10" and "lower" in error["message"]
    assert client.get(document["nearest"]).status_code == 200


@pytest.mark.parametrize("path", COMPUTED)
@pytest.mark.slow
def test_states_that_leave_float64_are_refused_wherever_they_are_needed(
    client: TestClient, path: str
) -> None:
    answer = client.get(f"{path}?{LEAVING[0]}")
    assert answer.status_code == (200 if path in WITHOUT_STATES else 422)


def test_states_just_within_float64_are_answered(client: TestClient) -> None:
    document = client.get(f"/api/highway?{LEAVING[0]}").json()
    last = int(re.search(r"step (\d+)", document["detail"])[1])  # type: ignore[index]
    query = LEAVING[0].replace("T=1000", f"T={last - 1}")
    answer = asked(client, f"/api/highway?{query}")
    assert all(value is not None for value in answer["norms"]["rnn_exact"]["rms"])
    assert (
        client.get(f"/api/highway?{query.replace(f'T={last - 1}', f'T={last}')}").status_code == 422
    )


# What no experiment is at fault for ---------------------------------------------------------------

PROBLEM = {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/nowhere", "/api/highway.xml", "/static/x/y.js", "/docs", "/redoc"]
)
def test_an_unknown_address_is_a_problem_document(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() >= PROBLEM
    assert answer.json()["status"] == 404
    assert "nearest" not in answer.json()


def test_an_unknown_address_is_a_page_for_a_browser(client: TestClient) -> None:
    answer = client.get("/nowhere", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [*OF_EVERY_SORT, "/healthz"])
def test_other_methods_are_refused_with_those_that_are_allowed(
    client: TestClient, method: str, path: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert "GET" in answer.headers["allow"]
    assert answer.json().keys() >= PROBLEM
    assert answer.json()["status"] == 405


@pytest.mark.parametrize("path", ["/", "/api"])
def test_other_methods_are_refused_on_pages_too(client: TestClient, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_large_body_is_refused(client: TestClient, method: str) -> None:
    answer = client.request(method, "/api/highway", content=b"x" * 1_000_000)
    assert answer.status_code in (413,) if method == "GET" else (405, 413)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() >= PROBLEM


@pytest.mark.parametrize("path", [*OF_EVERY_SORT, "/nowhere"])
def test_an_address_that_is_too_long_is_a_problem_document(client: TestClient, path: str) -> None:
    for query in ("text=" + "x" * 32_000, "&" * 40_000, "%F0%9F%98%80" * 5_000):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 414
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() >= PROBLEM
        assert answer.json()["status"] == 414
        assert len(answer.content) < 1000
        assert "paste them into the page's field" in answer.json()["detail"]


def test_an_address_is_too_long_above_thirty_two_thousand_characters(client: TestClient) -> None:
    address = "/api/highway?T=2&H=1&D=1&text=x"
    longest = address + "&" * (32_001 - len(address))  # the ? is no part of path or query
    assert client.get(longest).status_code == 200
    assert client.get(longest + "&").status_code == 414


def test_the_longest_text_fits_into_an_address(client: TestClient) -> None:
    text = "%F0%9F%98%80" * 1000
    assert len(asked(client, f"/api/highway?H=1&signal=text&text={text}")["t"]) == 1001


# The words of a refusal --------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*OF_EVERY_SORT, *SKETCHES])
def test_a_wrong_link_has_every_member_that_was_promised(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?T=0&tau=1&H=2")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert list(document) == ["type", "title", "status", "detail", "errors", "nearest"]
    assert document["type"] == "about:blank" or "://" in document["type"]
    assert document["status"] == 422
    assert {tuple(error) for error in document["errors"]} == {("key", "value", "message")}
    assert {error["key"]: error["value"] for error in document["errors"]} == {"T": "0", "tau": "1"}
    # (The client asks for little where work is done in chunks.)
    assert document["nearest"] == small(f"{path}?v=1&T=1&H=2")


@pytest.mark.parametrize("path", ["/", *OF_EVERY_SORT, *SKETCHES])
@pytest.mark.parametrize("query", ["T=0", "T=20000&H=256", LEAVING[0], "tau=1"])
def test_no_refusal_shows_the_insides(client: TestClient, path: str, query: str) -> None:
    answer = client.get(f"{path}?{query}", follow_redirects=True)
    if query == LEAVING[0] and path in WITHOUT_STATES:
        assert answer.status_code == 200
        return
    text = answer.text.replace(path, "")
    assert 400 <= answer.status_code < 500
    for inside in ("Traceback", 'File "', "/app/", ".py", "lstm_engine", "pydantic"):
        assert inside not in text


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 10_000])
def test_values_are_shown_in_at_most_a_hundred_characters(length: int) -> None:
    text = shown("é" * length)
    assert len(text) == min(length, 100)
    assert text.endswith("…") == (length > 100)
