"""Every gradient against autodiff, every optimiser against its equations, and a run against itself.

A run is a pure function: whoever cuts it, sends it around or repeats it gets the same bits.
"""

import pickle
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from lstm_engine import CELLS, LeftFloat64, Rnn, Weights, draw_cell, draw_rnn, lstm
from lstm_engine.cell import Cell
from lstm_engine.errors import Diverged
from lstm_engine.tasks import TASKS, Examples, Task, draw_examples
from lstm_engine.training import (
    Learner,
    Parameters,
    Record,
    Setting,
    begin,
    loss_and_gradients,
    parameters,
    train,
    unrolled,
)
from lstm_engine.training.learner import is_solved
from lstm_engine.training.network import draw_read_out, flat, views
from lstm_engine.training.optimiser import Moved, adam, clipped, norm, sgd
from tests.engine import oracle
from tests.engine.cells.test_every_cell import BY_NAME, every_cell

pytestmark = pytest.mark.slow

TEXT = "hello world"
BIASES = {"i": 0.3, "f": 1.5, "g": -0.4, "o": 0.2}
every_task = pytest.mark.parametrize("task", TASKS)
SMALL = Setting(task="adding", T=5, batch=4, rate=1e-2, seed=3)


def layer(name: str, D: int, H: int = 4, **knobs: Any) -> Weights:
    knobs = {"seed": 1, "init": "pytorch", "gain": 2.0} | knobs
    init = knobs.pop("init")
    if name.startswith("rnn"):
        return draw_rnn(init, D, H, **knobs)
    return draw_cell(BY_NAME[name], init, D, H, biases=BIASES, **knobs)


def untrained(name: str, task: str, H: int = 4) -> Parameters:
    D, outputs = TASKS[task].sizes(TEXT)
    weight_ho, bias_o = draw_read_out(H, outputs, seed=2)
    return Parameters(layer(name, D, H), weight_ho, bias_o + 0.1)


def start(name: str, setting: Setting, H: int = 4) -> tuple[Cell, Learner]:
    D, _ = setting.asked.sizes(setting.text)
    return BY_NAME[name], begin(BY_NAME[name], layer(name, D, H, gain=1.0), setting)


def autodiff(theirs: Parameters, examples: Examples, name: str, task: Task) -> Any:
    """The loss and its gradient, from equations that know nothing of the engine.

    Step by step and not compiled: for a dozen steps that takes a tenth of the time.
    """

    def loss(p: Parameters) -> Any:
        step = jax.vmap(lambda x, h, c: oracle.STEPS[name](p.weights, x, h, c))
        h = c = jnp.zeros((len(examples.x), p.weight_ho.shape[1]))
        y = []
        for x_t in np.moveaxis(examples.x, 1, 0):
            h, c = step(x_t, h, c)
            y.append(h @ p.weight_ho.T + p.bias_o)
        read = jnp.stack(y if task.every else y[-1:], axis=1)
        if task.labels:
            likely = jax.nn.log_softmax(read)
            return -jnp.take_along_axis(likely, examples.target[..., None], -1).mean()
        return ((read[..., 0] - examples.target) ** 2).mean()

    return jax.value_and_grad(loss)(theirs)


def judged(name: str, p: Parameters, examples: Examples, task: Task) -> tuple[float, np.ndarray]:
    loss, gradients = autodiff(p, examples, name, task)
    return float(loss), np.asarray(flat(gradients))


def assert_tensors_agree(cell: Cell, ours: Parameters, theirs: np.ndarray, D: int) -> None:
    outputs, H = ours.weight_ho.shape
    expected = views(cell, theirs, D, H, outputs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True):
        assert one.shape == other.shape
        scale = np.abs(other).max(initial=0.0)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9 * scale)


