"""Where paths cancel, every other number of the engine keeps its digits too.

Jacobians entry by entry, blocks, maps from step to step, batches, trained weights, the vanilla RNN,
and the gradients at the gates of cells that have settled.
"""

from itertools import groupby

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    NearTheEnds,
    Rnn,
    Weights,
    batch,
    bptt,
    cell_blocks,
    cell_from_to,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    exact_between,
    jacobian_between,
    linear_loss,
    rnn_from_to,
    rnn_survival,
)
from lstm_engine.training import Setting, begin, parameters, train
from tests.engine import precise
from tests.engine.experiments import Experiment, cancelling, states_of
from tests.engine.precise import Problem, difference

pytestmark = pytest.mark.slow

CLOSE, CHAOTIC = 1e-9, 1e-10
SHORT = [one for one in cancelling() if one.T <= 420]
FEW = SHORT[::9]
RNNS = ("tanh", "relu", "identity", "logistic")


def named(one: Experiment) -> str:
    return f"{one.cell}-{one.H}-{one.seed}"


def log10_norms(log10: np.ndarray) -> np.ndarray:
    """Along the last axis, of entries by their log10."""
    peak = log10.max(axis=-1, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0)
    with np.errstate(divide="ignore", under="ignore"):
        return np.log10((10 ** (2 * (log10 - peak))).sum(axis=-1)) / 2 + peak[..., 0]


def assert_entries(result, expected) -> None:
    """Each entry to 1e-9 of its column's largest; none that matters is zero or of another sign."""
    with np.errstate(under="ignore", invalid="ignore"):
        peak = expected.log10.max(axis=0)
        ours = result.sign * 10.0 ** (result.log10 - peak)
        theirs = expected.sign * 10.0 ** (expected.log10 - peak)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("one", FEW, ids=named)
def test_none_of_these_is_chaotic(one: Experiment) -> None:
    assert precise.survival_and_movement(one.problem, one.steps)[1] < CHAOTIC


