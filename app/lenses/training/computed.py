"""What is seen of two networks that learn: every update, and all of each at a few of them."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from app.budget import MEGABYTE, USUAL
from app.knobs import Experiment
from app.view import Focus
from lstm_engine import CELLS, Cell, Rnn, cell_survival, draw_cell, draw_rnn, rnn_survival
from lstm_engine.errors import Diverged, LeftFloat64
from lstm_engine.tasks import TASKS, Examples, draw_examples
from lstm_engine.training import (
    Learner,
    Parameters,
    Record,
    Setting,
    begin,
    loss_and_gradients,
    parameters,
    train,
)

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

NETWORKS = ("cell", "rnn")
FIRST_AT, SNAPSHOTS = 10, 50  # the first snapshot's update, and how many there are, evenly, later
# A server keeps all that snapshots show, and the weights of both networks, for all who come back.
KEPT_BYTES = USUAL.kept_mb * MEGABYTE
FEWEST, FEWEST_AT_ALL = 4, 2  # evenly; the first and the last
OF_A_SIGHT = 1000  # numbers' worth: the objects around them
# Batches that nobody learns from: update n learns from batch n, of 1 … 20000.
NEVER_TRAINED_ON = (0, 20001, 20002, 20003)
MOST_STEPS = 200  # of a map: three stand side by side, for each of up to sixty snapshots
SOLVED, DIVERGED, DONE = "solved", "diverged", "done"


@dataclass(frozen=True)
class Maps:
    """How much gradient survives in a network as it stands, on the sequence that is shown; log10.

    The direct path and the detours are a gated cell's alone.
    """

    exact: Array  # (N, H), norms of columns at the steps told
    exact_rms: Array  # (N,)
    direct: Array | None = None
    direct_rms: Array | None = None
    detours_rms: Array | None = None


@dataclass(frozen=True)
class Sight:
    """A network after so many updates, and all updates since the sight before."""

    update: int
    record: Record
    loss: float  # over draws that no update sees; nan where states leave float64
    maps: Maps | None  # None where the states of the shown sequence leave float64


@dataclass(frozen=True)
class Course:
    """One network's way so far; `end` says why it goes no further, where it does not."""

    sights: tuple[Sight, ...] = ()
    end: str = ""

    def at(self, number: int) -> Sight:
        """The sight at a snapshot; of who came to an end earlier, the last."""
        return self.sights[min(number, len(self.sights) - 1)]

    def up_to(self, count: int) -> "Course":
        """The same as it was when the first `count` snapshots were known, and no more."""
        if len(self.sights) <= count:
            return self
        return Course(self.sights[:count])

    def curve(self, name: str) -> Array:
        """What was seen at each update: its loss, its norm, clipped."""
        parts = [getattr(sight.record, name) for sight in self.sights]
        return np.concatenate([np.zeros(0), *parts])

    def gate(self, letter: str) -> Array:
        """A gate's mean at each update."""
        return np.concatenate([np.zeros(0), *(s.record.gates[letter] for s in self.sights)])


@dataclass(frozen=True)
class Training:
    """The numbers of the training lens, as far as they are known."""

    experiment: Experiment
    setting: Setting
    updates: int  # at most
    steps: Steps  # (N,), of a sequence, those that maps tell
    cell: Course
    rnn: Course

    @property
    def length(self) -> int:
        """How many steps a sequence has."""
        return self.setting.asked.steps(self.setting.T)

    def moments(self) -> list[int]:
        """The update of each snapshot, as far as either network got."""
        courses = [course for course in (self.cell, self.rnn) if course.sights]
        count = max((len(course.sights) for course in courses), default=0)
        return [max(course.at(n).update for course in courses) for n in range(count)]

    def shown(self, update: int | None) -> int:
        """The snapshot that is looked at: the last that is not after an update; −1 for none."""
        moments = self.moments()
        if update is None or not moments:
            return len(moments) - 1
        return max(bisect_right(moments, update) - 1, 0)


