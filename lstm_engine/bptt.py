"""Full backpropagation through time: the gradient of a loss at every state, gate and parameter.

    dh_t = ∂L/∂h_t alone + δ_{t+1} W_hh      dc_t = dc_{t+1}⊙carry_{t+1} + dh_t⊙r_t
    δ_t  = [dc_t⊙k_gate …, dh_t⊙k_o]          before each gate's nonlinearity
    dW_ih = Σ δ_t x_tᵀ      dW_hh = Σ δ_t h_{t−1}ᵀ      db = Σ δ_t

The backward vector carries one power of two a step, so that a gradient of 10^-30000 still has its
norm. A unit that is 10^-308 of the largest unit of its step counts as zero. `docs/math.md`, section
"The full backward pass".
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine.cell import Cell, Slopes
from lstm_engine.cells.rnn import Rnn
from lstm_engine.gates import Array, sigmoid_slope, tanh_slope
from lstm_engine.one_step import before_gates
from lstm_engine.scaled import LOG10_2, NOTHING
from lstm_engine.validation import backward, integer, one_of
from lstm_engine.weights import Weights, stream

LOSSES = ("last", "every")
KNOWN_SLOPE = 1e-290  # a smaller slope has lost digits, and so has what is divided by it

Exponents = NDArray[np.int64]


class GateGradient(NamedTuple):
    """The gradient on both sides of one gate's nonlinearity: `before = after⊙slope`.

    Names in log10 are Euclidean norms over the units and go on below 1e-308: −inf is a zero.
    """

    after: Array  # (…, T, H), ∂L/∂gate; nan where the slope is below 1e-290
    slope: Array  # (…, T, H), ∂gate/∂a
    before: Array  # (…, T, H), ∂L/∂a, through what the gate sees of x_t
    log10_after: Array  # (…, T); nan where one of the units is nan
    log10_before: Array  # (…, T)


class Vectors(NamedTuple):
    """A vector a step, `2^exponent · mantissa`: what vanishes keeps its digits."""

    mantissa: Array  # (…, n, m)
    exponent: Exponents  # (…, n)

    def value(self) -> Array:
        """(…, n, m) as float64 has it: 0 or ±inf beyond its ends."""
        return np.asarray(np.ldexp(self.mantissa, self.exponent[..., None]))

    def times(self, factors: Array) -> "Vectors":
        """Each entry times its own factor."""
        return Vectors(self.mantissa * factors, self.exponent)

    def log10_norms(self) -> Array:
        """log10 of each Euclidean norm, (…, n), however small; −inf for a zero."""
        return _log10_norms(self.mantissa) + self.exponent * LOG10_2


@dataclass(frozen=True, slots=True)
class Gradients:
    """∂L/∂ everything. Arrays are plain float64, in which what has vanished below 1e-308 is 0.

    Names in log10 are norms that go on beyond: −inf is a zero.
    """

    weights: Weights  # of each parameter, shaped as the parameter
    dx: Array  # (…, T, D)
    dh: Array  # (…, T+1, H), along every path; row 0 is the initial state's
    dc: Array  # (…, T+1, H), along every path; the same as dh where h is c itself
    gates: dict[str, GateGradient]  # by the letters of `cell.GATES`
    log10_dh: Array  # (…, T+1), Euclidean norm over the units
    log10_dc: Array  # (…, T+1)
    log10_by_step: Weights  # (…, T) each, Frobenius norm of what step t adds to the parameter


def linear_loss(on: str, T: int, H: int, *, seed: int = 0) -> Array:
    """∂L/∂h_t of a loss that reads h out along one random direction u, of about unit length.

        "last"   L = u·h_T            "every"   L = Σ u·h_t

    Args:
        on: "last" or "every".
        T: steps.
        H: hidden units.
        seed: draws u, N(0, 1/H); 0 … 4294967295.

    Returns:
        dh (T, H) for `bptt`; the loss itself is `(dh * states.h[..., 1:, :]).sum(axis=(-2, -1))`.

    Source: `docs/math.md`, "The full backward pass".
    """
    one_of("on", on, LOSSES)
    dh = np.zeros((integer("T", T, 1), integer("H", H, 1)))
    dh[-1 if on == "last" else slice(None)] = stream(seed, "loss.read_out").standard_normal(H)
    return np.asarray(dh / np.sqrt(H))


def bptt(cell: Cell, states: Any, weights: Weights, x: Array, dh: Array) -> Gradients:
    """Backpropagate ∂L/∂h_t through all steps, to every state, gate, input and parameter.

    A parameter's gradient is a sum over time of outer products, `δ_t x_tᵀ` or `δ_t h_{t−1}ᵀ`. What
    step t adds to it has the norm `‖δ_t‖‖x_t‖`, whatever the sum rounds to.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`.
        weights: the same as in `cell.forward`.
        x: (…, T, D), the same.
        dh: (…, T, H), the loss's gradient at each h_t, all other steps held.

    Returns:
        Entries beyond float64 are ±inf, below it 0; the log10 norms are right there too.

    Source: `docs/math.md`, "The full backward pass".
    """
    states, weights, x, dh = backward(cell, states, weights, x, dh)
    slopes = cell.slopes(states, weights, 1, x.shape[-2])
    lead = states.h.shape[:-2]
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        dc, dh_total = _walk_back(slopes, weights, np.broadcast_to(dh, states.h[..., 1:, :].shape))
        from_x = _deltas(slopes.from_input, slopes.past_cell, dc, dh_total)
        from_h = _deltas(slopes.into_cell, slopes.past_cell, dc, dh_total)
        one = np.ones((x.shape[-2], 1))
        terms = [(from_x, x), (from_h, states.h[..., :-1, :]), (from_x, one), (from_h, one)]
        if cell.PEEPHOLES:
            terms.append((_times_what_peepholes_see(from_x, states.c, tuple(cell.GATES)), one))
        own = weights.weight_ih.ndim - 2
        parameters = zip(terms, (p for p in weights if p is not None), strict=True)
        return Gradients(
            Weights(*(_summed(*term).reshape(*lead, *p.shape[own:]) for term, p in parameters)),
            np.ldexp(from_x.mantissa @ weights.weight_ih, from_x.exponent[..., None]),
            dh_total.value(),
            dc.value(),
            _gate_gradients(cell, states, slopes, dc, dh_total),
            dh_total.log10_norms(),
            dc.log10_norms(),
            Weights(*(delta.log10_norms() + _log10_norms(seen) for delta, seen in terms)),
        )


def _walk_back(slopes: Slopes, weights: Weights, loss: Array) -> tuple[Vectors, Vectors]:
    """dc and dh of the steps 0 … T along every path; at step 0 there is no loss."""
    *lead, T, H = loss.shape
    dc, dh = np.empty((2, T + 1, *lead, H))
    exponents = np.empty((T + 1, *lead), dtype=np.int64)
    loss = np.concatenate((np.zeros((1, *lead, H)), np.moveaxis(loss, -2, 0)))
    size = np.abs(loss).max(axis=-1)
    size = np.where(size > 0, np.frexp(size)[1].astype(np.int64), NOTHING)
    carry, read_out = (np.moveaxis(s, -2, 0) for s in (slopes.carry, slopes.read_out))
    into_cell, past_cell = np.moveaxis(slopes.into_cell, -3, 0), slopes.past_cell
    past = [None] * T if past_cell is None else np.moveaxis(past_cell, -2, 0)
    weight_hh = weights.weight_hh
    back, exponent = np.zeros((2, *lead, H)), np.full(lead, NOTHING)
    for t in range(T, -1, -1):
        now = np.maximum(exponent, size[t])
        carried, heard = np.ldexp(back, (exponent - now)[..., None])
        heard += np.ldexp(loss[t], -now[..., None])
        whole = carried + heard * read_out[t]
        dc[t], dh[t], exponents[t] = whole, heard, now
        if t:
            delta = before_gates(into_cell[t - 1], past[t - 1], whole, heard)
            back = np.stack((whole * carry[t - 1], np.vecmat(delta, weight_hh)))
            back, exponent = _level(back, now)
    exponents = np.moveaxis(exponents, 0, -1)
    dc_back, dh_back = (Vectors(np.moveaxis(v, 0, -2), exponents) for v in (dc, dh))
    return dc_back, dc_back if past_cell is None else dh_back


def _level(back: Array, exponent: Exponents) -> tuple[Array, Exponents]:
    """Move the size of the largest entry into the exponent; exact, only powers of two move."""
    largest = np.abs(back).max(axis=(0, -1))
    size = np.frexp(largest)[1]
    return np.ldexp(back, -size[..., None]), np.where(largest > 0, exponent + size, NOTHING)


def _deltas(feeding: Array, past_cell: Array | None, dc: Vectors, dh: Vectors) -> Vectors:
    """δ of the steps 1 … T, (…, T, nH)."""
    dc_now, dh_now = dc.mantissa[..., 1:, :], dh.mantissa[..., 1:, :]
    return Vectors(before_gates(feeding, past_cell, dc_now, dh_now), dc.exponent[..., 1:])


def _gate_gradients(
    cell: Cell, states: Any, slopes: Slopes, dc: Vectors, dh: Vectors
) -> dict[str, GateGradient]:
    dc, dh = (Vectors(v.mantissa[..., 1:, :], v.exponent[..., 1:]) for v in (dc, dh))
    into = list(np.moveaxis(slopes.from_input, -2, 0))
    if isinstance(cell, Rnn):
        return {"g": _both_sides(dc, into[0], dc.times(into[0]))}
    backs = [dc] * len(into)
    if slopes.past_cell is not None:
        into, backs = [*into, slopes.past_cell], [*backs, dh]
    gates = zip(cell.GATES, into, _gate_slopes(cell, states), backs, strict=True)
    return {gate: _gate_gradient(k, slope, back) for gate, k, slope, back in gates}


def _gate_gradient(k: Array, slope: Array, back: Vectors) -> GateGradient:
    """With k the state's slope in the gate's pre-activation, `k/slope` is that in the gate."""
    in_gate = np.divide(k, slope, out=np.full_like(k, np.nan), where=slope >= KNOWN_SLOPE)
    return _both_sides(back.times(in_gate), slope, back.times(k))


def _both_sides(after: Vectors, slope: Array, before: Vectors) -> GateGradient:
    norms = after.log10_norms(), before.log10_norms()
    return GateGradient(after.value(), slope, before.value(), *norms)


def _gate_slopes(cell: Cell, states: Any) -> list[Array]:
    """Each gate's own slope, from the fields a_… of `states`, which stand in the blocks' order.

    A gate without such a field has no nonlinearity: the candidate of the minimal cells.
    """
    before = [getattr(states, f.name) for f in fields(states) if f.name.startswith("a_")]
    curved = [
        tanh_slope(a) if gate == "g" else sigmoid_slope(a)
        for gate, a in zip(cell.GATES, before, strict=False)
    ]
    return curved + [np.ones_like(before[0])] * (len(cell.GATES) - len(curved))


def _times_what_peepholes_see(delta: Vectors, c: Array, gates: tuple[str, ...]) -> Vectors:
    """`δ_i⊙c_{t−1}`, `δ_f⊙c_{t−1}`, `δ_o⊙c_t`, side by side: what step t adds to dpeephole."""
    by_gate = dict(zip(gates, np.split(delta.mantissa, len(gates), axis=-1), strict=True))
    before, now = c[..., :-1, :], c[..., 1:, :]
    parts = (by_gate["i"] * before, by_gate["f"] * before, by_gate["o"] * now)
    return Vectors(np.concatenate(parts, axis=-1), delta.exponent)


def _summed(delta: Vectors, seen: Array) -> Array:
    """`Σ_t δ_t seen_tᵀ`, (…, n, m): summed under one power of two, so that inf − inf cannot be."""
    largest = delta.exponent.max(axis=-1, keepdims=True)
    scaled = Vectors(delta.mantissa, delta.exponent - largest).value()
    return np.asarray(np.ldexp(scaled.swapaxes(-1, -2) @ seen, largest[..., None]))


def _log10_norms(vectors: Array) -> Array:
    """log10 of the Euclidean norm along the last axis; squares below 1e-308 cost nothing."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0.0)
    unit = vectors / np.where(largest > 0, largest, 1.0)
    return np.asarray(np.log10(np.linalg.norm(unit, axis=-1)) + np.log10(largest[..., 0]))
