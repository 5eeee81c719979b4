"""Spectra against mpmath, closed forms, determinants and known facts."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from lstm_engine import (
    CELLS,
    Rnn,
    Weights,
    batch,
    draw_cell,
    draw_inputs,
    draw_rnn,
    jacobian,
    lstm,
)
from lstm_engine.cell import Cell
from lstm_engine.cells.rnn import RnnStates as States
from lstm_engine.gates import NONLINEARITIES
from lstm_engine.spectrum import (
    largest_lyapunov,
    log10_singular_values,
    lyapunov_exponents,
    step_eigenvalues,
)

pytestmark = pytest.mark.slow

BY_NAME: dict[str, Cell] = {**CELLS, **{f"rnn-{act}": Rnn(act) for act in NONLINEARITIES}}
every_cell = pytest.mark.parametrize("name", BY_NAME)
CERTAIN = 1e-10  # a value that moves by more when weights move by 1e-15 proves nothing


def drawn(name: str, init: str, D: int, H: int, *, seed: int = 0, **knobs: Any) -> Weights:
    if name.startswith("rnn"):
        return draw_rnn(init, D, H, seed=seed, gain=knobs.get("gain", 1.0))
    return draw_cell(BY_NAME[name], init, D, H, seed=seed, **knobs)


def exact_step(cell: Cell, states: Any, weights: Weights, t: int) -> mp.matrix:
    """A step's Jacobian from its slopes: nothing is rounded where terms of any size are added."""
    slopes, H = cell.slopes(states, weights, t, t), states.h.shape[1]
    U = [mp.matrix(block.tolist()) for block in weights.weight_hh.reshape(-1, H, H)]
    K = mp.zeros(H, H)
    for factors, block in zip(slopes.into_cell[0], U, strict=False):
        K += mp.diag(factors.tolist()) * block
    carry = mp.diag(slopes.carry[0].tolist())
    if slopes.past_cell is None:
        return carry + K
    r, V = mp.diag(slopes.read_out[1].tolist()), mp.diag(slopes.past_cell[0].tolist()) * U[-1]
    step = mp.zeros(2 * H, 2 * H)
    blocks = ((0, 0, carry), (0, H, K), (H, 0, r * carry), (H, H, r * K + V))
    for row, column, block in blocks:
        for j in range(H):
            for k in range(H):
                step[row + j, column + k] = block[j, k]
    return step


def exactly(cell: Cell, states: Any, weights: Weights, digits: int) -> np.ndarray:
    with mp.workdps(digits):
        steps = range(1, states.h.shape[0])
        product = exact_step(cell, states, weights, 1)
        for t in steps[1:]:
            product = exact_step(cell, states, weights, t) * product
        values = sorted(mp.svd_r(product, compute_uv=False), reverse=True)
        least = values[0] * mpf(10) ** (30 - digits)
        return np.array([float(mp.log10(v)) if v > least else -np.inf for v in values])


def nudged(weights: Weights) -> Weights:
    up = np.random.RandomState(0)
    return Weights(
        *(None if w is None else w * (1 + 1e-15 * up.choice((-1.0, 1.0), w.shape)) for w in weights)
    )


def compare(cell: Cell, weights: Weights, x: np.ndarray, digits: int) -> np.ndarray:
    """The engine's values, after each that is certain was found to be right to 1e-9."""
    states = cell.forward(weights, x)
    expected = exactly(cell, states, weights, digits)
    other = nudged(weights)
    moved = exactly(cell, cell.forward(other, x), other, digits)
    found = log10_singular_values(cell, states, weights)
    zero = np.isneginf(expected)
    np.testing.assert_array_equal(np.isneginf(found), zero)
    certain = ~zero & ~np.isneginf(moved)
    certain[certain] = np.abs(moved[certain] - expected[certain]) < CERTAIN
    np.testing.assert_allclose(found[certain], expected[certain], rtol=0, atol=1e-9)
    assert (certain | zero).all(), "too chaotic to prove anything"
    return found


@every_cell
@pytest.mark.parametrize("init", ["pytorch", "normal"])
def test_every_singular_value_agrees_with_mpmath(name: str, init: str) -> None:
    weights = drawn(name, init, 2, 3, seed=2)
    compare(BY_NAME[name], weights, draw_inputs("noise", 40, 2, amplitude=2.0), 500)


