"""The LSTM of 1997: what the cell has it keeps, whatever the length."""

import numpy as np
import pytest
from mpmath import mp

from lstm_engine import cell_survival, draw_cell, draw_inputs
from lstm_engine.cells import lstm_1997
from tests.engine.cells.one_unit import (
    every_pair,
    exactly,
    log10_size,
    one_unit,
    sigmoid,
    sigmoid_slope,
    tanh_slope,
)


@pytest.mark.parametrize("T", [1, 10, 2000])
def test_direct_is_one_for_any_length(T: int) -> None:
    weights = draw_cell(lstm_1997, "pytorch", 2, 5, seed=0, biases={"i": -3})
    states = lstm_1997.forward(weights, draw_inputs("noise", T, 2, seed=0))
    survival = cell_survival(lstm_1997, states, weights)
    assert (survival.log10_direct == 0.0).all() and (survival.direct_rms == 0.0).all()
    assert (lstm_1997.slopes(states, weights, 1, T).carry == 1.0).all()


def test_cell_is_the_running_sum_of_what_is_written() -> None:
    weights = draw_cell(lstm_1997, "normal", 2, 5, seed=0)
    states = lstm_1997.forward(weights, draw_inputs("noise", 300, 2, seed=0))
    np.testing.assert_allclose(states.c[1:], np.cumsum(states.i * states.g, axis=0), rtol=1e-12)


def test_cell_grows_by_one_a_step_and_its_read_out_dies() -> None:
    """After 800 steps 1 − tanh² c is 10^−694: in logarithms that is still a number."""
    weights, x = one_unit(lstm_1997), np.tile((800.0, 800.0, -20.0), (800, 1))
    states = lstm_1997.forward(weights, x)
    np.testing.assert_array_equal(states.c[:, 0], np.arange(801))
    ours = [lstm_1997.log10_read_out(states, weights, t)[0] for t in range(1, 801)]

    def read_out(a_o, c):
        return log10_size(sigmoid(a_o) * tanh_slope(c))

    theirs = exactly(read_out, states.a_o, states.c[1:])
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    assert theirs[-1] < -700


def test_slopes_last_in_saturation() -> None:
    """All pairs of a_i and a_g."""
    x = every_pair(0.0)
    states = lstm_1997.forward(one_unit(lstm_1997), x)
    into_cell = lstm_1997.slopes(states, one_unit(lstm_1997), 1, len(x)).into_cell[..., 0]
    k_i = exactly(lambda a_i, a_g: mp.tanh(a_g) * sigmoid_slope(a_i), states.a_i, states.a_g)
    k_g = exactly(lambda a_i, a_g: sigmoid(a_i) * tanh_slope(a_g), states.a_i, states.a_g)
    np.testing.assert_allclose(into_cell.T, (k_i, k_g), rtol=1e-13, atol=1e-307)


def test_zero_recurrent_weights_leave_only_the_direct_path() -> None:
    weights = draw_cell(lstm_1997, "normal", 2, 5, seed=0, gain=0.0)
    survival = cell_survival(
        lstm_1997, lstm_1997.forward(weights, draw_inputs("noise", 50, 2)), weights
    )
    assert (survival.log10_exact == 0.0).all() and np.isneginf(survival.log10_detours).all()
