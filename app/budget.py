"""What an experiment costs, known before any work, and what is affordable."""

from bisect import bisect_left
from typing import NamedTuple

from app.knobs import Experiment

MEGABYTE = 2**20

DEAR_FLOPS, DEAR_STEPS = 5e8, 1000  # from about 10 ms of the engine on; a plot is written in 2 to 6

# What the lens that takes most holds at its peak, its answers included; measured by
# `tests/app/test_budget.py`. Work in blocks has a ceiling.
STEP_BYTES, SQUARE_BYTES, BLOCK_BYTES = 210, 1400, 400
BLOCKS_BYTES = 170 * MEGABYTE
AT_LEAST_BYTES = 16 * MEGABYTE

# Seconds on the machine this was written on; how far others are from it shows as they work.
STEP_S, FLOP_S = 2.5e-5, 3e-11


class Budget(NamedTuple):
    """The most that one experiment may cost, and work in chunks."""

    flops: float = 2e11
    memory_mb: int = 768  # enough for all that costs no more
    work_s: float = 1800.0
    kept_mb: int = 24  # of a training in the service, as long as it is under way and afterwards


USUAL = Budget()


def flops(experiment: Experiment) -> float:
    """The work of an experiment, 6H³T floating point operations: its products, rounded up."""
    return 6.0 * experiment.H**3 * experiment.T


def memory_bytes(experiment: Experiment) -> float:
    """The memory that an experiment's answers take at most, whatever the lens; rounded up."""
    T, H = experiment.T, experiment.H
    blocks = min(BLOCKS_BYTES, BLOCK_BYTES * T * H)
    return AT_LEAST_BYTES + blocks + STEP_BYTES * T * H + SQUARE_BYTES * H**2


def seconds(experiment: Experiment) -> float:
    """About how long a worker is at it, beyond what the smallest experiment takes."""
    return STEP_S * experiment.T + FLOP_S * flops(experiment)


def within(experiment: Experiment, budget: Budget) -> bool:
    """Whether an experiment is within the budget."""
    most = budget.memory_mb * MEGABYTE
    return flops(experiment) <= budget.flops and memory_bytes(experiment) <= most


def affordable_steps(experiment: Experiment, budget: Budget) -> int:
    """The largest T within the budget at this H; 0 where not even one step is."""

    def too_long(T: int) -> bool:
        return not within(experiment.model_copy(update={"T": T}), budget)

    return bisect_left(range(1, experiment.T + 1), True, key=too_long)


def affordable(experiment: Experiment, budget: Budget) -> Experiment:
    """The experiment itself where it is within the budget, else the nearest one that is.

    It is shorter; one's own text or numbers keep their length, and then there are fewer units.
    """
    if within(experiment, budget):
        return experiment
    if "T" not in experiment.unused() and (steps := affordable_steps(experiment, budget)):
        return experiment.model_copy(update={"T": steps})
    fewer = (experiment.model_copy(update={"H": H}) for H in range(experiment.H, 0, -1))
    return next((one for one in fewer if within(one, budget)), experiment)


def dear(experiment: Experiment) -> bool:
    """Whether it takes longer to compute an experiment again than to write an answer too many."""
    return flops(experiment) > DEAR_FLOPS or experiment.T > DEAR_STEPS
