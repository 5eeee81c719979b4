"""Singular values of ∂c_T/∂c_t step by step: against pulled-back matrices, mpmath, closed forms."""

from typing import Any

import numpy as np
import pytest
from mpmath import mp

from lstm_engine import (
    CELLS,
    Cell,
    Rnn,
    Weights,
    cell_survival,
    directions,
    draw_cell,
    draw_inputs,
    draw_rnn,
    log10_directions,
    log10_spectral_norms,
    lstm,
    pull_back,
)


def backwards(cell: Cell, states: Any, weights: Weights) -> dict[int, np.ndarray]:
    """∂c_T/∂c_t of every t by one pull after the other, in plain float64."""
    T, H = states.h.shape[0] - 1, states.h.shape[1]
    dc, dh, found = np.eye(H), np.zeros((H, H)), {T: np.eye(H)}
    for t in range(T, 0, -1):
        dc, dh = pull_back(cell, states, weights, t, dc, dh)
        found[t - 1] = dc + dh * cell.slopes(states, weights, t, t).read_out[0]
    return found


@pytest.mark.parametrize("name", [*CELLS, "rnn"])
def test_they_are_the_singular_values_of_the_gradient_pulled_back(name: str) -> None:
    rnn = name == "rnn"
    cell: Cell = Rnn("tanh") if rnn else CELLS[name]
    weights = draw_rnn("normal", 3, 6, seed=1) if rnn else draw_cell(cell, "normal", 3, 6, seed=1)
    states = cell.forward(weights, draw_inputs("noise", 45, 3))
    expected, steps = backwards(cell, states, weights), [0, 1, 12, 13, 14, 40, 44, 45]
    found = log10_directions(cell, states, weights, steps)
    assert found.shape == (8, 6)
    for t, row in zip(steps, found, strict=True):
        values = np.log10(np.linalg.svd(expected[t], compute_uv=False))
        known = values > values[0] - 9
        np.testing.assert_allclose(row[known], values[known], atol=1e-6)
        assert not np.isinf(row).any()
        assert np.isnan(row[values < values[0] - 11]).all()
    assert not np.isnan(found[:, 0]).any()


def exactly(weights: Weights, states: Any, t: int) -> np.ndarray:
    """log10 of the singular values of the LSTM's ∂c_T/∂c_t with 200 digits."""
    T, H = states.h.shape[0] - 1, states.h.shape[1]
    with mp.workdps(200):
        U = [mp.matrix(part.tolist()) for part in weights.weight_hh.reshape(4, H, H)]
        dc, dh = mp.eye(H), mp.zeros(H, H)
        slopes = lstm.slopes(states, weights, 1, T)

        def diagonal(values: np.ndarray) -> mp.matrix:
            return mp.diag(values.tolist())

        for k in range(T - 1, t - 1, -1):
            E = dc + dh * diagonal(slopes.read_out[k + 1])
            K = mp.zeros(H, H)
            for factor, block in zip(slopes.into_cell[k], U, strict=False):
                K += diagonal(factor) * block
            dc = E * diagonal(slopes.carry[k])
            dh = E * K + dh * diagonal(slopes.past_cell[k]) * U[3]
        E = dc + dh * diagonal(slopes.read_out[t])
        return np.array([float(mp.log10(v)) for v in mp.svd_r(E, compute_uv=False)])


