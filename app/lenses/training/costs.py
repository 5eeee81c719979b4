"""What a training costs, known before any work: seconds of a core, memory of a worker."""

from dataclasses import fields
from typing import NamedTuple

from app.budget import AT_LEAST_BYTES, memory_bytes, seconds
from app.knobs import Experiment
from app.lenses.training.computed import (
    NETWORKS,
    NEVER_TRAINED_ON,
    module_of,
    parameters_of,
    setting_of,
    sizes_of,
)
from app.view import Focus
from lstm_engine.tasks import TASKS

# Seconds of an update on the machine this was written on, found by least squares over a hundred
# shapes. A step goes forward and back for each gate; its products have many passes at small H.
UPDATE_S, STEP_S, UNIT_S, PRODUCT_S, OUTER_S = 2e-4, 5e-6, 1e-8, 8e-11, 2e-9
END_S, PARAMETER_S, LETTER_S = 6e-9, {"adam": 9e-9, "sgd": 4e-9}, 2.5e-9
BLOCK = 2**14  # units of all examples in a block of steps, if not a step's are more
FLOAT_BYTES = 8


class Shape(NamedTuple):
    """The sizes of an update."""

    steps: int
    read: int  # of them, by the loss
    H: int
    B: int
    D: int
    outputs: int
    gates: int
    states: int  # arrays of a cell's states, h and c among them
    parameters: int


def shape_of(experiment: Experiment, focus: Focus, network: str) -> Shape:
    """The sizes of a network's update."""
    T, cell = setting_of(experiment, focus).T, module_of(experiment, network)
    asked = TASKS[focus.task]
    return Shape(
        asked.steps(T),
        asked.steps_read(T),
        experiment.H,
        focus.batch,
        *sizes_of(focus.task, focus.words),
        len(cell.GATES),
        len(fields(cell.States)),
        parameters_of(experiment, focus, network),
    )


def update_s(experiment: Experiment, focus: Focus, network: str) -> float:
    """About how long an update takes."""
    S, read, H, B, D, outputs, gates, _, parameters = shape_of(experiment, focus, network)
    weights, read_out = S * gates * H * (D + H), read * outputs * H
    return (
        UPDATE_S
        + STEP_S * S * (gates + 1)
        + UNIT_S * S * gates * H * B
        + PRODUCT_S * (weights + read_out) * B
        + OUTER_S * (weights + read_out)
        + END_S * (S * D + read * outputs) * B
        + PARAMETER_S[focus.optimiser] * parameters
        + (LETTER_S * D**2 if focus.task == "text" else 0.0)
    )


def look_s(experiment: Experiment, focus: Focus, network: str) -> float:
    """About how long it takes to look at a network at a snapshot."""
    unseen_s = len(NEVER_TRAINED_ON) * update_s(experiment, focus, network)
    return unseen_s + seconds(walked(experiment, focus))


def walked(experiment: Experiment, focus: Focus) -> Experiment:
    """An experiment as long as the sequence whose maps are made."""
    steps = TASKS[focus.task].steps(setting_of(experiment, focus).T)
    return experiment.model_copy(update={"T": steps})


def worker_bytes(experiment: Experiment, focus: Focus) -> float:
    """The memory that a chunk of training takes at most; rounded up.

    An update holds every step of every example; a look may hold what an answer does.
    """
    most = max(update_bytes(shape_of(experiment, focus, network)) for network in NETWORKS)
    return AT_LEAST_BYTES + max(most, memory_bytes(walked(experiment, focus)))


def update_bytes(shape: Shape) -> int:
    """What an update holds at its peak, a network that has come and one that goes included."""
    S, read, H, B, D, outputs, gates, states, parameters = shape
    unrolled = (S + 1) * B * (D + H * (2 * gates + 5))
    examples = S * B * (D + 2) + D**2
    # Softmax has its passes while nothing else is made; later come a block's gradients, one a step.
    loss = 4 * read * outputs * B
    block = min(S * H * B, max(BLOCK, H * B))
    by_step = max(1, block // (H * B)) * gates * H * (max(D, H) + 1)
    later = 2 * read * outputs * B + read * H * B + max(by_step, read * outputs * H)
    blocks = block * (3 * gates + states + 16)
    return FLOAT_BYTES * (unrolled + examples + max(loss, later) + blocks + 16 * parameters)
