"""What an experiment costs: known beforehand, refused alike everywhere, truly an upper bound."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import machine
from app.budget import MEGABYTE, USUAL, Budget, affordable, affordable_steps, flops, memory_bytes
from app.budget import within as affords
from app.errors import Problem
from app.knobs import Experiment
from app.lenses import IN_CHUNKS, LENSES, training
from app.lenses.training.computed import chunk
from app.links import Asked, read
from app.refusals import admit, left_float64, took_too_long
from app.settings import DOOR_MB, WORKER_MB, settings
from app.view import Focus, View
from lstm_engine import CELLS, LeftFloat64
from tests.app import work

SMALL = Experiment(T=5, H=2, D=1)
TEXT = Experiment(signal="text", text="x" * 1000)


@pytest.mark.parametrize(("H", "T"), [(1, 1), (32, 100), (256, 20000)])
def test_the_work_is_six_times_units_cubed_times_steps(H: int, T: int) -> None:
    assert flops(Experiment(H=H, T=T)) == 6 * H**3 * T


@pytest.mark.parametrize("H", [1, 32, 118, 119, 128, 200, 256])
def test_experiments_are_admitted_up_to_the_limit(H: int) -> None:
    most = min(20000, int(USUAL.flops // (6 * H**3)))
    admit(Asked(Experiment(H=H, T=most)), USUAL)
    if most < 20000:
        with pytest.raises(Problem) as refused:
            admit(Asked(Experiment(H=H, T=most + 1), view=View(lag="log")), USUAL)
        nearest, _, view = read((refused.value.nearest or "").encode(), with_view=True)
        assert (H, most) == (nearest.H, nearest.T)
        assert view == View(lag="log")
        assert refused.value.status == 422


def test_what_is_usual_needs_the_memory_that_is_usual_at_most() -> None:
    for H in range(1, 257):
        T = min(20000, int(USUAL.flops // (6 * H**3)))
        assert memory_bytes(Experiment(H=H, T=T)) <= USUAL.memory_mb * MEGABYTE, H


def test_ones_own_text_is_affordable_at_any_size() -> None:
    admit(Asked(TEXT.model_copy(update={"H": 256}).in_force()), USUAL)


def test_the_refusal_names_cost_limit_and_what_to_lower() -> None:
    with pytest.raises(Problem) as refused:
        admit(Asked(Experiment(H=256, T=20000)), USUAL)
    assert "2.0\u00a0×\u00a010¹²" in refused.value.detail
    assert "2.0\u00a0×\u00a010¹¹" in refused.value.detail
    assert "lower T to 1986 or lower H" in refused.value.detail
    assert [error.key for error in refused.value.errors] == ["T"]


def test_a_small_server_refuses_what_takes_its_memory() -> None:
    small = Budget(memory_mb=300)
    with pytest.raises(Problem) as refused:
        admit(Asked(Experiment(H=100, T=20000)), small)
    assert "MB of memory, and the limit is 300 MB: lower T to " in refused.value.detail
    nearest, *_ = read((refused.value.nearest or "").encode(), with_view=True)
    assert affords(nearest, small) and not affords(
        nearest.model_copy(update={"T": nearest.T + 1}), small
    )


def test_ones_own_text_stays_whole_where_it_is_too_large_with_so_many_units() -> None:
    small = Budget(flops=1e9)
    own = TEXT.model_copy(update={"H": 200}).in_force()
    with pytest.raises(Problem) as refused:
        admit(Asked(own), small)
    assert "lower H" in refused.value.detail and "lower T" not in refused.value.detail
    nearest, *_ = read((refused.value.nearest or "").encode(), with_view=True)
    assert (nearest.text, nearest.H) == (own.text, 55)


@pytest.mark.parametrize("T", [100, 5000])
def test_a_second_experiment_has_to_be_affordable_where_it_is_looked_at(T: int) -> None:
    asked = Asked(Experiment(H=64, T=T), Focus(vs_H=256))
    admit(asked, USUAL, "highway")
    if T == 100:
        admit(asked, USUAL, "compare")
        return
    with pytest.raises(Problem) as refused:
        admit(asked, USUAL, "compare")
    assert "lower T to 1986 or lower vs_H" in refused.value.detail
    admit(read((refused.value.nearest or "").encode(), with_view=True), USUAL, "compare")


sizes = st.tuples(st.integers(1, 20000), st.integers(1, 256))
budgets = st.builds(Budget, st.floats(1e6, 1e12), st.integers(64, 4096))


@given(sizes, budgets, st.booleans())
def test_the_nearest_is_affordable_and_the_longest_that_is(
    size: tuple[int, int], budget: Budget, own_text: bool
) -> None:
    T, H = size
    one = TEXT.model_copy(update={"H": H}).in_force() if own_text else Experiment(T=T, H=H)
    near = affordable(one, budget)
    assert affords(near, budget) or near.H == 1
    if affords(one, budget):
        assert near is one
    elif not own_text and (steps := affordable_steps(one, budget)):
        assert near == one.model_copy(update={"T": steps})
        assert not affords(one.model_copy(update={"T": steps + 1}), budget)


def test_only_what_is_too_large_is_shortened() -> None:
    assert affordable(SMALL, USUAL) is SMALL
    assert affordable(Experiment(H=256, T=20000), USUAL).T == 1986


# What it really takes ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh() -> Iterator[ProcessPoolExecutor]:
    """A new process for each call."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        yield pool


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux tells it there")
@pytest.mark.parametrize(("T", "H"), [(20000, 32), (300, 256), (100, 32)])
# (A map has bounds of its own; claims have no experiment.)
@pytest.mark.parametrize("lens", [lens for lens in LENSES if lens not in {"claims", *IN_CHUNKS}])
@pytest.mark.slow
def test_no_lens_takes_more_memory_than_is_reckoned(
    fresh: ProcessPoolExecutor, lens: str, T: int, H: int
) -> None:
    peak = fresh.submit(work.peak_bytes, lens, T, H).result(60)
    assert peak < memory_bytes(Experiment(T=T, H=H))