@every_cell
@every_task
@pytest.mark.slow
def test_loss_and_every_gradient_are_those_of_autodiff(name: str, task: str) -> None:
    asked, p = TASKS[task], untrained(name, task)
    examples = draw_examples(task, 1, 3, 1 if task == "copy" else 7, text=TEXT)
    loss, theirs = judged(name, p, examples, asked)
    ours = loss_and_gradients(BY_NAME[name], p, examples, asked)
    assert ours.loss == pytest.approx(loss, rel=1e-12)
    assert_tensors_agree(BY_NAME[name], ours.gradients, theirs, examples.x.shape[-1])
    assert theirs.any()


@every_cell
@pytest.mark.parametrize("block", [1, 3])
def test_blocks_of_steps_leave_no_seam(
    name: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, examples = untrained(name, "text"), draw_examples("text", 1, 3, 7, text=TEXT)
    _, theirs = judged(name, p, examples, TASKS["text"])
    monkeypatch.setattr(unrolled, "BLOCK_BYTES", 8 * 4 * 3 * block)
    ours = loss_and_gradients(BY_NAME[name], p, examples, TASKS["text"])
    assert_tensors_agree(BY_NAME[name], ours.gradients, theirs, examples.x.shape[-1])


@pytest.mark.parametrize("b_f", [-30.0, 30.0])
def test_gradients_keep_their_digits_where_gates_saturate(b_f: float) -> None:
    """σ'(±30) = 1e-13: written in the output it would have three digits left, or none."""
    p, examples = untrained("lstm", "adding"), draw_examples("adding", 1, 3, 12)
    bias = p.weights.bias_ih.copy()
    bias[4:8] = b_f
    p = p._replace(weights=p.weights._replace(bias_ih=bias))
    _, theirs = judged("lstm", p, examples, TASKS["adding"])
    ours = loss_and_gradients(lstm, p, examples, TASKS["adding"]).gradients
    expected = views(lstm, theirs, 2, 4, 1).weights.bias_ih
    np.testing.assert_allclose(ours.weights.bias_ih[4:8], expected[4:8], rtol=1e-9)
    assert 0 < np.abs(expected[4:8]).max() < 1e-11


@every_cell
def test_gates_are_told_by_their_mean_size(name: str) -> None:
    cell, p = BY_NAME[name], untrained(name, "order")
    examples = draw_examples("order", 1, 3, 12)
    told = loss_and_gradients(cell, p, examples, TASKS["order"]).gates
    assert list(told) == list(cell.GATES)
    runs = [cell.forward(p.weights, x) for x in examples.x]
    for gate, field in zip(cell.GATES, fields(cell.States)[2:], strict=False):
        rows = [run.h[1:] if name.startswith("rnn") else getattr(run, field.name) for run in runs]
        assert told[gate] == pytest.approx(np.abs(rows).mean(), rel=1e-12)


def test_what_leaves_float64_on_the_way_is_refused_with_its_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unrolled, "BLOCK_BYTES", 8 * 4 * 3 * 4)  # blocks of four steps
    rnn = Rnn("relu")
    p = untrained("rnn-relu", "copy")
    p = p._replace(weights=p.weights._replace(weight_hh=1e12 * np.ones((4, 4)), bias_ih=np.ones(4)))
    examples = draw_examples("copy", 1, 3, 30)
    with pytest.raises(LeftFloat64) as left:
        rnn.forward(p.weights, examples.x[0])
    with pytest.raises(LeftFloat64) as ours:
        loss_and_gradients(rnn, p, examples, TASKS["copy"])
    assert 20 < ours.value.step == left.value.step < 30


def test_huge_outputs_have_a_finite_cross_entropy() -> None:
    p, examples = untrained("lstm", "order"), draw_examples("order", 1, 50, 12)
    p = p._replace(bias_o=np.array([3000.0, 0.0, 0.0, 0.0]))
    found = loss_and_gradients(lstm, p, examples, TASKS["order"])
    wrong = (examples.target != 0).mean()
    assert found.loss == pytest.approx(3000 * wrong, rel=1e-2)
    np.testing.assert_allclose(found.gradients.bias_o[0], wrong, rtol=1e-12)


