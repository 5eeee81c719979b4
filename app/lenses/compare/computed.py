"""Two experiments at the same steps: the numbers of the compare lens."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from app.lenses.compare.second import Difference, differences, idle
from app.lenses.highway import Highway, steps_lagged, steps_told
from app.networks import Networks, networks, untaught
from app.view import Focus
from lstm_engine import (
    CELLS,
    CellSurvival,
    Rnn,
    RnnSurvival,
    cell_survival,
    chaos,
    horizon,
    rnn_survival,
)
from lstm_engine.errors import LeftFloat64

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


class SecondLeftFloat64(LeftFloat64):
    """A state of the second experiment is no float64 any more; the first one's may well be."""


@dataclass(frozen=True)
class Comparison:
    """The numbers of the compare lens: those of the highway lens, of A and of B, at equal steps.

    They are defined in `docs/math.md`, section "Four words".
    What is the same in both was computed once, and is then the same object.
    """

    a: Highway
    b: Highway
    differing: tuple[Difference, ...]
    idle: tuple[Difference, ...]

    @property
    def experiment(self) -> Experiment:
        """The experiment of the link, A."""
        return self.a.experiment

    @property
    def same_cell(self) -> bool:
        """Whether A and B have one gated cell, weights, inputs and all."""
        return self.a.cell is self.b.cell

    @property
    def same_rnn(self) -> bool:
        """Whether A and B have one vanilla RNN."""
        return self.a.rnn is self.b.rnn

    @property
    def paired(self) -> bool:
        """Whether both have as many units, so that unit j of A stands beside unit j of B."""
        return self.a.experiment.H == self.b.experiment.H

    @property
    def of_the_rnn(self) -> bool:
        """Whether all that differs is the vanilla RNN: then its maps are the ones to look at."""
        return self.same_cell and not self.same_rnn


def compute(experiment: Experiment, focus: Focus) -> Comparison:
    """Both experiments' numbers; a network that is the same in both is walked once.

    Raises:
        lstm_engine.errors.LeftFloat64: a state of A is no float64 any more.
        SecondLeftFloat64: a state of B is none.
    """
    second = focus.second(experiment)
    ours, theirs = networks(experiment), untaught(second)
    heard = np.array_equal(ours.inputs, theirs.inputs)
    same_cell = heard and experiment.cell == second.cell and same(ours.cell, theirs.cell)
    same_rnn = heard and experiment.act == second.act and same(ours.rnn, theirs.rnn)
    a_cell, a_rnn = gated(experiment, ours), rival(experiment, ours)
    try:
        b_cell = a_cell if same_cell else gated(second, theirs)
        b_rnn = a_rnn if same_rnn else rival(second, theirs)
    except LeftFloat64 as error:
        raise SecondLeftFloat64(error.cell, error.step) from error
    return Comparison(
        side(experiment, a_cell, a_rnn),
        side(second, b_cell, b_rnn),
        (*lessons(focus), *differences(experiment, second, focus)),
        idle(experiment, second, focus),
    )


def lessons(focus: Focus) -> tuple[Difference, ...]:
    """Where A's networks have learnt, B's are as they were drawn; before the first update A's are
    too."""
    if not focus.trained:
        return ()
    return (Difference("trained", "Updates of training", str(focus.trained), "0"),)


def same(ours: Any, theirs: Any) -> bool:
    """Whether two networks have the same weights, to the last bit."""
    pairs = zip(ours, theirs, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs if one is not None)


class Gated(NamedTuple):
    """The gated cell's numbers in one experiment."""

    survival: CellSurvival
    mean_log_carry: Floats  # (H,), natural logarithm, mean over time
    amplification: float  # log10, see `lstm_engine.chaos`


def gated(experiment: Experiment, drawn: Networks) -> Gated:
    """The gated cell's numbers in one experiment."""
    cell, weights = CELLS[experiment.cell], drawn.cell
    states = cell.forward(weights, drawn.inputs)
    twin = cell.forward(chaos.nudged(weights), drawn.inputs)
    return Gated(
        cell_survival(cell, states, weights, steps_walked(experiment.T)),
        horizon.mean_log_carry(cell, states, weights),
        chaos.log10_amplification(states.h, twin.h),
    )


class Rival(NamedTuple):
    """The vanilla RNN's numbers in one experiment."""

    survival: RnnSurvival
    amplification: float


def rival(experiment: Experiment, drawn: Networks) -> Rival:
    """The vanilla RNN's numbers in one experiment."""
    rnn, weights = Rnn(experiment.act), drawn.rnn
    states = rnn.forward(weights, drawn.inputs)
    twin = rnn.forward(chaos.nudged(weights), drawn.inputs)
    survival = rnn_survival(rnn, states, weights, steps_walked(experiment.T))
    return Rival(survival, chaos.log10_amplification(states.h, twin.h))


def steps_walked(T: int) -> Rows:
    """The steps that are told and those that a log axis shows."""
    return np.union1d(steps_told(T), steps_lagged(T))


def side(experiment: Experiment, cell: Gated, rnn: Rival) -> Highway:
    """The numbers of one experiment as the highway lens holds them."""
    T = experiment.T
    return Highway(
        experiment,
        cell.survival,
        rnn.survival,
        np.searchsorted(steps_walked(T), steps_told(T)),
        np.searchsorted(steps_walked(T), steps_lagged(T)),
        cell.mean_log_carry,
        {CELLS[experiment.cell].TITLE: cell.amplification, Rnn.TITLE: rnn.amplification},
    )


def b_over_a(a: Floats, b: Floats) -> Floats:
    """log10 of B/A: +inf where A alone is a true zero, −inf where B alone is, nan where both."""
    with np.errstate(invalid="ignore"):
        return np.asarray(b - a)


def curves_compared(found: Comparison) -> list[tuple[str, Floats, Floats]]:
    """The curves in which A and B differ: title, A's, B's, at every step walked."""
    a, b = found.a, found.b
    pairs = [
        ("Every path (exact)", a.cell.exact_rms, b.cell.exact_rms),
        ("Carry alone (direct)", a.cell.direct_rms, b.cell.direct_rms),
    ]
    rivals = [("Vanilla RNN", a.rnn.exact_rms, b.rnn.exact_rms)]
    return (pairs if not found.of_the_rnn else []) + (rivals if not found.same_rnn else [])
