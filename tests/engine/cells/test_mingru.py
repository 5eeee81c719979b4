"""The minGRU: nothing recurs, so the carry is all there is."""

import numpy as np
import pytest

from lstm_engine import LeftFloat64, cell_survival, draw_cell, draw_inputs, jacobian
from lstm_engine.cells import mingru
from tests.engine.cells.one_unit import (
    EDGES,
    exactly,
    log10_size,
    one_unit,
    sigmoid,
    sigmoid_slope,
)


def test_direct_is_exact_and_nothing_takes_a_detour() -> None:
    weights = draw_cell(mingru, "pytorch", 3, 6, seed=0, gain=10.0)
    states = mingru.forward(weights, draw_inputs("noise", 200, 3))
    survival = cell_survival(mingru, states, weights)
    np.testing.assert_array_equal(survival.log10_exact, survival.log10_direct)
    assert np.isneginf(survival.log10_detours).all() and (survival.share == 1.0).all()
    assert (survival.log10_direct[:-1] < 0).all()


def test_state_is_the_weighted_mean_of_the_papers_parallel_form() -> None:
    """h_T = Σ_t (z_t ∏_{k>t} (1−z_k)) h̃_t with z = σ(−a_f), weights that sum to 1 − ∏(1−z)."""
    weights = draw_cell(mingru, "normal", 3, 6, seed=1, biases={"f": 2, "g": 0.5})
    x = draw_inputs("noise", 50, 3, seed=1)
    a_f, g = np.split(x @ weights.weight_ih.T + weights.bias_ih, 2, axis=-1)
    z = 1 / (1 + np.exp(a_f))
    after = np.vstack((np.cumprod((1 - z)[::-1], axis=0)[-2::-1], np.ones(6)))
    np.testing.assert_allclose(mingru.forward(weights, x).h[-1], (z * after * g).sum(0), rtol=1e-12)


def test_jacobian_is_diagonal() -> None:
    weights = draw_cell(mingru, "normal", 3, 6, seed=0)
    states = mingru.forward(weights, draw_inputs("noise", 5, 3))
    np.testing.assert_array_equal(jacobian(mingru, states, weights, 3), np.diag(states.f[2]))


def test_an_infinite_candidate_is_refused_with_its_step() -> None:
    """Nothing bounds a linear candidate."""
    weights = draw_cell(mingru, "normal", 2, 2, seed=0)
    x = np.zeros((6, 2))
    x[3] = 1e308
    with pytest.raises(LeftFloat64) as refused:
        mingru.forward(weights._replace(weight_ih=np.repeat([[1e-308] * 2, [10.0] * 2], 2, 0)), x)
    assert (refused.value.cell, refused.value.step) == ("mingru", 4)


def test_logarithms_and_slopes_last_in_saturation() -> None:
    weights, x = one_unit(mingru), np.column_stack((EDGES, np.linspace(-1, 1, len(EDGES))))
    states = mingru.forward(weights, x)
    ours = mingru.log10_carry(states, weights)[:, 0]
    theirs = exactly(lambda a: log10_size(sigmoid(a)), states.a_f)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)

    def by_f(a, h, g):
        return (h - g) * sigmoid_slope(a)

    slopes = mingru.slopes(states, weights, 1, len(x))
    for ours, theirs in (
        (slopes.carry, exactly(sigmoid, states.a_f)),
        (slopes.from_input[:, 0], exactly(by_f, states.a_f, states.h[:-1], states.g)),
        (slopes.from_input[:, 1], exactly(lambda a: sigmoid(-a), states.a_f)),
    ):
        np.testing.assert_allclose(ours[:, 0], theirs, rtol=1e-13, atol=1e-307)
