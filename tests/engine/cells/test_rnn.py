"""The vanilla RNN: forward, one step back, and where it leaves float64."""

import numpy as np
import pytest

from lstm_engine import LeftFloat64, Rnn, Weights, draw_inputs, draw_rnn, pull_back, rnn_survival

ACTS = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "identity": lambda a: a,
    "logistic": lambda a: 1 / (1 + np.exp(-a)),
}


@pytest.mark.parametrize("act", ACTS)
def test_states_follow_the_textbook(act: str) -> None:
    weights = draw_rnn("pytorch", 3, 5, seed=1)
    x = draw_inputs("noise", 20, 3, seed=1)
    states = Rnn(act).forward(weights, x)
    h = np.zeros(5)
    for t, x_t in enumerate(x, 1):
        a = weights.weight_ih @ x_t + weights.weight_hh @ h + weights.bias_ih + weights.bias_hh
        h = ACTS[act](a)
        np.testing.assert_allclose(states.a[t - 1], a, rtol=0, atol=1e-13)
        np.testing.assert_allclose(states.h[t], h, rtol=0, atol=1e-13)


@pytest.mark.parametrize("act", ACTS)
def test_pull_back_is_the_adjoint_of_the_step(act: str) -> None:
    weights = draw_rnn("normal", 3, 5, seed=2)
    rnn = Rnn(act)
    states = rnn.forward(weights, draw_inputs("noise", 10, 3, seed=2))
    dh, v = np.random.RandomState(0).standard_normal((2, 5))
    at = states.a[6] - weights.weight_hh @ states.h[6]

    def step(h: np.ndarray) -> float:
        return float(dh @ ACTS[act](at + weights.weight_hh @ h))

    difference = (step(states.h[6] + 1e-6 * v) - step(states.h[6] - 1e-6 * v)) / 2e-6
    dc, dh_before = pull_back(rnn, states, weights, 7, np.zeros(5), dh)
    assert (dc + dh_before) @ v == pytest.approx(difference, abs=1e-8)
    dc, dh_before = pull_back(rnn, states, weights, 7, dh, np.zeros(5))  # h is c: either will do
    assert (dc + dh_before) @ v == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("act", ACTS)
def test_walking_back_with_pull_back_gives_the_map(act: str) -> None:
    weights = draw_rnn("keras", 3, 6, seed=4)
    rnn = Rnn(act)
    states = rnn.forward(weights, draw_inputs("noise", 40, 3))
    log10_exact = rnn_survival(rnn, states, weights).log10_exact
    dc, dh = np.zeros((6, 6)), np.eye(6)
    for t in range(40, 0, -1):
        dc, dh = pull_back(rnn, states, weights, t, dc, dh)
        norms = np.linalg.norm(dc + dh, axis=0)
        np.testing.assert_allclose(10 ** log10_exact[t - 1], norms, rtol=1e-11)


def test_a_recurrent_weight_of_a_half_keeps_a_quarter_over_two_steps() -> None:
    weights = Weights(np.ones((1, 1)), np.full((1, 1), 0.5), np.zeros(1), np.zeros(1))
    for T, kept in ((2, 0.25), (99, 1.5777e-30)):
        states = Rnn("identity").forward(weights, np.zeros((T, 1)))
        log10_exact = rnn_survival(Rnn("identity"), states, weights).log10_exact
        assert 10 ** log10_exact[0, 0] == pytest.approx(kept, rel=1e-4)


@pytest.mark.parametrize("act", ["identity", "relu"])
def test_growth_beyond_float64_is_refused_with_its_first_step(act: str) -> None:
    weights = Weights(np.ones((1, 1)), np.full((1, 1), 10.0), np.zeros(1), np.zeros(1))
    x = np.zeros((400, 1))
    x[0] = 1.0
    assert np.isfinite(Rnn(act).forward(weights, x[:309]).h).all()
    with pytest.raises(LeftFloat64) as refused:
        Rnn(act).forward(weights, x)
    assert (refused.value.cell, refused.value.step) == ("rnn", 310)


def test_unknown_nonlinearity_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="act is 'sine'"):
        Rnn("sine")
