"""The roads between steps and between states: the numbers of the paths lens, and what they cost.

What costs more than a walk back is bounded: of a long experiment with many units the lens tells
how far back it looked, and how closely.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from app.lenses.highway import steps_lagged, steps_told
from app.networks import networks
from app.view import Focus
from lstm_engine import (
    CELLS,
    Cell,
    CellBlocks,
    CellSurvival,
    Entries,
    NearTheEnds,
    Rnn,
    Weights,
    cell_blocks,
    cell_from_to,
    chaos,
    direct_between,
    exact_between,
    jacobian_between,
    rnn_from_to,
)

LOOKED_BACK = 10  # steps from s to t, where the link names no s
WALK_FLOPS = 1.2e10  # of the blocks that lead to h_T, and of the Jacobian
MAPS_FLOPS = 1.8e8  # of the maps from step to step, times H: wide products are quicker
PAIRS_FLOPS = 1.2e9  # of these for putting stretches together
MOST_ENDS, LEAST_ENDS = 40, 16
WIDEST = 40  # steps from end to end, where there are fewer ends than the most
CAREFUL_WORK = 1.5e6  # steps times H², where every end must be walked back on its own

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class FromTo:
    """rms over units of what is left from step to step; log10, entry [s, t], nan where s > t."""

    steps: Rows  # (N,), both the rows' s and the columns' t
    direct: Floats  # (N, N)
    exact: Floats
    rnn: Floats


@dataclass(frozen=True)
class Paths:
    """The numbers of the paths lens (`docs/math.md`, "Four words", "Blocks", "From step to step").

    `survival` and `blocks` hold the steps that are told, and those that a log axis needs beside
    them: `told` and `lagged` are the rows of each.
    """

    experiment: Experiment
    focus: Focus
    survival: CellSurvival
    blocks: CellBlocks
    told: Rows
    lagged: Rows
    s: int
    t: int
    jacobian: Entries  # ∂c_t/∂c_s
    from_to: FromTo
    amplification: dict[str, float]  # log10, by network: see `lstm_engine.chaos`


def compute(experiment: Experiment, focus: Focus) -> Paths:
    """The engine's part: every number of this lens.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    cell, rnn, T = CELLS[experiment.cell], Rnn(experiment.act), experiment.T
    weights, rnn_weights, inputs = networks(experiment)
    states, rnn_states = cell.forward(weights, inputs), rnn.forward(rnn_weights, inputs)
    twins = (
        cell.forward(chaos.nudged(weights), inputs),
        rnn.forward(chaos.nudged(rnn_weights), inputs),
    )
    told, lagged = steps_told(T), steps_lagged(T)
    steps = np.union1d(told, lagged)
    most = steps_affordable(experiment)
    survival, blocks = cell_blocks(cell, states, weights, steps, max(0, T - most))
    s, t = looked_at(T, focus)
    s = max(s, t - most)
    return Paths(
        experiment,
        focus,
        survival,
        blocks,
        np.searchsorted(steps, told),
        np.searchsorted(steps, lagged),
        s,
        t,
        jacobian_between(cell, states, weights, s, t),
        from_to((cell, states, weights), (rnn, rnn_states, rnn_weights)),
        {
            cell.TITLE: chaos.log10_amplification(states.h, twins[0].h),
            rnn.TITLE: chaos.log10_amplification(rnn_states.h, twins[1].h),
        },
    )


def looked_at(T: int, focus: Focus) -> tuple[int, int]:
    """The two steps s < t that a link looks at: by default the last one, and ten steps before t."""
    t = T if focus.t is None else min(max(focus.t, 1), T)
    s = t - LOOKED_BACK if focus.s is None else min(focus.s, t - 1)
    return max(s, 0), t


def steps_affordable(experiment: Experiment) -> int:
    """How many steps of a second walk back are affordable at this H."""
    return int(WALK_FLOPS // (4 * experiment.H**3))


def from_to(ours: tuple[Cell, Any, Weights], theirs: tuple[Rnn, Any, Weights]) -> FromTo:
    """The maps from step to step of both networks, on a grid that is affordable."""
    cell, states, weights = ours
    T, H = states.h.shape[0] - 1, states.h.shape[1]
    steps = every(T, *affordable_grid(T, H, "o" in cell.GATES))
    try:
        exact, rnn = exact_between(*ours, steps), exact_between(*theirs, steps)
    except NearTheEnds:
        careful = int(CAREFUL_WORK // max(H, 32) ** 2)
        steps = every(T, LEAST_ENDS, max(1, 2 * careful // LEAST_ENDS))
        exact = cell_from_to(cell, states, weights, steps).exact_rms
        rnn = rnn_from_to(*theirs, steps).exact_rms
    return FromTo(steps, direct_between(cell, states, weights, steps), exact, rnn)


def affordable_grid(T: int, H: int, two_states: bool) -> tuple[int, int]:
    """How many ends the maps from step to step may have, and how many of the last steps."""
    of_a_step, of_a_pair = (10, 5) if two_states else (4, 2)
    ends = int(math.sqrt(PAIRS_FLOPS / (of_a_pair * H**3)))
    ends = min(max(ends, LEAST_ENDS), MOST_ENDS)
    affordable = (MAPS_FLOPS * H / H**3 - of_a_pair * ends**2) // of_a_step
    near = T if ends == MOST_ENDS else WIDEST * ends
    return ends, int(max(1, min(T, affordable, near)))


def every(T: int, ends: int, window: int) -> Rows:
    """The last `window` steps and the one before them, so far apart that there are few ends."""
    window = min(T, window)
    apart = -(-window // ends)
    return np.union1d(np.arange(T, T - window, -apart), T - window)
