"""All that is trained, in one vector: the cell's weights and a linear read-out.

    y_t = W_ho h_t + b_o

Both of the cell's bias vectors are trained, as in torch. Where only their sum matters, they get the
same gradient, and the sum moves at twice the rate. `docs/math.md`, section "Training".
"""

from math import prod
from typing import NamedTuple

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.gates import Array
from lstm_engine.weights import Weights, stream


class Parameters(NamedTuple):
    """A network: a cell's weights, and how its outputs are read from h."""

    weights: Weights
    weight_ho: Array  # (O, H)
    bias_o: Array  # (O,)


def draw_read_out(H: int, outputs: int, *, seed: int) -> tuple[Array, Array]:
    """A linear read-out: Glorot's uniform ±√(6/(H+O)) for weight_ho (O, H), 0 for bias_o (O,).

    Args:
        H: hidden units.
        outputs: how many, O.
        seed: draws; 0 … 4294967295.

    Source: Glorot & Bengio 2010.
    """
    limit = np.sqrt(6.0 / (H + outputs))
    return stream(seed, "training.read_out").uniform(-limit, limit, (outputs, H)), np.zeros(outputs)


def flat(parameters: Parameters) -> Array:
    """Every entry in one vector (P,): the weights' tensors in their order, then the read-out's."""
    weights, *read_out = parameters
    tensors = [tensor for tensor in (*weights, *read_out) if tensor is not None]
    return np.concatenate([tensor.ravel() for tensor in tensors])


def views(cell: Cell, theta: Array, D: int, H: int, outputs: int) -> Parameters:
    """The parameters under their names: views into theta, (P,), as `flat` laid it out.

    Args:
        cell: the cell's module, or an `Rnn`.
        theta: (P,), all parameters.
        D: inputs.
        H: hidden units.
        outputs: how many, O.
    """
    rows = len(cell.GATES) * H
    heard = rows if cell.RECURRENT else 0
    shapes: list[tuple[int, ...]] = [(rows, D), (heard, H), (rows,), (heard,)]
    shapes += [(3, H)] if cell.PEEPHOLES else []
    shapes += [(outputs, H), (outputs,)]
    needed = sum(prod(shape) for shape in shapes)
    if theta.shape != (needed,):
        raise ValueError(
            f"learner.theta is {theta.shape}: for {cell.NAME} with H = {H}, D = {D} and {outputs} "
            f"outputs it must be {(needed,)}; cell and setting must be those of begin"
        )
    ends = np.cumsum([prod(shape) for shape in shapes])
    parts = np.split(theta, ends[:-1])
    *weights, weight_ho, bias_o = (p.reshape(s) for p, s in zip(parts, shapes, strict=True))
    return Parameters(Weights(*weights), weight_ho, bias_o)
