"""The plain walk and the careful one agree, and the plain one knows when it may not."""

import threading

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    Rnn,
    Weights,
    batch,
    cell_survival,
    cell_walk,
    draw_cell,
    draw_inputs,
    draw_rnn,
    lstm,
    rnn_survival,
    walk,
)

MAPS = ("log10_direct", "log10_exact", "log10_detours")
ACTS = ("tanh", "relu", "identity", "logistic")
X = draw_inputs("noise", 150, 4, seed=5)
EXPERIMENTS = [
    {"init": "keras", "biases": {"f": 1.0}, "gain": 1.0},
    {"init": "pytorch", "biases": {"f": 5.0}, "gain": 1.0},
    {"init": "normal", "biases": {"i": -3.0, "f": -6.0, "o": 1.0}, "gain": 0.5},
    {"init": "normal", "biases": {}, "gain": 2.0},
]


def survival_of(name: str, weights: Weights, x: np.ndarray = X):
    cell = CELLS[name]
    return cell_survival(cell, cell.forward(weights, x), weights)


def nobody(self: walk.Walk, first: int, last: int, who: np.ndarray | slice) -> np.ndarray:
    """In the place of `plainly`: every block fails, and nothing is done."""
    return np.zeros(len(np.arange(self.B)[who]), dtype=bool)


