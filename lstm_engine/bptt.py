"""Full backpropagation through time: the gradient of a loss at every state, gate and parameter.

    dh_t = ∂L/∂h_t alone + δ_{t+1} W_hh      dc_t = dc_{t+1}⊙carry_{t+1} + dh_t⊙r_t
    dgate = dc_t or dh_t ⊙ ∂state/∂gate      δ_t = [dgate⊙slope …], before each nonlinearity
    dW_ih = Σ δ_t x_tᵀ      dW_hh = Σ δ_t h_{t−1}ᵀ      db = Σ δ_t

No derivative is divided by another, and every unit carries a power of two of its own: a gradient of
10^-30000 still has its norm, beside one of 1 too. `docs/math.md`, section "The full backward pass".
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lstm_engine.cell import Cell, GateDerivative
from lstm_engine.gates import LN10, Array
from lstm_engine.scaled_array import (
    SMALLEST_PLAIN,
    ScaledArray,
    joined,
    log10_norms,
    plus,
    scaled,
    summed_products,
    times,
    times_matrix,
)
from lstm_engine.validation import backward, gradient_at_the_end, integer, one_of
from lstm_engine.weights import Weights, stream

LOSSES = ("last", "every")


class GateGradient(NamedTuple):
    """The gradient on both sides of one gate's nonlinearity: `before = after⊙slope`.

    Where gates depend on one another (coupled: i = 1 − f; minLSTM: i' = 1 − f') the gate is the one
    that acts, and the other moves with it: a minLSTM's `after` is ∂L/∂f' = ∂L/∂h⊙(h_{t−1} − g) and
    ∂L/∂i' = −∂L/∂f', its slopes are ∂f'/∂a_f and ∂i'/∂a_i.

    Names in log10 are Euclidean norms over the units and go on below 1e-308: −inf is a zero.
    """

    after: Array  # (…, T, H), ∂L/∂gate
    slope: Array  # (…, T, H), ∂gate/∂a
    before: Array  # (…, T, H), ∂L/∂a, through what the gate sees of x_t
    log10_after: Array  # (…, T)
    log10_before: Array  # (…, T)


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


def bptt(
    cell: Cell, states: Any, weights: Weights, x: Array, dh: Array, dc_T: Array | None = None
) -> Gradients:
    """Backpropagate ∂L/∂h_t, and ∂L/∂c_T, through all steps, to every state, gate and parameter.

    A parameter's gradient is a sum over time of outer products, `δ_t x_tᵀ` or `δ_t h_{t−1}ᵀ`. What
    step t adds to it has the norm `‖δ_t‖‖x_t‖`, whatever the sum rounds to.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`.
        weights: the same as in `cell.forward`.
        x: (…, T, D), the same.
        dh: (…, T, H), the loss's gradient at each h_t, all other steps held.
        dc_T: (…, H), the loss's gradient at c_T with h_T held, as where the loss reads c_T itself
            or the run goes on elsewhere; by default 0. Where h is c itself it adds to that at h_T.

    Returns:
        Entries beyond float64 are ±inf, below it 0; the log10 norms are right there too. Row 0 of
        `dh` and `dc` are the gradients at h_0 and c_0.

    Raises:
        ValueError: where `dc_T` is not (…, H), or not finite.

    Source: `docs/math.md`, "The full backward pass".
    """
    states, weights, x, dh = backward(cell, states, weights, x, dh)
    lead, (T, H) = states.h.shape[:-2], (x.shape[-2], states.h.shape[-1])
    last = np.zeros(H) if dc_T is None else gradient_at_the_end("dc_T", dc_T, states)
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        loss = np.broadcast_to(dh, (*lead, T, H))
        last = np.broadcast_to(last, (*lead, H))
        gates = cell.gate_derivatives(states, weights, x)
        dc, dh_total = _walk_back(cell, states, weights, gates, loss, last)
        found, from_x, from_h = _at_gates(gates, dc, dh_total, cell.RECURRENT)
        terms = _what_steps_add(cell, states, x, from_x, from_h)
        own = weights.weight_ih.ndim - 2
        parameters = zip(terms, (p for p in weights if p is not None), strict=True)
        return Gradients(
            Weights(
                *(summed_products(*term).reshape(*lead, *p.shape[own:]) for term, p in parameters)
            ),
            times_matrix(from_x, weights.weight_ih).value(),
            dh_total.value(),
            dc.value(),
            found,
            dh_total.log10_norms(),
            dc.log10_norms(),
            Weights(*(delta.log10_norms() + log10_norms(factor) for delta, factor in terms)),
        )


def _at_gates(
    gates: dict[str, GateDerivative], dc: ScaledArray, dh: ScaledArray, recurrent: bool
) -> tuple[dict[str, GateGradient], ScaledArray, ScaledArray]:
    """The gradient at each gate, and δ at W_ih x_t and at U h_{t−1}, both (…, T, nH).

    Empties `gates` on the way, for the derivatives take as much memory as what is made of them.
    """
    past = (..., slice(1, None), slice(None))
    reaching = {"c": dc.at(past), "h": dh.at(past)}
    found, from_x, from_h, alike = {}, [], [], True
    for gate in list(gates):
        of = gates.pop(gate)
        after = times(reaching[of.state], of.by_gate)
        before = times(after, of.slope)
        norms = after.log10_norms(), before.log10_norms()
        found[gate] = GateGradient(after.value(), of.slope.value(), before.value(), *norms)
        from_x.append(before)
        from_h.append(before if of.by_recurrent is None else times(before, of.by_recurrent))
        alike = alike and of.by_recurrent is None
    delta = joined(from_x)
    if not recurrent:
        return found, delta, delta.at((..., slice(0)))
    return found, delta, delta if alike else joined(from_h)


def _what_steps_add(
    cell: Cell, states: Any, x: Array, from_x: ScaledArray, from_h: ScaledArray
) -> list[tuple[ScaledArray, Array]]:
    """For each parameter the two factors of the outer product that step t adds to its gradient."""
    one = np.ones((x.shape[-2], 1))
    terms = [(from_x, x), (from_h, states.h[..., :-1, :]), (from_x, one), (from_h, one)]
    if cell.PEEPHOLES:
        terms.append((_times_what_peepholes_see(from_x, states.c, tuple(cell.GATES)), one))
    return terms


def _walk_back(
    cell: Cell,
    states: Any,
    weights: Weights,
    gates: dict[str, GateDerivative],
    loss: Array,
    dc_T: Array,
) -> tuple[ScaledArray, ScaledArray]:
    """dc and dh of the steps 0 … T along every path, (…, T+1, H); at step 0 there is no loss."""
    carry, read_out = (part.moved(-2, 0) for part in _along_the_cell(cell, states, weights))
    of_c, of_h = (_into_gates(cell, gates, state) for state in ("c", "h"))
    *lead, T, H = loss.shape
    dc, dh = (_room((T + 1, *lead, H)) for _ in range(2))
    lossy = np.asarray(np.moveaxis(loss, -2, 0).reshape(T, -1).any(axis=1))
    carried, nothing = scaled(dc_T), scaled(np.zeros(dc_T.shape))
    at_h = nothing
    for t in range(T, -1, -1):
        if t and lossy[t - 1]:
            at_h = plus(at_h, scaled(loss[..., t - 1, :]))
        whole = plus(carried, times(at_h, read_out.at(t)))
        for row, now in ((dc, whole), (dh, at_h)):
            row.mantissa[t], row.exponent[t] = now
        if t:
            carried = times(whole, carry.at(t - 1))
            parts = [_times_gates(whole, of_c.at(t - 1))] if of_c else []
            parts += [_times_gates(at_h, of_h.at(t - 1))] if of_h else []
            at_h = times_matrix(joined(parts), weights.weight_hh, np.vecmat) if parts else nothing
    dc, dh = dc.moved(0, -2), dh.moved(0, -2)
    return (dc, dh) if of_h else (dc, dc)


def _room(shape: tuple[int, ...]) -> ScaledArray:
    return ScaledArray(np.empty(shape), np.empty(shape, dtype=np.int64))


def _along_the_cell(cell: Cell, states: Any, weights: Weights) -> tuple[ScaledArray, ScaledArray]:
    """∂c_t/∂c_{t−1} of the steps 1 … T and ∂h_t/∂c_t of 0 … T, however small."""
    slopes = cell.slopes(states, weights, 1, states.h.shape[-2] - 1)
    carry = scaled(slopes.carry, cell.log10_carry(states, weights) * LN10)
    log_read_out = np.full_like(slopes.read_out, -np.inf)
    small = np.moveaxis(np.asarray(np.abs(slopes.read_out) < SMALLEST_PLAIN), -2, 0)
    for t in np.flatnonzero(small.reshape(len(small), -1).any(axis=1)):
        log_read_out[..., t, :] = cell.log10_read_out(states, weights, int(t)) * LN10
    return carry, scaled(slopes.read_out, log_read_out)


def _into_gates(cell: Cell, gates: dict[str, GateDerivative], state: str) -> ScaledArray | None:
    """∂state/∂(U_gate h_{t−1}) of the gates that move one state, (T, …, gates, H); None without."""
    factors = [
        times(of.by_gate, of.slope if of.by_recurrent is None else times(of.slope, of.by_recurrent))
        for of in gates.values()
        if of.state == state and cell.RECURRENT
    ]
    if not factors:
        return None
    mantissa = np.stack([factor.mantissa for factor in factors], axis=-2)
    exponent = np.stack([factor.exponent for factor in factors], axis=-2)
    return ScaledArray(mantissa, exponent).moved(-3, 0)


def _times_gates(state: ScaledArray, gates: ScaledArray) -> ScaledArray:
    """A state's gradient (…, H) times its derivative by each gate (…, n, H), side by side."""
    mantissa = state.mantissa[..., None, :] * gates.mantissa
    exponent = state.exponent[..., None, :] + gates.exponent
    flat = (*mantissa.shape[:-2], mantissa.shape[-2] * mantissa.shape[-1])
    return ScaledArray(mantissa.reshape(flat), exponent.reshape(flat))


def _times_what_peepholes_see(delta: ScaledArray, c: Array, gates: tuple[str, ...]) -> ScaledArray:
    """`δ_i⊙c_{t−1}`, `δ_f⊙c_{t−1}`, `δ_o⊙c_t`, side by side: what step t adds to dpeephole."""
    H, before, now = c.shape[-1], scaled(c[..., :-1, :]), scaled(c[..., 1:, :])
    of = {gate: delta.at((..., slice(n * H, (n + 1) * H))) for n, gate in enumerate(gates)}
    return joined([times(of["i"], before), times(of["f"], before), times(of["o"], now)])
