"""Where a phase map's points lie, what each costs, and the stages in which they become known."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.axes import WHOLE, Axes
from app.knobs import LEAST_FEATURES, Experiment
from app.lenses.phase.batches import row_s
from app.stages import LEAST_CHUNK_S

FIRST_S = 0.2  # of one core: what the first picture may cost
FEW = 3  # seeds of the first picture, where there is time for more than one
PART = 0.1  # of all work: no stage is much more
LOOKS = (5, 4, 3, 2)  # places along an axis at which chaos is looked for, the ends among them,
LOOKING = 0.01  # as many as cost at most this much of all work, or two
# Their multiples fill a plane evenly, however many are taken: 1/p and 1/p² with p³ = p + 1.
EVENLY = (0.7548776662466927, 0.5698402909980532)

SURVIVALS = ("direct", "exact", "rnn")
# Knobs that the vanilla RNN does not have, and those of its own.
OF_THE_CELL = ("b_i", "b_f", "b_g", "b_o", "chrono", "gain")
OF_THE_RNN = ("rnn_gain",)

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Side:
    """One axis of a map: a knob and its values, rising."""

    key: str
    values: tuple[float, ...]
    scale: Literal["linear", "log"]
    idle: bool  # it moves nothing here: what is found for one value holds for all


def quantities(axes: Axes) -> tuple[str, ...]:
    """What is worked out at every point, what was asked for first: a curve has its rivals."""
    asked: str = axes.quantity
    if axes.y == "none" and asked in SURVIVALS:
        return (asked, *(name for name in SURVIVALS if name != asked))
    return (asked,)


def side(experiment: Experiment, axes: Axes, name: Literal["x", "y"]) -> Side:
    """The axis "x" or "y" of a map."""
    key, span = getattr(axes, name), axes.span(name)
    values = spaced(span.low, span.high, getattr(axes, f"{name}_points"), span.scale)
    if key in WHOLE:
        least = LEAST_FEATURES.get(experiment.signal, 1) if key == "D" else 0
        values = [max(round(value), least) for value in values]
    return Side(key, tuple(sorted(set(values))), span.scale, idle(experiment, axes, key))


def spaced(low: float, high: float, points: int, scale: str) -> list[float]:
    """Values from end to end, rounded where nobody would see it, for links carry them."""
    values = (np.geomspace if scale == "log" else np.linspace)(low, high, points)
    digits = [2 - math.floor(math.log10(step)) for step in np.gradient(values).tolist()]
    inner = [round(v, n) for v, n in zip(values.tolist(), digits, strict=True)][1:-1]
    return [low, *inner, high]


def idle(experiment: Experiment, axes: Axes, key: str) -> bool:
    """Whether a knob moves nothing of what is drawn."""
    drawn = quantities(axes)
    without = {*(OF_THE_RNN if "rnn" not in drawn else ())}
    without |= {*(OF_THE_CELL if drawn == ("rnn",) else ())}
    return key in without or key in experiment.unused()


def places(count: int, stride: int) -> Numbers:
    """Of `count` places one in every `stride`, the middle one among them: coarse within fine."""
    return np.arange((count - 1) // 2 % stride, count, stride)


@dataclass(frozen=True)
class Grid:
    """All points of a map and their seeds. Arrays are (ny, nx, seeds); curves have ny = 1."""

    experiment: Experiment
    axes: Axes
    x: Side
    y: Side | None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The axes there are."""
        return (self.x, self.y) if self.y else (self.x,)

    @property
    def shape(self) -> tuple[int, int, int]:
        """As it is told."""
        return len(self.y.values) if self.y else 1, len(self.x.values), self.axes.seeds

    @property
    def worked(self) -> tuple[int, int, int]:
        """As it is worked out: only once for all values of an idle knob."""
        ny, nx, seeds = self.shape
        return 1 if self.y and self.y.idle else ny, 1 if self.x.idle else nx, seeds

    @property
    def seeds(self) -> list[int]:
        """The seeds of every point, from the experiment's own on."""
        return [(self.experiment.seed + n) % 2**32 for n in range(self.axes.seeds)]

    def settings(self, rows: Numbers) -> list[dict[str, float]]:
        """What each of some rows has of its own; a row is a point with one of its seeds."""
        iy, ix, seed = np.unravel_index(rows, self.worked)
        columns = {"seed": [self.seeds[n] for n in seed.tolist()]}
        for its, at in zip(self.sides, (ix, iy), strict=False):
            if not its.idle:
                columns[its.key] = [its.values[n] for n in at.tolist()]
        return [dict(zip(columns, own, strict=True)) for own in zip(*columns.values(), strict=True)]

    @cached_property
    def sizes(self) -> Numbers:
        """T, H and D of every point, (ny, nx, 3)."""
        ny, nx, _ = self.worked
        found = np.empty((ny, nx, 3), dtype=np.int64)
        for n, key in enumerate(("T", "H", "D")):
            found[..., n] = getattr(self.experiment, key)
            for its, turn in zip(self.sides, ((1, -1), (-1, 1)), strict=False):
                if its.key == key and not its.idle:
                    found[..., n] = np.array(its.values).reshape(turn)
        return found

    @cached_property
    def row_s(self) -> Array:
        """About what a row of each point costs, (ny, nx), seconds of one core."""
        sizes, which = np.unique(self.sizes.reshape(-1, 3), axis=0, return_inverse=True)
        names, back = quantities(self.axes), self.axes.back
        costs = [
            sum(row_s(name, T, H, D, min(back or T, T)) for name in names)
            for T, H, D in sizes.tolist()
        ]
        return np.array(costs)[which].reshape(self.worked[:2])

    def expected_s(self, rows: Numbers) -> Array:
        """About what some rows cost."""
        return self.row_s.ravel()[rows // self.axes.seeds]

    @cached_property
    def looked(self) -> Numbers:
        """The rows at which chaos is looked for: the first seed of points all over the map."""
        ny, nx, seeds = self.worked
        sizes = self.sizes.reshape(-1, 3)
        for along in LOOKS:
            down, across = (np.unique(np.linspace(0, n - 1, along).round()) for n in (ny, nx))
            points = (down[:, None] * nx + across).astype(np.int64).ravel()
            forward_s = sum(row_s("direct", T, H, D, 0) for T, H, D in sizes[points].tolist())
            if 2 * forward_s <= LOOKING * seeds * self.row_s.sum():  # twice forward
                break
        return np.asarray(points * seeds)

    def lattice(self, stride: int) -> Flags:
        """The points one in every `stride` along each axis, (ny, nx)."""
        ny, nx, _ = self.worked
        found = np.zeros((ny, nx), dtype=bool)
        found[np.ix_(places(ny, stride), places(nx, stride))] = True
        return found

    @cached_property
    def strides(self) -> list[int]:
        """From the coarsest lattice to all points."""
        stride = 1
        while (
            3 * stride < max(self.worked[:2]) and self.row_s[self.lattice(stride)].sum() > FIRST_S
        ):
            stride *= 2
        return [stride >> n for n in range(stride.bit_length())]

    @cached_property
    def stages(self) -> tuple[Numbers, ...]:
        """The rows of each stage: a coarse picture of few seeds, all its seeds, finer and finer.

        They follow from the link alone.
        """
        first = np.zeros(self.worked, dtype=bool)
        coarse = self.lattice(self.strides[0])
        few = min(self.axes.seeds, FEW)
        first[coarse, : few if few * self.row_s[coarse].sum() <= FIRST_S else 1] = True
        known, found = first.copy(), [self.in_order(first)]
        for stride in self.strides:
            new = self.lattice(stride)[..., None] & ~known
            found += [self.in_order(part) for part in self.parts(new) if part.any()]
            known |= new
        return tuple(found)

    def parts(self, rows: Flags) -> list[Flags]:
        """Rows that cost too much for one stage, in parts spread evenly over the map."""
        ny, nx, seeds = self.worked
        cost = (rows.sum(axis=2) * self.row_s).sum()
        most = max(PART * seeds * self.row_s.sum(), LEAST_CHUNK_S)
        count = max(1, math.ceil(cost / most - 1e-9))
        mix = np.arange(ny)[:, None] * EVENLY[1] + np.arange(nx) * EVENLY[0]
        where = np.flatnonzero(rows.any(axis=2))
        part = np.full(ny * nx, -1)
        part[where[np.argsort(mix.ravel()[where] % 1.0, kind="stable")]] = (
            np.arange(len(where)) * count // max(len(where), 1)
        )
        return [rows & (part == n).reshape(ny, nx, 1) for n in range(count)]

    def in_order(self, rows: Flags) -> Numbers:
        """The numbers of rows, those of one size and one seed side by side: they share a draw."""
        found = np.flatnonzero(rows)
        iy, ix, seed = np.unravel_index(found, self.worked)
        T, H, D = self.sizes[iy, ix].T
        return np.asarray(found[np.lexsort((found, seed, T, D, H))])


@lru_cache(16)
def grid_of(experiment: Experiment, axes: Axes) -> Grid:
    """The points of a link's map."""
    y = None if axes.y == "none" else side(experiment, axes, "y")
    return Grid(experiment, axes, side(experiment, axes, "x"), y)
