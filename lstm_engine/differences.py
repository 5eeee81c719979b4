"""Differences of near equals, carried from step to step and not taken.

A coupled cell's forget gate acts through c_{t−1} − g_t, a GRU's update gate through h_{t−1} − n_t.
Once a cell has settled both sides agree to all their digits, and what is left of their difference
is rounding. But the difference obeys a recursion of its own, in differences alone:

    c_{t−1} − g_t = f_{t−1}⊙(c_{t−2} − g_{t−1}) + (g_{t−1} − g_t)

where the last bracket follows from the differences of what the gates see, `W_ih Δx_t + W_hh Δh`.
Where both sides differ clearly, subtracting them is exact enough, and the recursion starts anew. So
it is where both lie near an end of tanh, but not equally near: their distances from ±1 are sums of
positive terms, and are subtracted in their place.
`docs/math.md`, "Log10 from birth".
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lstm_engine.gates import Array, sigmoid
from lstm_engine.scaled import NOTHING

CLOSE = 1e-4  # of the larger side: a difference below it has lost more than four digits
TINY = 1e-270  # a difference that comes near the end of float64 needs an exponent
ROOM = 64  # powers of two that a difference may lose before it gets an exponent

Exponents = NDArray[np.int64]

# From the differences one step earlier, the step's number less one, and Δx_t, all three times
# 2^−exponent, to the differences of this step on the same scale.
Advance = Callable[[int, list[Array], Array, Exponents], list[Array]]


def close(one: Array, other: Array) -> NDArray[np.bool_]:
    """Whether `one − other` has lost digits that count."""
    larger = np.maximum(np.abs(one), np.abs(other))
    return np.asarray(np.abs(one - other) < CLOSE * larger)


def tiny(difference: Array, one: Array, other: Array) -> NDArray[np.bool_]:
    """Where a difference of near equals may have underflowed."""
    return np.asarray((np.abs(difference) < TINY) & close(one, other))


def bounded(
    a_keep: Array, a_g: Array, state: Array, candidate: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """s_{t−1} − g_t of `s_t = keep·s_{t−1} + (1−keep)·g_t` by subtraction, g = tanh(a_g).

    Where s and g are near equals their distances from 1 or −1 are subtracted, where those differ:

        1 ∓ s_t = keep·(1 ∓ s_{t−1}) + (1−keep)·(1 ∓ g_t)

    Args:
        a_keep: (…, T, H), of the gate that keeps, before its sigmoid.
        a_g: (…, T, H), of the candidate, before its tanh.
        state: (…, T+1, H).
        candidate: (…, T, H), g.

    Returns:
        The differences, (…, T, H), and where they have lost digits nevertheless.
    """
    best = state[..., :-1, :] - candidate
    lost = close(state[..., :-1, :], candidate)
    if not lost.any():
        return best, lost
    scale = np.maximum(np.abs(state[..., :-1, :]), np.abs(candidate))
    for end in (1.0, -1.0):
        near_end = lost & (end * candidate > 0.5)
        if not near_end.any():
            continue
        of_g = 2.0 * sigmoid(-2.0 * end * a_g)
        of_s = _distances(1.0 - end * state[..., 0, :], a_keep, of_g)
        nearer = near_end & (np.maximum(of_g, of_s) < scale)
        best = np.where(nearer, end * (of_g - of_s), best)
        scale = np.where(nearer, np.maximum(of_g, of_s), scale)
    return best, lost & (np.abs(best) < CLOSE * scale)


def _distances(first: Array, a_keep: Array, of_g: Array) -> Array:
    """A state's distances from an end before every step, (…, T, H), of those of the candidates."""
    keep, write = (np.moveaxis(sigmoid(a), -2, 0) for a in (a_keep, -a_keep))
    added = write * np.moveaxis(of_g, -2, 0)
    distances = np.empty_like(added)
    for t in range(len(added)):
        distances[t] = first
        first = keep[t] * first + added[t]
    return np.moveaxis(distances, 0, -2)


