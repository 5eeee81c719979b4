"""A run: the states that a cell's `forward` returned, and the weights and inputs that made them.

`forward` leaves a checksum of its weights in the states, and whoever takes both compares. Copies
made with `dataclasses.replace` or by hand have none: there shapes and entries are checked instead.
"""

import zlib
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from lstm_engine.errors import NotFinite
from lstm_engine.validation.arrays import Array, array, inputs, not_finite, shaped
from lstm_engine.validation.layers import TENSORS, Kind, layer
from lstm_engine.validation.scalars import shown

if TYPE_CHECKING:
    from lstm_engine.weights import Weights

STEPS_COMPARED = 16
ROUNDING = 1e-9  # of the largest term of a pre-activation; a sum of a thousand is off by 1e-13

Forward = TypeVar("Forward", bound=Callable[..., Any])


def checked_forward(kind: Kind) -> Callable[[Forward], Forward]:
    """Check what a cell's `forward(weights, x)` is given, and sign the states it returns."""

    def decorate(forward: Forward) -> Forward:
        @wraps(forward)
        def run(weights: Any, x: Any, *start: Any, **named: Any) -> Any:
            return _signed_run(kind, forward, weights, x, *start, **named)

        return cast(Forward, run)

    return decorate


def checked_method(forward: Forward) -> Forward:
    """The same for a cell that is an object with a `forward` of its own."""

    @wraps(forward)
    def run(self: Any, weights: Any, x: Any, *start: Any, **named: Any) -> Any:
        return _signed_run(self, forward.__get__(self), weights, x, *start, **named)

    return cast(Forward, run)


def _signed_run(
    cell: Any, forward: Callable[..., Any], weights: Any, x: Any, *start: Any, **named: Any
) -> Any:
    weights = layer(cell, weights)
    x = inputs("x", x, weights.weight_ih.shape[-1], finite=False)
    finite = np.isfinite(x)
    if not finite.all():
        by_step = np.moveaxis(finite, -2, 0).reshape(x.shape[-2], -1).all(axis=1)
        raise NotFinite(cell.NAME, int(np.argmin(by_step)) + 1, not_finite("x", x))
    lead = weights.weight_ih.shape[:-2]
    try:
        np.broadcast_shapes(lead, x.shape[:-2])
    except ValueError:
        raise ValueError(
            f"x is {x.shape} and weights.weight_ih {weights.weight_ih.shape}: "
            "their leading axes must be the same"
        ) from None
    start = tuple(map(_start, start))
    named = {name: _start(value) for name, value in named.items()}
    if not x.shape[-2]:
        return _no_steps(cell, forward, weights, x, *start, **named)
    states = forward(weights, x, *start, **named)
    return _noted(states, "_checksum", checksum(cell, weights))


def _start(start: Any) -> Any:
    """Given initial states as float64: a pair (h_0, c_0), or h_0 alone; the cell knows which."""
    if start is None or (isinstance(start, tuple) and len(start) != 2):
        return start
    if not isinstance(start, tuple):
        return array("start: h_0", start)
    return tuple(
        array(f"start: {name}", part) for name, part in zip(("h_0", "c_0"), start, strict=True)
    )


def _no_steps(
    cell: Any, forward: Callable[..., Any], weights: "Weights", x: Array, *start: Any, **named: Any
) -> Any:
    """The states before the first step alone, cut from a run of one step."""
    one = np.zeros((*x.shape[:-2], 1, x.shape[-1]))
    states = _signed_run(cell, forward, weights, one, *start, **named)
    rows = {field.name: getattr(states, field.name)[..., :-1, :] for field in fields(states)}
    return keep_checksum(states, type(states)(**rows))


def checksum(cell: Any, weights: "Weights") -> tuple[str, str, int, int, int]:
    """What tells one network from another: the cell, its shape, and a CRC of its numbers.

    The biases of a vanilla RNN are left out: no derivative has them, given the states, and it has
    no gates that one would set by them.
    """
    compared = list(weights) if len(cell.GATES) > 1 else [weights.weight_ih, weights.weight_hh]
    crc = 0
    for tensor in compared:
        if tensor is not None:
            crc = zlib.crc32(np.ascontiguousarray(tensor), crc)  # type: ignore[arg-type]
    shape = weights.weight_ih.shape[-1], weights.weight_hh.shape[-1]
    return cell.NAME, getattr(cell, "act", ""), *shape, crc


def keep_checksum(states: Any, part: Any) -> Any:
    """`part`, which holds rows of `states`, as states of the same network."""
    if hasattr(states, "_checksum"):
        return _noted(part, "_checksum", states._checksum)
    return part


