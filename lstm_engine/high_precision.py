"""Lyapunov exponents in integers of as many bits as it takes, for saturated networks.

Where gates are saturated, directions of one step lie 10^50 and more apart, and the small ones of a
frame drown in the rounding of float64. Here a number is an integer over 2^bits; the frame goes
through the steps and is made orthonormal by Gram and Schmidt's method. Bits are doubled until
the exponents agree. `docs/math.md`, section "Spectra".
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine.gates import LN2, Array

FEWEST_BITS, MOST_BITS = 512, 8192
GUARD = 64  # bits at the end of which nothing is believed: what has no more than these is zero
AGREE = 1e-9  # between two precisions, in ln a step
MOST_PRODUCTS = 3e5  # of numbers of 512 bits, in one pass: a second or two

Integers = NDArray[np.object_]


class Step(NamedTuple):
    """A step's Jacobian as the parts that it is made of; see `lstm_engine.cell.Slopes`."""

    carry: Array  # (H,)
    into_cell: Array  # (G, H)
    read_out: Array | None  # (H,); None where h is c itself
    past_cell: Array | None


def growth(steps: Sequence[Step], weight_hh: Array, frame: Array) -> Array | None:
    """ln R_ii of every step, (T, m), right to about 1e-9 a step; None where that costs too much.

    Args:
        steps: T of them.
        weight_hh: (nH, H).
        frame: (n, m), orthonormal columns.

    Returns:
        ln |R_ii|; −inf from where a direction is lost exactly.
    """
    products = len(steps) * frame.shape[1] * (weight_hh.size + len(frame) * frame.shape[1])
    before, bits = None, FEWEST_BITS
    while bits <= MOST_BITS and products * (bits / FEWEST_BITS) <= MOST_PRODUCTS:
        found = _growth(steps, weight_hh, frame, bits)
        if before is not None and _agree(before, found):
            return found
        before, bits = found, 2 * bits
    return None


def _agree(one: Array, other: Array) -> bool:
    if (np.isneginf(one) != np.isneginf(other)).any():
        return False
    return bool(np.abs(_means(one) - _means(other)).max(initial=0.0) < AGREE)


def _means(found: Array) -> Array:
    return np.asarray(np.where(np.isneginf(found), 0.0, found).sum(axis=0) / len(found))


def _growth(steps: Iterable[Step], weight_hh: Array, frame: Array, bits: int) -> Array:
    Q, weights = _integers(frame, bits), _integers(weight_hh, bits)
    rows, alive = [], np.arange(frame.shape[1])
    for step in steps:
        row = np.full(frame.shape[1], -np.inf)
        Q, log = _orthonormal(_through(step, weights, Q, bits), bits)
        row[alive] = log
        alive = alive[np.isfinite(log)]
        rows.append(row)
    return np.array(rows)


def _integers(values: Array, bits: int) -> Integers:
    """Numbers times 2^bits, what is below lost."""
    flat = np.empty(values.size, dtype=object)
    for n, value in enumerate(values.ravel().tolist()):
        mantissa, exponent = math.frexp(value)
        digits, shift = int(mantissa * 2**53), bits + exponent - 53
        flat[n] = digits << shift if shift >= 0 else digits >> -shift
    return flat.reshape(values.shape)


def _through(step: Step, weights: Integers, Q: Integers, bits: int) -> Integers:
    H = len(step.carry)
    carry = _integers(step.carry, bits)[:, None]
    heard = ((weights @ Q[-H:]) >> bits).reshape(len(weights) // H, H, Q.shape[1])
    c = carry * Q[:H]
    for gate, feeding in enumerate(step.into_cell):
        c = c + _integers(feeding, bits)[:, None] * heard[gate]
    c = c >> bits
    if step.read_out is None or step.past_cell is None:
        return np.asarray(c)
    read_out, past = (_integers(part, bits)[:, None] for part in (step.read_out, step.past_cell))
    return np.concatenate((c, (read_out * c + past * heard[-1]) >> bits))


def _orthonormal(columns: Integers, bits: int) -> tuple[Integers, Array]:
    """The columns that are left, orthonormal, and ln of what each was long; −inf for the rest."""
    found: list[Integers] = []
    log = np.full(columns.shape[1], -np.inf)
    for n, column in enumerate(columns.T):
        for _ in range(2):
            for q in found:
                column = column - ((q * ((q @ column) >> bits)) >> bits)
        size = math.isqrt(int(column @ column))
        if size.bit_length() > GUARD:
            log[n] = math.log(size) - bits * LN2
            found.append((column << bits) // size)
    return np.array(found, dtype=object).reshape(len(found), len(columns)).T, log
