"""Closed forms, and what mpmath says where float64 ends."""

import numpy as np
import pytest

from lstm_engine import (
    Rnn,
    Weights,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    lstm,
    rnn_survival,
)
from lstm_engine.survival import log10_rms

LN10 = np.log(10.0)


def survival_of(weights: Weights, x: np.ndarray, steps: list[int] | None = None):
    return cell_survival(lstm, lstm.forward(weights, x), weights, steps)


@pytest.mark.parametrize("T", [1, 100, 20000])
@pytest.mark.parametrize("b_f", [-20.0, -3.5, 0.0, 1.0, 5.0, 20.0])
def test_without_recurrence_and_input_every_map_is_the_closed_form(T: int, b_f: float) -> None:
    weights = draw_cell(lstm, "keras", 2, 3, seed=1, biases={"f": b_f}, gain=0)
    survival = survival_of(weights, np.zeros((T, 2)))
    softplus = np.log1p(np.exp(-b_f)) if b_f > 0 else -b_f + np.log1p(np.exp(b_f))
    expected = -(T - np.arange(T + 1))[:, None] * softplus / LN10 * np.ones(3)
    allowed = 1e-9 * np.maximum(1.0, np.abs(expected))
    assert (np.abs(survival.log10_direct - expected) <= allowed).all()
    assert (np.abs(survival.log10_exact - expected) <= allowed).all()
    assert np.isneginf(survival.log10_detours).all()
    assert (survival.share == 1.0).all()


@pytest.mark.parametrize("b_f", [-20.0, 0.0, 5.0])
def test_recurrence_too_weak_to_matter_still_gives_the_closed_form(b_f: float) -> None:
    weights = draw_cell(lstm, "keras", 2, 3, seed=1, biases={"f": b_f}, gain=1e-30)
    survival = survival_of(weights, np.zeros((300, 2)))
    expected = -(300 - np.arange(301))[:, None] * np.logaddexp(0, -b_f) / LN10 * np.ones(3)
    allowed = 1e-9 * np.maximum(1.0, np.abs(expected))
    assert (np.abs(survival.log10_exact - expected) <= allowed).all()


def test_the_last_step_is_the_identity() -> None:
    weights = draw_cell(lstm, "keras", 3, 5, seed=0)
    survival = survival_of(weights, draw_inputs("noise", 10, 3))
    assert (survival.log10_direct[-1] == 0).all()
    assert (survival.log10_exact[-1] == 0).all()
    assert np.isneginf(survival.log10_detours[-1]).all()
    assert survival.share[-1] == 1.0


def test_chosen_steps_are_those_of_the_whole_walk() -> None:
    weights = draw_cell(lstm, "pytorch", 3, 6, seed=2)
    x = draw_inputs("noise", 150, 3)
    whole, some = survival_of(weights, x), survival_of(weights, x, [0, 7, 8, 93, 150])
    for name in ("log10_direct", "log10_exact", "log10_detours", "share", "exact_rms"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[some.steps])
    rival = draw_rnn("keras", 3, 6, seed=2)
    states = Rnn().forward(rival, x)
    whole = rnn_survival(Rnn(), states, rival)
    some = rnn_survival(Rnn(), states, rival, [0, 40, 150])
    np.testing.assert_array_equal(some.log10_exact, whole.log10_exact[[0, 40, 150]])


@pytest.mark.parametrize("steps", [[3, 2], [-1, 2], [0, 11], [4, 4]])
def test_steps_must_increase_within_the_sequence(steps: list[int]) -> None:
    weights = draw_cell(lstm, "keras", 3, 2, seed=0)
    with pytest.raises(ValueError, match=r"0 … 10"):
        survival_of(weights, np.zeros((10, 3)), steps)


def test_rms_is_the_frobenius_norm_over_root_H() -> None:
    columns = np.array([[3.0, 4.0, 12.0]])
    assert log10_rms(np.log10(columns))[0] == pytest.approx(np.log10(13 / np.sqrt(3)), abs=1e-14)
    assert log10_rms(np.array([[-5000.0, -5000.0]]))[0] == pytest.approx(-5000.0)
    assert np.isneginf(log10_rms(np.full((1, 2), -np.inf)))[0]


def test_share_weighs_the_carry_against_the_detours() -> None:
    weights = draw_cell(lstm, "pytorch", 3, 6, seed=2)
    survival = survival_of(weights, draw_inputs("noise", 20, 3))
    D, R = 10**survival.direct_rms, 10**survival.detours_rms
    np.testing.assert_allclose(survival.share, D / (D + R), rtol=1e-12)
    assert ((survival.share > 0) & (survival.share <= 1)).all()


@pytest.mark.parametrize(("init", "chrono"), [("pytorch", 0), ("keras", 30), ("pytorch", 500)])
def test_no_unit_is_a_false_zero_without_recurrence(init: str, chrono: int) -> None:
    weights = draw_cell(lstm, init, 4, 16, seed=0, biases={}, chrono=chrono, gain=0)
    survival = survival_of(weights, np.zeros((20000, 4)), [0, 10000, 19999, 20000])
    a_f = (weights.bias_ih + weights.bias_hh)[16:32]
    expected = -20000 * np.logaddexp(0, -a_f) / LN10
    np.testing.assert_allclose(survival.log10_exact[0], expected, rtol=1e-11)
    assert np.ptp(expected) > 300