@pytest.mark.parametrize("knobs", [{}, {"b_f": -4.0}, {"b_f": 4.0, "gain": 2.0}], ids=str)
def test_what_is_told_is_right_to_six_digits_and_what_is_not_is_small(
    knobs: dict[str, Any],
) -> None:
    b_f, gain = knobs.get("b_f", 1.0), knobs.get("gain", 1.0)
    weights = draw_cell(lstm, "normal", 3, 5, seed=4, biases={"f": b_f}, gain=gain)
    states = lstm.forward(weights, draw_inputs("noise", 120, 3, seed=4))
    found = log10_directions(lstm, states, weights, [0, 60, 110])
    for t, row in zip([0, 60, 110], found, strict=True):
        expected = exactly(weights, states, t)
        known = ~np.isnan(row)
        np.testing.assert_allclose(row[known], expected[known], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(known, expected > expected[0] - 10)


def test_the_first_is_the_spectral_norm_and_all_together_the_frobenius_norm() -> None:
    weights = draw_cell(lstm, "pytorch", 3, 9, seed=2, biases={"f": -6.0})
    states = lstm.forward(weights, draw_inputs("noise", 400, 3))
    steps = [0, 100, 250, 399, 400]
    found = log10_directions(lstm, states, weights, steps)
    np.testing.assert_array_equal(found[:, 0], log10_spectral_norms(lstm, states, weights, steps))
    assert found[0, 0] < -290
    relative = np.nan_to_num(10.0 ** (found - found[:, :1]))
    rms = found[:, 0] + 0.5 * np.log10(np.square(relative).sum(axis=1) / 9)
    survival = cell_survival(lstm, states, weights, steps)
    np.testing.assert_allclose(rms, survival.exact_rms, rtol=1e-12, atol=1e-9)


def test_without_recurrence_every_one_is_known_however_far_apart() -> None:
    weights = draw_cell(lstm, "keras", 2, 5, seed=1, biases={"f": -8}, gain=0)
    weights.bias_ih[5] = 3.0
    states = lstm.forward(weights, draw_inputs("noise", 400, 2))
    found = log10_directions(lstm, states, weights, [0, 399])
    carry = lstm.log10_carry(states, weights)
    np.testing.assert_allclose(found[0], np.sort(carry.sum(axis=0))[::-1], rtol=1e-12)
    np.testing.assert_allclose(found[1], np.sort(carry[399])[::-1], rtol=1e-12)
    assert found[0, 0] - found[0, 1] > 1000


def test_dead_units_are_true_zeros_and_the_others_are_not() -> None:
    weights = Weights(np.zeros((4, 1)), np.ones((4, 4)), np.array([1.0, 1, -1e9, 1]), np.zeros(4))
    rnn, states = Rnn("relu"), Rnn("relu").forward(weights, np.zeros((3, 1)))
    found = log10_directions(rnn, states, weights, [2])[0]
    assert found[0] == pytest.approx(np.log10(np.sqrt(12)))
    assert np.isnan(found[1:3]).all(), "a rank of one leaves rounding, which is not told"
    assert np.isneginf(found[3])
    dead = weights._replace(bias_ih=-np.ones(4))
    found = log10_directions(rnn, rnn.forward(dead, np.zeros((3, 1))), dead, [0, 2, 3])
    np.testing.assert_array_equal(found, [[-np.inf] * 4, [-np.inf] * 4, [0.0] * 4])


@pytest.mark.parametrize("name", ["lstm", "gru", "peephole"])
def test_a_block_walked_carefully_says_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = CELLS[name]
    weights = draw_cell(cell, "normal", 3, 6, seed=3)
    states = cell.forward(weights, draw_inputs("noise", 70, 3))
    plain = log10_directions(cell, states, weights, range(0, 71, 7))
    monkeypatch.setattr(directions, "SQUARES", (np.inf, 0.0))
    careful = log10_directions(cell, states, weights, range(0, 71, 7))
    np.testing.assert_allclose(careful, plain, rtol=0, atol=1e-6)


def test_too_many_steps_or_steps_outside_are_refused() -> None:
    weights = draw_cell(lstm, "keras", 2, 3, seed=0)
    states = lstm.forward(weights, np.zeros((101, 2)))
    assert log10_directions(lstm, states, weights, []).shape == (0, 3)
    np.testing.assert_array_equal(log10_directions(lstm, states, weights, [101]), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="101 steps were asked for: allowed are 100"):
        log10_directions(lstm, states, weights, range(101))
    with pytest.raises(ValueError, match="0 … 101"):
        log10_directions(lstm, states, weights, [102])


@pytest.mark.parametrize("name", ["lstm", "mingru", "rnn"])
def test_units_that_hear_themselves_alone_are_all_known_however_small(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rnn = name == "rnn"
    cell: Cell = Rnn("tanh") if rnn else CELLS[name]
    if rnn:
        weights = draw_rnn("keras", 3, 6, seed=1, rnn_init="identity", gain=0.5)
    else:
        weights = draw_cell(cell, "normal", 3, 6, seed=1, gain=0.0)
    states = cell.forward(weights, draw_inputs("noise", 900, 3))
    monkeypatch.setattr(directions, "_carefully", None)  # a hundred times the work
    steps = [0, 1, 400, 899, 900]
    found = log10_directions(cell, states, weights, steps)
    kept = 0.5 * (1 - states.h[1:] ** 2) if rnn else cell.slopes(states, weights, 1, 900).carry
    expected = [np.sort(np.log10(np.abs(kept[t:])).sum(axis=0))[::-1] for t in steps]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert found[0].min() < -100