@pytest.mark.parametrize("gain", [1.0, 3.0])
@pytest.mark.parametrize(
    "biases",
    [
        {"f": -12},
        {"f": -20},
        {"i": -20},
        {"i": 20, "o": 20},
        {"o": -20},
        {"i": -20, "f": -20},
        {"i": 20, "f": 20, "g": 20, "o": 20},
    ],
    ids=str,
)
def test_saturated_gates_do_not_drown_the_small_values(
    biases: dict[str, float], gain: float
) -> None:
    """One matrix a step in float64 is up to 2e-4 decades off here."""
    weights = draw_cell(lstm, "pytorch", 2, 2, seed=1, biases=biases, gain=gain)
    compare(lstm, weights, draw_inputs("noise", 40, 2, seed=1), 800)


@pytest.mark.parametrize("name", ["lstm", "coupled", "rnn-tanh"])
def test_ratios_far_beyond_float64_survive(name: str) -> None:
    weights = drawn(name, "keras", 2, 4, seed=4)
    found = compare(BY_NAME[name], weights, draw_inputs("noise", 400, 2, amplitude=3.0), 1800)
    assert found[0] - found[-1] > 400


@every_cell
def test_without_noise_the_same_step_comes_again_and_again(name: str) -> None:
    weights = drawn(name, "pytorch", 2, 3, seed=3)
    compare(BY_NAME[name], weights, draw_inputs("constant", 150, 2), 1200)


@every_cell
def test_their_product_is_the_product_of_the_steps_determinants(name: str) -> None:
    cell, weights = BY_NAME[name], drawn(name, "normal", 3, 12, seed=1)
    weights = weights._replace(bias_ih=weights.bias_ih + 3.0 * (name == "rnn-relu"))
    states = cell.forward(weights, draw_inputs("noise", 60, 3, amplitude=0.3))
    log_det = sum(np.linalg.slogdet(jacobian(cell, states, weights, t))[1] for t in range(1, 61))
    found = log10_singular_values(cell, states, weights)
    np.testing.assert_allclose(found.sum(), log_det / np.log(10), rtol=1e-9)


@every_cell
def test_of_one_step_they_are_those_of_its_jacobian(name: str) -> None:
    cell, weights = BY_NAME[name], drawn(name, "normal", 3, 7, gain=2.0)
    states = cell.forward(weights, draw_inputs("noise", 9, 3))
    values = np.linalg.svd(jacobian(cell, states, weights, 8), compute_uv=False)
    found = log10_singular_values(cell, states, weights, first=8, last=8)
    np.testing.assert_allclose(10.0**found, values, atol=1e-12)


def test_any_stretch_of_steps_is_that_stretch_of_the_product() -> None:
    weights = draw_cell(lstm, "pytorch", 2, 4, seed=0, biases={"f": 3})
    states = lstm.forward(weights, draw_inputs("noise", 80, 2))
    product = np.eye(8)
    for t in range(30, 35):
        product = jacobian(lstm, states, weights, t) @ product
    found = log10_singular_values(lstm, states, weights, 30, 34)
    np.testing.assert_allclose(
        10.0 ** found[:4], np.linalg.svd(product, compute_uv=False)[:4], rtol=1e-9
    )


@pytest.mark.parametrize(("first", "last"), [(0, 3), (1, 6), (4, 3), (6, None)])
def test_steps_outside_the_run_are_refused(first: int, last: int | None) -> None:
    weights = draw_cell(lstm, "keras", 2, 3, seed=0)
    states = lstm.forward(weights, np.zeros((5, 2)))
    with pytest.raises(ValueError, match="do not lie within 1 … 5"):
        log10_singular_values(lstm, states, weights, first, last)
    with pytest.raises(ValueError, match="do not lie within 1 … 5"):
        step_eigenvalues(lstm, states, weights, 6 if first else 0)


@pytest.mark.parametrize("T", [10, 1000])
def test_an_orthogonal_linear_rnn_keeps_every_direction(T: int) -> None:
    weights = draw_rnn("keras", 4, 16, seed=0)
    states = Rnn("identity").forward(weights, draw_inputs("noise", T, 4))
    found = log10_singular_values(Rnn("identity"), states, weights)
    np.testing.assert_allclose(found, 0.0, atol=1e-12)
    assert (np.diff(found) <= 0).all()


