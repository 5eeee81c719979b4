"""The colour scale as Plotly draws it: the bar, the colours, the hatching below its dark end."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from app.drawing.figure import (
    HATCH,
    HATCH_PIXELS,
    Box,
    ColourScale,
    Sheet,
)

CLEAR = "rgba(0,0,0,0)"


def hatching(box: Box, sheet: Sheet) -> dict[str, Any]:
    """What shows through a map where a value lies below the scale, or is zero."""
    width, height = box.right - box.left, box.bottom - box.top
    lines = " ".join(
        f"M{x} {height:g}l{height:g} -{height:g}"
        for x in range(-int(height), int(width), HATCH_PIXELS)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'preserveAspectRatio="none"><path d="{lines}" stroke="{HATCH}"/></svg>'
    )
    return {
        "source": "data:image/svg+xml," + quote(svg),
        "xref": "paper",
        "yref": "paper",
        "x": box.left / sheet.width,
        "y": 1 - box.top / sheet.height,
        "sizex": width / sheet.width,
        "sizey": height / sheet.height,
        "sizing": "stretch",
        "layer": "below",
    }


def dark_end(scale: ColourScale, bar: Box) -> Box:
    """The cap at the dark end of the bar: its foot, or its left."""
    width, height = bar.right - bar.left, bar.bottom - bar.top
    if height > width:
        return replace(bar, top=bar.bottom - height * scale.dark_cap())
    return replace(bar, right=bar.left + width * scale.dark_cap())


def coloraxis(scale: ColourScale, sheet: Sheet, box: Box | None) -> dict[str, Any]:
    """One scale of the maps, its bar in a box. What lies beyond an end takes that end's cap."""
    (low, high), (bottom, top) = scale.ends(), scale.bar()
    colours = [[(value - bottom) / (top - bottom), colour] for value, colour in scale.stops]
    if bottom < low:
        colours = [[0, CLEAR], [colours[0][0], CLEAR], *colours]
    if high < top:
        colours = [*colours, [colours[-1][0], scale.above], [1, scale.above]]
    axis = {"cmin": bottom, "cmax": top, "colorscale": colours, "showscale": box is not None}
    return axis | ({"colorbar": colorbar(scale, sheet, box)} if box else {})


def colorbar(scale: ColourScale, sheet: Sheet, box: Box) -> dict[str, Any]:
    """The bar of a scale, upright or lying."""
    width, height = box.right - box.left, box.bottom - box.top
    upright = height > width
    marks = scale.ticks(max(width, height))
    return {
        "tickangle": 0,
        "thickness": width if upright else height,
        "thicknessmode": "pixels",
        "orientation": "v" if upright else "h",
        "len": height / sheet.height if upright else width / sheet.width,
        "x": box.left / sheet.width,
        "xanchor": "left",
        "y": 1 - box.top / sheet.height,
        "yanchor": "top",
        "xpad": 0,
        "ypad": 0,
        "outlinewidth": 0,
        "tickvals": [value for value, _ in marks],
        "ticktext": [text for _, text in marks],
    }
