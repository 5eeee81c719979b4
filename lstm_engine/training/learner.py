"""Training as a pure function: a learner goes in, one that has learnt more comes out.

The batches of update n depend on the seed and n alone, and a learner holds all that the next update
needs, so a run has the same bits however it is cut into calls. `docs/math.md`, section "Training".
"""

from dataclasses import dataclass

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.errors import Diverged, LeftFloat64
from lstm_engine.gates import Array
from lstm_engine.tasks import SOLVED, Task, draw_examples, task_of
from lstm_engine.training.network import Parameters, draw_read_out, flat, views
from lstm_engine.training.optimiser import OPTIMISERS, Moved, adam, clipped, sgd
from lstm_engine.training.unrolled import Found, Unrolled
from lstm_engine.validation import cell_named, instance, integer, layer, number, one_of, seed
from lstm_engine.weights import Weights

LATELY = 10  # updates whose mean loss says whether a task is solved


@dataclass(frozen=True, slots=True)
class Setting:
    """What is learnt, and how.

    Raises:
        ValueError: an unknown task or optimiser, or a number that cannot be.
    """

    task: str = "adding"  # one of TASKS
    T: int = 100  # steps; the copy task has 20 more
    batch: int = 64  # examples an update
    optimiser: str = "adam"  # or "sgd"
    rate: float = 5e-3
    clip: float = 1.0  # the largest global norm of a gradient; 0: whatever it is
    seed: int = 0  # draws batches and the read-out
    text: str = ""  # of the text task

    def __post_init__(self) -> None:
        task_of(self.task, self.T, self.text)
        one_of("optimiser", self.optimiser, OPTIMISERS)
        integer("batch", self.batch, 1)
        seed(self.seed)
        for name in ("rate", "clip"):
            number(name, getattr(self, name), "finite numbers not below 0", low=0.0)

    @property
    def asked(self) -> Task:
        """The task itself."""
        return task_of(self.task, self.T, self.text)

    @property
    def guessing(self) -> float:
        """What a guess that knows nothing of the sequence loses."""
        return self.asked.guessing(self.T, self.text)


@dataclass(frozen=True, slots=True)
class Learner:
    """A network on its way: all that the next update needs, and small enough to be sent around."""

    H: int
    theta: Array  # (P,), all parameters; `parameters` names them
    first: Array  # (P,), Adam's moments
    second: Array
    updates: int  # made so far
    losses: tuple[float, ...]  # of the last ten updates, or fewer
    solved: bool  # see `is_solved`


@dataclass(frozen=True, slots=True)
class Record:
    """What was seen in the n updates of a call; row k is of update `before + k + 1`."""

    before: int  # updates made before the call
    loss: Array  # (n,), mean over the batch, before the update
    norm: Array  # (n,), the whole gradient's, before clipping
    clipped: Array  # (n,), after it
    gates: dict[str, Array]  # (n,) each by the letters of `cell.GATES`: the mean over time, units
    #   and batch; g's, and an RNN's, is the mean of its size, since it has a sign


def begin(cell: Cell, weights: Weights, setting: Setting) -> Learner:
    """A learner before its first update: these weights, a drawn read-out, moments of zero.

    Args:
        cell: the cell's module, or an `Rnn`.
        weights: of one layer with as many inputs as the task has (`Setting.asked.sizes`).
        setting: what is to be learnt.

    Raises:
        ValueError: where the weights have another number of inputs.
    """
    instance("setting", setting, Setting, "a Setting")
    weights = layer(cell, weights, axes=0)
    D, outputs = setting.asked.sizes(setting.text)
    if weights.weight_ih.shape[-1] != D:
        raise ValueError(f"the weights have {weights.weight_ih.shape[-1]} inputs, not {D}")
    H = len(weights.bias_ih) // len(cell.GATES)
    theta = flat(Parameters(weights, *draw_read_out(H, outputs, seed=setting.seed)))
    return Learner(H, theta, np.zeros_like(theta), np.zeros_like(theta), 0, (), False)


def parameters(cell: Cell, learner: Learner, setting: Setting) -> Parameters:
    """What a learner is: weights and read-out under their names; views of its theta."""
    instance("setting", setting, Setting, "a Setting")
    cell_named(cell)
    instance("learner", learner, Learner, "a Learner, of begin or train")
    D, outputs = setting.asked.sizes(setting.text)
    return views(cell, learner.theta, D, learner.H, outputs)


def train(cell: Cell, learner: Learner, setting: Setting, updates: int) -> tuple[Learner, Record]:
    """Go on learning for so many updates, or until the task is solved; a pure function.

    A run has the same bits in one call or in many.

    Args:
        cell: the cell's module, or an `Rnn`.
        learner: of `begin`, or of a call before.
        setting: as in `begin`.
        updates: the most that are made; a learner that has solved its task makes none.

    Returns:
        The learner after its last update, and a record of each.

    Raises:
        Diverged: at the first update that leaves float64. The same call with fewer updates tells of
            those before.

    Source: `docs/math.md`, section "Training".
    """
    _, updates = parameters(cell, learner, setting), integer("updates", updates, 0)
    before = learner.updates
    rows: list[list[float]] = []
    unrolled = Unrolled(
        cell,
        parameters(cell, learner, setting),
        (setting.batch, setting.asked.steps(setting.T), setting.asked.sizes(setting.text)[0]),
    )
    while len(rows) < updates and not learner.solved:
        learner, row = _update(cell, learner, setting, unrolled)
        rows.append(row)
    loss, norms, clipped_norms, *gates = np.array(rows).reshape(-1, 3 + len(cell.GATES)).T
    by_gate = dict(zip(cell.GATES, gates, strict=True))
    return learner, Record(before, loss, norms, clipped_norms, by_gate)


def is_solved(losses: tuple[float, ...], setting: Setting) -> bool:
    """Whether the last ten updates lost on average at most a twentieth of what guessing loses."""
    return len(losses) == LATELY and float(np.mean(losses)) <= SOLVED * setting.guessing


def _update(
    cell: Cell, learner: Learner, setting: Setting, unrolled: Unrolled
) -> tuple[Learner, list[float]]:
    """One update, and its row: loss, norms before and after clipping, gates."""
    n = learner.updates + 1
    found = _found(cell, learner, setting, unrolled)
    before = Moved(learner.theta, learner.first, learner.second)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        gradient, norm, after = clipped(flat(found.gradients), setting.clip)
        moved = (adam if setting.optimiser == "adam" else sgd)(before, gradient, n, setting.rate)
    if not np.isfinite((found.loss, norm, *(np.sum(part) for part in moved))).all():
        raise Diverged(cell.NAME, n)
    losses = (*learner.losses, found.loss)[-LATELY:]
    learnt = Learner(learner.H, *moved, n, losses, is_solved(losses, setting))
    return learnt, [found.loss, norm, after, *found.gates.values()]


def _found(cell: Cell, learner: Learner, setting: Setting, unrolled: Unrolled) -> Found:
    """What the next batch says of a learner's parameters."""
    n = learner.updates + 1
    examples = draw_examples(
        setting.task, n, setting.batch, setting.T, seed=setting.seed, text=setting.text
    )
    try:
        return unrolled.run(parameters(cell, learner, setting), examples, setting.asked)
    except LeftFloat64 as left:
        raise Diverged(cell.NAME, n) from left