@every_cell
def test_a_vector_of_all_parameters_has_them_under_their_names(name: str) -> None:
    p = untrained(name, "copy")
    theta = flat(p)
    named = views(BY_NAME[name], theta, 10, 4, 9)
    for one, other in zip(jax.tree.leaves(named), jax.tree.leaves(p), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.size == 0 or np.shares_memory(one, theta)
    assert len(theta) == sum(leaf.size for leaf in jax.tree.leaves(p))


def test_the_read_out_is_glorots_and_frozen() -> None:
    weight, bias = draw_read_out(200, 100, seed=0)
    assert weight.shape == (100, 200) and not bias.any()
    assert np.abs(weight).max() == pytest.approx(np.sqrt(6 / 300), rel=1e-3)
    np.testing.assert_allclose(draw_read_out(2, 1, seed=0)[0], [FROZEN_READ_OUT], rtol=1e-14)


FROZEN_READ_OUT = [0.18101746585269218, 1.127530317740103]


def gradients_of_some_updates() -> np.ndarray:
    pick = np.random.RandomState(0)
    return pick.standard_normal((50, 7)) * 10.0 ** pick.uniform(-9, 3, (50, 7))


def test_adam_is_its_sums_written_out() -> None:
    """m and v after n updates are sums of powers of β; nothing of a recursion is used."""
    gs = gradients_of_some_updates()
    found = Moved(np.zeros(7), np.zeros(7), np.zeros(7))
    theta = np.zeros(7)
    for n in range(1, 51):
        found = adam(found, gs[n - 1], n, 0.02)
        ages = np.arange(n - 1, -1, -1)[:, None]
        mean = (0.9**ages * gs[:n]).sum(axis=0) / (0.9**ages).sum()
        square = (0.999**ages * gs[:n] ** 2).sum(axis=0) / (0.999**ages).sum()
        theta = theta - 0.02 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(found.theta, theta, rtol=1e-11)


@pytest.mark.torch
@pytest.mark.parametrize("limit", [0.0, 0.5])
def test_updates_are_those_of_torch(limit: float) -> None:
    """torch divides by the norm plus 1e-6 when it clips, so it agrees to about that."""
    torch = pytest.importorskip("torch")
    theirs = {name: torch.zeros(7, dtype=torch.float64, requires_grad=True) for name in "as"}
    steps = {
        "a": torch.optim.Adam([theirs["a"]], lr=0.02),
        "s": torch.optim.SGD([theirs["s"]], 0.02),
    }
    ours = dict.fromkeys("as", Moved(*np.zeros((3, 7))))
    for n, g in enumerate(gradients_of_some_updates(), 1):
        shorter = clipped(g, limit)[0]
        ours = {"a": adam(ours["a"], shorter, n, 0.02), "s": sgd(ours["s"], shorter, n, 0.02)}
        for name, step in steps.items():
            theirs[name].grad = torch.from_numpy(g.copy())
            if limit:
                torch.nn.utils.clip_grad_norm_([theirs[name]], limit)
            step.step()
    for name in "as":
        expected = theirs[name].detach().numpy()
        np.testing.assert_allclose(ours[name].theta, expected, rtol=2e-5 if limit else 1e-12)


def test_clipping_shortens_what_is_too_long_and_nothing_else() -> None:
    g = np.array([3.0, -4.0])
    for limit in (0.0, 5.0, 6.0):
        same, before, after = clipped(g, limit)
        np.testing.assert_array_equal(same, g)
        assert (before, after) == (5.0, 5.0)
    for limit in (1.0, 4.9):
        shorter, before, after = clipped(g, limit)
        np.testing.assert_allclose(shorter, np.array([0.6, -0.8]) * limit, rtol=1e-15)
        assert (before, after) == (5.0, limit)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_a_norm_does_not_end_where_squares_do(size: float) -> None:
    assert norm(np.array([3.0, 4.0]) * size) == pytest.approx(5 * size, rel=1e-15)
    assert norm(np.zeros(3)) == 0.0 and norm(np.array([1.0, np.inf])) == np.inf


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_an_update_takes_the_clipped_gradient_of_its_own_batch(optimiser: str, clip: float) -> None:
    setting = replace(SMALL, optimiser=optimiser, clip=clip)
    cell, learner = start("gru", setting)
    for n in (1, 2):
        examples = draw_examples("adding", n, 4, 5, seed=3)
        p = parameters(cell, learner, setting)
        loss, gradient = judged("gru", p, examples, TASKS["adding"])
        long = np.linalg.norm(gradient)
        by = min(1.0, clip / long) if clip else 1.0
        before = Moved(learner.theta, learner.first, learner.second)
        expected = (adam if optimiser == "adam" else sgd)(before, gradient * by, n, 1e-2)
        learner, record = train(cell, learner, setting, 1)
        np.testing.assert_allclose(learner.theta, expected.theta, rtol=1e-6)
        np.testing.assert_allclose(record.loss, [loss], rtol=1e-12)
        np.testing.assert_allclose((record.norm[0], record.clipped[0]), (long, by * long))
        assert learner.updates == n == record.before + 1
    assert by < 1 or not clip


def bits(learner: Learner, records: list[Record]) -> list[bytes]:
    rows = [[some.loss, some.norm, some.clipped, *some.gates.values()] for some in records]
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    kept = [getattr(learner, field.name) for field in fields(learner)]
    return [np.asarray(part).tobytes() for part in (*kept, *columns)]


@every_cell
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_run_has_the_same_bits_however_it_is_cut(name: str, optimiser: str) -> None:
    setting = replace(SMALL, optimiser=optimiser)
    cell, learner = start(name, setting)
    whole, record = train(cell, learner, setting, 12)
    assert whole.updates == 12 and len(record.loss) == 12
    cut, records = learner, []
    for updates in (1, 7, 0, 4):
        cut, some = train(cell, pickle.loads(pickle.dumps(cut)), setting, updates)
        records.append(some)
    assert bits(cut, records) == bits(whole, [record])
    assert learner.updates == 0  # it was not written into
    same, once_more = train(cell, learner, setting, 12)
    assert bits(same, [once_more]) == bits(whole, [record])


def test_two_networks_of_a_seed_meet_the_same_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    met: dict[str, list[Examples]] = {}

    class Watched(unrolled.Unrolled):
        def run(self, parameters: Parameters, examples: Examples, task: Task) -> unrolled.Found:
            met.setdefault(self.cell.NAME, []).append(examples)
            return super().run(parameters, examples, task)

    monkeypatch.setattr("lstm_engine.training.learner.Unrolled", Watched)
    for name in ("lstm", "rnn-tanh"):
        train(*start(name, SMALL), SMALL, 3)
    for one, other in zip(met["lstm"], met["rnn"], strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.target, other.target)
    assert (met["lstm"][0].x != met["lstm"][1].x).any()


EASY = Setting(task="text", T=6, batch=16, rate=3e-2, seed=0, text="abcd")


@pytest.mark.parametrize("name", ["lstm", "gru", "mingru", "rnn-tanh"])
def test_a_learner_stops_as_soon_as_its_task_is_solved(name: str) -> None:
    cell, learner = start(name, EASY, H=8)
    solved, record = train(cell, learner, EASY, 400)
    assert solved.solved and solved.updates == len(record.loss) < 400
    lately = np.convolve(record.loss, np.ones(10) / 10, mode="valid")
    assert lately[-1] <= np.log(4) / 20 < lately[:-1].min()
    after, nothing = train(cell, solved, EASY, 50)
    assert bits(after, [nothing]) == bits(solved, [nothing])
    assert nothing.before == solved.updates and nothing.loss.shape == (0,)
    assert all(gate.shape == (0,) for gate in nothing.gates.values())
    cut, _ = train(cell, learner, EASY, solved.updates - 1)
    assert not cut.solved


def test_a_task_is_solved_by_ten_updates_and_not_by_nine() -> None:
    limit = np.log(4) / 20
    assert is_solved((limit,) * 10, EASY) and not is_solved((limit,) * 9, EASY)
    assert not is_solved((limit,) * 9 + (1.01 * limit,), EASY)


def test_an_lstm_learns_to_add() -> None:
    """At T = 20, where it takes seconds; the defaults take minutes."""
    setting = Setting(task="adding", T=20, batch=32, rate=1e-2, seed=0)
    cell, learner = start("lstm", setting, H=16)
    learner, record = train(cell, learner, setting, 1000)
    assert learner.solved and learner.updates > 50
    assert record.loss[:20].mean() > 0.15


@pytest.mark.parametrize("name", ["rnn-identity", "rnn-relu", "rnn-tanh", "lstm", "mingru"])
def test_a_rate_that_is_far_too_high_ends_in_a_clear_error(name: str) -> None:
    setting = Setting(task="adding", T=10, batch=8, optimiser="sgd", rate=1e3, clip=0.0)
    cell, learner = start(name, setting)
    with pytest.raises(Diverged, match="leaves float64 at update") as diverged:
        train(cell, learner, setting, 2000)
    assert diverged.value.cell == cell.NAME and 1 < diverged.value.update < 2000
    sane, record = train(cell, learner, setting, diverged.value.update - 1)
    assert np.isfinite(record.loss).all() and np.isfinite(sane.theta).all()
    with pytest.raises(Diverged) as later:
        train(cell, sane, setting, 1)
    assert later.value.update == diverged.value.update
    assert str(pickle.loads(pickle.dumps(later.value))) == str(diverged.value)


def test_clipping_keeps_the_same_rate_within_float64() -> None:
    setting = Setting(task="adding", T=10, batch=8, optimiser="sgd", rate=1e3, clip=1e-5)
    learner, record = train(*start("lstm", setting), setting, 100)
    assert learner.updates == 100 and record.clipped.max() <= 1e-5 < record.norm.min()


def test_a_learner_is_small_and_travels() -> None:
    learner, _ = train(*start("lstm", SMALL), SMALL, 3)
    there = pickle.dumps(learner)
    assert len(there) < 3 * learner.theta.nbytes + 1000
    for field in fields(learner):
        np.testing.assert_array_equal(
            getattr(pickle.loads(there), field.name), getattr(learner, field.name)
        )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"task": "xor"}, "allowed are adding, copy, order, text"),
        ({"T": 1}, "the adding task needs at least 2 steps"),
        ({"task": "text"}, "two different characters"),
        ({"optimiser": "rmsprop"}, "allowed are adam, sgd"),
        ({"batch": 0}, "at least 1"),
        ({"rate": -1.0}, "not below 0"),
        ({"clip": np.inf}, "finite"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Setting(**wrong)


def test_weights_with_other_inputs_than_the_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="the weights have 3 inputs, not 2"):
        begin(CELLS["lstm"], layer("lstm", 3), SMALL)