@pytest.mark.parametrize("gain", [1e-200, 1e-12, 0.05])
@pytest.mark.slow
def test_no_unit_is_a_false_zero_with_faint_recurrence(gain: float) -> None:
    """One scale for the whole matrix would lose the quick units; mpmath has them all."""
    reference = pytest.importorskip("tests.engine.reference")
    weights = draw_cell(lstm, "pytorch", 2, 3, seed=0, biases={"f": -8}, gain=gain)
    weights.bias_ih[3:6] += (9.0, 0.0, -4.0)
    states = lstm.forward(weights, draw_inputs("noise", 100, 2))
    steps = [0, 40, 99]
    survival = cell_survival(lstm, states, weights, steps)
    expected = reference.cell_maps(
        states, weights, set(steps), digits=1200 if gain < 1e-99 else 500
    )
    for row, t in enumerate(steps):
        for ours, theirs in zip(
            (survival.log10_direct, survival.log10_exact, survival.log10_detours),
            expected[t],
            strict=True,
        ):
            np.testing.assert_allclose(ours[row], theirs, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("biases", "gain", "T"),
    [
        ({"f": -8}, 1.0, 100),
        ({"i": -4, "o": -4}, 1.0, 100),
        ({"i": 2, "f": 5}, 1.0, 60),
        ({"i": -20, "f": -20, "o": -20}, 1.0, 40),
    ],
)
@pytest.mark.slow
def test_every_map_agrees_with_mpmath_where_float64_ends(
    biases: dict[str, float], gain: float, T: int
) -> None:
    """Long vanishing and saturated gates; `test_blocks` has cells whose r is below 1e-308."""
    reference = pytest.importorskip("tests.engine.reference")
    weights = draw_cell(lstm, "keras", 2, 3, seed=3, biases=biases, gain=gain)
    states = lstm.forward(weights, draw_inputs("noise", T, 2, seed=3))
    steps = [0, 1, T // 2, T - 1]
    survival = cell_survival(lstm, states, weights, steps)
    expected = reference.cell_maps(states, weights, set(steps), digits=700)
    for row, t in enumerate(steps):
        for ours, theirs in zip(
            (survival.log10_direct, survival.log10_exact, survival.log10_detours),
            expected[t],
            strict=True,
        ):
            np.testing.assert_allclose(ours[row], theirs, rtol=1e-12, atol=1e-9)


def near_diagonal() -> np.ndarray:
    """Units that decay at very different rates; what couples them points one way only."""
    return np.diag([0.9, 0.3, 1e-3, 1e-20]) + np.diag([1e-5, 1e-3, 1e-4], -1)


@pytest.mark.parametrize("coupling", ["none", "down", "up"])
@pytest.mark.parametrize("act", ["tanh", "logistic"])
def test_near_diagonal_rnn_has_every_unit_right(coupling: str, act: str) -> None:
    """Units from 10^-2000 to 10^-40000 side by side; the fast ones must not become zeros."""
    reference = pytest.importorskip("tests.engine.reference")
    weight_hh = {"none": np.diag(np.diagonal(near_diagonal())), "down": near_diagonal()}
    matrix = weight_hh.get(coupling, near_diagonal().T)
    weights = draw_rnn("keras", 2, 4, seed=0)._replace(weight_hh=matrix.copy())
    rnn = Rnn(act)
    states = rnn.forward(weights, draw_inputs("noise", 1500, 2, amplitude=5.0))
    survival = rnn_survival(rnn, states, weights, [0, 700, 1499])
    expected = reference.rnn_map(rnn, states, weights, {0, 700, 1499})
    for row, t in enumerate((0, 700, 1499)):
        np.testing.assert_allclose(survival.log10_exact[row], expected[t], rtol=1e-11, atol=1e-9)
    if coupling == "none":
        assert survival.log10_exact[0].max() > -5000 and survival.log10_exact[0].min() < -30000


def test_steep_saturation_of_the_rnn_is_small_and_not_zero() -> None:
    reference = pytest.importorskip("tests.engine.reference")
    weights = draw_rnn("pytorch", 4, 3, seed=0)
    states = Rnn().forward(weights, draw_inputs("noise", 30, 4, amplitude=5000.0))
    assert np.abs(states.a).max() > 800
    survival = rnn_survival(Rnn(), states, weights, [0])
    expected = reference.rnn_map(Rnn(), states, weights, {0})[0]
    np.testing.assert_allclose(survival.log10_exact[0], expected, rtol=1e-11)


def test_dead_relu_units_are_true_zeros() -> None:
    weights = Weights(np.zeros((2, 1)), np.eye(2), np.array([-1.0, 1.0]), np.zeros(2))
    relu = Rnn("relu")
    states = relu.forward(weights, np.zeros((50, 1)))
    survival = rnn_survival(relu, states, weights)
    assert np.isneginf(survival.log10_exact[:-1, 0]).all()
    assert (survival.log10_exact[:, 1] == 0.0).all()
    mixed = weights._replace(weight_hh=np.array([[0.5, 0.1], [0.0, 0.5]]))
    survival = rnn_survival(relu, relu.forward(mixed, np.zeros((50, 1))), mixed)
    assert np.isneginf(survival.log10_exact[0, 0])
    assert survival.log10_exact[0, 1] == pytest.approx(50 * np.log10(0.5))


@pytest.mark.slow
def test_twenty_thousand_steps_take_little_memory() -> None:
    import tracemalloc

    weights = draw_cell(lstm, "pytorch", 8, 32, seed=0)
    x = draw_inputs("noise", 20000, 8)
    tracemalloc.start()
    survival_of(weights, x, list(range(0, 20001, 20)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
