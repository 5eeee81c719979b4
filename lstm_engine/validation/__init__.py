"""What the public functions accept: arrays, numbers, weights of a cell, and the states of a run.

Numbers are converted to float64 only where that is exact (float32, float16, integers up to 2⁵³,
booleans); complex numbers, strings, objects, masked entries, nan and inf are a `ValueError` that
names the argument, its shape and what is allowed. Inner loops do not come here.
"""

from lstm_engine.validation.arrays import array, elementwise, inputs, matrix
from lstm_engine.validation.examples import network_and_examples
from lstm_engine.validation.layers import (
    Kind,
    alike,
    biases,
    cell_named,
    gradient_and_limit,
    layer,
    refuse_count,
    rnn_named,
    tensors,
)
from lstm_engine.validation.runs import (
    as_checked,
    backward,
    checked_forward,
    checked_method,
    gradient_at_the_end,
    gradients_at_a_step,
    keep_checksum,
    run_of,
    run_with_inputs,
    steps_of,
)
from lstm_engine.validation.scalars import (
    instance,
    integer,
    listed,
    number,
    one_of,
    positive,
    seed,
    steps,
)

__all__ = [
    "Kind",
    "alike",
    "array",
    "as_checked",
    "backward",
    "biases",
    "cell_named",
    "checked_forward",
    "checked_method",
    "elementwise",
    "gradient_and_limit",
    "gradient_at_the_end",
    "gradients_at_a_step",
    "inputs",
    "instance",
    "integer",
    "keep_checksum",
    "layer",
    "listed",
    "matrix",
    "network_and_examples",
    "number",
    "one_of",
    "positive",
    "refuse_count",
    "rnn_named",
    "run_of",
    "run_with_inputs",
    "seed",
    "steps",
    "steps_of",
    "tensors",
]