@pytest.mark.parametrize("one", FEW, ids=named)
def test_the_jacobian_between_two_steps(one: Experiment) -> None:
    cell, states, weights = states_of(one.problem)
    for s, t in ((0, one.T), (0, one.T // 2), (one.T // 3, one.T - 1)):
        expected = precise.entries(one.problem, s, t)
        assert_entries(jacobian_between(cell, states, weights, s, t), expected)


def test_the_jacobian_at_one_unit_is_the_known_value() -> None:
    one = Experiment(T=200, H=1, D=3, init="normal", seed=1)
    cell, states, weights = states_of(one.problem)
    result = jacobian_between(cell, states, weights, 0, 200)
    assert result.log10[0, 0] == pytest.approx(-116.99254363, abs=1e-8)
    assert result.sign == precise.entries(one.problem, 0, 200).sign


@pytest.mark.parametrize("one", [one for one in FEW if one.cell != "gru"], ids=named)
def test_the_blocks_of_the_full_jacobian(one: Experiment) -> None:
    cell, states, weights = states_of(one.problem)
    survival, result = cell_blocks(cell, states, weights, one.steps)
    expected = precise.blocks(one.problem, one.steps)
    for name in expected._fields:
        assert difference(getattr(result, name), getattr(expected, name)) < CLOSE, name
    exact = precise.survival(one.problem, one.steps).log10_exact
    assert difference(survival.log10_exact, exact) < CLOSE


@pytest.mark.parametrize("one", FEW, ids=named)
def test_maps_from_every_step_to_every_other(one: Experiment) -> None:
    cell, states, weights = states_of(one.problem)
    expected = precise.from_to(one.problem, grid_of(one))
    result = cell_from_to(cell, states, weights, grid_of(one)).exact_rms
    assert difference(result, expected) < CLOSE


def test_the_same_maps_by_stretches() -> None:
    """Where the stretches say that they came near the ends of float64, they give nothing."""
    compared = 0
    for one in FEW:
        cell, states, weights = states_of(one.problem)
        try:
            result = exact_between(cell, states, weights, grid_of(one))
        except NearTheEnds:
            continue
        compared += 1
        assert difference(result, precise.from_to(one.problem, grid_of(one))) < CLOSE, one
    assert compared >= 5


def grid_of(one: Experiment) -> list[int]:
    return [0, 1, one.T // 3, one.T // 2, one.T]


def of_one_shape() -> list[list[Experiment]]:
    """Experiments of the list that can be one batch."""
    shape = lambda one: (one.cell, one.T, one.H, one.D)  # noqa: E731
    groups = (list(group) for _, group in groupby(sorted(SHORT, key=shape), shape))
    return [group for group in groups if len(group) > 1]


@pytest.mark.parametrize("group", of_one_shape()[::3], ids=lambda group: named(group[0]))
def test_several_experiments_together(group: list[Experiment]) -> None:
    cell = CELLS[group[0].cell]
    weights = batch([one.weights for one in group])
    states = cell.forward(weights, np.stack([one.inputs for one in group]))
    result = cell_survival(cell, states, weights, group[0].steps)
    for row, one in enumerate(group):
        expected = precise.survival(one.problem, one.steps)
        for name in ("log10_exact", "log10_detours", "log10_direct", "exact_rms", "share"):
            by = difference(getattr(result, name)[row], getattr(expected, name))
            assert by < CLOSE, (one, name, by)


@pytest.mark.parametrize("name", ["lstm", "lstm-1997", "peephole", "coupled", "gru"])
@pytest.mark.parametrize("seed", range(3, 8))
def test_trained_weights(name: str, seed: int) -> None:
    cell = CELLS[name]
    weights = draw_cell(cell, "normal", 2, 2, seed=seed, biases={"f": 0.0}, gain=3)
    setting = Setting(T=30, batch=4, rate=0.05, seed=seed)
    learner, _ = train(cell, begin(cell, weights, setting), setting, 5)
    trained = parameters(cell, learner, setting).weights
    one = Problem(name, trained, draw_inputs("adding", 400, 2, seed=seed))
    steps = [0, 100, 399]
    expected, movement = precise.survival_and_movement(one, steps)
    assert movement < CHAOTIC
    _, states, _ = states_of(one)
    result = cell_survival(cell, states, trained, steps)
    for field in ("log10_exact", "log10_detours", "log10_direct", "exact_rms", "share"):
        assert difference(getattr(result, field), getattr(expected, field)) < CLOSE, field


def random_rnn(n: int) -> Problem:
    draw = np.random.RandomState(n)
    T, H = int(draw.randint(100, 600)), int(draw.randint(1, 9))
    init, gain = ("keras", "pytorch", "normal")[n % 3], round(draw.uniform(0.1, 2), 2)
    how = {"rnn_init": "identity"} if n % 5 == 4 else {}
    weights = draw_rnn(init, 2, H, seed=n, gain=gain, **how)
    x = draw_inputs(("noise", "constant", "zeros", "sine")[n // 4 % 4], T, 2, seed=n)
    return Problem(f"rnn-{RNNS[n % 4]}", weights, x)


def rnn_problems() -> dict[str, Problem]:
    """Drawn RNNs, and some whose units hardly hear each other."""
    result = {f"{n}-{RNNS[n % 4]}": random_rnn(n) for n in range(32)}
    for act in ("tanh", "logistic", "identity"):
        for beside in (0.0, 1e-200, 1e-8):
            draw = np.random.RandomState(7)
            weight_hh = np.diag(draw.uniform(0.01, 0.9, 4)) + beside * draw.normal(size=(4, 4))
            weights = Weights(draw.normal(size=(4, 2)), weight_hh, np.zeros(4), np.zeros(4))
            result[f"apart-{beside}-{act}"] = Problem(f"rnn-{act}", weights, np.zeros((600, 2)))
    return result


RNN_PROBLEMS = rnn_problems()


@pytest.mark.parametrize("which", RNN_PROBLEMS)
def test_the_vanilla_rnn(which: str) -> None:
    one = RNN_PROBLEMS[which]
    T = len(one.x)
    steps = [0, T // 3, T // 2, T - 1]
    expected, movement = precise.survival_and_movement(one, steps)
    if movement >= CHAOTIC:
        pytest.skip("chaotic")
    rnn = Rnn(one.name.removeprefix("rnn-"))
    states = rnn.forward(one.weights, one.x)
    result = rnn_survival(rnn, states, one.weights, steps)
    assert difference(result.log10_exact, expected.log10_exact) < CLOSE
    assert difference(result.exact_rms, expected.exact_rms) < CLOSE
    grid = [0, T // 3, T]
    by_grid = rnn_from_to(rnn, states, one.weights, grid).exact_rms
    assert difference(by_grid, precise.from_to(one, grid)) < CLOSE


def settled() -> list[Experiment]:
    """Signals that end or hold still, so that what a cell remembers is what it would write."""
    result = []
    for n, name in enumerate(CELLS):
        for k, signal in enumerate(("constant", "zeros", "sine")):
            draw = np.random.RandomState(10 * n + k)
            biases = draw.normal(0, 1, 4).round(1).tolist()
            init, gain = ("keras", "pytorch", "normal")[(n + k) % 3], round(draw.uniform(0, 2), 1)
            H, T = int(draw.randint(1, 6)), int(draw.choice([60, 200, 300]))
            result.append(Experiment(name, init, signal, 10 * n + k, T, H, 2, *biases, gain))
    return [*result, Experiment("mingru", signal="zeros", T=200, H=4, D=2, b_g=0.5)]


@pytest.mark.parametrize("on", ["last", "every"])
@pytest.mark.parametrize("one", settled(), ids=named)
def test_gradients_at_the_gates_of_a_settled_cell(one: Experiment, on: str) -> None:
    dh = linear_loss(on, one.T, one.H, seed=one.seed)
    expected = precise.gate_gradients(one.problem, dh)
    moved = precise.gate_gradients(one.problem._replace(change=0), dh)
    cell, states, weights = states_of(one.problem)
    result = bptt(cell, states, weights, one.inputs, dh)
    for gate, (after, before) in expected.items():
        sides = [("log10_before", before, moved[gate].before)]
        if (one.cell, gate) not in (("minlstm", "i"), ("minlstm", "f")):
            sides.append(("log10_after", after, moved[gate].after))
        for side, right, shifted in sides:
            right, shifted = log10_norms(right), log10_norms(shifted)
            ours = getattr(result.gates[gate], side)
            same = np.array(
                [difference(a, b) < CHAOTIC for a, b in zip(right, shifted, strict=True)]
            )
            assert same.mean() > 0.9
            off = [difference(a, b) for a, b in zip(ours[same], right[same], strict=True)]
            assert max(off) < CLOSE, f"{gate}, {side}: {max(off):.3g} off at {np.argmax(off)}"


def test_a_settled_minimal_gru_is_the_closed_form() -> None:
    """h_{t−1} − g = −f^(t−1) g, so that ∂L/∂f = −dh⊙f^(t−1)⊙g at the last step."""
    one = Experiment("mingru", signal="zeros", T=200, H=4, D=2, b_g=0.5)
    dh = linear_loss("last", 200, 4, seed=0)
    f = -np.log1p(np.exp(-1.0))  # b_f = 1, in ln
    closed = np.log10(np.linalg.norm(dh[-1]) * 0.5) + 199 * f / np.log(10)
    assert closed - np.log10(2) == pytest.approx(-27.649, abs=1e-3)  # as root mean square of four
    expected = precise.gate_gradients(one.problem, dh)["f"].after[-1]
    assert log10_norms(expected) == pytest.approx(closed, abs=1e-12)
    cell, states, weights = states_of(one.problem)
    result = bptt(cell, states, weights, one.inputs, dh).gates["f"]
    assert result.log10_after[-1] == pytest.approx(closed, abs=CLOSE)
