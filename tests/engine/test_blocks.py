"""The four blocks between full states are those of the product of all steps' Jacobians."""

from dataclasses import fields

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    CellBlocks,
    Weights,
    cell_blocks,
    cell_survival,
    draw_cell,
    draw_inputs,
    jacobian,
    lstm,
)
from tests.engine.test_walk import walk_carefully

NAMES = ("c_to_c", "h_to_c", "c_to_h", "h_to_h")
TWO_STATES = [name for name, cell in CELLS.items() if "o" in cell.GATES]
X = draw_inputs("noise", 30, 3, seed=2)


def run(name: str, x: np.ndarray = X, **knobs):
    cell = CELLS[name]
    chosen = {"init": "pytorch", "biases": {"f": 1.0}, "seed": 1, **knobs}
    weights = draw_cell(cell, chosen.pop("init"), x.shape[1], 5, **chosen)
    return cell, cell.forward(weights, x), weights


def blocks_of(name: str, *arguments, x: np.ndarray = X, **knobs) -> CellBlocks:
    return cell_blocks(*run(name, x, **knobs), *arguments)[1]


def log10_norms(columns: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.sqrt(np.square(columns).sum(axis=0)))


@pytest.mark.parametrize("gain", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("name", TWO_STATES)
def test_blocks_are_those_of_the_product_of_jacobians(name: str, gain: float) -> None:
    cell, states, weights = run(name, gain=gain)
    _, found = cell_blocks(cell, states, weights)
    product, H = np.eye(10), 5
    for t in range(30, -1, -1):
        product = product if t == 30 else product @ jacobian(cell, states, weights, t + 1)
        for block, rows, columns in zip(NAMES, (0, 0, H, H), (0, H, 0, H), strict=True):
            expected = log10_norms(product[rows : rows + H, columns : columns + H])
            np.testing.assert_allclose(getattr(found, block)[t], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", TWO_STATES)
@pytest.mark.slow
def test_blocks_agree_with_autodiff(name: str) -> None:
    """The cells' equations as their papers give them, from the state at step t to the last one."""
    jax = pytest.importorskip("jax")
    from tests.engine import oracle

    cell, states, weights = run(name)
    _, found = cell_blocks(cell, states, weights)

    def last(c, h, t):
        for x in X[t:]:
            h, c = oracle.STEPS[name](weights, x, h, c)
        return c, h

    for t in (0, 17, 29):
        by_c_and_h = jax.jacobian(last, argnums=(0, 1))(states.c[t], states.h[t], t)
        expected = [block for rows in by_c_and_h for block in rows]
        for block, matrix in zip(NAMES, expected, strict=True):
            norms = log10_norms(np.asarray(matrix))
            np.testing.assert_allclose(getattr(found, block)[t], norms, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("biases", "gain", "T", "c_0"),
    [
        ({"f": -8}, 1.0, 100, 0),
        ({"i": -4, "o": -4}, 1.0, 100, 0),
        ({"f": -8}, 1e-12, 100, 0),
        ({"f": -8}, 1e-200, 60, 0),
        ({"i": 20, "f": 20, "g": 20, "o": 20}, 0.5, 20, 365),
        ({"i": -20, "f": -20, "o": -20}, 1.0, 40, 0),
    ],
)
@pytest.mark.slow
def test_blocks_agree_with_mpmath_where_float64_ends(
    biases: dict[str, float], gain: float, T: int, c_0: float
) -> None:
    """Long vanishing, faint recurrence, and cells so large that the read-out is below 1e-308."""
    reference = pytest.importorskip("tests.engine.reference")
    weights = draw_cell(lstm, "keras", 2, 3, seed=3, biases=biases, gain=gain)
    weights.bias_ih[3:6] += (5.0, 0.0, -4.0)
    start = np.zeros(3), np.full(3, c_0)
    states = lstm.forward(weights, draw_inputs("noise", T, 2, seed=3), start)
    steps = [0, T // 2, T - 1]
    _, found = cell_blocks(lstm, states, weights, steps)
    expected = reference.cell_blocks(states, weights, set(steps), digits=900)
    for row, t in enumerate(steps):
        for block, norms in zip(NAMES, expected[t], strict=True):
            np.testing.assert_allclose(getattr(found, block)[row], norms, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("name", TWO_STATES)
@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_plain_and_careful_walks_find_the_same_blocks(
    name: str, gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = blocks_of(name, gain=gain)
    walk_carefully(monkeypatch)
    careful = blocks_of(name, gain=gain)
    for block in NAMES:
        np.testing.assert_allclose(
            getattr(careful, block), getattr(plain, block), rtol=1e-12, atol=1e-10
        )


@pytest.mark.parametrize("name", CELLS)
def test_the_survival_found_by_the_way_has_the_same_bits(name: str) -> None:
    steps = [0, 3, 29, 30]
    by_the_way, _ = cell_blocks(*run(name), steps)
    alone = cell_survival(*run(name), steps)
    for field in fields(alone):
        np.testing.assert_array_equal(getattr(by_the_way, field.name), getattr(alone, field.name))


@pytest.mark.parametrize("name", TWO_STATES)
def test_cell_to_cell_is_all_roads_from_the_next_step_and_one_step_of_carry(name: str) -> None:
    cell, states, weights = run(name)
    survival, found = cell_blocks(cell, states, weights)
    carried = survival.log10_exact[1:] + cell.log10_carry(states, weights)
    np.testing.assert_allclose(found.c_to_c[:-1], carried, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.c_to_c[0], survival.log10_exact[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", TWO_STATES)
def test_blocks_told_late_are_those_of_the_whole_walk(name: str) -> None:
    x = draw_inputs("noise", 300, 3)
    whole, late = blocks_of(name, x=x), blocks_of(name, [5, 130, 200, 299, 300], 150, x=x)
    assert late.steps.tolist() == [5, 130, 200, 299, 300]
    assert late.h_steps.tolist() == [200, 299, 300]
    for block in NAMES:
        steps = late.h_steps if block.endswith("h") else late.steps
        np.testing.assert_array_equal(getattr(late, block), getattr(whole, block)[steps])


def test_the_last_states_owe_all_to_themselves_and_nothing_to_each_other() -> None:
    found = blocks_of("lstm", [30])
    assert (found.c_to_c == 0).all() and (found.h_to_h == 0).all()
    assert np.isneginf(found.h_to_c).all() and np.isneginf(found.c_to_h).all()


def test_without_recurrence_only_the_cell_is_remembered_and_at_last_read_out() -> None:
    cell, states, weights = run("lstm", gain=0)
    survival, found = cell_blocks(cell, states, weights)
    assert np.isneginf(found.h_to_c).all() and np.isneginf(found.h_to_h[:-1]).all()
    np.testing.assert_allclose(found.c_to_c, survival.log10_direct, rtol=0, atol=1e-13)
    shown = survival.log10_direct + cell.log10_read_out(states, weights, 30)
    np.testing.assert_allclose(found.c_to_h[:-1], shown[:-1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", sorted(set(CELLS) - set(TWO_STATES)))
def test_where_h_is_c_there_is_one_block(name: str) -> None:
    survival, found = cell_blocks(*run(name))
    assert found.c_to_c is found.h_to_c is found.c_to_h is None
    np.testing.assert_array_equal(found.h_to_h, survival.log10_exact)


@pytest.mark.parametrize("name", TWO_STATES)
def test_one_step_back_is_that_steps_jacobian(name: str) -> None:
    cell, states, weights = run(name, draw_inputs("noise", 1, 3))
    _, found = cell_blocks(cell, states, weights)
    whole = jacobian(cell, states, weights, 1)
    expected = [log10_norms(part) for rows in np.split(whole, 2) for part in np.split(rows, 2, 1)]
    for block, norms in zip(NAMES, expected, strict=True):
        np.testing.assert_allclose(getattr(found, block)[0], norms, rtol=0, atol=1e-13)


def test_a_read_out_that_underflows_is_no_false_zero() -> None:
    """1/cosh² of a cell that has grown by 1 for 2,000 steps is 10^-1700."""
    weights = draw_cell(CELLS["lstm-1997"], "keras", 2, 3, seed=0, biases={"i": 20.0, "g": 20.0})
    states = CELLS["lstm-1997"].forward(weights, np.zeros((2000, 2)))
    _, found = cell_blocks(CELLS["lstm-1997"], states, weights, [1900, 1999])
    assert np.isfinite(found.c_to_h).all()
    assert (found.c_to_h[-1] < -1500).all()


@pytest.mark.parametrize("faint", [1e-140, 1e-170, 1e-290])
def test_a_unit_that_is_hardly_heard_loses_no_digits(faint: float) -> None:
    """Its column of h to c is as faint, beside cells that are as large as ever."""
    cell, _, weights = run("lstm")

    def heard(gain: float) -> CellBlocks:
        softer = weights._replace(weight_hh=weights.weight_hh * ([gain] + [1.0] * 4))
        return cell_blocks(cell, cell.forward(softer, X), softer)[1]

    loud, soft = heard(1e-30), heard(faint)
    change = np.array([np.log10(faint) + 30, 0, 0, 0, 0])
    for block in ("h_to_c", "h_to_h"):
        expected = getattr(loud, block)[:-1] + change
        np.testing.assert_allclose(getattr(soft, block)[:-1], expected, rtol=1e-12, atol=1e-11)


def test_a_step_at_which_every_gate_is_stuck_makes_no_false_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every slope of one step is below 1e-160, while the carry goes on: only h is cut off."""
    cell, _, weights = run("lstm")
    x = X.copy()
    x[19] = 400.0, 0.0, 0.0
    weights.weight_ih[:, 0] = 1.0
    states = cell.forward(weights, x)
    assert min(abs(a[19]).min() for a in (states.a_i, states.a_f, states.a_g, states.a_o)) > 370
    plain = cell_blocks(cell, states, weights)[1]
    walk_carefully(monkeypatch)
    careful = cell_blocks(cell, states, weights)[1]
    assert (plain.h_to_c[19] < -150).all() and (plain.c_to_c[19] > -20).all()
    for block in NAMES:
        np.testing.assert_allclose(
            getattr(plain, block), getattr(careful, block), rtol=1e-12, atol=1e-9
        )


def test_weights_of_one_unit_are_welcome() -> None:
    weights: Weights = draw_cell(lstm, "normal", 1, 1, seed=0)
    states = lstm.forward(weights, np.ones((1, 1)))
    _, found = cell_blocks(lstm, states, weights)
    assert found.h_to_h.shape == (2, 1)
