"""Cells and their weights: every array there, of real numbers, of shapes that fit each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lstm_engine.validation.arrays import array
from lstm_engine.validation.scalars import number, positive, shown

if TYPE_CHECKING:
    from lstm_engine.weights import Weights

TENSORS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "peephole")
BLOCKS_OF = {1: "a vanilla RNN", 2: "a minGRU", 3: "a GRU", 4: "an LSTM"}


class Kind(NamedTuple):
    """What a cell's weights look like; the names are those of `lstm_engine.cell.Cell`."""

    NAME: str
    GATES: Mapping[str, str]
    RECURRENT: bool
    PEEPHOLES: bool


def cell_named(cell: Any) -> None:
    """Refuse what is not a cell, as the name of one."""
    if not hasattr(cell, "GATES"):
        raise ValueError(
            f"cell is {shown(cell)}: it must be a cell, one of CELLS' values or an Rnn(…)"
        )


def rnn_named(rnn: Any) -> None:
    """Refuse a gated cell where the vanilla RNN is needed."""
    if getattr(rnn, "NAME", None) != "rnn" or not hasattr(rnn, "act"):
        raise ValueError(f"rnn is {shown(rnn)}: it must be an Rnn, such as Rnn('tanh')")


def tensors(weights: Any, name: str = "weights") -> "Weights":
    """`Weights` of finite float64 arrays, of whatever shapes."""
    if getattr(weights, "_fields", None) != TENSORS:
        raise ValueError(
            f"{name} is {shown(weights)}: it must be "
            "Weights(weight_ih, weight_hh, bias_ih, bias_hh[, peephole])"
        )
    return cast(
        "Weights",
        weights._make(
            array(f"{name}.{field}", tensor) if tensor is not None else None
            for field, tensor in zip(TENSORS, weights, strict=True)
        ),
    )


def layer(cell: Any, weights: Any, name: str = "weights", axes: int | None = None) -> "Weights":
    """The weights of one layer of this cell: float64, finite, every shape fitting the others.

    `axes` is the most leading axes allowed; None for any number.
    """
    if not isinstance(cell, Kind):
        cell_named(cell)
    _refuse_gaps(cell, weights, name)
    checked = tensors(weights, name)
    weight_ih, weight_hh, peephole = checked.weight_ih, checked.weight_hh, checked.peephole
    if weight_ih.ndim < 2 or weight_hh.ndim < 2:
        which = "weight_ih" if weight_ih.ndim < 2 else "weight_hh"
        shape = getattr(checked, which).shape
        raise ValueError(
            f"{name}.{which} is {shape}: it must be a matrix, (…, nH, D) or (…, nH, H)"
        )
    *lead, _, D = weight_ih.shape
    H = _units(cell, weight_hh.shape)
    rows, heard = len(cell.GATES) * H, len(cell.GATES) * H * cell.RECURRENT
    wanted = {"weight_hh": (heard, H), "weight_ih": (rows, D), "bias_ih": (rows,)}
    for field, shape in (*wanted.items(), ("bias_hh", (heard,)), ("peephole", (3, H))):
        tensor = getattr(checked, field)
        if tensor is not None and tensor.shape != (*lead, *shape):
            _refuse_shape(cell, checked, name, field, (*lead, *shape))
    if min(H, D) < 1 or 0 in lead:
        raise ValueError(f"{name}.weight_ih is {weight_ih.shape}: H and D must be at least 1")
    if axes is not None and len(lead) > axes:
        raise ValueError(
            f"{name}.weight_ih is {weight_ih.shape}: it must be ({rows}, {D}), one layer"
        )
    if peephole is None and cell.PEEPHOLES:
        raise ValueError(f"{name}.peephole is missing: the cell needs p_i, p_f, p_o, (3, {H})")
    if peephole is not None and not cell.PEEPHOLES:
        raise ValueError(
            f"{name}.peephole is {peephole.shape}: {cell.NAME} has no peepholes, it must be None"
        )
    return checked


def _units(cell: Any, weight_hh: tuple[int, ...]) -> int:
    """H, also of a recurrent matrix that is transposed: then the message speaks of the right H."""
    rows, columns = weight_hh[-2:]
    return rows if cell.RECURRENT and columns == len(cell.GATES) * rows else columns


