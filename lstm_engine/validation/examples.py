"""What training takes beside a cell: a network's parameters, and examples that fit them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_engine.validation.arrays import Array, inputs, shaped
from lstm_engine.validation.layers import layer
from lstm_engine.validation.scalars import shown


def network_and_examples(cell: Any, parameters: Any, examples: Any, task: Any) -> tuple[Any, Any]:
    """A network's parameters and a batch whose inputs and targets fit it."""
    for name, value, wanted in (
        ("parameters", parameters, ("weights", "weight_ho", "bias_o")),
        ("examples", examples, ("x", "target")),
    ):
        if getattr(value, "_fields", None) != wanted:
            raise ValueError(f"{name} is {shown(value)}: it must have {', '.join(wanted)}")
    if not hasattr(task, "labels"):
        raise ValueError(f"task is {shown(task)}: it must be one of TASKS' values")
    weights = layer(cell, parameters.weights, "parameters.weights", axes=0)
    H, outputs = weights.weight_hh.shape[-1], len(np.atleast_1d(parameters.bias_o))
    weight_ho = shaped("parameters.weight_ho", parameters.weight_ho, (outputs, H), "(O, H)")
    bias_o = shaped("parameters.bias_o", parameters.bias_o, (outputs,), "(O)")
    x = inputs("examples.x", examples.x, weights.weight_ih.shape[-1])
    if x.ndim != 3 or not x.size:
        raise ValueError(f"examples.x is {x.shape}: it must be (B, steps, D), B at least 1")
    target = _target(examples.target, x, outputs, task)
    return parameters._make((weights, weight_ho, bias_o)), examples._make((x, target))


def _target(target: Any, x: Array, outputs: int, task: Any) -> NDArray[Any]:
    name, B, S = "examples.target", *x.shape[:2]
    if not task.labels:
        return shaped(name, target, (B, outputs), "(B, O)")
    labels = shaped(name, target, (B, S if task.every else 1), "(B, steps read)").astype(np.int64)
    if (labels != target).any() or labels.min() < 0 or labels.max() >= outputs:
        raise ValueError(f"{name} must hold labels, whole numbers within 0 … {outputs - 1}")
    return labels
