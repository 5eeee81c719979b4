"""Values as numbers of colours, so that a picture has a palette of few."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import HATCH, ROAD, ColourScale, Floats

Colours = NDArray[np.uint8]  # (N, 3): red, green, blue
Numbers = NDArray[np.uint8]  # which of the colours

# The first of every list: what a hatched scale has below it, between the hatching and as its
# lines; no number at all; above the scale. Those of the scale follow, from its low end.
BELOW, LINES, NOTHING, ABOVE, LOWEST = range(5)
MOST_SHADES = 200


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green, blue of #rrggbb."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@cache
def shades(scale: ColourScale, count: int = MOST_SHADES) -> Colours:
    """The colours (LOWEST + count, 3) of a scale: as many between any two of its stops."""
    rgb = np.array([rgb_of(colour) for _, colour in scale.stops], dtype=np.float64)
    at = np.linspace(0, len(rgb) - 1, count)
    mixed = [np.interp(at, np.arange(len(rgb)), rgb[:, channel]) for channel in range(3)]
    beyond = [rgb_of(colour) for colour in (ROAD, HATCH, ROAD, scale.above or scale.stops[-1][1])]
    return np.concatenate([beyond, np.stack(mixed, 1).round()]).astype(np.uint8)


def shade_numbers(values: Floats, scale: ColourScale, count: int = MOST_SHADES) -> Numbers:
    """Which of `shades` each value takes; where it is not finite, nothing, or below the scale."""
    low, high = scale.ends()
    stops = [value for value, _ in scale.stops]
    finite = np.isfinite(values)
    share = np.interp(np.where(finite, values, low), stops, np.linspace(0, 1, len(stops)))
    number = LOWEST + (share * (count - 1)).round().astype(np.int64)
    if scale.above:
        number[values > high] = ABOVE
    if scale.hatched:
        number[values < low] = BELOW
    number[~finite] = BELOW if scale.hatched or scale.gaps else NOTHING
    return number.astype(np.uint8)
