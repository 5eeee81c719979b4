"""Lines as pixels see them: cut at a panel's borders, cut into dashes."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import Box

Points = NDArray[np.float64]  # (N, 2): x and y in a sheet's pixels
DashPixels = tuple[int, int]  # drawn, left out
WHOLE: DashPixels = (1, 0)


def clipped(points: Points, box: Box) -> list[Points]:
    """The stretches of a line that lie within a box; where a point is not finite it is broken.

    Each segment is cut where it enters and leaves the box (Liang & Barsky 1984).
    """
    finite = np.isfinite(points.sum(axis=1))
    known = np.flatnonzero(finite[:-1] & finite[1:])
    start, along = points[known], points[known + 1] - points[known]
    enter, leave = np.zeros(len(known)), np.ones(len(known))
    for side, low, high in ((0, box.left, box.right), (1, box.top, box.bottom)):
        first, last = crossings(start[:, side], along[:, side], low, high)
        enter, leave = np.maximum(enter, first), np.minimum(leave, last)
    within = enter < leave
    known, start, along = known[within], start[within], along[within]
    enter, leave = enter[within], leave[within]
    heads, tails = start + enter[:, None] * along, start + leave[:, None] * along
    broken = (np.diff(known) > 1) | (leave[:-1] < 1)
    borders = np.concatenate([[0], np.flatnonzero(broken) + 1, [len(known)]])
    return [
        np.concatenate([heads[first:last], tails[last - 1 : last]])
        for first, last in pairwise(borders.tolist())
        if last > first
    ]


def crossings(
    start: NDArray[np.float64], along: NDArray[np.float64], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where segments enter and leave low … high, as shares of their length."""
    flat = along == 0
    pace = np.where(flat, 1.0, along)
    one, other = (low - start) / pace, (high - start) / pace
    outside = flat & ((start < low) | (start > high))
    first = np.where(flat, 0.0, np.minimum(one, other))
    last = np.where(flat, np.where(outside, -1.0, 1.0), np.maximum(one, other))
    return first, last


def dashes(points: Points, on: float, off: float) -> list[Points]:
    """A line cut into its dashes: `on` pixels drawn, `off` pixels left out; whole without `off`."""
    if not off:
        return [points]
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0.0, length[-1], on + off)
    ends = np.minimum(starts + on, length[-1])
    firsts, lasts = np.searchsorted(length, starts, "right"), np.searchsorted(length, ends)
    heads, tails = points_at(points, length, starts), points_at(points, length, ends)
    return [
        np.concatenate([heads[n : n + 1], points[first:last], tails[n : n + 1]])
        for n, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    ]


def points_at(points: Points, length: NDArray[np.float64], at: NDArray[np.float64]) -> Points:
    """The points at these lengths along a line."""
    return np.stack([np.interp(at, length, points[:, side]) for side in (0, 1)], axis=1)
