"""Where the detours cancel the direct path by many digits, the exact gradient keeps its own.

Random experiments, chosen by the reference to cancel, beside others that are not chosen. One in
which a change of the weights by 1e-15 moves the reference by 1e-10 or more in log10 is chaotic: no
float64 can be held to 1e-9 there. Hardly any is, and their number is bounded.
"""

from collections.abc import Iterable

import numpy as np
import pytest

from lstm_engine import CELLS, SIGNALS, cell_survival
from tests.engine.experiments import Experiment, cancelling, states_of
from tests.engine.precise import Survival, TooFewBits, difference, survival, survival_and_movement

pytestmark = pytest.mark.slow

PARTS = 20
CLOSE, CHAOTIC = 1e-9, 1e-10
CANCELLING = cancelling()
NAMES = ("log10_exact", "log10_detours", "log10_direct", "exact_rms", "detours_rms", "share")


def random_experiment(n: int) -> Experiment:
    """Any cell, signal and init, nothing chosen."""
    draw = np.random.RandomState(n)
    biases = draw.normal(0, 3, 4).round(1).tolist()
    cell, signal = list(CELLS)[n % len(CELLS)], SIGNALS[n % len(SIGNALS)]
    init = ("keras", "pytorch", "normal")[draw.randint(3)]
    T, H, D = int(draw.randint(20, 400)), int(draw.randint(1, 9)), int(draw.randint(3, 9))
    D = 1 if signal == "series" else D
    return Experiment(cell, init, signal, n, T, H, D, *biases, round(draw.uniform(0, 4), 2))


def misses(one: Experiment, expected: Survival) -> list[str]:
    """By how much the engine is off in each of its numbers, where it is by more than 1e-9."""
    cell, states, weights = states_of(one.problem)
    result = cell_survival(cell, states, weights, one.steps)
    off = {name: difference(getattr(result, name), getattr(expected, name)) for name in NAMES}
    return [f"{one}: {name} is {by:.3g} off" for name, by in off.items() if not by < CLOSE]


def judge(experiments: Iterable[Experiment]) -> None:
    """Compare each that is not chaotic; at most one in twenty may be."""
    wrong, chaotic, total = [], 0, 0
    for one in experiments:
        total += 1
        try:
            expected, movement = survival_and_movement(one.problem, one.steps)
        except TooFewBits:
            movement = np.inf
        if movement < CHAOTIC:
            wrong += misses(one, expected)
        else:
            chaotic += 1
    print(f"{chaotic} of {total} left out as chaotic")
    assert chaotic <= max(1, total // 20), f"{chaotic} of {total} are chaotic"
    assert not wrong, f"{len(wrong)} numbers are wrong:\n" + "\n".join(wrong)


def test_there_are_four_hundred_of_every_cell_that_has_detours() -> None:
    assert len(CANCELLING) >= 400
    assert len(set(CANCELLING)) == len(CANCELLING)
    for cell in ("lstm", "lstm-1997", "peephole", "coupled", "gru"):
        assert sum(one.cell == cell for one in CANCELLING) >= 30
    assert {one.H for one in CANCELLING} == set(range(1, 9))
    assert {one.signal for one in CANCELLING} == {"noise", "zeros", "constant", "sine"}


@pytest.mark.parametrize("part", range(PARTS))
def test_what_cancels_keeps_its_digits(part: int) -> None:
    judge(CANCELLING[part::PARTS])


@pytest.mark.parametrize("part", range(4))
def test_what_is_not_chosen_keeps_its_digits_too(part: int) -> None:
    judge(random_experiment(n) for n in range(part, 64, 4))


@pytest.mark.parametrize("one", CANCELLING[::40], ids=lambda one: f"{one.cell}-{one.seed}")
def test_the_listed_experiments_cancel(one: Experiment) -> None:
    result = survival(one.problem, one.steps)
    larger = np.maximum(result.log10_direct, result.log10_detours)
    by_direct, by_both = result.log10_exact - result.log10_direct, result.log10_exact - larger
    assert by_direct.min() <= -3 or by_both.min() <= -6


KNOWN = {
    "no false decades at one unit": (Experiment(T=1000, H=1, seed=1), 0, -290.148),
    "nor with normal weights": (
        Experiment(T=200, H=1, D=3, init="normal", seed=1),
        0,
        -116.9925,
    ),
    "nor at eight units": (
        Experiment(
            T=500, H=8, D=3, b_i=2, b_f=0, init="normal", gain=6, signal="constant", seed=3882
        ),
        0,
        -101.392,
    ),
    "no false zero": (
        Experiment(
            T=400, H=1, D=3, b_i=20, b_f=20, init="normal", gain=3, signal="zeros", seed=4294967295
        ),
        100,
        -166.224,
    ),
    "nor later": (
        Experiment(
            T=400, H=1, D=3, b_i=20, b_f=20, init="normal", gain=3, signal="zeros", seed=4294967295
        ),
        200,
        -110.816,
    ),
    "nor in a GRU": (
        Experiment(
            cell="gru", T=1500, H=4, b_i=2, b_f=0, b_g=1, init="pytorch", signal="zeros", seed=195
        ),
        0,
        -382.419,
    ),
}


@pytest.mark.parametrize(("one", "t", "exact_rms"), KNOWN.values(), ids=KNOWN)
def test_a_known_cancellation_is_right(one: Experiment, t: int, exact_rms: float) -> None:
    expected = survival(one.problem, [t])
    assert expected.exact_rms[0] == pytest.approx(exact_rms, abs=1e-3)
    cell, states, weights = states_of(one.problem)
    result = cell_survival(cell, states, weights, [t])
    assert result.exact_rms[0] == pytest.approx(expected.exact_rms[0], abs=CLOSE)
    assert difference(result.log10_exact, expected.log10_exact) < CLOSE


def test_a_coupled_cell_that_has_settled_keeps_its_digits() -> None:
    """c_{t−1} − g_t is far below the rounding of either: 35 decades were lost."""
    one = Experiment("coupled", "normal", "constant", T=60, H=3, D=2, amplitude=100)
    expected = survival(one.problem, [10])
    assert expected.log10_exact[0, 1] == pytest.approx(-134.622, abs=1e-3)
    cell, states, weights = states_of(one.problem)
    result = cell_survival(cell, states, weights, [10])
    assert difference(result.log10_exact, expected.log10_exact) < CLOSE
    assert difference(result.log10_detours, expected.log10_detours) < CLOSE
