"""Work in chunks that is too much: refused, and the link that is offered instead is not."""

from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.budget import USUAL, Budget, within
from app.errors import Problem
from app.links import read
from app.refusals import admit

SMALL = Budget(work_s=2.0)
LETTERS = "".join(chr(0x4E00 + n) for n in range(1000))
ALPHABET = f"task=text&words={quote(LETTERS)}"


def refusal(query: str, lens: str = "training", budget: Budget = USUAL) -> Problem:
    with pytest.raises(Problem) as refused:
        admit(read(query.encode(), with_view=True), budget, lens)
    return refused.value


@pytest.mark.parametrize(
    ("lens", "query"),
    [
        ("phase", "seeds=32&x_points=64&y_points=64&H=128&T=200"),
        ("phase", "x=T&x_to=20000&H=64"),
        ("phase", "x=T&x_from=19000&x_to=20000&y=H&y_from=200&y_to=256"),
        ("phase", f"signal=text&text={'ab' * 400}&H=64&seeds=32"),
        ("training", ""),
        ("training", "T=20000&H=1&batch=1&updates=1"),
        ("training", "T=1900&H=256&batch=256&task=copy"),
        ("training", f"signal=text&text={'ab' * 400}&H=200"),
        ("highway", "H=128&T=1000&trained=20000"),
        ("compare", "H=128&T=1000&trained=20000&vs_H=256"),
    ],
)
def test_what_is_offered_in_the_place_of_too_much_work_is_let_in(lens: str, query: str) -> None:
    with pytest.raises(Problem) as refused:
        admit(read(query.encode(), with_view=True), SMALL, lens)
    assert refused.value.status == 422 and "lower" in refused.value.detail
    assert refused.value.nearest is not None
    admit(read(refused.value.nearest.encode(), with_view=True), SMALL, lens)


def test_the_defaults_are_let_in_everywhere() -> None:
    for lens in ("phase", "training"):
        admit(read(b"", with_view=True), Budget(), lens)


# Trainings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "budget", "told"),
    [
        # One update takes 80 ms, though there is one step and one example.
        (f"T=1&H=256&batch=1&updates=20000&{ALPHABET}", USUAL, "of the service's memory"),
        # What enters each step is 1 GB.
        (f"T=500&H=1&batch=256&updates=1&{ALPHABET}", USUAL, "of a worker's memory"),
        (f"T=60&H=8&batch=256&updates=20000&{ALPHABET}", USUAL, "keeps a core busy"),
        ("H=200", Budget(memory_mb=154), "of a worker's memory"),
    ],
)
def test_how_many_characters_there_are_counts(query: str, budget: Budget, told: str) -> None:
    assert told in refusal(query, budget=budget).detail


@pytest.mark.parametrize(
    ("lens", "query", "budget", "key"),
    [
        ("training", "H=256", USUAL, "H"),
        ("training", "updates=9000", Budget(work_s=50), "updates"),
        ("training", "T=2000", USUAL, "T"),
        ("training", ALPHABET, USUAL, "words"),
        ("training", "batch=256&T=60&updates=20000&H=100", USUAL, "H"),
        ("highway", "trained=9000", Budget(work_s=50), "trained"),
        ("highway", "T=1900&trained=9000", USUAL, "T"),
        ("phase", "x=T&x_to=20000&H=250", USUAL, "x_to"),
    ],
)
def test_who_is_to_blame_stands_in_the_link_as_it_is_written(
    lens: str, query: str, budget: Budget, key: str
) -> None:
    problem, said = refusal(query, lens, budget), parse_qs(query)
    for error in problem.errors:
        assert error.value.rstrip("…") in said[error.key][0]
        assert "lower" in error.message
    assert key in {error.key for error in problem.errors}


def test_nearest_lowers_one_key_no_further_than_it_has_to() -> None:
    problem = refusal("H=256&T=100&seed=7&unit=3")
    nearest = read((problem.nearest or "").encode(), with_view=True)
    assert f"lower it to {nearest.experiment.H}" in problem.detail
    assert (
        nearest.experiment.model_copy(update={"H": 256})
        == read(b"H=256&seed=7", with_view=True).experiment
    )
    assert nearest.view.unit == 3
    more = nearest.experiment.model_copy(update={"H": nearest.experiment.H + 1})
    with pytest.raises(Problem):
        admit(nearest._replace(experiment=more), USUAL, "training")


def test_nearest_to_a_look_at_what_was_taught_keeps_how_it_was_taught() -> None:
    problem = refusal("T=60&trained=9000&updates=20000&unit=1", "highway", Budget(work_s=50))
    experiment, focus, view = read((problem.nearest or "").encode(), with_view=True)
    assert experiment.T < 60 or 100 <= (focus.trained or 0) < 9000
    assert (focus.updates, view.unit) == (20000, 1)


def test_where_no_key_alone_will_do_several_are_lowered_by_the_same_part() -> None:
    problem = refusal("T=300&H=200&batch=256&updates=20000", budget=SMALL)
    experiment, focus, _ = read((problem.nearest or "").encode(), with_view=True)
    parts = experiment.T / 300, experiment.H / 200, focus.batch / 256, focus.updates / 20000
    assert 0 < max(parts) - min(parts) < 0.02 < max(parts)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 20000),
    st.integers(1, 256),
    st.integers(1, 256),
    st.integers(1, 20000),
    st.integers(2, 1000),
    st.sampled_from(["adding", "copy", "order", "text"]),
    st.sampled_from([USUAL, Budget(memory_mb=154), Budget(work_s=100)]),
    st.sampled_from(["training", "highway", "compare"]),
)
def test_whatever_is_offered_is_let_in(
    T: int, H: int, batch: int, updates: int, letters: int, task: str, budget: Budget, lens: str
) -> None:
    query = f"T={T}&H={H}&batch={batch}&updates={updates}&trained={updates}&task={task}"
    asked = read(f"{query}&words={quote(LETTERS[:letters])}".encode(), with_view=True)
    # An experiment that is too large by itself is first made one that any lens could take.
    tries = 1 if lens != "training" or within(asked.experiment, budget) else 2
    for _ in range(tries):
        try:
            admit(asked, budget, lens)
        except Problem as problem:
            assert problem.nearest is not None
            asked = read(problem.nearest.encode(), with_view=True)
    admit(asked, budget, lens)
