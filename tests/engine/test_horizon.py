"""How far the direct path reaches."""

import numpy as np
import pytest

from lstm_engine import draw_cell, draw_inputs, horizon, lstm


@pytest.mark.parametrize(
    ("T", "bias"),
    [(10, 2.634), (50, 4.272), (100, 4.968), (200, 5.663), (500, 6.580), (1000, 7.274)],
)
def test_needed_bias_keeps_half(T: int, bias: float) -> None:
    assert horizon.needed_bias(T) == pytest.approx(bias, abs=5e-4)
    f = 1 / (1 + np.exp(-horizon.needed_bias(T)))
    assert f**T == pytest.approx(0.5, rel=1e-10)
    assert (1 / (1 + np.exp(-horizon.needed_bias(T, keep=0.1)))) ** T == pytest.approx(0.1)


def test_needed_bias_for_very_long_sequences_keeps_its_digits() -> None:
    assert horizon.needed_bias(1e18) == pytest.approx(np.log(1e18 / np.log(2)), rel=1e-14)


def test_forget_bias_one_has_a_half_life_of_2_2_steps() -> None:
    log_f = -np.log1p(np.exp(-1.0))
    assert np.exp(log_f) == pytest.approx(0.7310586, abs=1e-7)
    assert horizon.half_life(np.array([log_f]))[0] == pytest.approx(2.2127, abs=1e-4)
    assert np.exp(100 * log_f) == pytest.approx(2.484e-14, rel=1e-3)
    assert horizon.time_constant(np.array([log_f]))[0] == pytest.approx(-1 / log_f)


def test_horizon_is_the_largest_lag_that_still_arrives() -> None:
    log_f = np.log([0.5, 0.1, 0.9, 1e-5])
    np.testing.assert_array_equal(horizon.horizon(log_f), [9, 3, 65, 0])
    for threshold in horizon.THRESHOLDS.values():
        lag = horizon.horizon(log_f, threshold)
        assert (lag * log_f >= np.log(threshold) * (1 + 1e-12)).all()
        assert ((lag + 1) * log_f < np.log(threshold)).all()


def test_a_threshold_met_exactly_counts_in_spite_of_rounding() -> None:
    """ln 0.81 / ln 0.9 rounds to 1.9999999999999998."""
    assert horizon.horizon(np.log([0.9]), 0.9**2)[0] == 2
    assert horizon.horizon(np.log([0.3]), 0.3**4)[0] == 4


def test_thresholds_are_the_smallest_normal_numbers() -> None:
    assert horizon.THRESHOLDS["float32"] == pytest.approx(np.finfo(np.float32).smallest_normal)
    assert horizon.THRESHOLDS["float16"] == pytest.approx(np.finfo(np.float16).smallest_normal)
    assert horizon.THRESHOLDS["bfloat16"] == pytest.approx(1.18e-38, rel=0.01)
    assert horizon.THRESHOLDS["1e-3"] == 1e-3 and horizon.THRESHOLDS["1e-6"] == 1e-6


def test_a_gate_that_keeps_everything_reaches_for_ever() -> None:
    for reach in (horizon.half_life, horizon.time_constant, horizon.horizon):
        assert reach(np.array([0.0]))[0] == np.inf
        assert np.isfinite(reach(np.array([-1e-300]))[0])


def test_mean_log_f_is_the_direct_path_per_step() -> None:
    weights = draw_cell("pytorch", 3, 5, seed=0)
    states = lstm.forward(weights, draw_inputs("noise", 40, 3))
    np.testing.assert_allclose(horizon.mean_log_f(states), np.log(states.f).mean(axis=0))
    saturated = draw_cell("keras", 3, 5, seed=0, biases=(0, 20, 0, 0), gain=0)
    mean = horizon.mean_log_f(lstm.forward(saturated, np.zeros((40, 3))))
    np.testing.assert_allclose(mean, -np.log1p(np.exp(-20.0)), rtol=1e-13)