@pytest.mark.torch
def test_a_step_is_that_of_torch() -> None:
    """nn.LSTM, nn.Linear, MSE, backward and Adam, from the same weights and the same batches."""
    torch = pytest.importorskip("torch")
    setting = Setting(T=12, batch=5, clip=0.0)
    cell, learner = start("lstm", setting)
    ours = parameters(cell, learner, setting)
    recurrent = torch.nn.LSTM(2, 4, batch_first=True, dtype=torch.float64)
    linear = torch.nn.Linear(4, 1, dtype=torch.float64)
    theirs = [*recurrent.parameters(), *linear.parameters()]
    with torch.no_grad():
        for tensor, value in zip(theirs, (*ours.weights[:4], *ours[1:]), strict=True):
            tensor.copy_(torch.from_numpy(value.copy()))
    optimiser = torch.optim.Adam(theirs, lr=5e-3)
    losses = []
    for n in range(1, 21):
        x, target = (torch.from_numpy(part) for part in draw_examples("adding", n, 5, 12))
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(linear(recurrent(x)[0][:, -1]), target)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    learner, record = train(cell, learner, setting, 20)
    np.testing.assert_allclose(record.loss, losses, rtol=1e-7)
    with torch.no_grad():
        values = np.concatenate([tensor.numpy().ravel() for tensor in theirs])
    np.testing.assert_allclose(learner.theta, values, rtol=1e-5, atol=1e-8)
