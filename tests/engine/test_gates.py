"""Values and slopes keep all their digits, however saturated."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from lstm_engine import gates

FAR = [-700.0, -300.0, -40.0, -20.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 20.0, 37.0, 40.0, 300.0, 700.0]


def exactly(function, a: float) -> float:
    with mp.workdps(700):
        return float(function(mpf(a)))


EXACT = {
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "sigmoid_slope": lambda a: mp.exp(-a) / (1 + mp.exp(-a)) ** 2,
    "log_sigmoid_slope": lambda a: mp.log(mp.exp(-a) / (1 + mp.exp(-a)) ** 2),
    "softplus": lambda a: mp.log(1 + mp.exp(a)),
    "log10_sigmoid": lambda a: -mp.log10(1 + mp.exp(-a)),
    "tanh_slope": lambda a: 1 / mp.cosh(a) ** 2,
    "log_tanh_slope": lambda a: mp.log(1 / mp.cosh(a) ** 2),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("a", FAR)
def test_gate_is_exact_to_rounding(name: str, a: float) -> None:
    ours = getattr(gates, name)(np.array([a]))[0]
    theirs = exactly(EXACT[name], a)
    # Logarithms are only ever summed: near ln 1 their absolute error is what counts.
    allowed = 1e-15 if name.startswith("log_") else 1e-300
    assert ours == pytest.approx(theirs, rel=2e-15, abs=allowed)


def test_slope_written_in_the_output_would_have_lost_its_digits() -> None:
    s = gates.sigmoid(np.array([20.0, 40.0]))
    written_in_the_output = s * (1 - s)
    right = gates.sigmoid_slope(np.array([20.0, 40.0]))
    assert abs(written_in_the_output[0] / right[0] - 1) > 1e-9
    assert written_in_the_output[1] == 0 < right[1]


@given(st.floats(-1e300, 1e300))
def test_no_input_trips_the_numerics(a: float) -> None:
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        for nonlinearity in gates.NONLINEARITIES.values():
            for function in nonlinearity[:3]:
                assert not np.isnan(function(np.array([a]))).any()
        assert gates.log10_sigmoid(np.array([a]))[0] <= 0
        assert gates.softplus(np.array([a]))[0] >= 0


@pytest.mark.parametrize("act", gates.NONLINEARITIES)
@pytest.mark.parametrize("a", [-3.0, -0.5, 0.7, 12.0])
def test_slope_is_the_derivative_of_the_value(act: str, a: float) -> None:
    value, slope, log_slope, _ = gates.NONLINEARITIES[act]
    step = 1e-6
    difference = (value(np.array([a + step])) - value(np.array([a - step]))) / (2 * step)
    assert slope(np.array([a]))[0] == pytest.approx(difference[0], abs=1e-9)
    with np.errstate(divide="ignore"):
        expected = np.log(slope(np.array([a])))[0]
    assert log_slope(np.array([a]))[0] == pytest.approx(expected, abs=1e-12)


def test_relu_at_zero_is_dead() -> None:
    assert gates.relu_slope(np.array([0.0]))[0] == 0.0
    assert gates.log_relu_slope(np.array([0.0]))[0] == -math.inf


def test_logistic_slope_is_at_most_a_quarter() -> None:
    assert gates.sigmoid_slope(np.linspace(-5, 5, 1001)).max() == 0.25
