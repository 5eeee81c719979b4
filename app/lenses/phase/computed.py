"""A phase map as far as it is known."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from app.lenses.phase.grid import Array, Flags, Grid, Numbers, grid_of, places, quantities
from app.view import Focus
from lstm_engine import chaos

QUARTILES = (0.25, 0.5, 0.75)


class Kept(NamedTuple):
    """What of all rows is known: rows are the entries of (ny, nx, seeds) as they are worked out."""

    values: Array  # (rows, quantities + 1), the last of them log10 of how much a change grows
    known: Flags  # (rows,)


@dataclass(frozen=True)
class Phase:
    """The numbers of a phase map, as far as they are known. `docs/math.md`, "Phase maps"."""

    experiment: Experiment
    focus: Focus
    kept: Kept

    @cached_property
    def grid(self) -> Grid:
        """Where its points lie."""
        return grid_of(self.experiment, self.focus)

    @property
    def quantity(self) -> str:
        """What was asked for."""
        return str(self.focus.quantity)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.kept.known.all())

    @cached_property
    def known(self) -> Flags:
        """Which runs are there, (ny, nx, seeds)."""
        return np.broadcast_to(self.kept.known.reshape(self.grid.worked), self.grid.shape)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many seeds of each point are there, (ny, nx)."""
        return np.asarray(self.known.sum(axis=2))

    @cached_property
    def values(self) -> dict[str, Array]:
        """(ny, nx, seeds) by quantity; nan where a run is not there."""
        return {
            name: np.broadcast_to(
                np.where(self.kept.known, self.kept.values[:, n], np.nan).reshape(self.grid.worked),
                self.grid.shape,
            )
            for n, name in enumerate(quantities(self.grid.axes))
        }

    @cached_property
    def quartiles(self) -> dict[str, Array]:
        """The lower one, the median, the upper one over seeds, (3, ny, nx) by quantity."""
        return {name: quantiles(found, QUARTILES) for name, found in self.values.items()}

    @property
    def median(self) -> Array:
        """(ny, nx)."""
        return np.asarray(self.quartiles[self.quantity][1])

    @property
    def share_known(self) -> float:
        """How much of the work is done, 0 … 1."""
        every = self.grid.expected_s(np.arange(len(self.kept.known)))
        return float(every[self.kept.known].sum() / every.sum())

    @property
    def left(self) -> int:
        """How many runs are there and have no number: their states left float64."""
        found = np.isnan(self.kept.values[:, 0]) & self.kept.known
        return int(found.sum())

    @cached_property
    def looked(self) -> Numbers:
        """The rows in which chaos was looked for, as far as they are there and have a number."""
        rows = self.grid.looked
        return np.asarray(rows[~np.isnan(self.kept.values[rows, -1])])

    @cached_property
    def chaotic(self) -> Numbers:
        """Those of them that are: see `lstm_engine.chaos`."""
        rows = self.looked
        lengths = self.grid.sizes[..., 0].ravel()[rows // self.grid.axes.seeds]
        grown = self.kept.values[rows, -1]
        is_so = [chaos.is_chaotic(*pair) for pair in zip(grown, lengths, strict=True)]
        return np.asarray(rows[np.array(is_so, dtype=bool)])

    def nearest(self, seeds: int = 1) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each point the row and column of the nearest one with at least so many seeds there.

        A point that is not there yet shows its neighbour of the finest lattice that has come so
        far, a block of one colour; where there is none, itself.
        """
        ny, nx, _ = self.grid.shape
        rows, columns = (np.array(a) for a in np.mgrid[:ny, :nx])
        enough = self.counts >= seeds
        found = enough.copy()
        for stride in (2**n for n in range(1, 8)):
            down, across = (block(count, stride) for count in (ny, nx))
            new = ~found & enough[np.ix_(down, across)]
            rows[new] = np.broadcast_to(down[:, None], (ny, nx))[new]
            columns[new] = np.broadcast_to(across, (ny, nx))[new]
            found |= new
        return rows, columns

    @cached_property
    def whole_lattice(self) -> tuple[Numbers, Numbers] | None:
        """Rows and columns of the finest lattice all of whose points are there."""
        ny, nx, _ = self.grid.shape
        for stride in (2**n for n in range(8)):
            down, across = places(ny, stride), places(nx, stride)
            if (self.counts[np.ix_(down, across)] > 0).all():
                return down, across
        return None


def block(count: int, stride: int) -> Numbers:
    """For each of `count` places the nearest one of a lattice."""
    there = places(count, stride)
    return np.asarray(there[np.abs(np.arange(count)[:, None] - there).argmin(axis=1)])


def quantiles(found: Array, shares: tuple[float, ...]) -> Array:
    """Quantiles over the last axis, (shares, …), of the values that are numbers; −inf is one.

    Between two values linearly, as `numpy.nanquantile`, which cannot do it beside infinite ones.
    """
    in_order = np.sort(found, axis=-1)
    last = (~np.isnan(in_order)).sum(axis=-1, keepdims=True) - 1
    quantiles = np.empty((len(shares), *found.shape[:-1]))
    for n, share in enumerate(shares):
        at = share * np.maximum(last, 0)
        low = np.take_along_axis(in_order, np.floor(at).astype(np.int64), axis=-1)
        high = np.take_along_axis(in_order, np.ceil(at).astype(np.int64), axis=-1)
        part = at - np.floor(at)
        with np.errstate(invalid="ignore"):
            between = np.where((part == 0) | (low == high), low, low + part * (high - low))
        # From −inf on there is no part of the way; what is infinite stays so.
        quantiles[n] = np.where(np.isnan(between) & ~np.isnan(low), low, between)[..., 0]
    return quantiles


def nothing(grid: Grid) -> Kept:
    """Where every run begins."""
    rows = int(np.prod(grid.worked))
    columns = len(quantities(grid.axes)) + 1
    return Kept(np.full((rows, columns), np.nan), np.zeros(rows, dtype=bool))


def known(experiment: Experiment, focus: Focus, kept: Kept | None = None) -> Phase:
    """What is known so far, possibly nothing."""
    return Phase(experiment, focus, kept or nothing(grid_of(experiment, focus)))
