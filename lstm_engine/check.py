"""Checks one can see: one number uᵀJv by the chain rule, and twice by running forward again.

    analytic       u pulled back through every step, times v
    central        uᵀ(F(z + εv) − F(z − εv)) / 2ε     blind below about 1e-10 of F's own size
    complex step   uᵀ Im F(z + iεv) / ε               to rounding, down to 1e-278

u and v are random, of unit length. A method that cannot tell says so instead of giving a number.
At a kink, a relu at 0, there is no derivative: the chain rule takes 0 by convention, and on which
side a complex step lands is rounding. So it cannot tell either.
`docs/math.md`, section "Checks on the page".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lstm_engine.bptt import bptt
from lstm_engine.cell import Cell, unroll
from lstm_engine.cells.rnn import Rnn
from lstm_engine.errors import LeftFloat64
from lstm_engine.gates import Array
from lstm_engine.one_step import pulled_back
from lstm_engine.scaled import LOG10_2
from lstm_engine.validation import backward, integer, run_with_inputs
from lstm_engine.weights import Weights, stream

ROUNDING = 2.0**-52
CENTRAL_STEP = 2.0**-17  # near the cube root of ROUNDING: noise and bend are then about equal
COMPLEX_STEP = 1e-30
SMALLEST_NORMAL = 2.0**-1022
TRUSTED = 0.1  # the largest part of its value that a method may expect to be off
AMPLIFIED = 30.0  # how much further than the states a derivative may go astray
STEPS_AT_ONCE = 256  # of a run forward whose gates nobody keeps


class Estimate(NamedTuple):
    """What one method makes of uᵀJv."""

    value: float | None  # None where the method cannot tell
    error: float | None  # |value − analytic| / |analytic|
    expected: float | None  # the error that the method's own limits explain, relative too
    reason: str | None  # why there is no value


class Check(NamedTuple):
    """The same number from three methods."""

    analytic: float  # as float64 has it: 0 or ±inf beyond its ends
    log10_analytic: float  # of its size, there too; −inf for a true zero
    central: Estimate
    complex_step: Estimate
    kinks: int = 0  # units and steps on the way at which a relu stands at 0, without a derivative


class Forward(NamedTuple):
    """What is run forward again: the states of all the steps it takes, N numbers together."""

    run: Callable[[Array], Array]  # steps (k,) along v, real or imaginary, to F (k, N)
    stored: Array  # (N,), F as the forward pass left it
    u: Array  # (N,)
    kinks: int  # on its way


def check_states(
    cell: Cell, states: Any, weights: Weights, x: Array, s: int, *, seed: int = 0
) -> Check:
    """Check `uᵀJv`, J = ∂(h_T, c_T)/∂(h_s, c_s), the full state; ∂h_T/∂h_s where h is c itself.

    It costs T − s steps back and as many forward, five times over.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `forward`.
        x: (T, D), the same.
        s: 0 … T − 1.
        seed: draws u and v; 0 … 4294967295.

    Source: `docs/math.md`, "Checks on the page"; complex step: Squire & Trapp 1998.
    """
    states, weights, x = run_with_inputs(cell, states, weights, x, axes=0)
    T, H = len(x), states.h.shape[-1]
    s = integer("s", s, 0, T - 1)
    parts = 1 if cell.slopes(states, weights, T, T).past_cell is None else 2
    stored = np.concatenate((states.h, states.c)[:parts], axis=-1)[s:]
    u, v = stream(seed, "check.directions").standard_normal((2, parts * H))
    u, v, z = u / np.linalg.norm(u), v / np.linalg.norm(v), stored[0]

    def run(steps: Array) -> Array:
        moved = z + steps[:, None] * v
        return _path(cell, weights, x[s:], parts, (moved[:, :H], moved[:, -H:]))

    row, exponent = _pulled_back(cell, states, weights, s, u)
    product = float(row @ v)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        log10 = float(np.log10(np.abs(product)) + exponent * LOG10_2)
        analytic = float(np.ldexp(product, exponent))
    last_alone = np.zeros_like(stored[1:])
    last_alone[-1] = u
    kinks = _kinks(cell, states, weights, x, s)
    forward = Forward(run, stored[1:].ravel(), last_alone.ravel(), kinks)
    return _compare(analytic, log10, forward, max(1.0, np.abs(z).max()) * np.sqrt(v.size))


def check_weights(
    cell: Cell, states: Any, weights: Weights, x: Array, dh: Array, *, seed: int = 0
) -> Check:
    """Check the parameter gradient of `bptt` along a random direction v of all parameters.

    The number is `Σ dW⊙v`; run forward, it is the slope of the loss `Σ dh⊙h`. It costs `bptt` and
    five runs forward.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `forward`.
        x: (T, D), the same.
        dh: (T, H), the loss's gradient at each h_t.
        seed: draws v; 0 … 4294967295.

    Source: `docs/math.md`, "Checks on the page".
    """
    states, weights, x, dh = backward(cell, states, weights, x, dh, axes=0)
    flat = _flat(weights)
    v = stream(seed, "check.directions").standard_normal(flat.size)
    v /= np.linalg.norm(v)

    def run(steps: Array) -> Array:
        return _path(cell, _shaped_as(weights, flat + steps[:, None] * v), x, parts=1)

    analytic = float(_flat(bptt(cell, states, weights, x, dh).weights) @ v)
    with np.errstate(divide="ignore"):
        log10 = float(np.log10(np.abs(analytic)))
    kinks = _kinks(cell, states, weights, x, 0)
    forward = Forward(run, states.h[1:].ravel(), dh.ravel(), kinks)
    return _compare(analytic, log10, forward, np.sqrt(v.size))


def _compare(analytic: float, log10: float, forward: Forward, scale: float) -> Check:
    """`scale` is what makes v's entries about 1, or as large as the states."""
    imaginary = COMPLEX_STEP * 10.0 ** -min(max(log10, 0.0), 250.0)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        central = _central(analytic, forward, CENTRAL_STEP * scale)
        by_complex_step = _complex_step(analytic, forward, imaginary)
        return Check(analytic, log10, central, by_complex_step, forward.kinks)


