"""The minLSTM: nothing recurs, so the carry is all there is."""

import numpy as np
import pytest

from lstm_engine import LeftFloat64, cell_survival, draw_cell, draw_inputs, jacobian
from lstm_engine.cells import minlstm
from tests.engine.cells.one_unit import (
    every_pair,
    exactly,
    log10_size,
    one_unit,
    sigmoid,
    state_minus_candidate,
)


def test_direct_is_exact_and_nothing_takes_a_detour() -> None:
    weights = draw_cell(minlstm, "pytorch", 3, 6, seed=0)
    states = minlstm.forward(weights, draw_inputs("noise", 200, 3))
    survival = cell_survival(minlstm, states, weights)
    np.testing.assert_array_equal(survival.log10_exact, survival.log10_direct)
    assert np.isneginf(survival.log10_detours).all() and (survival.share == 1.0).all()
    assert (survival.log10_direct[:-1] < 0).all()


def test_recurrent_gain_has_no_effect() -> None:
    x = draw_inputs("noise", 20, 3)
    once, ten = (
        minlstm.forward(draw_cell(minlstm, "normal", 3, 6, seed=0, gain=gain), x).h
        for gain in (1.0, 10.0)
    )
    np.testing.assert_array_equal(once, ten)


def test_gates_are_the_quotients_of_the_paper() -> None:
    weights = draw_cell(minlstm, "normal", 3, 6, seed=1, biases={"i": -1, "f": 2, "g": 0.5})
    x = draw_inputs("noise", 50, 3, seed=1)
    states = minlstm.forward(weights, x)
    a_i, a_f, g = np.split(x @ weights.weight_ih.T + weights.bias_ih, 3, axis=-1)
    i, f = 1 / (1 + np.exp(-a_i)), 1 / (1 + np.exp(-a_f))
    np.testing.assert_allclose(states.f, f / (f + i), rtol=1e-13)
    np.testing.assert_allclose(states.i, i / (f + i), rtol=1e-13)
    np.testing.assert_allclose(states.g, g, rtol=1e-13)
    np.testing.assert_allclose(states.f + states.i, 1.0, rtol=1e-15)


def test_with_b_i_0_no_forget_bias_keeps_more_than_two_thirds() -> None:
    a_f = np.linspace(-10, 60, 50)
    x = np.column_stack((np.zeros(50), a_f, np.zeros(50)))
    f = minlstm.forward(one_unit(minlstm), x).f[:, 0]
    assert (f <= 2 / 3).all() and f[-1] == pytest.approx(2 / 3, rel=1e-15)


def test_state_is_a_mean_of_its_candidates() -> None:
    weights = draw_cell(minlstm, "normal", 3, 6, seed=0)
    states = minlstm.forward(weights, draw_inputs("noise", 300, 3))
    assert (np.abs(states.h) <= np.abs(states.g).max(axis=0)).all()


def test_jacobian_is_diagonal() -> None:
    weights = draw_cell(minlstm, "normal", 3, 6, seed=0)
    states = minlstm.forward(weights, draw_inputs("noise", 5, 3))
    np.testing.assert_array_equal(jacobian(minlstm, states, weights, 3), np.diag(states.f[2]))


def test_an_infinite_candidate_is_refused_with_its_step() -> None:
    """Nothing bounds a linear candidate."""
    weights = draw_cell(minlstm, "normal", 2, 2, seed=0)
    x = np.zeros((6, 2))
    x[3] = 1e308
    with pytest.raises(LeftFloat64) as refused:
        minlstm.forward(weights._replace(weight_ih=np.full((6, 2), 10.0)), x)
    assert (refused.value.cell, refused.value.step) == ("minlstm", 4)


def test_logarithms_and_slopes_last_in_saturation() -> None:
    """All pairs of a_i and a_f: both gates may be 10^−347 and their quotient a half."""
    x = every_pair(0.5)
    weights = one_unit(minlstm)
    states = minlstm.forward(weights, x)

    def keep(a_i, a_f):
        return sigmoid(a_f) / (sigmoid(a_f) + sigmoid(a_i))

    def write(a_i, a_f):
        return keep(a_f, a_i)

    def by_a_f(a_i, a_f, h_minus_g):
        return h_minus_g * keep(a_i, a_f) * write(a_i, a_f) * sigmoid(-a_f)

    def by_a_i(a_i, a_f, h_minus_g):
        return -h_minus_g * keep(a_i, a_f) * write(a_i, a_f) * sigmoid(-a_i)

    gates = (states.a_i, states.a_f)
    theirs = exactly(lambda *row: log10_size(keep(*row)), *gates)
    # ln f − ln i is a difference of numbers up to 800, so it is good to 800 roundings.
    np.testing.assert_allclose(minlstm.log10_carry(states, weights)[:, 0], theirs, rtol=1e-12)
    h_minus_g = state_minus_candidate(
        lambda a_i, a_f, _: keep(a_i, a_f), lambda *row: row[2], *gates, states.g
    )
    around = (*gates, h_minus_g)
    slopes = minlstm.slopes(states, weights, 1, len(x))
    for ours, formula, columns in (
        (slopes.carry, keep, gates),
        (slopes.from_input[:, 0], by_a_i, around),
        (slopes.from_input[:, 1], by_a_f, around),
        (slopes.from_input[:, 2], write, gates),
    ):
        theirs = exactly(formula, *columns)
        np.testing.assert_allclose(ours[:, 0], theirs, rtol=1e-12, atol=1e-307)