def walk_carefully(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (cell_walk.CellWalk, walk.RnnWalk):
        for way in ("plainly", "uncoupled"):
            monkeypatch.setattr(kind, way, nobody)


def noted(monkeypatch: pytest.MonkeyPatch, kind: type[walk.Walk], name: str) -> list[tuple]:
    """The arguments of every call of a method, which goes on as it is."""
    method, calls = getattr(kind, name), []

    def noting(self: walk.Walk, *arguments):
        calls.append(arguments)
        return method(self, *arguments)

    monkeypatch.setattr(kind, name, noting)
    return calls


def agree(ours, theirs, atol: float = 1e-9) -> None:
    for name in MAPS:
        ours_now, theirs_now = getattr(ours, name), getattr(theirs, name)
        np.testing.assert_allclose(ours_now, theirs_now, rtol=1e-12, atol=atol)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("number", range(len(EXPERIMENTS)))
def test_plain_and_careful_walks_agree(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = draw_cell(CELLS[name], D=4, H=9, seed=5, **EXPERIMENTS[number])
    plain = survival_of(name, weights)
    walk_carefully(monkeypatch)
    agree(survival_of(name, weights), plain)


RECURRENT = [name for name, cell in CELLS.items() if cell.RECURRENT]


@pytest.mark.parametrize("gain", [1e-180, 1e-30, 1.0])
@pytest.mark.parametrize("name", RECURRENT)
def test_blocks_with_fixed_feedback_agree_with_single_steps(
    name: str, gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recurrence so faint that what it adds no longer acts back; at gain 1 only single steps."""
    weights = draw_cell(CELLS[name], "normal", D=4, H=9, seed=5, gain=gain)
    blocks = noted(monkeypatch, cell_walk.CellWalk, "uncoupled")
    with monkeypatch.context() as now:
        now.setattr(cell_walk.CellWalk, "plainly", nobody)
        uncoupled = survival_of(name, weights)
    assert blocks[0][:2] == (23, 150)
    assert (len(blocks) == 2) == (gain < 1)
    walk_carefully(monkeypatch)
    agree(survival_of(name, weights), uncoupled)


@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if cell.PEEPHOLES])
def test_plain_and_careful_walks_agree_on_a_carry_of_either_sign(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = draw_cell(CELLS[name], "normal", 4, 9, seed=5)
    weights = weights._replace(peephole=6.0 * weights.peephole)
    states = CELLS[name].forward(weights, X)
    carry = CELLS[name].slopes(states, weights, 1, len(X)).carry
    assert carry.min() < 0 < carry.max()
    plain = survival_of(name, weights)
    walk_carefully(monkeypatch)
    agree(survival_of(name, weights), plain)


@pytest.mark.parametrize("act", ACTS)
def test_plain_and_careful_walks_of_the_rnn_agree(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rnn, weights = Rnn(act), draw_rnn("pytorch", 4, 9, seed=5)
    states = rnn.forward(weights, X)
    plain = rnn_survival(rnn, states, weights).log10_exact
    walk_carefully(monkeypatch)
    careful = rnn_survival(rnn, states, weights).log10_exact
    np.testing.assert_allclose(careful, plain, rtol=1e-12, atol=1e-10)


def test_dense_weights_never_need_the_careful_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast way is the one taken: 400 steps of default experiments stay plain."""

    def refuse(*_: object) -> None:
        raise AssertionError("walked carefully")

    monkeypatch.setattr(cell_walk.CellWalk, "carefully", refuse)
    monkeypatch.setattr(walk.RnnWalk, "carefully", refuse)
    x = draw_inputs("noise", 400, 8)
    for init in ("keras", "pytorch", "normal"):
        for b_f in (-20, -5, 0, 1, 5):
            survival_of("lstm", draw_cell(lstm, init, 8, 24, seed=0, biases={"f": b_f}), x)
        rival = draw_rnn(init, 8, 24, seed=0)
        rnn_survival(Rnn(), Rnn().forward(rival, x), rival)


def test_explosion_within_a_block_is_right() -> None:
    """1e30 a step leaves float64 within one block; log10 does not mind."""
    linear, weights = Rnn("identity"), draw_rnn("keras", 2, 3, seed=0, gain=1e30)
    states = linear.forward(weights, np.zeros((100, 2)))
    log10_exact = rnn_survival(linear, states, weights).log10_exact
    expected = 30.0 * (100 - np.arange(101))[:, None] * np.ones(3)
    np.testing.assert_allclose(log10_exact, expected, rtol=1e-12)  # keras: orthogonal W_hh


@pytest.mark.parametrize("decades", [-2.55, -2.5, -2.4, -2.2, 2.2, 2.4, 2.5])
def test_squares_near_the_ends_of_float64_lose_no_digits(decades: float) -> None:
    """An orthogonal W_hh times 10^decades: over 64 steps the squared norms pass 1e±308."""
    linear, weights = Rnn("identity"), draw_rnn("keras", 2, 3, seed=0, gain=10.0**decades)
    states = linear.forward(weights, np.zeros((64, 2)))
    log10_exact = rnn_survival(linear, states, weights).log10_exact
    expected = decades * (64 - np.arange(65))[:, None] * np.ones(3)
    np.testing.assert_allclose(log10_exact, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("gain", [1e-139, 1e-150, 1e-157, 1e-159])
def test_detours_near_the_end_of_float64_lose_no_digits(
    gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = draw_cell(lstm, "keras", 4, 9, seed=5, biases={"f": 6.0}, gain=gain)
    found = survival_of("lstm", weights)
    walk_carefully(monkeypatch)
    agree(found, survival_of("lstm", weights), atol=1e-11)


def test_a_failed_plain_block_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second plain block is thrown away after it has been walked: same answers."""
    weights = draw_cell(lstm, "keras", 3, 12, seed=1)
    rnn, rival = Rnn(), draw_rnn("keras", 3, 12, seed=1)
    x = draw_inputs("noise", 300, 3)
    states = rnn.forward(rival, x)
    whole, whole_rnn = survival_of("lstm", weights, x), rnn_survival(rnn, states, rival)
    calls = []
    for kind in (cell_walk.CellWalk, walk.RnnWalk):
        plainly = kind.plainly

        def every_second(self: walk.Walk, *arguments, plainly=plainly) -> np.ndarray:
            calls.append(arguments)
            with monkeypatch.context() as now:
                if len(calls) % 2:
                    now.setattr(walk, "SQUARES", (np.inf, 0.0))  # nothing lies within
                return plainly(self, *arguments)

        monkeypatch.setattr(kind, "plainly", every_second)
    retried = noted(monkeypatch, cell_walk.CellWalk, "uncoupled")
    agree(survival_of("lstm", weights, x), whole, atol=1e-10)
    assert len(calls) > 20 and len(retried) > 1
    mixed = rnn_survival(rnn, states, rival)
    np.testing.assert_allclose(mixed.log10_exact, whole_rnn.log10_exact, rtol=0, atol=1e-10)


def test_blocks_begin_at_the_same_steps_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = draw_cell(lstm, "keras", 3, 20, seed=1)
    x = draw_inputs("noise", 300, 3)
    calls = noted(monkeypatch, cell_walk.CellWalk, "plainly")
    survival_of("lstm", weights, x)
    alone = [(first, last) for first, last, _ in calls]
    assert alone[0][1] == 300 and alone[-1][0] == 1
    assert [first - 1 for first, _ in alone[:-1]] == [last for _, last in alone[1:]]
    calls.clear()
    survival_of("lstm", batch([weights] * 40), np.stack([x] * 40))
    assert sorted({(first, last) for first, last, _ in calls}, reverse=True) == alone


def saturated_at(step: int) -> np.ndarray:
    """Inputs of 150 steps, one so large that tanh's slope there underflows."""
    x = X.copy()
    x[step - 1] = 1e6
    return x


def test_only_the_step_that_fails_is_walked_carefully(monkeypatch: pytest.MonkeyPatch) -> None:
    rnn, weights = Rnn(), draw_rnn("pytorch", 4, 9, seed=5)
    states = rnn.forward(weights, saturated_at(100))
    calls = noted(monkeypatch, walk.RnnWalk, "carefully")
    found = rnn_survival(rnn, states, weights).log10_exact
    assert [t for t, _ in calls] == [100]
    assert found[99].max() < -300 < found[100].min()
    walk_carefully(monkeypatch)
    careful = rnn_survival(rnn, states, weights).log10_exact
    np.testing.assert_allclose(found, careful, rtol=1e-12, atol=1e-10)


def test_only_the_experiment_that_fails_is_walked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = draw_cell(lstm, "keras", 4, 9, seed=5)
    faint = draw_cell(lstm, "keras", 4, 9, seed=5, gain=1e-200)
    alone = [survival_of("lstm", weights), survival_of("lstm", faint)]
    calls = noted(monkeypatch, cell_walk.CellWalk, "uncoupled")
    together = survival_of("lstm", batch([weights, weights, faint, weights]), np.stack([X] * 4))
    assert {int(b) for *_, who in calls for b in who} == {2}
    for b, number in enumerate((0, 0, 1, 0)):
        np.testing.assert_array_equal(together.log10_exact[b], alone[number].log10_exact)


def test_scratch_memory_is_kept_and_grows() -> None:
    first = walk.scratch("test", 4, 5)
    assert np.shares_memory(first, walk.scratch("test", 2, 3))
    assert walk.scratch("test", 40, 5).shape == (40, 5)


def test_scratch_memory_begins_with_a_cache_line() -> None:
    assert walk.scratch("test", 3, 5).ctypes.data % 64 == 0


def test_scratch_memory_is_each_threads_own() -> None:
    ours, theirs = walk.scratch("test", 4, 5), []
    thread = threading.Thread(target=lambda: theirs.append(walk.scratch("test", 4, 5)))
    thread.start()
    thread.join()
    assert not np.shares_memory(ours, theirs[0])


@pytest.mark.parametrize("n", [1, 2, 3, 16, 37, 64])
def test_running_sum_is_the_cumulative_sum(n: int) -> None:
    terms = np.random.RandomState(0).standard_normal((2, n, 3))
    np.testing.assert_allclose(
        walk.running_sum(terms), np.cumsum(terms, axis=1), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("H", [1, 2])
def test_no_gate_is_too_far_saturated_for_a_logarithm(name: str, H: int) -> None:
    """Gates before their nonlinearity are proportional to inputs so large, and ln σ(−a) = −a."""
    weights = draw_cell(CELLS[name], "keras", 1, H, seed=1)
    pattern = np.array([[1.0], [-1 / 2], [1 / 3], [-1.0], [1.0], [-1 / 5]])
    large, larger = (
        survival_of(name, weights, size * pattern).log10_exact[:-1] for size in (1e11, 1e12)
    )
    far = large < -1e6
    assert not (np.isneginf(larger) & ~np.isneginf(large)).any()
    np.testing.assert_allclose(larger[far], 10 * large[far], rtol=1e-6)
