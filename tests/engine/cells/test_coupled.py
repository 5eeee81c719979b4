"""The coupled LSTM: what is forgotten is what is written."""

import numpy as np
import pytest
from mpmath import mp

from lstm_engine import cell_survival, draw_cell, draw_inputs, lstm
from lstm_engine.cells import coupled
from tests.engine.cells.one_unit import (
    every_pair,
    exactly,
    log10_size,
    one_unit,
    sigmoid,
    sigmoid_slope,
    state_minus_candidate,
    tanh_slope,
)

MAPS = ("log10_direct", "log10_exact", "log10_detours")


@pytest.mark.parametrize("a_f", [-40.0, -3.0, 0.0, 0.1, 40.0])
def test_what_is_forgotten_is_what_is_written(a_f: float) -> None:
    states = coupled.forward(one_unit(coupled), np.array([[a_f, 1.0, 0.0]]))
    i, f = states.i[0, 0], states.f[0, 0]
    assert i + f == (1.0 if abs(a_f) == 40.0 else pytest.approx(1.0, rel=2e-16))
    assert i == pytest.approx(exactly(lambda a: sigmoid(-a), a_f)[0], rel=1e-15)
    assert i > 0.0 and f > 0.0


def test_it_is_the_lstm_whose_input_gate_mirrors_the_forget_gate() -> None:
    weights = draw_cell(coupled, "pytorch", 3, 6, seed=1, gain=2.0)
    x = draw_inputs("noise", 60, 3, seed=1)
    mirrored = weights._replace(
        **{
            name: np.concatenate((-getattr(weights, name)[:6], getattr(weights, name)))
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
    )
    ours, theirs = coupled.forward(weights, x), lstm.forward(mirrored, x)
    np.testing.assert_allclose(ours.c, theirs.c, atol=1e-13)
    ours, theirs = (
        cell_survival(coupled, ours, weights),
        cell_survival(lstm, theirs, mirrored),
    )
    for name in MAPS:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-11)


def test_cell_stays_within_one() -> None:
    weights = draw_cell(coupled, "normal", 2, 8, seed=0, gain=10.0)
    states = coupled.forward(weights, 10.0 * draw_inputs("noise", 400, 2))
    assert 0.99 < np.abs(states.c).max() < 1.0 + 1e-15


def test_logarithms_last_in_saturation() -> None:
    x = every_pair(0.7)[:, [0, 2, 1]]  # all pairs of a_f and a_o
    weights = one_unit(coupled)
    states = coupled.forward(weights, x)
    a_f, a_o, c = states.a_f, states.a_o, states.c
    ours = coupled.log10_carry(states, weights)[:, 0]
    np.testing.assert_allclose(ours, exactly(lambda a: log10_size(sigmoid(a)), a_f), rtol=1e-14)

    def read_out(a_o, c):
        return log10_size(sigmoid(a_o) * tanh_slope(c))

    ours = [coupled.log10_read_out(states, weights, t)[0] for t in range(1, len(x) + 1)]
    np.testing.assert_allclose(ours, exactly(read_out, a_o, c[1:]), rtol=1e-13)


def test_slopes_last_in_saturation() -> None:
    """All pairs of a_f and a_g, shuffled: c is often near g, and near an end of tanh."""
    x = np.random.RandomState(1).permutation(every_pair(0.0))
    states = coupled.forward(one_unit(coupled), x)

    def k_f(a_f, c_minus_g):
        return c_minus_g * sigmoid_slope(a_f)

    def k_g(a_f, a_g):
        return sigmoid(-a_f) * tanh_slope(a_g)

    into_cell = coupled.slopes(states, one_unit(coupled), 1, len(x)).into_cell[..., 0]
    c_minus_g = state_minus_candidate(
        lambda a_f, _: sigmoid(a_f), lambda _, a_g: mp.tanh(a_g), states.a_f, states.a_g
    )
    theirs = exactly(k_f, states.a_f, c_minus_g)
    np.testing.assert_allclose(into_cell[:, 0], theirs, rtol=1e-11, atol=1e-307)
    theirs = exactly(k_g, states.a_f, states.a_g)
    np.testing.assert_allclose(into_cell[:, 1], theirs, rtol=1e-13, atol=1e-307)
