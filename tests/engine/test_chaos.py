"""Chaos: measured by two forward passes, not guessed from the gradient that arrives."""

import numpy as np
import pytest

from lstm_engine import Rnn, chaos, lstm, signals, weights


def rnn_amplification(x: np.ndarray, act: str = "tanh", **drawing: object) -> float:
    H = 24
    drawn = weights.draw_rnn("normal", x.shape[1], H, seed=3, **drawing)
    h, twin = (Rnn(act).forward(w, x).h for w in (drawn, chaos.nudged(drawn)))
    return chaos.log10_amplification(h, twin)


def lstm_amplification(T: int, b_f: float, gain: float) -> float:
    x = signals.draw_inputs("noise", T, 6, seed=1)
    drawn = weights.draw_cell(lstm, "normal", 6, 24, seed=3, biases={"f": b_f}, gain=gain)
    h, twin = (lstm.forward(w, x).h for w in (drawn, chaos.nudged(drawn)))
    return chaos.log10_amplification(h, twin)


def test_a_linear_network_explodes_without_chaos() -> None:
    x = signals.draw_inputs("noise", 100, 6, seed=1)
    amplification = rnn_amplification(x, "identity", rnn_init="identity", gain=2.0)
    assert not chaos.is_chaotic(amplification, 100)


def test_a_random_tanh_network_of_large_gain_is_chaotic_and_one_of_small_gain_is_not() -> None:
    x = np.zeros((200, 6))
    x[0] = 1.0
    assert chaos.is_chaotic(rnn_amplification(x, gain=3.0), 200)
    assert not chaos.is_chaotic(rnn_amplification(x, gain=0.5), 200)


def test_a_saturated_last_step_does_not_hide_the_chaos_before_it() -> None:
    x = signals.draw_inputs("series", 0, 1, amplitude=50.0, series=(*(0.0,) * 200, 1.0))
    assert chaos.is_chaotic(rnn_amplification(x, gain=10.0), 201)


@pytest.mark.parametrize(
    ("b_f", "gain", "chaotic"),
    [(1.0, 1.0, False), (1.0, 4.0, True), (5.0, 10.0, True), (1.0, 0.0, False)],
)
def test_an_lstm_is_chaotic_at_large_recurrent_gain_alone(
    b_f: float, gain: float, chaotic: bool
) -> None:
    assert chaos.is_chaotic(lstm_amplification(400, b_f, gain), 400) == chaotic


def test_growth_in_proportion_to_the_length_is_no_chaos() -> None:
    """An identity RNN of 3,000 steps: each step adds its own part of the change."""
    x = signals.draw_inputs("constant", 3000, 2)
    drawn = weights.draw_rnn("normal", 2, 5, seed=0, rnn_init="identity")
    h, twin = (Rnn("identity").forward(w, x).h for w in (drawn, chaos.nudged(drawn)))
    amplification = chaos.log10_amplification(h, twin)
    assert amplification > 3.0
    assert not chaos.is_chaotic(amplification, 3000)


def test_states_that_stay_zero_do_not_change() -> None:
    assert chaos.log10_amplification(np.zeros((5, 3)), np.zeros((5, 3))) == -np.inf