def _refuse_gaps(cell: Any, weights: Any, name: str) -> None:
    """Refuse a missing array, and say what stands for a bias that is not there."""
    if getattr(weights, "_fields", None) != TENSORS:
        return
    for field, tensor in zip(TENSORS[:4], weights[:4], strict=True):
        if tensor is None and field.startswith("bias"):
            rows = len(cell.GATES) * (np.shape(weights.weight_hh) or (0,))[-1]
            raise ValueError(
                f"{name}.{field} is None: it must be an array; "
                f"where a layer has no biases give zeros, numpy.zeros({rows})"
            )
        if tensor is None:
            raise ValueError(f"{name}.{field} is None: it must be an array")


def _refuse_shape(
    cell: Any, weights: "Weights", name: str, field: str, wanted: tuple[int, ...]
) -> None:
    H, hint = _units(cell, weights.weight_hh.shape), _likely_cause(cell, weights)
    raise ValueError(
        f"{name}.{field} is {getattr(weights, field).shape}: "
        f"for {cell.NAME} with H = {H} it must be {wanted}{hint and f' ({hint})'}"
    )


def _likely_cause(cell: Any, weights: "Weights") -> str:
    """What such shapes usually come from; empty where nothing is likely."""
    n = len(cell.GATES)
    (rows_ih, D), (rows_hh, columns) = weights.weight_ih.shape[-2:], weights.weight_hh.shape[-2:]
    if weights.weight_ih.ndim != weights.weight_hh.ndim:
        return "all arrays need the same leading axis, or none of them"
    if columns == n * rows_hh or D == n * columns != rows_ih:
        return "this looks like a Keras kernel: transpose it"
    if not cell.RECURRENT and rows_hh:
        return "its gates do not see h: weight_hh is (0, H), bias_hh is (0,)"
    if rows_hh == rows_ih and rows_ih % n == 0 and columns < rows_ih // n:
        blocks = rows_hh // columns if rows_hh % columns == 0 else 0
        if blocks not in BLOCKS_OF:
            return "this looks like a layer with a projection: multiply weight_hh @ weight_hr first"
    if columns and rows_hh % columns == 0 and rows_hh // columns in BLOCKS_OF:
        blocks = rows_hh // columns
        if blocks != n:
            return f"{rows_hh} rows are {blocks} blocks of {columns}, as of {BLOCKS_OF[blocks]}"
    return ""


def refuse_count(tensors: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Say what so many arrays usually are, where `Weights` takes four or five."""
    unknown = sorted(set(named) - set(TENSORS))
    if unknown:
        raise ValueError(f"Weights has no {', '.join(unknown)}: allowed are {', '.join(TENSORS)}")
    given = len(tensors) + len(named)
    hint = ""
    if given == 2:
        hint = ". A layer without biases needs zeros for them"
    elif given > 5:
        hint = ". These look like several layers or both directions: one Weights for each"
    raise ValueError(
        f"Weights takes {', '.join(TENSORS[:4])}[, peephole]: {given} were given{hint}"
    )


def alike(layers: Any) -> None:
    """Refuse layers that cannot stand side by side."""
    if not isinstance(layers, list | tuple) or hasattr(layers, "_fields") or not layers:
        raise ValueError(f"layers is {shown(layers)}: it must be a list of at least one Weights")
    shapes = [
        [None if w is None else w.shape for w in tensors(its, f"layers[{n}]")]
        for n, its in enumerate(layers)
    ]
    for n, its in enumerate(shapes):
        for field, shape, first in zip(TENSORS, its, shapes[0], strict=True):
            if shape != first:
                raise ValueError(f"layers[{n}].{field} is {shape}: in layers[0] it is {first}")


def biases(values: Any) -> dict[str, float]:
    """What is added to the gates' biases: a finite number under each of i, f, g, o."""
    if not isinstance(values, Mapping) or not set(values) <= set("ifgo"):
        raise ValueError(
            f"biases is {shown(values)}: it must be a mapping from i, f, g, o to numbers"
        )
    return {gate: number(f"biases[{gate!r}]", bias) for gate, bias in values.items()}


def gradient_and_limit(gradient: Any, limit: Any) -> tuple["Weights", float]:
    """A parameter gradient, of which infinite entries are allowed, and a limit above 0."""
    if getattr(gradient, "_fields", None) != TENSORS:
        raise ValueError(f"gradient is {shown(gradient)}: it must be Weights, as Gradients.weights")
    missing = [field for field, d in zip(TENSORS[:4], gradient[:4], strict=True) if d is None]
    if missing:
        raise ValueError(f"gradient.{missing[0]} is None: it must be an array")
    converted = (
        None if d is None else array(f"gradient.{field}", d, finite=False)
        for field, d in zip(TENSORS, gradient, strict=True)
    )
    return gradient._make(converted), positive("limit", limit)