def _kinks(cell: Cell, states: Any, weights: Weights, x: Array, s: int) -> int:
    """At how many units and steps after s there is no derivative; gated cells are smooth."""
    return int(cell.kinks(states, weights, x)[s:].sum()) if isinstance(cell, Rnn) else 0


def _central(analytic: float, forward: Forward, step: float) -> Estimate:
    """From differences over ε and 2ε; what they and their two sides differ by is how F bends."""
    try:
        ahead, behind, far_ahead, far_behind = forward.run(step * np.array([1.0, -1.0, 2.0, -2.0]))
    except LeftFloat64:
        return Estimate(None, None, None, "moved by ε the states leave float64")
    twice = 2.0 * forward.stored
    slopes = forward.u * (ahead - behind) / (2.0 * step)
    bends = forward.u * (far_ahead - far_behind) / (4.0 * step) - slopes
    # What curves does so in proportion to the step; what is left is a kink, as of a relu.
    kinks = forward.u * (ahead - twice + behind) / step
    kinks -= forward.u * (far_ahead - twice + far_behind) / (4.0 * step)
    # In chaos the differences are unrelated, but their sums may be alike by accident.
    bend = max(abs(bends.sum()) / 3.0, _size(bends) / 3.0, _size(kinks))
    noise = ROUNDING * (np.abs(forward.u) @ np.abs(ahead)) / step
    reason = f"rounding alone makes {noise:.0e}" if noise > bend else "the states bend within ε"
    return _estimate(slopes.sum(), noise + bend, analytic, reason)


def _complex_step(analytic: float, forward: Forward, step: float) -> Estimate:
    """A run that does not come to the stored states again shows how rounding is amplified."""
    if forward.kinks:
        return Estimate(None, None, None, "a relu stands at 0, where it has no derivative")
    try:
        (out,) = forward.run(np.array([1j * step]))
    except LeftFloat64:
        return Estimate(None, None, None, "the states leave float64")
    slopes = forward.u * out.imag
    value = slopes.sum()
    if abs(value) < SMALLEST_NORMAL:
        reason = f"below {SMALLEST_NORMAL / step:.0e} the imaginary part leaves float64"
        return Estimate(None, None, None, reason)
    astray = np.abs(out.real - forward.stored).max() / max(np.abs(forward.stored).max(), ROUNDING)
    noise = AMPLIFIED * (ROUNDING + astray) * np.abs(slopes).sum()
    return _estimate(value / step, noise / step, analytic, "chaos: rounding moves the states")


def _estimate(value: float, noise: float, analytic: float, reason: str) -> Estimate:
    expected = _relative(noise, analytic)
    if not noise <= TRUSTED * abs(value) < np.inf:
        return Estimate(None, None, expected, reason)
    return Estimate(float(value), _relative(value - analytic, analytic), expected, None)


def _size(vector: Array) -> float:
    """The Euclidean norm, of entries above 1e154 too."""
    largest = float(np.abs(vector).max())
    return largest * float(np.linalg.norm(vector / largest)) if largest > 0.0 else 0.0


def _relative(difference: float, analytic: float) -> float | None:
    """|difference/analytic|; None where that is no number."""
    if difference == 0.0:
        return 0.0
    with np.errstate(divide="ignore"):
        relative = float(np.abs(np.divide(difference, analytic)))
    return relative if np.isfinite(relative) else None


def _pulled_back(cell: Cell, states: Any, weights: Weights, s: int, u: Array) -> tuple[Array, int]:
    """uᵀJ = 2^exponent · row, (n,): u pulled back from step T to s."""
    H = states.h.shape[-1]
    dh, dc = u[:H], u[H:] if u.size > H else np.zeros(H)
    exponent = 0
    for t in range(states.h.shape[-2] - 1, s, -1):
        dc, dh = pulled_back(cell, states, weights, t, dc, dh)
        size = int(np.frexp(max(np.abs(dc).max(), np.abs(dh).max()))[1])
        dc, dh, exponent = np.ldexp(dc, -size), np.ldexp(dh, -size), exponent + size
    return (np.concatenate((dh, dc)) if u.size > H else dc + dh), exponent


def _path(
    cell: Cell, weights: Weights, x: Array, parts: int, start: tuple[Array, Array] | None = None
) -> Array:
    """h (and c, with two parts) of every step run forward from `start`, (k, N)."""
    path = []
    for first in range(0, len(x), STEPS_AT_ONCE):
        some = x[first : first + STEPS_AT_ONCE]
        run = unroll(cell.NAME, cell.step, cell.States, weights, some, start)
        start = run.h[..., -1, :], run.c[..., -1, :]
        path.append(np.concatenate((run.h, run.c)[:parts], axis=-1)[..., 1:, :])
    states = np.concatenate(path, axis=-2)
    return states.reshape(len(states), -1)


def _flat(weights: Weights) -> Array:
    return np.concatenate([w.ravel() for w in weights if w is not None])


def _shaped_as(weights: Weights, flat: Array) -> Weights:
    """The parameters, k times over, out of vectors (k, P) of all their entries."""
    tensors, at = [], 0
    for w in weights:
        size = 0 if w is None else w.size
        part = flat[:, at : at + size]
        tensors.append(None if w is None else part.reshape(len(flat), *w.shape))
        at += size
    return Weights._make(tensors)