def test_an_identity_rnn_with_live_units_keeps_every_direction_exactly() -> None:
    weights = draw_rnn("keras", 4, 8, seed=0, rnn_init="identity")
    rnn = Rnn("relu")
    states = rnn.forward(weights._replace(bias_ih=np.ones(8)), np.zeros((200, 4)))
    np.testing.assert_array_equal(log10_singular_values(rnn, states, weights), np.zeros(8))


def test_every_dead_relu_costs_a_rank_and_nothing_else() -> None:
    bias = np.array([1.0, 1.0, -1.0, 1.0, -1.0])
    identity = Weights(np.zeros((5, 1)), np.eye(5), bias, np.zeros(5))
    states = Rnn("relu").forward(identity, np.zeros((30, 1)))
    found = log10_singular_values(Rnn("relu"), states, identity)
    np.testing.assert_array_equal(found, [0, 0, 0, -np.inf, -np.inf])
    dead = Weights(np.zeros((5, 1)), np.eye(5), -np.ones(5), np.zeros(5))
    states = Rnn("relu").forward(dead, np.zeros((3, 1)))
    assert np.isneginf(log10_singular_values(Rnn("relu"), states, dead)).all()


@pytest.mark.parametrize("seed", range(4))
def test_dense_relus_lose_their_rank_exactly(seed: int) -> None:
    weights = draw_rnn("normal", 2, 6, seed=seed, gain=1.5)
    weights = weights._replace(bias_ih=np.array([1.0, 1.0, 1.0, 0.3, -0.2, 0.0]))
    found = compare(Rnn("relu"), weights, draw_inputs("noise", 8, 2, amplitude=0.3), 400)
    assert 1 <= np.isneginf(found).sum() < 6


def test_without_recurrence_they_are_the_carry_seen_by_c_and_by_h() -> None:
    """J = [[F, 0], [rF, 0]]: ∏f·√(1 + r_T²) for each unit, and nothing else, to any depth."""
    weights = draw_cell(lstm, "keras", 2, 5, seed=1, biases={"f": -8}, gain=0)
    states = lstm.forward(weights, draw_inputs("noise", 400, 2))
    r = lstm.slopes(states, weights, 400, 400).read_out[-1]
    expected = lstm.log10_carry(states, weights).sum(axis=0) + 0.5 * np.log10(1 + r**2)
    found = log10_singular_values(lstm, states, weights)
    np.testing.assert_allclose(found[:5], np.sort(expected)[::-1], rtol=1e-13)
    assert np.isneginf(found[5:]).all() and found[0] < -1000


@every_cell
def test_eigenvalues_multiply_to_the_determinant_and_come_largest_first(name: str) -> None:
    cell, weights = BY_NAME[name], drawn(name, "normal", 3, 6, seed=3)
    states = cell.forward(weights, draw_inputs("noise", 20, 3))
    found = step_eigenvalues(cell, states, weights, 20)
    matrix = jacobian(cell, states, weights, 20)
    assert found.dtype == np.complex128 and found.shape == (len(matrix),)
    np.testing.assert_allclose(np.prod(found), np.linalg.det(matrix), atol=1e-12)
    np.testing.assert_allclose(found.sum(), np.trace(matrix), atol=1e-12)
    assert (np.diff(np.abs(found)) <= 1e-15).all()


def test_a_gru_at_rest_steps_by_half_the_identity_and_a_quarter_of_its_candidate() -> None:
    """h = 0, no bias, no input: J = I/2 + W_hn/4, a contraction where σ₁(W_hn) < 2."""
    gru = CELLS["gru"]
    weights = draw_cell(gru, "normal", 3, 8, seed=0, biases={})
    states = gru.forward(weights, np.zeros((5, 3)))
    W_hn = weights.weight_hh[16:]
    expected = 0.5 + 0.25 * np.linalg.eigvals(W_hn)
    found = step_eigenvalues(gru, states, weights, 5)
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(expected), atol=1e-13)
    smaller = weights._replace(weight_hh=weights.weight_hh * (1.99 / np.linalg.norm(W_hn, 2)))
    assert log10_singular_values(gru, gru.forward(smaller, np.zeros((5, 3))), smaller)[0] < 0


