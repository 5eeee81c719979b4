"""What an RNN's weights alone promise, and the norm that they bound."""

from typing import Any

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    Rnn,
    Weights,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    jacobian,
    lstm,
    pull_back,
)
from lstm_engine.bounds import (
    largest_singular_value,
    log10_spectral_norms,
    pascanu_bound,
    spectral_radius,
    verdict,
)
from lstm_engine.gates import NONLINEARITIES


def of_matrix(weight_hh: np.ndarray, bias: float = 0.0) -> Weights:
    H = len(weight_hh)
    return Weights(np.ones((H, 1)), weight_hh, np.full(H, bias), np.zeros(H))


def test_radius_and_largest_singular_value_of_a_shear() -> None:
    shear = np.array([[0.5, 3.0], [0.0, -0.8]])
    assert spectral_radius(shear) == pytest.approx(0.8, abs=1e-14)
    assert largest_singular_value(shear) == pytest.approx(np.linalg.svd(shear)[1][0], abs=1e-14)
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    assert spectral_radius(turn) == pytest.approx(2.0, abs=1e-14)


@pytest.mark.parametrize("act", NONLINEARITIES)
@pytest.mark.parametrize("gain", [0.1, 0.45, 1.0, 2.0])
def test_the_exact_gradient_stays_below_the_bound(act: str, gain: float) -> None:
    rnn, weights = Rnn(act), draw_rnn("normal", 8, 32, seed=0, gain=gain)
    states = rnn.forward(weights, draw_inputs("noise", 80, 8))
    norms = log10_spectral_norms(rnn, states, weights, range(81))
    bound = pascanu_bound(rnn, weights, 80 - np.arange(81))
    assert (norms <= bound + 1e-12).all()
    if verdict(rnn, weights) == "vanishes":
        assert (np.diff(norms) > 0).all() and bound[0] < -1


def test_the_bound_is_met_by_an_orthogonal_linear_network() -> None:
    rnn, weights = Rnn("identity"), draw_rnn("keras", 3, 6, seed=0, gain=0.7)
    states = rnn.forward(weights, draw_inputs("noise", 60, 3))
    lags = 60 - np.arange(61)
    expected = lags * np.log10(0.7)
    np.testing.assert_allclose(pascanu_bound(rnn, weights, lags), expected, atol=1e-12)
    norms = log10_spectral_norms(rnn, states, weights, range(61))
    np.testing.assert_allclose(norms, expected, atol=1e-12)


def test_a_logistic_network_is_bounded_by_a_quarter() -> None:
    weights = draw_rnn("keras", 3, 6, seed=0, gain=2.0)
    tanh, logistic = (pascanu_bound(Rnn(act), weights, [100]) for act in ("tanh", "logistic"))
    np.testing.assert_allclose(tanh - logistic, 100 * np.log10(4), rtol=1e-13)


def test_without_recurrent_weights_nothing_passes_but_at_lag_zero() -> None:
    found = pascanu_bound(Rnn("tanh"), of_matrix(np.zeros((3, 3))), [0, 1, 7])
    np.testing.assert_array_equal(found, [0, -np.inf, -np.inf])