def peak_of_a_chunk(network: str, experiment: Experiment, focus: Focus) -> int:
    """What this process takes more, at most, while a network learns and is looked at."""
    chunk(Experiment(T=5, H=2), Focus(batch=2), network, None, 1)  # what is loaded once
    before = work.resident("VmRSS")
    learner = chunk(experiment, focus, network, None, 2).learner
    chunk(experiment, focus, network, learner, 0)
    return work.resident("VmHWM") - before


LETTERS = "".join(chr(0x4E00 + n) for n in range(1000))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux tells it there")
@pytest.mark.parametrize(
    ("network", "experiment", "focus"),
    [
        ("cell", Experiment(), Focus(updates=2)),
        ("cell", Experiment(H=256), Focus(updates=2, batch=16)),
        ("cell", Experiment(H=256, T=60), Focus(updates=2, batch=1)),
        ("rnn", Experiment(H=64, T=500), Focus(updates=2, batch=16, task="copy")),
        ("cell", Experiment(H=256, T=30), Focus(updates=2, batch=1, task="text", words=LETTERS)),
        ("rnn", Experiment(H=1, T=40), Focus(updates=2, batch=128, task="text", words=LETTERS)),
        ("cell", Experiment(H=8, T=2000), Focus(updates=2, batch=1, task="text")),
    ],
)
@pytest.mark.slow
def test_no_chunk_of_training_takes_more_memory_than_is_reckoned(
    fresh: ProcessPoolExecutor, network: str, experiment: Experiment, focus: Focus
) -> None:
    peak = fresh.submit(peak_of_a_chunk, network, experiment, focus).result(60)
    assert peak < training.worker_bytes(experiment, focus)


# States that leave float64, time that runs out ---------------------------------------------------


def test_the_knob_to_lower_belongs_to_the_network_that_left() -> None:
    problem = left_float64(LeftFloat64("rnn", 7), Asked(Experiment(T=50, rnn_gain=9.5)))
    assert [(error.key, error.value) for error in problem.errors] == [("rnn_gain", "9.5")]
    assert problem.nearest == "v=1&T=6&rnn_gain=9.5"
    for cell in CELLS:
        knobs = Experiment(T=50, cell=cell, amplitude=100.0)
        problem = left_float64(LeftFloat64(cell, 7), Asked(knobs, view=View(unit=1)))
        assert [(error.key, error.value) for error in problem.errors] == [("amplitude", "100")]
        assert problem.nearest.endswith("&amplitude=100&unit=1") and "T=6" in problem.nearest


def test_ones_own_text_keeps_its_length_where_a_state_leaves_float64() -> None:
    own = Experiment(signal="text", text="abc", rnn_gain=9.5).in_force()
    problem = left_float64(LeftFloat64("rnn", 2), Asked(own))
    assert problem.nearest == "v=1&signal=text&text=abc"


def test_what_takes_too_long_is_told_what_to_lower() -> None:
    problem = took_too_long(Asked(Experiment(T=900, H=3)), 2.5, 2.0)
    assert problem.status == 422
    assert problem.detail.startswith("T=900 with H=3 takes longer than the 2.5 s")
    assert problem.nearest == "v=1&T=450&H=3"
    own = Experiment(signal="text", text="abc", H=8).in_force()
    assert took_too_long(Asked(own), 2.5, 2.0).nearest == "v=1&H=4&signal=text&text=abc"
    # Half of what should be possible in that time.
    far = took_too_long(Asked(Experiment(T=20000, H=100)), 0.2, 4.0)
    assert far.nearest == "v=1&T=500&H=100"


# Settings ----------------------------------------------------------------------------------------


def test_the_usual_budget_is_what_the_settings_say_without_a_container() -> None:
    chosen: Any = settings({"WORKER_MEMORY_MB": "768"})
    assert Budget(chosen.flops_limit, chosen.worker_memory_mb) == USUAL


def test_all_that_is_promised_together_is_what_the_container_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {"memory.max": str(512 * MEGABYTE)}
    monkeypatch.setattr(machine, "told", lambda name: told.get(name, ""))
    chosen = settings({"WORKERS": "1"})
    kept = chosen.cache_mb + chosen.cache_mb  # answers; work under way and done
    each = WORKER_MB + chosen.worker_memory_mb
    assert DOOR_MB + kept + chosen.sending_mb + chosen.workers * each == 512
    # What the largest training finds is kept, and leaves room for another one.
    assert USUAL.kept_mb <= chosen.cache_mb / 2
