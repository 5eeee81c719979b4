"""The LSTM with peepholes: a carry that looks at the cell, and may turn its sign."""

from dataclasses import replace

import numpy as np
import pytest
from mpmath import mp

from lstm_engine import Weights, cell_survival, draw_cell, draw_inputs, gates, lstm
from lstm_engine.cells import peephole
from tests.engine.cells.one_unit import (
    EDGES,
    every_pair,
    exactly,
    log10_size,
    one_unit,
    sigmoid,
    sigmoid_slope,
    tanh_slope,
)

MAPS = ("log10_direct", "log10_exact", "log10_detours")


def test_zero_peepholes_leave_the_lstm() -> None:
    weights = draw_cell(lstm, "pytorch", 3, 6, seed=1, gain=2.0)
    blind = weights._replace(peephole=np.zeros((3, 6)))
    x = draw_inputs("noise", 60, 3, seed=1)
    ours, theirs = peephole.forward(blind, x), lstm.forward(weights, x)
    for name in ("h", "c", "i", "f", "g", "o"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-13)
    for t in (0, 1, 30):
        log10_read_out = lstm.log10_read_out(theirs, weights, t)
        np.testing.assert_allclose(
            peephole.log10_read_out(ours, blind, t), log10_read_out, atol=1e-12
        )
    ours = cell_survival(peephole, ours, blind)
    theirs = cell_survival(lstm, theirs, weights)
    for name in MAPS:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-11)


def test_without_peepholes_it_is_refused() -> None:
    weights = draw_cell(lstm, "pytorch", 2, 3, seed=0)
    with pytest.raises(ValueError, match="peephole"):
        peephole.forward(weights, np.zeros((4, 2)))


def turning(T: int, H: int, gain: float) -> tuple[Weights, np.ndarray]:
    """Peepholes so strong that many a carry is negative."""
    weights = draw_cell(peephole, "normal", 2, H, seed=1, biases={"f": 1}, gain=gain)
    strong = 6.0 * np.random.RandomState(0).standard_normal((3, H))
    return weights._replace(peephole=strong), draw_inputs("noise", T, 2, seed=1)


def test_without_recurrence_the_direct_path_is_the_derivative_of_the_whole_run() -> None:
    """A complex step from c_0 to c_T, over carries of both signs."""
    weights, x = turning(30, 8, gain=0.0)
    states = peephole.forward(weights, x)
    carry = peephole.slopes(states, weights, 1, 30).carry
    assert (carry < 0).sum() > 10 and (carry > 0).sum() > 10
    h, c = np.zeros(8, complex), np.full(8, 1e-200j)
    for x_t in x:
        seen, heard = weights.weight_ih @ x_t + weights.bias_ih, weights.weight_hh @ h
        h, c, *_ = peephole.step(weights, seen, heard, h, c)
    whole = c.imag / 1e-200
    np.testing.assert_allclose(np.prod(carry, axis=0), whole, rtol=1e-10)
    survival = cell_survival(peephole, states, weights)
    np.testing.assert_allclose(survival.log10_direct[0], np.log10(np.abs(whole)), atol=1e-10)


def test_maps_keep_the_sign_of_the_direct_path() -> None:
    """Step Jacobians multiplied up; with |D| for D the diagonal of D + R would be another."""
    H, T = 5, 20
    weights, x = turning(T, H, gain=0.1)
    states = peephole.forward(weights, x)
    survival = cell_survival(peephole, states, weights)
    slopes = peephole.slopes(states, weights, 1, T)
    U = weights.weight_hh.reshape(4, H, H)
    dc, dh, D = np.eye(H), np.zeros((H, H)), np.ones(H)
    for t in range(T, 0, -1):
        whole = dc + dh * slopes.read_out[t]
        K = np.einsum("gj,gjk->jk", slopes.into_cell[t - 1], U[:3])
        dh = whole @ K + (dh * slopes.past_cell[t - 1]) @ U[3]
        dc = whole * slopes.carry[t - 1]
        D = D * slopes.carry[t - 1]
        exact = dc + dh * slopes.read_out[t - 1]
        for ours, theirs in (
            (survival.log10_exact, exact),
            (survival.log10_detours, exact - np.diag(D)),
        ):
            norms = np.log10(np.linalg.norm(theirs, axis=0))
            np.testing.assert_allclose(ours[t - 1], norms, atol=1e-9)
    assert (D < 0).any() and (D > 0).any()


def test_carry_lasts_in_saturation() -> None:
    """All pairs of a_i and a_f: where the gates underflow, and where either term is the larger."""
    p = (0.7, -1.3, 0.9)
    weights, x = one_unit(peephole, p), every_pair(0.4, 0.0)
    states = peephole.forward(weights, x)

    def carry(a_i, a_f, g, c):
        return sigmoid(a_f) + c * sigmoid_slope(a_f) * p[1] + g * sigmoid_slope(a_i) * p[0]

    columns = (states.a_i, states.a_f, states.g, states.c[:-1])
    theirs = exactly(lambda *row: log10_size(carry(*row)), *columns)
    np.testing.assert_allclose(
        peephole.log10_carry(states, weights)[:, 0], theirs, rtol=1e-13, atol=1e-14
    )
    assert theirs.min() < -300 and len(theirs) == len(EDGES) ** 2
    slopes = peephole.slopes(states, weights, 1, len(x))
    np.testing.assert_allclose(
        slopes.carry[:, 0], exactly(carry, *columns), rtol=1e-13, atol=1e-307
    )


def test_read_out_lasts_in_saturation() -> None:
    """c from 0 to ±800 by hand; either term may be the larger, or the only one."""
    p = (0.0, 0.0, -0.6)
    c, a_o = every_pair().T
    weights = one_unit(peephole, p)
    run = peephole.forward(weights, np.zeros((len(c), 4)))
    states = replace(
        run, c=np.append(0.0, c)[:, None], o=gates.sigmoid(a_o)[:, None], a_o=a_o[:, None]
    )

    def read_out(c, a_o):
        return sigmoid(a_o) * tanh_slope(c) + mp.tanh(c) * sigmoid_slope(a_o) * p[2]

    ours = [peephole.log10_read_out(states, weights, t)[0] for t in range(1, len(c) + 1)]
    theirs = exactly(lambda *row: log10_size(read_out(*row)), c, a_o)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)
    slopes = peephole.slopes(states, weights, 1, len(c))
    theirs = exactly(read_out, c, a_o)
    np.testing.assert_allclose(slopes.read_out[1:, 0], theirs, rtol=1e-13, atol=1e-307)
    assert (theirs < 0).any() and (theirs > 0).any()


def test_a_term_that_is_zero_hides_nothing() -> None:
    """With g = 0 only f is left of the carry, however much larger i(1−i) is."""
    weights = one_unit(peephole, (1.0, 1.0, 1.0))
    states = peephole.forward(weights, np.array([[0.0, -800.0, 0.0, 0.0]]))
    expected = exactly(lambda a: log10_size(sigmoid(a)), -800.0)
    np.testing.assert_allclose(peephole.log10_carry(states, weights)[0], expected, rtol=1e-15)


def test_a_carry_of_zero_is_minus_infinity() -> None:
    """f + c⊙f(1−f)⊙p_f = ½ − ½ at c = −2 and p_f = 1."""
    weights = one_unit(peephole, (0.0, 1.0, 0.0))
    run = peephole.forward(weights, np.zeros((1, 4)))
    states = replace(run, c=np.array([[-2.0], [0.0]]))
    assert np.isneginf(peephole.log10_carry(states, weights)).all()
    assert (peephole.slopes(states, weights, 1, 1).carry == 0.0).all()
