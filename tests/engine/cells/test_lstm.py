"""The forward pass by the textbook, and one step back by inner products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_engine import (
    LeftFloat64,
    Weights,
    cell_survival,
    draw_cell,
    draw_inputs,
    lstm,
    pull_back,
)


def textbook(weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    H = weights.weight_hh.shape[1]
    h, c = [np.zeros(H)], [np.zeros(H)]
    for x_t in x:
        a = weights.weight_ih @ x_t + weights.weight_hh @ h[-1] + weights.bias_ih + weights.bias_hh
        i, f, o = (1 / (1 + np.exp(-a[n * H : (n + 1) * H])) for n in (0, 1, 3))
        c.append(f * c[-1] + i * np.tanh(a[2 * H : 3 * H]))
        h.append(o * np.tanh(c[-1]))
    return np.array(h), np.array(c)


@pytest.mark.parametrize(("T", "H", "D"), [(1, 1, 1), (5, 3, 2), (80, 16, 4)])
def test_states_follow_the_textbook(T: int, H: int, D: int) -> None:
    weights = draw_cell(
        lstm, "pytorch", D, H, seed=1, biases={"i": 0.3, "f": 1, "g": -0.2, "o": 0.1}
    )
    x = draw_inputs("noise", T, D, seed=1)
    states = lstm.forward(weights, x)
    h, c = textbook(weights, x)
    np.testing.assert_allclose(states.h, h, rtol=0, atol=1e-14)
    np.testing.assert_allclose(states.c, c, rtol=0, atol=1e-14)
    assert states.i.shape == states.f.shape == states.g.shape == states.o.shape == (T, H)
    a = x @ weights.weight_ih.T + h[:-1] @ weights.weight_hh.T + weights.bias_ih + weights.bias_hh
    for gate, ours in enumerate((states.a_i, states.a_f, states.a_g, states.a_o)):
        np.testing.assert_allclose(ours, a[:, gate * H : (gate + 1) * H], rtol=0, atol=1e-13)


def gates_given(f: tuple, i: tuple, g: tuple) -> tuple[Weights, np.ndarray]:
    """Weights of one unit and inputs that set the gates of each step at will."""
    weights = Weights(np.eye(4)[:, :3], np.zeros((4, 1)), np.zeros(4), np.zeros(4))
    logit = np.log(np.array([i, f]) / (1 - np.array([i, f])))
    return weights, np.column_stack((*logit, np.arctanh(g)))


def test_one_cell_tracked_by_hand() -> None:
    """c = 0.1, 0.65, 1.12 of a widespread worked example, its g scaled by 1/4 to be a tanh."""
    weights, x = gates_given((0.9, 0.5, 0.8), (0.1, 0.3, 0.2), (0.25, 0.5, 0.75))
    states = lstm.forward(weights, x)
    np.testing.assert_allclose(4 * states.c[1:, 0], [0.1, 0.65, 1.12], rtol=0, atol=1e-15)
    direct = cell_survival(lstm, states, weights).log10_direct
    assert 10 ** direct[1, 0] == pytest.approx(0.8 * 0.5)


def test_a_hundred_steps_at_f_95() -> None:
    weights, x = gates_given((0.95,) * 99, (0.5,) * 99, (0.0,) * 99)
    direct = cell_survival(lstm, lstm.forward(weights, x), weights).log10_direct
    assert 10 ** direct[0, 0] == pytest.approx(0.0062321, rel=1e-5)
    assert 10 ** direct[0, 0] == pytest.approx(0.95**99, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 4.0]), st.integers(1, 30))
def test_pull_back_is_the_adjoint_of_the_step(seed: int, gain: float, T: int) -> None:
    """One random inner product, central difference against the rule, over a whole walk."""
    H, D = 4, 3
    weights = draw_cell(
        lstm, "normal", D, H, seed=seed, biases={"i": 0.2, "f": 1, "o": -0.3}, gain=gain
    )
    x = draw_inputs("noise", T, D, seed=seed)
    states = lstm.forward(weights, x)
    random = np.random.RandomState(seed % 1000)
    t = random.randint(1, T + 1)
    dc, dh, v_c, v_h = random.standard_normal((4, H))

    def step(c: np.ndarray, h: np.ndarray) -> float:
        a = weights.weight_ih @ x[t - 1] + weights.weight_hh @ h + weights.bias_ih
        i, f, o = (1 / (1 + np.exp(-a[n * H : (n + 1) * H])) for n in (0, 1, 3))
        c = f * c + i * np.tanh(a[2 * H : 3 * H])
        return float(dc @ c + dh @ (o * np.tanh(c)))

    c, h, e = states.c[t - 1], states.h[t - 1], 1e-5
    difference = (step(c + e * v_c, h + e * v_h) - step(c - e * v_c, h - e * v_h)) / (2 * e)
    back_c, back_h = pull_back(lstm, states, weights, t, dc, dh)
    assert back_c @ v_c + back_h @ v_h == pytest.approx(difference, rel=1e-7, abs=1e-7)


def test_walking_back_with_pull_back_gives_the_maps() -> None:
    """The public single step and the fast walk are two ways to one derivative."""
    weights = draw_cell(lstm, "keras", 3, 6, seed=4)
    states = lstm.forward(weights, draw_inputs("noise", 40, 3))
    survival = cell_survival(lstm, states, weights)
    dc, dh = np.eye(6), np.zeros((6, 6))
    for t in range(40, 0, -1):
        dc, dh = pull_back(lstm, states, weights, t, dc, dh)
        exact = dc + dh * 10 ** lstm.log10_read_out(states, weights, t - 1)
        ours = survival.log10_exact[t - 1]
        np.testing.assert_allclose(
            ours, np.log10(np.linalg.norm(exact, axis=0)), rtol=0, atol=1e-12
        )


def test_read_out_is_the_slope_of_h_in_c() -> None:
    weights = draw_cell(lstm, "pytorch", 2, 3, seed=0)
    states = lstm.forward(weights, draw_inputs("noise", 10, 2))
    assert np.isneginf(lstm.log10_read_out(states, weights, 0)).all()
    slopes = lstm.slopes(states, weights, 1, 10)
    assert (slopes.read_out[0] == 0).all()
    for t in range(1, 11):
        expected = states.o[t - 1] * (1 - np.tanh(states.c[t]) ** 2)
        in_logs = lstm.log10_read_out(states, weights, t)
        np.testing.assert_allclose(10**in_logs, expected, rtol=1e-12)
        np.testing.assert_allclose(slopes.read_out[t], expected, rtol=1e-12)
    for first, last in ((1, 1), (1, 4), (3, 7), (10, 10)):
        part = lstm.slopes(states, weights, first, last)
        np.testing.assert_array_equal(part.read_out, slopes.read_out[first - 1 : last + 1])
        for name in ("carry", "into_cell", "from_input", "past_cell"):
            np.testing.assert_array_equal(
                getattr(part, name), getattr(slopes, name)[first - 1 : last]
            )


def test_huge_pre_activations_close_gates_without_a_warning() -> None:
    weights = draw_cell(lstm, "pytorch", 2, 3, seed=0)
    states = lstm.forward(weights, 1e6 * draw_inputs("noise", 10, 2))
    assert np.isfinite(states.h).all() and (states.f.min() == 0) and (states.f.max() == 1)


def test_states_beyond_float64_are_refused_with_their_step() -> None:
    """Infinity minus infinity, from finite weights and inputs, at the fourth step."""
    weights = draw_cell(lstm, "pytorch", 2, 2, seed=0)
    weights = weights._replace(weight_ih=np.tile((10.0, -10.0), (8, 1)))
    x = np.zeros((6, 2))
    x[3] = 1e308
    with pytest.raises(LeftFloat64) as refused:
        lstm.forward(weights, x)
    assert (refused.value.cell, refused.value.step) == ("lstm", 4)
