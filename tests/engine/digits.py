"""Balls and bits: how many a number needs, and its log10 with a bound on the error."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from flint import arb, ctx

from tests.engine.precise_cells import Rows, TooFewBits, Vector

AGREE = 1e-12  # of a log10
BITS = (160, 288, 576, 1152, 2304)
BITS_OF_BALLS = (384, 768, 1536, 3072, 6144)


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Work with so many bits."""
    before, ctx.prec = ctx.prec, bits
    try:
        yield
    finally:
        ctx.prec = before


def settled(compute: Callable[[], Any], balls: bool = False) -> tuple[Any, int]:
    """What `compute` returns, a tuple of arrays, where it no longer changes, and the bits for it.

    Raises:
        TooFewBits: the most bits do not suffice.
    """
    before = None
    for bits in BITS_OF_BALLS if balls else BITS:
        with precision(bits):
            try:
                now = compute()
            except TooFewBits:
                continue
        if balls or (before and max(map(difference, before, now)) < AGREE):
            return now, bits
        before = now
    raise TooFewBits(f"{bits} bits do not suffice")


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference; infinities and nan have to stand in the same places."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(one - other))
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


def plus(u: Vector, v: Vector) -> Vector:
    return [a + b for a, b in zip(u, v, strict=True)]


def times(u: Vector, v: Vector) -> Vector:
    return [a * b for a, b in zip(u, v, strict=True)]


def diagonal(d: Vector) -> Rows:
    return [[v if j == k else arb(0) for k in range(len(d))] for j, v in enumerate(d)]


def log10_norms(rows: Rows) -> list[float]:
    """log10 of the columns' norms."""
    return [log10_of(_sum_of_squares(column)) / 2 for column in zip(*rows, strict=True)]


def log10_rms(rows: Rows) -> float:
    """log10 of ‖rows‖_F/√H."""
    return log10_of(sum((_sum_of_squares(row) for row in rows), arb(0)) / len(rows)) / 2


def _sum_of_squares(values: Iterable[arb]) -> arb:
    return sum((v * v for v in values), arb(0))


def log10_of(value: arb) -> float:
    """log10 of what is not negative; −inf only where it is exactly zero.

    Raises:
        TooFewBits: the bound on the error is above 1e-12.
    """
    if value.is_zero():
        return -np.inf
    log10 = value.log() / arb.const_log10()
    if not log10.is_finite() or float(log10.rad()) > AGREE:
        raise TooFewBits("a logarithm")
    return float(log10.mid())
