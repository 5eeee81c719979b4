"""The GRU: torch's equations, and when it is stable."""

import numpy as np
import pytest
from mpmath import mp, mpf

from lstm_engine import Weights, cell_survival, draw_cell, draw_inputs, jacobian
from lstm_engine.cells import gru
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


@pytest.mark.torch
@pytest.mark.parametrize("init", ["keras", "pytorch", "normal"])
@pytest.mark.parametrize("chrono", [0, 50])
def test_states_are_those_of_torch(init: str, chrono: int) -> None:
    torch = pytest.importorskip("torch")
    biases = {"i": 0.5, "f": 1, "g": -1}
    weights = draw_cell(gru, init, 3, 7, seed=2, biases=biases, chrono=chrono, gain=1.5)
    x = draw_inputs("noise", 40, 3, seed=2)
    module = torch.nn.GRU(3, 7, dtype=torch.float64)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), weights[:4], strict=True):
            parameter.copy_(torch.from_numpy(value))
        h = module(torch.from_numpy(x))[0].numpy()
    np.testing.assert_allclose(gru.forward(weights, x).h[1:], h, rtol=0, atol=1e-12)


def at_rest(W_hn: np.ndarray) -> np.ndarray:
    """The Jacobian at h = 0 with no bias and no input, whatever the gates' own weights."""
    H = len(W_hn)
    gates = np.random.RandomState(1).standard_normal((2 * H, H))
    weights = Weights(
        np.ones((3 * H, 2)), np.vstack((gates, W_hn)), np.zeros(3 * H), np.zeros(3 * H)
    )
    return jacobian(gru, gru.forward(weights, np.zeros((1, 2))), weights, 1)


def test_at_rest_the_jacobian_is_half_the_identity_and_a_quarter_of_W_hn() -> None:
    W_hn = np.random.RandomState(0).standard_normal((6, 6))
    np.testing.assert_allclose(at_rest(W_hn), np.eye(6) / 2 + W_hn / 4, rtol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_at_rest_a_largest_singular_value_below_2_suffices_for_contraction(seed: int) -> None:
    W_hn = np.random.RandomState(seed).standard_normal((6, 6))
    W_hn *= 1.999 / np.linalg.norm(W_hn, 2)
    assert np.linalg.norm(at_rest(W_hn), 2) < 1.0


def test_at_rest_the_bound_of_2_is_sharp() -> None:
    assert np.linalg.norm(at_rest(1.999 * np.eye(4)), 2) < 1.0
    assert np.linalg.norm(at_rest(2.001 * np.eye(4)), 2) > 1.0


def test_a_shut_reset_gate_leaves_recurrence_to_the_gates_alone() -> None:
    """r = 0: what W_hn hears does not get through, and W_hr moves nothing."""
    H = 4
    weights = draw_cell(gru, "normal", 2, H, seed=0, biases={"i": -800.0})
    states = gru.forward(weights, draw_inputs("noise", 10, 2))
    slopes = gru.slopes(states, weights, 1, 10)
    assert (slopes.into_cell[:, [0, 2]] == 0).all() and (slopes.into_cell[1:, 1] != 0).all()
    assert (slopes.from_input[:, 2] != 0).all()


def test_exact_at_step_0_follows_h_0_into_the_gates() -> None:
    """The GRU has no free h_0: one step back from T = 1 is the whole Jacobian."""
    weights = draw_cell(gru, "normal", 2, 5, seed=3)
    states = gru.forward(weights, draw_inputs("noise", 1, 2, seed=3))
    survival = cell_survival(gru, states, weights)
    norms = np.linalg.norm(jacobian(gru, states, weights, 1), axis=0)
    np.testing.assert_allclose(survival.log10_exact[0], np.log10(norms), atol=1e-13)
    assert np.isfinite(survival.log10_detours[0]).all()


def test_logarithms_and_slopes_last_in_saturation() -> None:
    """All pairs of a_r and a_z; b_hn = 0.6 is what r resets."""
    x = every_pair(0.3)
    weights = one_unit(gru)._replace(bias_hh=np.array([0.0, 0.0, 0.6]))
    states = gru.forward(weights, x)
    ours = gru.log10_carry(states, weights)[:, 0]
    theirs = exactly(lambda a: log10_size(sigmoid(a)), states.a_z)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)

    def k_r(a_r, a_z, a_n):
        return sigmoid(-a_z) * tanh_slope(a_n) * mpf("0.6") * sigmoid_slope(a_r)

    def k_z(a_z, h_minus_n):
        return h_minus_n * sigmoid_slope(a_z)

    slopes = gru.slopes(states, weights, 1, len(x))
    theirs = exactly(k_r, states.a_r, states.a_z, states.a_n)
    np.testing.assert_allclose(slopes.into_cell[:, 0, 0], theirs, rtol=1e-13, atol=1e-307)
    h_minus_n = state_minus_candidate(
        lambda a_z, _: sigmoid(a_z),
        lambda _, a_r: mp.tanh(mpf(0.3) + mpf(0.6) * sigmoid(a_r)),
        states.a_z,
        states.a_r,
    )
    theirs = exactly(k_z, states.a_z, h_minus_n)
    np.testing.assert_allclose(slopes.into_cell[:, 1, 0], theirs, rtol=1e-13, atol=1e-307)