@lru_cache(64)
def setting_of(experiment: Experiment, focus: Focus) -> Setting:
    """What both networks are asked to learn; where T is too short for it, with its least T."""
    return Setting(
        task=focus.task,
        T=max(experiment.T, TASKS[focus.task].least),
        batch=focus.batch,
        optimiser=focus.optimiser,
        rate=focus.rate,
        clip=focus.clip,
        seed=experiment.seed,
        text=focus.words if focus.task == "text" else "",
    )


def snapshots(updates: int, most: int = SNAPSHOTS) -> tuple[int, ...]:
    """The updates after which maps are made: at first each twice as late as the one before."""
    every = max(1, -(-updates // most))
    doubled = [FIRST_AT * 2**n for n in range(16) if FIRST_AT * 2**n < every]
    return (0, *doubled, *range(every, updates, every), updates)


@lru_cache(64)
def moments_of(experiment: Experiment, focus: Focus) -> tuple[int, ...]:
    """The updates after which maps of this training are made: fewer where each takes much."""
    none, one = (kept_bytes(experiment, focus, looks) for looks in (0, 1))
    most, fitting = SNAPSHOTS, (KEPT_BYTES - none) // (one - none)
    while most > FEWEST and len(snapshots(focus.updates, most)) > fitting:
        most -= 1
    return thinned(snapshots(focus.updates, most), max(FEWEST_AT_ALL, fitting))


def thinned(moments: tuple[int, ...], most: int) -> tuple[int, ...]:
    """So many of some moments at most, the first and the last among them."""
    if len(moments) <= most:
        return moments
    return tuple(moments[n * (len(moments) - 1) // (most - 1)] for n in range(most))


def kept_bytes(experiment: Experiment, focus: Focus, looks: int = FEWEST_AT_ALL) -> int:
    """What a server keeps of a whole training with so many snapshots: at each the weights and the
    maps, both learners with Adam's moments, a row for every update."""
    asked, H = TASKS[focus.task], experiment.H
    weights = sum(parameters_of(experiment, focus, network) for network in NETWORKS)
    maps = (3 * H + 4) * len(steps_told(asked.steps(experiment.T)))
    row = sum(3 + len(module_of(experiment, network).GATES) for network in NETWORKS)
    return 8 * (looks * (weights + maps + OF_A_SIGHT) + 3 * weights + focus.updates * row)


@lru_cache(64)
def sizes_of(task: str, words: str) -> tuple[int, int]:
    """How many inputs and outputs a task has."""
    return TASKS[task].sizes(words)


def parameters_of(experiment: Experiment, focus: Focus, network: str) -> int:
    """How many numbers a network learns; rounded up."""
    (D, outputs), H = sizes_of(focus.task, focus.words), experiment.H
    rows = len(module_of(experiment, network).GATES) * H
    return rows * (D + H + 2) + 3 * H + outputs * (H + 1)


def steps_told(length: int) -> Steps:
    """The steps that a map tells: all, or 201 of them, evenly."""
    if length <= MOST_STEPS:
        return np.arange(length + 1)
    return (np.arange(MOST_STEPS + 1) * length + MOST_STEPS // 2) // MOST_STEPS


def module_of(experiment: Experiment, network: str) -> Cell:
    """A network's equations."""
    return CELLS[experiment.cell] if network == "cell" else Rnn(experiment.act)


def newborn(experiment: Experiment, setting: Setting, network: str) -> Learner:
    """A network as the experiment draws it, with as many inputs as the task has."""
    e, (D, _) = experiment, setting.asked.sizes(setting.text)
    if network == "rnn":
        weights = draw_rnn(e.init, D, e.H, seed=e.seed, rnn_init=e.rnn_init, gain=e.rnn_gain)
    else:
        known = {"seed": e.seed, "chrono": e.chrono, "gain": e.gain}
        weights = draw_cell(CELLS[e.cell], e.init, D, e.H, biases=e.biases, **known)  # type: ignore[arg-type]
    return begin(module_of(e, network), weights, setting)


@dataclass(frozen=True)
class Chunk:
    """What a chunk of training brought."""

    learner: Learner
    record: Record
    end: str  # "" where it may go on
    sight: Sight | None  # its record is this chunk's alone
    update_s: float  # what an update took; 0 where none was made


def chunk(
    experiment: Experiment, focus: Focus, network: str, learner: Learner | None, updates: int
) -> Chunk:
    """Train a network for so many updates, or up to its end, and look at it where there is a
    snapshot. Without a learner it is drawn."""
    cell, setting = module_of(experiment, network), setting_of(experiment, focus)
    learner = learner or newborn(experiment, setting, network)
    start, before = perf_counter(), learner.updates
    end = ""
    try:
        learner, record = train(cell, learner, setting, updates)
    except Diverged as diverged:
        learner, record = train(cell, learner, setting, diverged.update - 1 - before)
        end = DIVERGED
    made = learner.updates - before
    each_s = (perf_counter() - start) / made if made else 0.0
    if not end and learner.updates == focus.updates:
        end = DONE
    if learner.solved:
        end = SOLVED
    sight = None
    if end or learner.updates in moments_of(experiment, focus):
        sight = sight_of(cell, learner, setting, record)
    return Chunk(learner, record, end, sight, each_s)


def sight_of(cell: Cell, learner: Learner, setting: Setting, record: Record) -> Sight:
    """A network as it stands: its loss on what it never trained on, its maps on one sequence."""
    now = parameters(cell, learner, setting)
    maps: Maps | None = None
    loss = np.nan
    # Which states leave float64 depends on the sequence.
    with suppress(LeftFloat64):
        lost = [loss_and_gradients(cell, now, b, setting.asked).loss for b in kept_back(setting)]
        loss = float(np.mean(lost))
    with suppress(LeftFloat64):
        maps = maps_of(cell, now, setting)
    return Sight(learner.updates, record, loss, maps)


def kept_back(setting: Setting) -> Iterator[Examples]:
    """Examples that nobody learns from, in batches of the usual size."""
    for n in NEVER_TRAINED_ON:
        yield unseen(setting, n, setting.batch)


def unseen(setting: Setting, n: int, size: int) -> Examples:
    """So many examples of a batch."""
    how = {"seed": setting.seed, "text": setting.text}
    return draw_examples(setting.task, n, size, setting.T, **how)  # type: ignore[arg-type]


def shown_sequence(setting: Setting) -> Array:
    """The inputs (steps, D) of the one sequence that all maps are of."""
    return np.asarray(unseen(setting, NEVER_TRAINED_ON[0], 1).x[0])


def letters_read(setting: Setting) -> tuple[str, ...]:
    """The letters of the shown sequence, of the text task; else none."""
    if setting.task != "text":
        return ()
    alphabet = sorted(set(setting.text))
    return tuple(alphabet[letter] for letter in shown_sequence(setting).argmax(axis=1))


def maps_of(cell: Cell, now: Parameters, setting: Setting) -> Maps:
    """What survives in a network on the shown sequence."""
    x = shown_sequence(setting)
    steps, states = steps_told(len(x)), cell.forward(now.weights, x)
    if isinstance(cell, Rnn):
        rival = rnn_survival(cell, states, now.weights, steps)
        return Maps(rival.log10_exact, rival.exact_rms)
    ours = cell_survival(cell, states, now.weights, steps)
    return Maps(
        ours.log10_exact, ours.exact_rms, ours.log10_direct, ours.direct_rms, ours.detours_rms
    )


def joined(records: tuple[Record, ...]) -> Record:
    """The records of calls that follow each other, as one."""
    loss, norm, clipped = (
        np.concatenate([getattr(record, name) for record in records])
        for name in ("loss", "norm", "clipped")
    )
    gates = {
        gate: np.concatenate([record.gates[gate] for record in records])
        for gate in records[0].gates
    }
    return Record(records[0].before, loss, norm, clipped, gates)


def lately(course: Course, number: int) -> float:
    """The mean loss of the last ten updates before a snapshot; before the first, the held-out."""
    losses = course.up_to(number + 1).curve("loss")
    return float(np.mean(losses[-10:])) if len(losses) else course.at(number).loss
