"""What an experiment costs, known before any work, and what is affordable."""

from app.knobs import Experiment

FLOPS_LIMIT = 2e11
DEAR_FLOPS, DEAR_STEPS = 5e8, 1000  # from about 10 ms of the engine on; a plot is written in 2 to 6


def flops(experiment: Experiment) -> float:
    """The work of an experiment, 6H³T floating point operations: its products, rounded up."""
    return 6.0 * experiment.H**3 * experiment.T


def affordable_steps(experiment: Experiment) -> int:
    """The largest T within the limit at this H; at least 1986, more than a text can have."""
    return int(FLOPS_LIMIT // (6 * experiment.H**3))


def affordable(experiment: Experiment) -> Experiment:
    """The experiment itself where it is within the limit, else the longest one that is."""
    if flops(experiment) <= FLOPS_LIMIT:
        return experiment
    return experiment.model_copy(update={"T": affordable_steps(experiment)})


def dear(experiment: Experiment) -> bool:
    """Whether it takes longer to compute an experiment again than to write an answer too many."""
    return flops(experiment) > DEAR_FLOPS or experiment.T > DEAR_STEPS
