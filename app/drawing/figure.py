"""The description of a lens's figure: what is drawn and where, before any pen is chosen.

`plot` beside this file hands it to Plotly, `picture` to Pillow. Both take places, colours and words
from here, so the picture a page opens with and the plot that replaces it are the same drawing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Dash = Literal["solid", "dash", "dot"]
Width = Literal["wide", "narrow", "preview"]
Corner = Literal["", "top right", "bottom right", "top left", "bottom left"]

NIGHT, ROAD, INK, FAINT_INK, GRID = "#0b0d12", "#000000", "#e8e6e1", "#a9aeb8", "#2a2f3a"
ZERO_LINE = "#5d6472"

# log10 of what is kept -> colour. Kept gradient glows, vanished gradient is dark, and what
# exploded is of another hue altogether.
SCALE = (
    (-12.0, "#0b0f1a"),
    (-9.0, "#16213d"),
    (-6.0, "#3b2a63"),
    (-4.0, "#7a2f72"),
    (-2.0, "#c9503f"),
    (-1.0, "#ee8a2b"),
    (0.0, "#ffe08a"),
    (0.5, "#fffbe8"),
    (1.2, "#a8f0e6"),
    (3.0, "#12b5c9"),
)
TOP = SCALE[-1][0]
ABOVE_SCALE = "#2f6bff"
# Below the scale all is dark, so it is hatched: lines of this colour, this many pixels apart.
HATCH, HATCH_PIXELS = "#343944", 7
EXACT, DIRECT, DETOURS, RNN = LINE_COLOURS = ("#ffb454", "#ff6f61", "#c792ea", "#7aa2f7")
VEIL = 0.6  # how much of the curves behind a legend is veiled, 0 … 1
DASHES: dict[Dash, tuple[int, int]] = {"solid": (1, 0), "dash": (9, 5), "dot": (2, 8)}  # on, off
LEAST_PIXELS_OF_A_WORD = 25
READABLE = {" ": "␣", "\n": "↵", "\t": "⇥"}
CAP = 0.05  # each colour beyond the scale's ends takes this share of its bar


@dataclass(frozen=True)
class ColourScale:
    """Values as colours: fixed, never adjusted to the data, so that two pictures compare.

    Colours between two stops are mixed. What lies beyond an end takes that end's colour, unless
    the scale has a cap for it: `hatched` below (vanished, or zero), the colour `above`. With
    `gaps`, a place that has no value at all is hatched.
    """

    stops: tuple[tuple[float, str], ...]  # (value, colour), rising
    marks: tuple[tuple[float, str], ...]  # (value, label) beside the bar
    hatched: bool = False
    above: str = ""
    gaps: bool = False

    def ends(self) -> tuple[float, float]:
        """The values of the first and the last stop."""
        return self.stops[0][0], self.stops[-1][0]

    def bar(self) -> tuple[float, float]:
        """The ends of the bar, caps included."""
        low, high = self.ends()
        cap = (high - low) * CAP
        return low - (cap if self.hatched else 0.0), high + (cap if self.above else 0.0)

    def dark_cap(self) -> float:
        """The share of the bar that the cap for what lies below takes."""
        bottom, top = self.bar()
        return (self.ends()[0] - bottom) / (top - bottom)

    def ticks(self, length: float) -> list[tuple[float, str]]:
        """(value, label) of the marks beside a bar of `length` pixels; words mark long caps."""
        low, high = self.ends()
        last, before = self.marks[-1][0], self.marks[-2][0]
        room = length * (last - before) / (high - low) > LEAST_PIXELS_OF_A_WORD
        marks = list(self.marks if room else self.marks[:-1])
        if length * CAP < LEAST_PIXELS_OF_A_WORD:
            return marks
        bottom, top = self.bar()
        below = [((bottom + low) / 2, "below")] if self.hatched else []
        return below + marks + ([((top + high) / 2, "above")] if self.above else [])


def kept(floor: float) -> ColourScale:
    """The night road: log10 of what is kept, `floor` … 3; a deeper floor stretches what is lost."""
    stretch, quarter = floor / SCALE[0][0], floor / 4
    stops = tuple((at * stretch if at < 0 else at, colour) for at, colour in SCALE)
    marks = tuple((n * quarter, ten_to(n * quarter)) for n in (4, 3, 2, 1))
    return ColourScale(stops, (*marks, (0.0, "1 kept"), (TOP, ten_to(TOP))), True, ABOVE_SCALE)


def share(low_name: str = "0", high_name: str = "1") -> ColourScale:
    """A share, 0 … 1: closed is dark, open glows."""
    colours = ("#0b0f1a", "#3b2a63", "#c9503f", "#ee8a2b", "#ffe08a")
    stops = tuple((n / 4, colour) for n, colour in enumerate(colours))
    return ColourScale(stops, ((0.0, low_name), (0.5, "0.5"), (1.0, high_name)))


def signed(limit: float, marks: tuple[tuple[float, str], ...]) -> ColourScale:
    """−limit … limit: zero is the night's black, one sign of gold, the other of blue-green."""
    below = ((-1.0, "#a8f0e6"), (-0.5, "#12b5c9"), (-0.15, "#123a52"))
    above = ((0.15, "#4a2a2f"), (0.5, "#ee8a2b"), (1.0, "#ffe08a"))
    stops = tuple((at * limit, colour) for at, colour in (*below, (0.0, "#0b0d12"), *above))
    return ColourScale(stops, marks)