@every_cell
def test_lyapunov_exponents_share_the_singular_values_sum_and_settle_at_the_end(name: str) -> None:
    cell, weights = BY_NAME[name], drawn(name, "normal", 3, 8, seed=1)
    weights = weights._replace(bias_ih=weights.bias_ih + 3.0 * (name == "rnn-relu"))
    states = cell.forward(weights, draw_inputs("noise", 100, 3, amplitude=0.3))
    exponents, settling = lyapunov_exponents(cell, states, weights)
    singular = log10_singular_values(cell, states, weights) * np.log(10) / 100
    np.testing.assert_allclose(exponents.sum(), singular.sum(), rtol=1e-12)
    np.testing.assert_array_equal(settling[-1], exponents)
    assert settling.shape == (100, len(exponents)) and (exponents[1:] <= exponents[:-1]).all()
    first, _ = lyapunov_exponents(cell, first_steps(cell, weights, 1), weights)
    assert first.shape == exponents.shape


def first_steps(cell: Cell, weights: Weights, T: int) -> Any:
    return cell.forward(weights, draw_inputs("noise", 100, 3, amplitude=0.3)[:T])


@every_cell
def test_a_run_cut_short_gives_the_exponents_that_stood_there(name: str) -> None:
    cell, weights = BY_NAME[name], drawn(name, "pytorch", 3, 5, seed=1)
    _, settling = lyapunov_exponents(cell, first_steps(cell, weights, 50), weights)
    cut, _ = lyapunov_exponents(cell, first_steps(cell, weights, 20), weights)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(np.sort(settling[19])[::-1], cut, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("leading", [None, 2])
def test_exponents_of_a_stretch_of_steps_see_no_other(leading: int | None) -> None:
    weights = draw_cell(lstm, "pytorch", 3, 4, seed=1, biases={"f": 2})
    x = draw_inputs("noise", 80, 3)
    found, settling = lyapunov_exponents(
        lstm, lstm.forward(weights, x), weights, leading, first=31, last=70
    )
    assert settling.shape == (40, leading or 8)
    cut = lstm.forward(weights, x[:70])
    late, _ = lyapunov_exponents(lstm, cut, weights, leading, first=31)
    np.testing.assert_array_equal(found, late)
    log_det = [np.linalg.slogdet(jacobian(lstm, cut, weights, t))[1] for t in range(31, 71)]
    if leading is None:
        assert found.sum() == pytest.approx(np.mean(log_det), rel=1e-9)
    with pytest.raises(ValueError, match="do not lie within 1 … 80"):
        lyapunov_exponents(lstm, lstm.forward(weights, x), weights, leading, last=81)


def test_exponents_are_those_of_the_plain_qr_iteration() -> None:
    weights = draw_cell(lstm, "pytorch", 3, 6, seed=1, biases={"f": 2})
    states = lstm.forward(weights, draw_inputs("noise", 120, 3))
    Q, total = np.eye(12), np.zeros(12)
    for t in range(1, 121):
        Q, R = np.linalg.qr(jacobian(lstm, states, weights, t) @ Q)
        total += np.log(np.abs(np.diagonal(R)))
    found, _ = lyapunov_exponents(lstm, states, weights)
    np.testing.assert_allclose(found, np.sort(total / 120)[::-1], rtol=1e-9)


@every_cell
@pytest.mark.parametrize("leading", [1, 4])
def test_directions_that_go_through_weight_hh_go_through_the_jacobians(
    name: str, leading: int
) -> None:
    cell, weights = BY_NAME[name], drawn(name, "pytorch", 3, 6, seed=1)
    weights = weights._replace(bias_ih=weights.bias_ih + 3.0 * (name == "rnn-relu"))
    states = cell.forward(weights, draw_inputs("noise", 530, 3, amplitude=0.3))
    n = len(jacobian(cell, states, weights, 1))
    Q = np.linalg.qr(np.random.RandomState(0).standard_normal((n, leading)))[0]
    growth = []
    for t in range(1, 531):
        Q, R = np.linalg.qr(jacobian(cell, states, weights, t) @ Q)
        growth.append(np.log(np.abs(np.diagonal(R))))
    found, settling = lyapunov_exponents(cell, states, weights, leading)
    expected = np.sort(np.mean(growth, axis=0))[::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(settling[-1], found)


def side_by_side(name: str, T: int, gains: tuple[float, ...]) -> tuple[Weights, Any]:
    """A batch whose experiments differ in their weights and their inputs."""
    layers = [drawn(name, "pytorch", 3, 6, seed=s, gain=gain) for s, gain in enumerate(gains)]
    inputs = [draw_inputs("noise", T, 3, amplitude=0.3, seed=s) for s in range(len(gains))]
    weights = batch(layers)
    return weights, BY_NAME[name].forward(weights, np.stack(inputs))


def row_of(states: Any, weights: Weights, b: int) -> tuple[Any, Weights]:
    lone = type(states)(*(getattr(states, f.name)[b] for f in fields(states)))
    return lone, Weights(*(None if w is None else w[b] for w in weights))


@every_cell
@pytest.mark.parametrize("first", [1, 260])
def test_the_largest_exponent_of_each_run_of_a_batch_is_its_own(name: str, first: int) -> None:
    cell = BY_NAME[name]
    weights, states = side_by_side(name, 530, (0.1, 1.0, 3.0))
    found = largest_lyapunov(cell, states, weights, first)
    assert found.shape == (3,)
    for b in range(3):
        alone = row_of(states, weights, b)
        exponents, _ = lyapunov_exponents(cell, *alone, leading=1, first=first)
        np.testing.assert_allclose(found[b], exponents[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(found[b], largest_lyapunov(cell, *alone, first))


def test_a_largest_exponent_outlives_float64_on_both_sides_at_once() -> None:
    weights = batch(
        [
            Weights(np.zeros((3, 1)), r * np.eye(3), np.zeros(3), np.zeros(3))
            for r in (1e-200, 1e200)
        ]
    )
    states = Rnn("identity").forward(weights, np.zeros((2, 44, 1)))
    found = largest_lyapunov(Rnn("identity"), states, weights)
    np.testing.assert_allclose(found, np.log(10) * np.array([-200, 200]), rtol=1e-13)


def test_a_direction_lost_exactly_has_minus_infinity_and_its_neighbour_a_number() -> None:
    half = Weights(np.zeros((3, 1)), np.eye(3) / 2, -np.ones(3), np.zeros(3))
    weights = batch([half, half._replace(bias_ih=np.ones(3))])
    states = Rnn("relu").forward(weights, np.zeros((2, 5, 1)))
    found = largest_lyapunov(Rnn("relu"), states, weights)
    assert found[0] == -np.inf and found[1] == pytest.approx(np.log(0.5), rel=1e-13)


def test_a_largest_exponent_of_no_steps_is_refused() -> None:
    weights, states = side_by_side("lstm", 5, (1.0, 1.0))
    for first in (0, 6):
        with pytest.raises(ValueError, match="do not lie within 1 … 5"):
            largest_lyapunov(lstm, states, weights, first)


def test_a_diagonal_network_has_the_logarithms_of_its_weights() -> None:
    rates = np.array([0.2, 1.5, 0.9, 1e-9])
    weights = Weights(np.zeros((4, 1)), np.diag(rates), np.zeros(4), np.zeros(4))
    states = Rnn("identity").forward(weights, np.zeros((50, 1)))
    found, _ = lyapunov_exponents(Rnn("identity"), states, weights)
    np.testing.assert_allclose(found, np.log([1.5, 0.9, 0.2, 1e-9]), rtol=1e-13)
    largest, _ = lyapunov_exponents(Rnn("identity"), states, weights, leading=2)
    np.testing.assert_allclose(largest, np.log([1.5, 0.9]), atol=5 / 50)


@pytest.mark.parametrize("leading", [0, 9])
def test_more_exponents_than_there_are_is_refused(leading: int) -> None:
    weights = draw_cell(lstm, "keras", 2, 4, seed=0)
    states = lstm.forward(weights, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="1 … 8"):
        lyapunov_exponents(lstm, states, weights, leading)


def test_a_run_of_no_steps_has_no_exponents() -> None:
    weights = draw_cell(lstm, "keras", 2, 4, seed=0)
    with pytest.raises(ValueError, match="do not lie within 1 … 0"):
        lyapunov_exponents(lstm, lstm.forward(weights, np.zeros((0, 2))), weights)


def test_a_lost_rank_is_an_exponent_of_minus_infinity() -> None:
    weights = draw_cell(lstm, "keras", 2, 5, seed=1, gain=0)
    states = lstm.forward(weights, draw_inputs("noise", 90, 2))
    found, settling = lyapunov_exponents(lstm, states, weights)
    carry = lstm.log10_carry(states, weights).mean(axis=0) * np.log(10)
    # A first column is as long as √(1 + r²) makes it; that is paid once, not every step.
    np.testing.assert_allclose(found[:5], np.sort(carry)[::-1], atol=0.5 * np.log(2) / 90)
    assert np.isneginf(found[5:]).all() and np.isneginf(settling[:, 5:]).all()
    dead = Weights(np.zeros((3, 1)), np.eye(3), -np.ones(3), np.zeros(3))
    states = Rnn("relu").forward(dead, np.zeros((3, 1)))
    for leading in (None, 2):
        assert np.isneginf(lyapunov_exponents(Rnn("relu"), states, dead, leading)[0]).all()


def test_a_unit_that_nobody_hears_costs_one_exponent_and_changes_no_other() -> None:
    heard = np.random.RandomState(0).standard_normal((4, 4))
    heard[:, 0] = 0.0
    weights = Weights(np.zeros((4, 1)), heard, np.zeros(4), np.zeros(4))
    states = Rnn("identity").forward(weights, np.zeros((1, 1)))
    found, _ = lyapunov_exponents(Rnn("identity"), states, weights)
    singular = log10_singular_values(Rnn("identity"), states, weights)
    volume = 0.5 * np.linalg.slogdet(heard[:, 1:].T @ heard[:, 1:])[1]
    assert np.isneginf(found[3]) and np.isneginf(singular[3])
    assert found[:3].sum() == pytest.approx(volume, abs=1e-13)
    assert singular[:3].sum() * np.log(10) == pytest.approx(volume, abs=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_an_lstm_that_remembers_needs_the_full_state(seed: int) -> None:
    """H=16, D=4, ½·N(0, 1/H), b_f=5: −0.0096 … −0.0034; with h alone it seems to forget at once.

    Other draws, so the range is widened by the spread between seeds, 0.003. It takes 2000 steps:
    while the cell fills, directions grow up to fortyfold, which is ln 40/400 = 0.009 at step 400.
    """
    weights = draw_cell(lstm, "normal", 4, 16, seed=seed, biases={"f": 5}, gain=0.5)
    states = lstm.forward(weights, draw_inputs("noise", 2000, 4, seed=seed))
    exponents, settling = lyapunov_exponents(lstm, states, weights, leading=2)
    assert -0.0096 - 0.003 < exponents[0] < -0.0034 + 0.003
    assert -0.0096 - 0.012 < settling[399, 0] < -0.0034 + 0.012
    Q, total = np.eye(16), np.zeros(16)
    for t in range(1, 401):
        Q, R = np.linalg.qr(jacobian(lstm, states, weights, t)[16:, 16:] @ Q)
        total += np.log(np.abs(np.diagonal(R)))
    assert -2.37 - 0.1 < total.max() / 400 < -2.17 + 0.1


@pytest.mark.parametrize(
    ("g", "least", "most"), [(0.9, -0.099, -0.050), (1.0, -0.015, 0.0), (1.5, 0.017, 0.066)]
)
def test_a_random_tanh_network_turns_chaotic_at_gain_one(
    g: float, least: float, most: float
) -> None:
    """x ← W tanh x, W ~ N(0, g²/n), n = 300: the largest exponent of six seeds, other draws."""
    n, T, settled = 300, 500, 100
    found = []
    for seed in range(6):
        pick = np.random.RandomState(seed)
        W, start = pick.standard_normal((n, n)) * (g / np.sqrt(n)), pick.standard_normal((n, 1))
        weights = Weights(start, W, np.zeros(n), np.zeros(n))
        states: States = Rnn("tanh").forward(weights, draw_inputs("impulse", T, 1))
        _, mean = lyapunov_exponents(Rnn("tanh"), states, weights, leading=1)
        found.append((mean[-1, 0] * T - mean[settled - 1, 0] * settled) / (T - settled))
    assert least - 0.005 < min(found) and max(found) < most + 0.005
