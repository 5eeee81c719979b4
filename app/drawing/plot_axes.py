"""Axes as Plotly draws them, and the marks on them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from app.drawing.figure import (
    GRID,
    INK,
    NIGHT,
    ZERO_LINE,
    Axis,
    Figure,
    KnobAxis,
    Panel,
    Sheet,
    TimeAxis,
    Units,
    Values,
    alike,
)
from app.drawing.marks import RING, Mark, marks_of

SOLID = {"color": INK, "width": 1}

# Four Bézier curves: Plotly's own circle of so many pixels loses its left half on a log axis.
R, K = RING, round(0.5523 * RING, 2)
CIRCLE = (
    f"M{R:g},0C{R:g},{K} {K},{R:g} 0,{R:g}C-{K},{R:g} -{R:g},{K} -{R:g},0"
    f"C-{R:g},-{K} -{K},-{R:g} 0,-{R:g}C{K},-{R:g} {R:g},-{K} {R:g},0Z"
)

Numbered = Sequence[tuple[int, Panel]]


def id_of(letter: str, number: int) -> str:
    """A panel's axis as Plotly names it: the first has no number."""
    return letter + (str(number) if number > 1 else "")


def keys(word: str, names: Iterable[str]) -> dict[str, str]:
    """Names as Plotly's layout keys: coloraxis, coloraxis2 …"""
    return {name: id_of(word, number) for number, name in enumerate(names, 1)}


def plainly(text: str) -> str:
    """Text that Plotly shows as it is: markup in it is not obeyed."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def across(panel: Panel, number: int, sheet: Sheet, panels: Numbered) -> dict[str, Any]:
    """The axis under a panel; those of the same time or knob follow the first when one zooms."""
    box, labelled = sheet.places[panel.name], panel.name in sheet.labelled
    axis = ruled(panel.x, box.right - box.left) | {
        "anchor": id_of("y", number),
        "domain": domain(box.left, box.right, sheet.width),
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": GRID,
        "tickangle": 0,
        "showticklabels": labelled,
    }
    if labelled:
        axis["title"] = {"text": plainly(panel.x.title()), "standoff": 6, "font": {"size": 12}}
    if isinstance(panel.x, TimeAxis | KnobAxis):
        first = next(n for n, other in panels if alike(panel.x, other.x))
        if first != number:
            axis["matches"] = id_of("x", first)
    return axis


def upwards(panel: Panel, number: int, sheet: Sheet) -> dict[str, Any]:
    """The axis at the left of a panel."""
    box = sheet.places[panel.name]
    axis = ruled(panel.y, box.bottom - box.top) | {
        "anchor": id_of("x", number),
        "domain": domain(sheet.height - box.bottom, sheet.height - box.top, sheet.height),
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": NIGHT,
        "fixedrange": True,
    }
    if panel.y.title():
        axis["title"] = {"text": plainly(panel.y.title()), "standoff": 4, "font": {"size": 12}}
    return axis


def ruled(axis: Axis, pixels: float) -> dict[str, Any]:
    """Range, numbers and grid of an axis so many pixels long."""
    low, high = axis.span()
    ticks = axis.ticks(pixels)
    logarithmic = not isinstance(axis, Units) and axis.scale == "log"
    values = isinstance(axis, Values)
    return {
        **({"type": "log"} if logarithmic else {}),
        "range": [np.log10(low), np.log10(high)] if logarithmic else [low, high],
        "tickvals": [at for at, _ in ticks],
        "ticklabeloverflow": "allow",
        "ticktext": [plainly(text) for _, text in ticks],
        "showgrid": values,
        "gridcolor": GRID,
        "zeroline": values and low < 0 < high,
        "zerolinecolor": ZERO_LINE,
    }


def domain(low: float, high: float, whole: float) -> list[float]:
    """A span of pixels as a share of the sheet, rounded as far as a pixel can tell."""
    return [round(low / whole, 5), round(high / whole, 5)]


def marks(figure: Figure, panels: Numbered) -> list[dict[str, Any]]:
    """The pinned unit and the marked step, wherever a panel has them."""
    return [
        shape(mark, id_of("x", number), id_of("y", number))
        for number, panel in panels
        for mark in marks_of(panel, figure)
    ]


def shape(mark: Mark, x: str, y: str) -> dict[str, Any]:
    """A mark as Plotly's shape: a row or a column, a line, a ring around a dot."""
    if mark.x is not None and mark.y is not None:
        at = {"xanchor": mark.x[0], "yanchor": mark.y[0]}
        pixels = {"xsizemode": "pixel", "ysizemode": "pixel"}
        return {"type": "path", "path": CIRCLE, "xref": x, "yref": y, **at, **pixels, "line": SOLID}
    (x0, x1), (y0, y1) = mark.x or (0, 1), mark.y or (0, 1)
    upright = x0 == x1 or y0 == y1
    return {
        "type": "line" if upright else "rect",
        "xref": x if mark.x else f"{x} domain",
        "yref": y if mark.y else f"{y} domain",
        **{"x0": x0, "x1": x1, "y0": y0, "y1": y1},
        "line": SOLID | {"dash": "dot"} if upright else SOLID,
    }
