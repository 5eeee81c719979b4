"""The Jacobian between two steps, entry by entry: signs, sizes, no false zero."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    cell_survival,
    draw_cell,
    draw_inputs,
    jacobian,
    jacobian_between,
    lstm,
)
from lstm_engine.from_to import until

H = 5
X = draw_inputs("noise", 40, 3, seed=4)


def run(name: str, x: np.ndarray = X, **knobs):
    cell = CELLS[name]
    chosen = {"init": "pytorch", "biases": {"f": 1.0}, "seed": 1, **knobs}
    weights = draw_cell(cell, chosen.pop("init"), x.shape[1], H, **chosen)
    return cell, cell.forward(weights, x), weights


def as_numbers(entries) -> np.ndarray:
    return entries.sign * 10.0**entries.log10


def by_jacobians(cell, states, weights, s: int, t: int) -> np.ndarray:
    """The product of full steps; then h_s follows c_s, but for h_0."""
    product = np.eye(len(jacobian(cell, states, weights, 1)))
    for step in range(s + 1, t + 1):
        product = jacobian(cell, states, weights, step) @ product
    if len(product) == H or s == 0:
        return product[:H, :H]
    r = cell.slopes(states, weights, s, s).read_out[-1]
    return product[:H, :H] + product[:H, H:] * r


@pytest.mark.parametrize(("s", "t"), [(0, 40), (0, 1), (12, 13), (7, 33), (39, 40)])
@pytest.mark.parametrize("name", CELLS)
def test_entries_are_those_of_the_product_of_jacobians(name: str, s: int, t: int) -> None:
    found = jacobian_between(*run(name, gain=2.0), s, t)
    expected = by_jacobians(*run(name, gain=2.0), s, t)
    np.testing.assert_allclose(as_numbers(found), expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(found.sign == 0, np.isneginf(found.log10))


@pytest.mark.parametrize("name", CELLS)
def test_columns_have_the_norms_of_the_run_that_ends_there(name: str) -> None:
    cell, states, weights = run(name)
    found = jacobian_between(cell, states, weights, 5, 30)
    survival = cell_survival(cell, until(states, 30), weights, [5])
    norms = 0.5 * np.log10(np.square(as_numbers(found)).sum(axis=0))
    np.testing.assert_allclose(norms, survival.log10_exact[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.log10_direct, survival.log10_direct[0], rtol=0, atol=1e-13)


def test_far_below_float64_the_norms_are_those_of_the_survival() -> None:
    x = draw_inputs("noise", 600, 3)
    cell, states, weights = run("lstm", x, biases={"f": -8.0, "i": -6.0})
    found = jacobian_between(cell, states, weights, 0, 600)
    survival = cell_survival(cell, states, weights, [0])
    peak = found.log10.max(axis=0)
    assert (peak < -400).all()
    norms = peak + 0.5 * np.log10((10.0 ** (2 * (found.log10 - peak))).sum(axis=0))
    np.testing.assert_allclose(norms, survival.log10_exact[0], rtol=1e-12)


def test_without_recurrence_nothing_leaves_the_diagonal() -> None:
    found = jacobian_between(*run("lstm", gain=0), 3, 30)
    off = ~np.eye(H, dtype=bool)
    assert (found.sign[off] == 0).all() and np.isneginf(found.log10[off]).all()
    np.testing.assert_allclose(np.diagonal(found.log10), found.log10_direct, rtol=0, atol=1e-12)
    assert (np.diagonal(found.sign) == 1).all()


@pytest.mark.parametrize("gain", [1e-30, 1e-150, 1e-300])
@pytest.mark.parametrize("shut", [0.0, -20.0])
def test_faint_detours_are_no_false_zeros_beside_a_large_carry(gain: float, shut: float) -> None:
    biases = {"f": 5.0, "i": shut, "o": shut}
    found = jacobian_between(*run("lstm", gain=gain, biases=biases), 3, 30)
    off = ~np.eye(H, dtype=bool)
    assert (found.sign[off] != 0).all()
    np.testing.assert_allclose(np.diagonal(found.log10), found.log10_direct, rtol=0, atol=1e-12)
    as_strong = jacobian_between(*run("lstm", gain=1e-20, biases=biases), 3, 30)
    fainter = as_strong.log10[off] + np.log10(gain) + 20
    np.testing.assert_allclose(found.log10[off], fainter, rtol=0, atol=1e-9)


def test_a_carry_of_either_sign_keeps_it() -> None:
    cell, states, weights = run("peephole", gain=0)
    weights = weights._replace(peephole=6.0 * weights.peephole)
    states = cell.forward(weights, X)
    carry = cell.slopes(states, weights, 1, len(X)).carry
    s, t = 0, int(np.flatnonzero((carry < 0).any(axis=1))[0]) + 1
    found = jacobian_between(cell, states, weights, s, t)
    assert -1 in np.diagonal(found.sign)
    np.testing.assert_array_equal(np.diagonal(found.sign), np.sign(carry[s:t].prod(axis=0)))
    stronger = weights._replace(weight_hh=weights.weight_hh + 0.3)
    states = cell.forward(stronger, X)
    expected = by_jacobians(cell, states, stronger, 2, 9)
    np.testing.assert_allclose(
        as_numbers(jacobian_between(cell, states, stronger, 2, 9)), expected, rtol=1e-9, atol=1e-14
    )


def test_a_step_is_the_identity_to_itself() -> None:
    for s in (0, 17, 40):
        found = jacobian_between(*run("lstm"), s, s)
        np.testing.assert_array_equal(as_numbers(found), np.eye(H))


def test_wide_networks_agree_with_narrow_ones_beside_zeros() -> None:
    """Twenty units, of which fifteen are cut off: the other five are as they are alone."""
    cell, states, weights = run("lstm", gain=2.0)
    wide = 20

    def widened(matrix: np.ndarray, columns: int) -> np.ndarray:
        blocks = matrix.reshape(4, H, -1)
        more = np.zeros((4, wide, columns))
        more[:, :H, : blocks.shape[2]] = blocks
        return more.reshape(4 * wide, columns)

    weights_wide = weights._replace(
        weight_ih=widened(weights.weight_ih, 3),
        weight_hh=widened(weights.weight_hh, wide),
        bias_ih=widened(weights.bias_ih, 1)[:, 0],
        bias_hh=widened(weights.bias_hh, 1)[:, 0],
    )
    found = jacobian_between(lstm, lstm.forward(weights_wide, X), weights_wide, 4, 36)
    alone = jacobian_between(cell, states, weights, 4, 36)
    np.testing.assert_allclose(found.log10[:H, :H], alone.log10, rtol=0, atol=1e-9)
    assert (found.sign[:H, H:] == 0).all()


@pytest.mark.parametrize(("s", "t"), [(-1, 3), (4, 3), (0, 41)])
def test_steps_must_increase_within_the_sequence(s: int, t: int) -> None:
    with pytest.raises(ValueError, match=r"0 … 40"):
        jacobian_between(*run("lstm"), s, t)


def test_what_is_cut_off_is_not_changed() -> None:
    _, states, _ = run("lstm")
    before = replace(states, c=states.c.copy())
    jacobian_between(*run("lstm"), 0, 20)
    np.testing.assert_array_equal(states.c, before.c)
