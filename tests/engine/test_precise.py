"""The reference against what it does not use: finite differences, mpmath, JAX, closed forms."""

import numpy as np
import pytest
from flint import arb

from lstm_engine import CELLS, Rnn, Weights, draw_cell, draw_inputs, draw_rnn, linear_loss, lstm
from tests.engine import oracle, precise, reference
from tests.engine.precise import Problem, difference, precision
from tests.engine.precise_cells import ACTS, STEPS, Layer

pytestmark = pytest.mark.slow

RNNS = [f"rnn-{act}" for act in ACTS]
SMALL, BITS = arb(10) ** -100, 1000
LN10 = np.log(10.0)


def problem(name: str, T: int = 30, H: int = 3, **more) -> Problem:
    x = draw_inputs("noise", T, 2, seed=4)
    if name in RNNS:
        weights = draw_rnn("normal", 2, H, seed=4)
        return Problem(name, weights, x)
    biases = {"i": 0.5, "f": 1.0}
    return Problem(name, draw_cell(CELLS[name], "normal", 2, H, seed=4, biases=biases, **more), x)


def values(*vectors: list[arb]) -> np.ndarray:
    return np.array([[float(v.mid()) for v in vector] for vector in vectors])


def central(function, at: list[arb], j: int) -> np.ndarray:
    """∂function/∂at[j] from two sides, right to about 100 digits."""
    sides = []
    for step in (SMALL, -SMALL):
        moved = list(at)
        moved[j] += step
        sides.append(function(moved))
    return np.array([float(((a - b) / (2 * SMALL)).mid()) for a, b in zip(*sides, strict=True)])


@pytest.mark.parametrize("name", STEPS)
def test_every_derivative_of_a_step_is_that_of_its_equations(name: str) -> None:
    with precision(BITS):
        layer, step = Layer(*problem(name)[1:3]), STEPS[name]
        H, seen = layer.H, layer.seen[3]
        before = [[arb(v) for v in row] for row in ((0.3, -0.7, 0.2), (1.1, -0.4, 0.6))]
        here = step(layer, seen, *before)
        full = here.output_slope is not None
        c = before[1] if full else before[0]
        before = [before[0], c]

        def run(state):
            after = step(layer, seen, state[-H:], state[:H])
            return (after.c if full else []) + after.h

        state = (c if full else []) + before[0]
        table = values(*here.jacobian.table())
        for j in range(len(state)):
            np.testing.assert_allclose(table[:, j], central(run, state, j), rtol=1e-14)
        for n, (gate, (k, slope)) in enumerate(here.gates.items()):
            what = "h" if gate == "o" else "c"
            for j in range(H):
                expected = values([a * b for a, b in zip(k, slope, strict=True)])[0, j]
                moved = lambda seen, what=what: getattr(step(layer, seen, *before), what)  # noqa: E731
                result = central(moved, seen, n * H + j)
                np.testing.assert_allclose(result, expected * np.eye(H)[j], rtol=1e-14, atol=1e-90)


@pytest.mark.parametrize("name", STEPS)
def test_it_agrees_with_autodiff_where_nothing_cancels(name: str) -> None:
    one = problem(name)
    survival = precise.survival(one, range(31))
    maps = oracle.cell_maps(one.weights, one.x, name)
    with np.errstate(invalid="ignore"):
        for ours, theirs in zip(survival[:3], maps, strict=True):
            assert difference(ours, theirs) < 1e-11


@pytest.mark.parametrize("name", STEPS)
def test_two_precisions_agree_with_proven_bounds(name: str) -> None:
    one, steps = problem(name, T=60), [0, 1, 31, 59, 60]
    for ours, proven in zip(
        precise.survival(one, steps), precise.survival(one, steps, balls=True), strict=True
    ):
        assert difference(ours, proven) < 1e-12


def test_proven_bounds_hold_where_sixty_digits_cancel() -> None:
    weights = draw_cell(lstm, "keras", 8, 1, seed=1)
    one = Problem("lstm", weights, draw_inputs("noise", 1000, 8, seed=1))
    proven = precise.survival(one, [0], balls=True)
    assert proven.log10_exact[0, 0] == pytest.approx(-290.14829, abs=1e-5)
    assert proven.log10_direct[0, 0] == pytest.approx(proven.log10_detours[0, 0], abs=1e-12)
    assert proven.log10_direct[0, 0] > -210
    assert difference(precise.survival(one, [0]).log10_exact, proven.log10_exact) < 1e-12


def test_mpmath_finds_the_same_from_the_same_states() -> None:
    weights = draw_cell(lstm, "normal", 2, 2, seed=9, biases={"f": 3.0}, gain=2)
    one = Problem("lstm", weights, draw_inputs("sine", 40, 2))
    states = lstm.forward(weights, one.x)
    survival = precise.survival(one, [0, 20])
    blocks = precise.blocks(one, [0, 20])
    for row, t in enumerate((0, 20)):
        direct, exact, detours = reference.cell_maps(states, weights, {t})[t]
        np.testing.assert_allclose(survival.log10_direct[row], direct, atol=1e-12)
        np.testing.assert_allclose(survival.log10_exact[row], exact, atol=1e-12)
        np.testing.assert_allclose(survival.log10_detours[row], detours, atol=1e-12)
        four = reference.cell_blocks(states, weights, {t})[t]
        np.testing.assert_allclose([b[row] for b in blocks], four, atol=1e-12)