def as_checked(states: Any, weights: "Weights") -> Any:
    """`states`, which `run_of` need not compare with this very `weights` again."""
    return _noted(states, "_checked_with", weights)


def _noted(states: Any, name: str, value: Any) -> Any:
    """Frozen states with one thing more to remember; those with slots have no room for it."""
    if hasattr(states, "__dict__"):
        object.__setattr__(states, name, value)
    return states


def run_of(
    cell: Any, states: Any, weights: Any, *, axes: int | None = None, own_weights: bool = False
) -> tuple[Any, "Weights"]:
    """States and weights that belong together, as float64.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`.
        weights: the same as in `cell.forward`.
        axes: the most leading axes allowed; None for any number.
        own_weights: whether every experiment of a batch needs weights of its own.

    Raises:
        ValueError: where they are not the cell's, do not fit each other, or another network's
            weights made the states.
    """
    if weights is not None and getattr(states, "_checked_with", None) is weights:
        return states, cast("Weights", weights)
    if not hasattr(cell, "GATES") and hasattr(cell, "log10_carry"):
        return states, weights  # a part of a cell, whose shapes nobody knows
    known = layer(cell, weights)
    if not isinstance(states, cell.States):
        theirs = type(states).__module__.rpartition(".")[2].replace("_", "-")
        whose = f"the states of {theirs}" if hasattr(states, "h") else shown(states)
        raise ValueError(f"states is {whose}: it must be what {cell.NAME}'s forward returns")
    if not hasattr(states, "_checksum"):
        states = _complete(states, known)
    _refuse_axes(states, known, axes, own_weights)
    if hasattr(states, "_checksum"):
        _refuse_other_weights(cell, states, known)
    return states, known


def _refuse_axes(states: Any, weights: "Weights", axes: int | None, own_weights: bool) -> None:
    lead, own = states.h.shape[:-2], weights.weight_ih.shape[:-2]
    if axes is not None and len(lead) > axes:
        wanted = "(T+1, H), one experiment" if axes == 0 else "(T+1, H) or (B, T+1, H)"
        raise ValueError(f"states.h is {states.h.shape}: it must be {wanted}")
    if lead != own and (own_weights or own):
        raise ValueError(
            f"weights.weight_ih is {weights.weight_ih.shape} and states.h {states.h.shape}: both "
            "need the same leading axis. Give forward one sequence (T, D), or a batch of weights "
            "(lstm_engine.batch) with as many sequences"
        )


def _refuse_other_weights(cell: Any, states: Any, weights: "Weights") -> None:
    theirs = states._checksum
    if theirs != checksum(cell, weights) and theirs != _of_one(cell, weights):
        raise ValueError(
            f"states were not computed with these weights: run {cell.NAME}'s forward with them "
            "again (another network's states, or weights changed since)"
        )


def _of_one(cell: Any, weights: "Weights") -> Any:
    """The checksum of one network that a batch repeats; None where its members differ."""
    if weights.weight_ih.ndim != 3 or any(w is not None and (w != w[:1]).any() for w in weights):
        return None
    return checksum(cell, type(weights)._make(None if w is None else w[0] for w in weights))


def _complete(states: Any, weights: "Weights") -> Any:
    """States without a checksum, made by hand or copied: every array's shape and numbers."""
    H = weights.weight_hh.shape[-1]
    names = [field.name for field in fields(states)]
    every = {name: array(f"states.{name}", getattr(states, name)) for name in names}
    h = every["h"]
    if h.ndim < 2 or h.shape[-1] != H or h.shape[-2] < 1:
        raise ValueError(f"states.h is {h.shape}: for these weights it must be (…, T+1, {H})")
    *lead, T_and_1, _ = h.shape
    for name in names:
        wanted = (*lead, T_and_1 - (name not in ("h", "c")), H)
        if every[name].shape != wanted:
            raise ValueError(
                f"states.{name} is {every[name].shape}: "
                f"beside states.h {h.shape} it must be {wanted}"
            )
    return type(states)(**every)


def backward(
    cell: Any, states: Any, weights: Any, x: Any, dh: Any, *, axes: int | None = None
) -> tuple[Any, "Weights", Array, Array]:
    """A run, the inputs that made it, and a gradient at each h_t."""
    states, weights, x = run_with_inputs(cell, states, weights, x, axes=axes)
    T, H = states.h.shape[-2] - 1, states.h.shape[-1]
    dh = shaped("dh", dh, (T, H), "(T, H)" if axes == 0 else "(…, T, H)")
    _fits("dh", dh, states)
    return states, weights, x, dh


