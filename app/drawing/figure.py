"""The description of a lens's figure: what is drawn and where, before any pen is chosen.

`plot` beside this file hands it to Plotly, `picture` to Pillow. Both take places, colours and words
from here, so the picture a page opens with and the plot that replaces it are the same drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Dash = Literal["solid", "dash", "dot"]
Width = Literal["wide", "narrow", "preview"]

NIGHT, ROAD, INK, FAINT_INK, GRID = "#0b0d12", "#000000", "#e8e6e1", "#a9aeb8", "#2a2f3a"

# log10 of what is kept -> colour. Kept gradient glows, vanished gradient is dark, and what
# exploded is of another hue altogether. A deeper floor stretches the part below 1.
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
DASHES: dict[Dash, tuple[int, int]] = {"solid": (1, 0), "dash": (9, 5), "dot": (2, 8)}  # on, off
LEAST_PIXELS_OF_A_WORD = 25
READABLE = {" ": "␣", "\n": "↵", "\t": "⇥"}
CAP = 0.05  # each colour beyond the scale's ends takes this share of its bar


@dataclass(frozen=True)
class ColourScale:
    """The one scale of all maps of a page: `floor` … 3, with a colour beyond each end."""

    floor: float

    def stops(self) -> list[tuple[float, str]]:
        """(log10, colour), rising, the floor first; colours between two stops are mixed."""
        stretch = self.floor / SCALE[0][0]
        return [(at * stretch if at < 0 else at, colour) for at, colour in SCALE]

    def ticks(self, length: float) -> list[tuple[float, str]]:
        """(log10, label) of the marks beside a bar of `length` pixels; words mark long caps."""
        quarter = self.floor / 4
        marks = [(n * quarter, ten_to(n * quarter)) for n in (4, 3, 2, 1)]
        marks += [(0.0, "1 kept")]
        if length * TOP / (TOP - self.floor) > LEAST_PIXELS_OF_A_WORD:
            marks += [(TOP, ten_to(TOP))]
        if length * CAP < LEAST_PIXELS_OF_A_WORD:
            return marks
        beyond = self.beyond() / 2
        return [(self.floor - beyond, "below"), *marks, (TOP + beyond, "above")]

    def beyond(self) -> float:
        """How long each cap is, in powers of ten as the bar draws them."""
        return (TOP - self.floor) * CAP


@dataclass(frozen=True)
class TimeAxis:
    """The steps that are drawn (N,), out of 0 … length; what was read at each, where it is told.

    `scale` "log" draws the lag length − t on a log scale, the end at the right all the same.
    """

    steps: NDArray[np.int64]
    length: int
    scale: Literal["linear", "log"] = "linear"
    read: tuple[str, ...] = ()

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
            return -0.5, self.length + 0.5
        return self.length + 0.5, 0.5

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """(position, label) of the marks under an axis this long: what was read, where it fits."""
        if self.scale == "log":
            digits = (1, 2, 5) if self.length <= 100 else (1,)
            lags = [n * 10**power for power in range(5) for n in digits]
            return [(float(lag), f"{lag:,}") for lag in lags if lag <= self.length]
        widest = max(map(len, self.read), default=0)
        if widest and self.length * (8 * widest + 3) <= pixels:
            return [(float(t), READABLE.get(word, word)) for t, word in enumerate(self.read, 1)]
        whole = [mark for mark in ticks_between(0, self.length, 6) if mark == int(mark)]
        return [(mark, f"{mark:,.0f}") for mark in whole]

    def place(self, position: float) -> float:
        """Where a position lies between the axis's ends, 0 … 1."""
        left, right = self.span()
        if self.scale == "log":
            return float(np.log(position / left) / np.log(right / left))
        return (position - left) / (right - left)

    def position(self, step: int) -> float:
        """Where a step stands on the axis: its number, or its lag (that of the end: ½)."""
        return float(step) if self.scale == "linear" else max(self.length - step, 0.5)

    def title(self) -> str:
        """What the axis counts."""
        return "step t" if self.scale == "linear" else f"steps back from t = {self.length}"


@dataclass(frozen=True)
class Map:
    """Time × unit: log10 of what each unit keeps at each step, in the colours of the scale."""

    name: str
    title: str
    log10: Floats  # (N, H)
    units: NDArray[np.int64]  # (H,) the unit in each row, the lowest row first


@dataclass(frozen=True)
class Line:
    """One curve over time, (N,); −inf and nan are gaps."""

    name: str
    values: Floats
    colour: str
    dash: Dash = "solid"
    width: float = 2.0
    named: bool = True


@dataclass(frozen=True)
class Curves:
    """Lines over time on one axis: powers of ten, or a share between 0 and 1."""

    name: str
    title: str
    lines: tuple[Line, ...]
    quantity: Literal["log10", "share"]

    def bottom_is_free(self, floor: float) -> bool:
        """Whether the lower right corner is: all curves end at 1, on the right."""
        low, high = self.span(floor)
        return -low >= high

    def span(self, floor: float) -> tuple[float, float]:
        """The ends of the axis: steps of a fixed ladder, so that it holds still while one drags."""
        if self.quantity == "share":
            return 0.0, 1.0
        drawn = np.concatenate([line.values[np.isfinite(line.values)] for line in self.lines])
        low, high = (drawn.min(), drawn.max()) if drawn.size else (0.0, 0.0)
        return -rung(max(-floor, -float(low))), rung(max(TOP, float(high)))


@dataclass(frozen=True)
class Box:
    """A panel's place on the drawing, in its pixels from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Sheet:
    """The size of a drawing and the place of each of its panels and of the colour scale."""

    width: int
    height: int
    places: dict[str, Box]
    scale: Box
    labelled: frozenset[str]  # the panels with the numbers of the time axis under them


@dataclass(frozen=True)
class Figure:
    """One lens's drawing: panels on one time axis, one colour scale, a sheet for each width."""

    time: TimeAxis
    scale: ColourScale
    panels: tuple[Map | Curves, ...]
    sheets: dict[Width, Sheet]
    pinned_unit: int | None = None
    marked_step: int | None = None


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