@pytest.mark.parametrize("act", ["tanh", "logistic"])
def test_mpmath_finds_the_same_in_an_rnn(act: str) -> None:
    one = problem(f"rnn-{act}")
    rnn = Rnn(act)
    expected = reference.rnn_map(rnn, rnn.forward(one.weights, one.x), one.weights, {0, 11})
    result = precise.survival(one, [0, 11]).log10_exact
    np.testing.assert_allclose(result, [expected[0], expected[11]], atol=1e-12)


@pytest.mark.parametrize("b_f", [-20.0, 0.0, 5.0])
def test_without_recurrence_it_is_the_closed_form(b_f: float) -> None:
    weights = draw_cell(lstm, "keras", 2, 2, seed=1, biases={"f": b_f}, gain=0)
    survival = precise.survival(Problem("lstm", weights, np.zeros((300, 2))), [0, 100, 300])
    expected = -np.array([300, 200, 0]) * np.logaddexp(0, -b_f) / LN10
    np.testing.assert_allclose(survival.exact_rms, expected, rtol=1e-14)
    np.testing.assert_allclose(survival.direct_rms, expected, rtol=1e-14)
    assert np.isneginf(survival.log10_detours).all()
    assert (survival.share == 1).all()


def test_what_hardly_crosses_needs_no_thousands_of_bits() -> None:
    """D is 1, R is 10^-350: as a difference of E and D it would take 1,200 bits."""
    weights = draw_cell(CELLS["lstm-1997"], "normal", 2, 2, seed=0, biases={"i": 8, "g": 8})
    one = Problem("lstm-1997", weights, np.ones((800, 2)))
    with precision(160):
        few = precise._survival(one, [0, 400], False)
    survival = precise.survival(one, [0, 400])
    assert (survival.log10_exact[1] == 0).all()
    np.testing.assert_allclose(survival.log10_detours[1], [-350.0719, -350.2941], atol=1e-4)
    assert difference(survival.log10_detours, few.log10_detours) < 1e-12


def test_a_dead_relu_is_a_true_zero() -> None:
    weights = Weights(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.zeros(1))
    x = np.array([[1.0], [-3.0], [1.0]])
    result = precise.survival(Problem("rnn-relu", weights, x), range(4))
    assert result.log10_exact.ravel().tolist() == [-np.inf, -np.inf, 0, 0]


@pytest.mark.parametrize("name", STEPS)
def test_gradients_at_gates_are_differences_of_the_loss(name: str) -> None:
    """∂L/∂a_t of one gate: L's central difference where that gate's bias moves at step t alone."""
    one = problem(name, T=12)
    dh = linear_loss("every", 12, 3, seed=2)
    gates = precise.gate_gradients(one, dh)
    for n, gate in enumerate(gates.values()):
        for t, j in ((1, 0), (7, 2), (12, 1)):
            expected = abs(_difference_of_loss(one, dh, t, n * 3 + j))
            assert 10.0 ** gate.before[t - 1, j] == pytest.approx(expected, rel=1e-12, abs=0)


def _difference_of_loss(one: Problem, dh: np.ndarray, t: int, row: int) -> float:
    with precision(BITS):
        layer, losses = Layer(*one[1:3]), []
        for moved in (SMALL, -SMALL):
            h = c = [arb(0)] * layer.H
            loss = arb(0)
            for k, seen in enumerate(layer.seen):
                if k == t - 1:
                    seen = [s + moved * (n == row) for n, s in enumerate(seen)]
                h, c, *_ = STEPS[one.name](layer, seen, h, c)
                loss += sum((arb(d) * v for d, v in zip(dh[k].tolist(), h, strict=True)), arb(0))
            losses.append(loss)
        return float(((losses[0] - losses[1]) / (2 * SMALL)).mid())


@pytest.mark.parametrize("name", ["lstm", "peephole", "gru"])
def test_maps_from_step_to_step_are_those_of_the_run_cut_off(name: str) -> None:
    one, grid = problem(name), [0, 3, 17, 30]
    rms = precise.from_to(one, grid)
    for n, t in enumerate(grid):
        if t:
            cut = precise.survival(one._replace(x=one.x[:t]), grid[: n + 1])
            assert difference(rms[: n + 1, n], cut.exact_rms) < 1e-12
    entries = precise.entries(one, 3, 17)
    columns = np.log10(np.linalg.norm(10.0**entries.log10, axis=0))
    np.testing.assert_allclose(np.log10(np.linalg.norm(10**columns) / np.sqrt(3)), rms[1, 2])