def run_with_inputs(
    cell: Any, states: Any, weights: Any, x: Any, *, axes: int | None = None
) -> tuple[Any, "Weights", Array]:
    """A run and its inputs, which stand in for a checksum: a few steps must give their states."""
    states, weights = run_of(cell, states, weights, axes=axes)
    T = states.h.shape[-2] - 1
    x = inputs("x", x, weights.weight_ih.shape[-1])
    if x.shape[-2] != T:
        raise ValueError(f"x is {x.shape}: states.h {states.h.shape} has T = {T} steps")
    if not T:
        raise ValueError(f"x is {x.shape}: there must be at least one step")
    _fits("x", x, states)
    if not hasattr(states, "_checksum"):
        _refuse_other_inputs(cell, states, weights, x)
    return states, weights, x


def _fits(name: str, value: Array, states: Any) -> None:
    lead = states.h.shape[:-2]
    if value.shape[:-2] not in ((), lead):
        raise ValueError(
            f"{name} is {value.shape}: its leading axes must be those of states, {lead}"
        )


def _refuse_other_inputs(cell: Any, states: Any, weights: "Weights", x: Array) -> None:
    T = states.h.shape[-2] - 1
    now = np.unique(np.linspace(1, T, min(T, STEPS_COMPARED)).astype(np.int64))
    before, x = now - 1, x[..., now - 1, :]
    h, c = states.h[..., before, :], states.c[..., before, :]
    W, U = weights.weight_ih.swapaxes(-1, -2), weights.weight_hh.swapaxes(-1, -2)
    bias_ih, bias_hh = weights.bias_ih[..., None, :], weights.bias_hh[..., None, :]
    p = None if weights.peephole is None else weights.peephole[..., None, :, :]
    with np.errstate(all="ignore"):
        again = cell.step(weights._replace(peephole=p), x @ W + bias_ih, h @ U + bias_hh, h, c)
        largest = (np.abs(x) @ np.abs(W)).max() + np.abs(bias_ih).max() + np.abs(states.c).max()
        if U.size:
            largest += (np.abs(h) @ np.abs(U)).max() + np.abs(bias_hh).max()
        if p is not None:
            largest *= 1.0 + np.abs(p).max()
        for field, value in zip(fields(states), again, strict=False):
            if field.name not in ("h", "c") and not field.name.startswith("a_"):
                continue
            rows = now if field.name in ("h", "c") else before
            off = np.abs(getattr(states, field.name)[..., rows, :] - value)
            if (off > ROUNDING * largest).any():
                raise ValueError(
                    f"x does not lead to these states, states.{field.name} is off by "
                    f"{off.max():.2g}: give the x that {cell.NAME}'s forward was given"
                )


def gradient_at_the_end(name: str, value: Any, states: Any) -> Array:
    """A gradient at the last step's units, (…, H), with the leading axes of states or none."""
    *lead, _, H = states.h.shape
    result = shaped(name, value, (H,), "(…, H)")
    if result.shape[:-1] not in ((), tuple(lead)):
        raise ValueError(
            f"{name} is {result.shape}: its leading axes must be those of states, {tuple(lead)}"
        )
    return result


def gradients_at_a_step(states: Any, **gradients: Any) -> tuple[Array, ...]:
    """Gradients at one step's units, (…, H): any axes may stand before those of states."""
    wanted = (*states.h.shape[:-2], states.h.shape[-1])
    results = []
    for name, value in gradients.items():
        result = array(name, value)
        if result.shape[-len(wanted) :] != wanted:
            raise ValueError(f"{name} is {result.shape}: it must end in {wanted}, a number a unit")
        results.append(result)
    try:
        return np.broadcast_arrays(*results)
    except ValueError:
        shapes = ", ".join(
            f"{name} {its.shape}" for name, its in zip(gradients, results, strict=True)
        )
        raise ValueError(f"the gradients are {shapes}: their leading axes must fit") from None


def steps_of(slopes: Any, weights: Any) -> None:
    """Refuse slopes of another shape of cell than the weights'."""
    if not hasattr(slopes, "into_cell"):
        raise ValueError(f"slopes is {shown(slopes)}: it must be what a cell's slopes(…) returns")
    if getattr(weights, "_fields", None) != TENSORS:
        raise ValueError(f"weights is {shown(weights)}: it must be Weights")
    gates, H = slopes.into_cell.shape[-2:]
    wanted = ((gates + (slopes.past_cell is not None)) * H, H)
    if weights.weight_hh.shape[-2:] != wanted:
        raise ValueError(
            f"weights.weight_hh is {weights.weight_hh.shape}: for these slopes it must be {wanted}"
        )