@dataclass(frozen=True)
class TimeAxis:
    """The steps that are drawn (N,), out of first … length; what was read at each, where told.

    `scale` "log" draws the lag length − t on a log scale, the end at the right all the same.
    """

    steps: NDArray[np.int64]
    length: int
    scale: Literal["linear", "log"] = "linear"
    read: tuple[str, ...] = ()
    name: str = "step t"
    first: int = 0

    def positions(self) -> Floats:
        """Where on the axis each of the drawn steps stands."""
        return np.array([self.position(step) for step in self.steps.tolist()])

    def edges(self) -> Floats:
        """The N + 1 borders between the steps' cells."""
        at = self.steps.astype(np.float64)
        if self.scale == "log":
            at = self.length - at
        half = 0.5 if len(at) == 1 else abs(at[1] - at[0]) / 2
        ends = (-half, half) if self.scale == "linear" else (half, -half)
        edges = np.concatenate([[at[0] + ends[0]], (at[1:] + at[:-1]) / 2, [at[-1] + ends[1]]])
        return edges if self.scale == "linear" else np.maximum(edges, 0.25)

    def span(self) -> tuple[float, float]:
        """Left and right end of the axis, in steps or in lag."""
        if self.scale == "linear":
            return self.first - 0.5, self.length + 0.5
        return self.length - self.first + 0.5, 0.5

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """(position, label) of the marks along an axis this long: what was read, where it fits."""
        if self.scale == "log":
            digits = (1, 2, 5) if self.length <= 100 else (1,)
            lags = [n * 10**power for power in range(5) for n in digits]
            return [(float(n), f"{n:,}") for n in lags if n <= self.length - self.first]
        widest = max(map(len, self.read), default=0)
        if widest and self.length * (8 * widest + 3) <= pixels:
            return [(float(t), READABLE.get(word, word)) for t, word in enumerate(self.read, 1)]
        most = int(min(max(pixels // (7 * len(f"{self.length:,}") + 14), 1), 6))
        whole = [mark for mark in ticks_between(self.first, self.length, most) if mark == int(mark)]
        return [(mark, f"{mark:,.0f}") for mark in whole]

    def place(self, positions: Floats | float) -> Floats:
        """Where positions lie between the axis's ends, 0 … 1."""
        return placed(positions, self.span(), self.scale)

    def position(self, step: int) -> float:
        """Where a step stands on the axis: its number, or its lag (that of the end: ½)."""
        return float(step) if self.scale == "linear" else max(self.length - step, 0.5)

    def title(self) -> str:
        """What the axis counts."""
        return self.name if self.scale == "linear" else f"steps back from t = {self.length}"


@dataclass(frozen=True)
class Units:
    """An axis of units, in the order in which they are drawn: `order[row]` is the unit in a row."""

    order: NDArray[np.int64]  # (M,)
    name: str = "unit"

    def edges(self) -> Floats:
        """The M + 1 borders between the units' cells."""
        return np.arange(-0.5, len(self.order))

    def positions(self) -> Floats:
        """Where each row stands."""
        return np.arange(len(self.order), dtype=np.float64)

    def span(self) -> tuple[float, float]:
        """The ends of the axis, in rows."""
        return -0.5, len(self.order) - 0.5

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """(row, unit) of the marks along the axis."""
        marks = ticks_between(0, len(self.order) - 1, 6)
        rows = [int(row) for row in marks if row == int(row)] or [0]
        return [(float(row), str(self.order[row])) for row in rows]

    def place(self, positions: Floats | float) -> Floats:
        """Where positions lie between the axis's ends, 0 … 1."""
        return placed(positions, self.span(), "linear")

    def title(self) -> str:
        """What the axis counts."""
        return self.name


@dataclass(frozen=True)
class Values:
    """An axis of numbers. `quantity` says how they are told: "log10" as the powers of ten that they
    are the logarithms of, "share" between 0 and 1, "number" as they are.

    `scale` "log" spaces plain positive numbers by their logarithms.
    """

    low: float
    high: float
    quantity: Literal["log10", "share", "number"] = "number"
    name: str = ""
    scale: Literal["linear", "log"] = "linear"

    def span(self) -> tuple[float, float]:
        """The ends of the axis."""
        return self.low, self.high

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """(value, label) of the marks along an axis of so many pixels."""
        if self.quantity == "share":
            return [(0.0, "0"), (0.5, "0.5"), (1.0, "1")]
        if self.scale == "log":
            low, high = np.ceil(np.log10(self.low) - 1e-9), np.floor(np.log10(self.high) + 1e-9)
            powers = [n for n in ticks_between(low, high, 6) if n == int(n)]
            return [(10.0**n, f"{10.0**n:,g}" if -4 < n < 6 else ten_to(n)) for n in powers]
        values = ticks_between(self.low, self.high, 7 if pixels > 120 else 4)
        if self.quantity == "log10":
            return [(value, power_label(value)) for value in values]
        return [(value, f"{value:,g}".replace("-", "−")) for value in values]

    def place(self, positions: Floats | float) -> Floats:
        """Where positions lie between the axis's ends, 0 … 1."""
        return placed(positions, self.span(), self.scale)

    def title(self) -> str:
        """What the axis counts."""
        return self.name


@dataclass(frozen=True)
class KnobAxis:
    """The values (N,) of a knob at which something was worked out, rising, around each a cell.

    `texts` are the same as links write them; `key` is the knob's, `name` what one calls it.
    """

    key: str
    name: str
    values: Floats
    texts: tuple[str, ...]
    scale: Literal["linear", "log"] = "linear"

    def positions(self) -> Floats:
        """Where each value stands."""
        return self.values

    def edges(self) -> Floats:
        """The N + 1 borders between the values' cells, the outer ones as far away as the inner."""
        at = np.log(self.values) if self.scale == "log" else self.values
        if len(at) == 1:
            edges = at + np.array([-0.5, 0.5])
        else:
            inner = (at[1:] + at[:-1]) / 2
            edges = np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])
        return np.asarray(np.exp(edges) if self.scale == "log" else edges)

    def span(self) -> tuple[float, float]:
        """The ends of the axis: the outer borders."""
        low, *_, high = self.edges().tolist()
        return low, high

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """(value, label) of the marks along an axis of so many pixels."""
        low, high = self.span()
        if len(self.values) == 1:
            return [(float(self.values[0]), self.texts[0].replace("-", "−"))]
        if self.scale == "log":
            digits = (1, 2, 5) if high / low < 300 else (1,)
            powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
            marks = [n * 10.0**power for power in powers for n in digits]
            marks = [mark for mark in marks if low <= mark <= high]
        else:
            marks = list(ticks_between(low, high, 7 if pixels > 200 else 5))
        return [(mark, f"{mark:,g}".replace("-", "−")) for mark in marks]

    def place(self, positions: Floats | float) -> Floats:
        """Where positions lie between the axis's ends, 0 … 1."""
        return placed(positions, self.span(), self.scale)

    def title(self) -> str:
        """What the axis counts."""
        return self.name


Axis = TimeAxis | Units | Values | KnobAxis


def alike(one: Axis, other: Axis) -> bool:
    """Whether two axes count the same."""
    if one is other or type(one) is not type(other):
        return one is other
    names = (field.name for field in fields(one))
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def powers(lines: Sequence["Line"], floor: float, name: str = "") -> Values:
    """An axis of powers of ten for these curves: steps of a fixed ladder around `floor` … 3, so
    that it holds still while one drags."""
    finite = [line.values[np.isfinite(line.values)] for line in lines]
    drawn = np.concatenate(finite) if finite else np.zeros(0)
    low, high = (drawn.min(), drawn.max()) if drawn.size else (0.0, 0.0)
    ends = -rung(max(-floor, -float(low))), rung(max(TOP, float(high)))
    return Values(*ends, "log10", name)


def placed(
    positions: Floats | float, span: tuple[float, float], scale: Literal["linear", "log"]
) -> Floats:
    """Where positions lie between two ends, 0 … 1; nan where they cannot lie on the axis."""
    low, high = span
    finite = np.where(np.isfinite(positions), positions, np.nan)
    if scale == "log":
        low, high = np.log(low), np.log(high)
        finite = np.log(np.where(finite > 0, finite, np.nan))
    return np.asarray((finite - low) / (high - low))


@dataclass(frozen=True)
class Map:
    """A field of cells in the colours of a scale: time × unit, step × step, knob × knob.

    `picks` names the form's fields that a click on a cell fills with its column and its row.
    `lines` lie over the cells, each with places of its own. Where a cell takes more words than
    its value, `said` has them, the lowest row first, under the name `told`.
    """

    name: str
    title: str
    values: Floats  # (N, M): entry [n, m] at the n-th place of x, at unit (or place) m of y
    x: TimeAxis | Units | KnobAxis
    y: TimeAxis | Units | KnobAxis
    scale: str = "kept"  # a key of `Figure.scales`
    quantity: Literal["log10", "ratio", "share", "number"] = "log10"
    picks: tuple[str, str] = ("step", "unit")
    lines: tuple["Line", ...] = ()
    legend: Corner = ""
    told: str = ""
    said: tuple[tuple[str, ...], ...] = ()

    def places(self, line: "Line") -> Floats:
        """Where each value of a line stands along x."""
        return self.x.positions() if line.at is None else line.at

    def drawn(self) -> Floats:
        """(rows, columns) as drawn, the lowest row first: units in their axes' orders."""
        columns = self.x.order if isinstance(self.x, Units) else slice(None)
        rows = self.y.order if isinstance(self.y, Units) else slice(None)
        return np.asarray(self.values[columns][:, rows].T)


@dataclass(frozen=True)
class Line:
    """One curve, or dots: values over the places of the panel's x axis, or over `at`.

    −inf and nan are gaps. `units` names the unit of each dot, so that it can be marked and pinned.
    """

    name: str
    values: Floats  # (N,)
    colour: str
    dash: Dash = "solid"
    width: float = 2.0  # of the stroke; of a dot, its diameter
    named: bool = True  # in the legend
    at: Floats | None = None  # (N,)
    dots: bool = False
    units: NDArray[np.int64] | None = None  # (N,)


@dataclass(frozen=True)
class Curves:
    """Lines and dots on a pair of axes; names of the named ones stand in the corner `legend`."""

    name: str
    title: str
    lines: tuple[Line, ...]
    x: Axis
    y: Values
    legend: Corner = ""

    def places(self, line: Line) -> Floats:
        """Where each value of a line stands along x."""
        if line.at is not None:
            return line.at
        if isinstance(self.x, Values):
            raise ValueError(f"{line.name}: an axis of numbers has no places, `at` gives them")
        return self.x.positions()


Panel = Map | Curves


@dataclass(frozen=True)
class Box:
    """A panel's place on the drawing, in its pixels from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Sheet:
    """The size of a drawing, the place of each of its panels and of each colour scale's bar.

    A panel without a place is left out at this width.
    """

    width: int
    height: int
    places: dict[str, Box]
    bars: dict[str, Box]  # by the scale's name; upright, or lying where it is wider than high
    labelled: frozenset[str]  # the panels with the numbers and the title of the x axis under them


@dataclass(frozen=True)
class Figure:
    """One lens's drawing: panels, colour scales, a sheet for each width.

    Panels whose x is the same `TimeAxis` zoom together; pointing at a step or a unit marks it
    wherever a panel has an axis of steps or of units.
    """

    panels: tuple[Panel, ...]
    sheets: dict[Width, Sheet]
    scales: dict[str, ColourScale]
    time: TimeAxis | None = None  # the axis of steps that marks and words refer to
    pinned_unit: int | None = None
    marked_step: int | None = None
    picked: Mapping[str, int] = field(default_factory=dict)  # steps that other fields have


LADDER = tuple(n * 10**power for power in range(6) for n in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0))


def rung(value: float) -> float:
    """The first step of a fixed ladder that is not below `value`."""
    return float(next((step for step in LADDER if step >= value), LADDER[-1]))


# Exponents are written with these signs; whoever sets them otherwise writes them `PLAIN` again.
RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·"
SUPERSCRIPTS, PLAIN = str.maketrans("-0123456789.", RAISED), str.maketrans(RAISED, "-0123456789.")


def ten_to(power: float) -> str:
    """A power of ten as one writes it: 10⁻¹², with a decimal where it has one."""
    return "10" + f"{power:.1f}".removesuffix(".0").translate(SUPERSCRIPTS)


def power_label(log10: float) -> str:
    """A mark on an axis of powers of ten."""
    return ten_to(log10) if log10 else "1"


def ticks_between(low: float, high: float, most: int) -> Sequence[float]:
    """Round numbers from `low` to `high`, at most `most` of them (1, 2, 5 times a power of ten)."""
    least = (high - low) / max(most, 1)
    power = 10.0 ** np.floor(np.log10(max(least, 1e-9)))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= least)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(n * step) for n in range(int(first), int(last) + 1)]