@pytest.mark.parametrize(
    ("act", "weight_hh", "expected"),
    [
        ("tanh", 0.99 * np.eye(3), "vanishes"),
        ("tanh", np.eye(3), "inconclusive"),
        ("tanh", (1 - 1e-15) * np.eye(3), "inconclusive"),
        ("tanh", (1 + 1e-15) * np.eye(3), "inconclusive"),
        ("tanh", np.array([[0.9, 5.0], [0.0, 0.9]]), "inconclusive"),
        ("tanh", 1.01 * np.eye(3), "may explode"),
        ("logistic", 3.9 * np.eye(3), "vanishes"),
        ("logistic", 4.0 * np.eye(3), "inconclusive"),
        ("logistic", 4.1 * np.eye(3), "may explode"),
        ("relu", 1.01 * np.eye(3), "may explode"),
        ("identity", np.zeros((2, 2)), "vanishes"),
    ],
)
def test_verdicts(act: str, weight_hh: np.ndarray, expected: str) -> None:
    assert verdict(Rnn(act), of_matrix(weight_hh)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_rounding_does_not_decide_about_orthogonal_weights(seed: int) -> None:
    assert verdict(Rnn("tanh"), draw_rnn("keras", 4, 48, seed=seed)) == "inconclusive"


def test_pytorchs_default_rnn_is_inconclusive_though_its_gradient_vanishes() -> None:
    """H=64, twenty seeds: σ₁ ≈ 1.11, ρ ≈ 0.60, 1e-29 … 3e-24 after 100 steps, other draws."""
    rnn, radii, singular, norms = Rnn("tanh"), [], [], []
    for seed in range(20):
        weights = draw_rnn("pytorch", 16, 64, seed=seed)
        assert verdict(rnn, weights) == "inconclusive"
        radii.append(spectral_radius(weights.weight_hh))
        singular.append(largest_singular_value(weights.weight_hh))
        states = rnn.forward(weights, draw_inputs("noise", 100, 16, seed=seed))
        norms.append(log10_spectral_norms(rnn, states, weights, [0])[0])
    assert np.mean(radii) == pytest.approx(0.60, abs=0.02)
    assert np.mean(singular) == pytest.approx(1.11, abs=0.02)
    assert min(norms) > -29.5 and max(norms) < -21.5


def test_an_inconclusive_network_can_explode_where_units_are_dead() -> None:
    """ρ = 0.8: unit 0 holds unit 1 in check as long as it lives; alone, unit 1 grows by 1.4."""
    rnn, weights = Rnn("relu"), of_matrix(np.array([[-2.8, 2.0], [-2.2, 1.4]]))
    assert spectral_radius(weights.weight_hh) == pytest.approx(0.8)
    assert verdict(rnn, weights) == "inconclusive"
    weights = weights._replace(bias_ih=np.array([-1e5, 1.0]))
    states = rnn.forward(weights, np.zeros((20, 1)))
    found = log10_spectral_norms(rnn, states, weights, [0])[0]
    assert found == pytest.approx(19 * np.log10(1.4) + np.log10(np.hypot(2.2, 1.4)))


def test_a_network_that_may_explode_can_vanish_by_saturation() -> None:
    rnn, weights = Rnn("tanh"), of_matrix(3.0 * np.eye(2), bias=4.0)
    assert verdict(rnn, weights) == "may explode"
    states = rnn.forward(weights, np.zeros((50, 1)))
    assert log10_spectral_norms(rnn, states, weights, [0])[0] < -200


@pytest.mark.parametrize("name", CELLS)
def test_norms_of_a_cell_are_those_of_a_gradient_pulled_back(name: str) -> None:
    cell = CELLS[name]
    weights = draw_cell(cell, "normal", 3, 6, seed=1, biases={"f": 2.0}, gain=2.0)
    states = cell.forward(weights, draw_inputs("noise", 70, 3))
    dc, dh, expected = np.eye(6), np.zeros((6, 6)), {}
    for t in range(70, 0, -1):
        dc, dh = pull_back(cell, states, weights, t, dc, dh)
        r = 10.0 ** cell.log10_read_out(states, weights, t - 1)
        r *= np.sign(cell.slopes(states, weights, t, t).read_out[0])
        expected[t - 1] = np.log10(np.linalg.norm(dc + dh * r, 2))
    found = log10_spectral_norms(cell, states, weights, [0, 1, 37, 38, 39, 69, 70])
    steps = [0, 1, 37, 38, 39, 69]
    np.testing.assert_allclose(found[:-1], [expected[t] for t in steps], atol=1e-9)
    assert found[-1] == 0.0


@pytest.mark.parametrize("name", CELLS)
def test_a_norm_lies_between_the_longest_column_and_all_of_them(name: str) -> None:
    cell = CELLS[name]
    weights = draw_cell(cell, "pytorch", 3, 9, seed=2, biases={"f": -6.0})
    states = cell.forward(weights, draw_inputs("noise", 400, 3))
    survival = cell_survival(cell, states, weights, [0, 100, 399])
    found = log10_spectral_norms(cell, states, weights, [0, 100, 399])
    assert (found >= survival.log10_exact.max(axis=1) - 1e-9).all()
    assert (found <= survival.exact_rms + 0.5 * np.log10(9) + 1e-9).all()


def test_an_rnns_norm_is_that_of_the_product() -> None:
    rnn, weights = Rnn("tanh"), draw_rnn("normal", 3, 7, seed=1, gain=1.5)
    states = rnn.forward(weights, draw_inputs("noise", 20, 3))
    product = np.eye(7)
    for t in range(20, 0, -1):
        product = product @ jacobian(rnn, states, weights, t)
    found = log10_spectral_norms(rnn, states, weights, [0])
    assert found[0] == pytest.approx(np.log10(np.linalg.norm(product, 2)), abs=1e-11)


def test_a_unit_that_comes_back_from_far_below_is_not_lost() -> None:
    """Late steps all but close unit 0, earlier ones unit 1 still more: unit 0 is what is left."""
    H, T = 2, 70
    x = np.zeros((T, H))
    x[40:, 0], x[:40, 1] = 30.0, 30.0
    weights = Weights(np.eye(H), np.eye(H), np.zeros(H), np.zeros(H))
    rnn = Rnn("logistic")
    states = rnn.forward(weights, x)
    log10_units = rnn.log_slope(states).sum(axis=0) / np.log(10)
    assert log10_units[0] < -350 and log10_units[1] < log10_units[0] - 100
    found = log10_spectral_norms(rnn, states, weights, [0])
    assert found[0] == pytest.approx(log10_units[0], rel=1e-12)


def test_dead_relus_leave_minus_infinity() -> None:
    rnn, weights = Rnn("relu"), of_matrix(np.ones((3, 3)), bias=-1.0)
    states = rnn.forward(weights, np.zeros((5, 1)))
    found = log10_spectral_norms(rnn, states, weights, [0, 4, 5])
    np.testing.assert_array_equal(found, [-np.inf, -np.inf, 0.0])


def test_too_many_steps_or_steps_outside_are_refused() -> None:
    weights = draw_cell(lstm, "keras", 2, 3, seed=0)
    states: Any = lstm.forward(weights, np.zeros((101, 2)))
    assert log10_spectral_norms(lstm, states, weights, range(1, 101)).shape == (100,)
    assert log10_spectral_norms(lstm, states, weights, []).shape == (0,)
    with pytest.raises(ValueError, match="101 steps were asked for: allowed are 100"):
        log10_spectral_norms(lstm, states, weights, range(101))
    with pytest.raises(ValueError, match="0 … 101"):
        log10_spectral_norms(lstm, states, weights, [102])