def carry(
    x: Array, direct: list[Array], are_close: list[NDArray[np.bool_]], advance: Advance
) -> tuple[list[Array], Exponents]:
    """Replace each difference of near equals by what the recursion makes of the one before it.

    Args:
        x: (…, T, D), the inputs.
        direct: n arrays (…, T, H), row t−1 for step t, as subtraction gives them; the first row,
            which nothing precedes, stays.
        are_close: n arrays (…, T, H), where that has lost digits.
        advance: one step of the recursion, for all n at once.

    Returns:
        The differences as `2^exponent·mantissa`: n mantissas (…, T, H), and (…, T, 1), 0 but
        where all of a step's differences are below 2^−64.
    """
    parts = [np.moveaxis(part, -2, 0).copy() for part in direct]
    near = [np.moveaxis(flags, -2, 0) for flags in are_close]
    inputs = np.moveaxis(x, -2, 0)
    any_near = np.logical_or.reduce(near).any(axis=-1, keepdims=True)
    exponents = np.zeros(any_near.shape, dtype=np.int64)
    steps = np.flatnonzero(any_near.reshape(len(any_near), -1).any(axis=1))
    for t in steps[steps > 0]:
        before = [part[t - 1] for part in parts]
        clear = [np.where(flags[t], 0.0, part[t]) for part, flags in zip(parts, near, strict=True)]
        dx = inputs[t] - inputs[t - 1]
        size = np.max([_exponent(b) for b in before], 0) + exponents[t - 1]
        size = np.max([size, *(_exponent(values) for values in (dx, *clear))], 0)
        e = np.where((size < -ROOM) & (size > NOTHING // 2) & any_near[t], size, 0)
        before = [np.ldexp(b, _int(exponents[t - 1] - e)) for b in before]
        now = advance(int(t), before, np.ldexp(dx, _int(-e)), e)
        for part, flags, carried, values in zip(parts, near, now, clear, strict=True):
            part[t] = np.where(flags[t], carried, np.ldexp(values, _int(-e)))
        exponents[t] = e
    return [np.moveaxis(part, 0, -2) for part in parts], np.moveaxis(exponents, 0, -2)


def tanh_difference(a: Array, b: Array, difference: Array, exponent: Exponents) -> Array:
    """tanh a − tanh b on the scale of `difference`, which is `(a − b)·2^−exponent`.

        sinh(a−b)/(cosh a cosh b)

    relative to itself exact to rounding, however near a and b are, and however large.
    """
    d = np.abs(np.ldexp(difference, _int(exponent)))
    twice = np.where(d > 0, -np.expm1(-2.0 * d) / np.where(d > 0, d, 1.0), 2.0)
    of_a, of_b = (1.0 + np.exp(-2.0 * np.abs(side)) for side in (a, b))
    slope = 2.0 * np.exp(np.minimum(d - np.abs(a) - np.abs(b), 0.0)) * twice / (of_a * of_b)
    return np.asarray(difference * slope)


def sigmoid_difference(a: Array, b: Array, difference: Array, exponent: Exponents) -> Array:
    """σ(a) − σ(b) on the scale of `difference`: half of tanh(a/2) − tanh(b/2)."""
    return 0.5 * tanh_difference(a / 2, b / 2, difference / 2, exponent)


def _exponent(values: Array) -> Exponents:
    """The exponent of the largest of a step's values, (…, H) to (…, 1); of nothing for zeros."""
    largest = np.abs(values).max(axis=-1, keepdims=True)
    return np.where(largest > 0, np.frexp(largest)[1].astype(np.int64), NOTHING)


def _int(exponent: Exponents) -> NDArray[np.int32]:
    """An exponent as ldexp takes it; beyond ±4000 the answer is 0 or infinite anyway."""
    return np.clip(exponent, -4000, 4000).astype(np.int32)
