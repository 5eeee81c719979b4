"""The colour scale as Plotly draws it: the bar, the colours, the hatching below its dark end."""

from typing import Any
from urllib.parse import quote

from app.drawing.figure import (
    ABOVE_SCALE,
    CAP,
    HATCH,
    HATCH_PIXELS,
    TOP,
    Box,
    ColourScale,
    Sheet,
    Width,
)


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


def dark_end(scale: Box) -> Box:
    """The cap at the dark end of the bar: its foot, or its left."""
    if scale.bottom - scale.top > scale.right - scale.left:
        cap = (scale.bottom - scale.top) * CAP / (1 + 2 * CAP)
        return Box(scale.left, scale.bottom - cap, scale.right, scale.bottom)
    cap = (scale.right - scale.left) * CAP / (1 + 2 * CAP)
    return Box(scale.left, scale.top, scale.left + cap, scale.bottom)


def coloraxis(scale: ColourScale, sheet: Sheet, width: Width) -> dict[str, Any]:
    """The one scale of all maps. What lies beyond an end takes the colour of that end's cap."""
    low, high = scale.floor - scale.beyond(), TOP + scale.beyond()
    stops = [((value - low) / (high - low), colour) for value, colour in scale.stops()]
    box = sheet.scale
    marks = scale.ticks(max(box.bottom - box.top, box.right - box.left))
    bar = {
        "tickangle": 0,
        "thickness": (box.right - box.left) if width == "wide" else (box.bottom - box.top),
        "thicknessmode": "pixels",
        "orientation": "v" if width == "wide" else "h",
        "len": (box.bottom - box.top) / sheet.height
        if width == "wide"
        else (box.right - box.left) / sheet.width,
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
    return {
        "cmin": low,
        "cmax": high,
        "colorscale": [
            [0, "rgba(0,0,0,0)"],
            [stops[0][0], "rgba(0,0,0,0)"],
            *map(list, stops),
            [stops[-1][0], ABOVE_SCALE],
            [1, ABOVE_SCALE],
        ],
        "colorbar": bar,
    }
