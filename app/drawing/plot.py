"""A figure as a Plotly figure: what the page draws and what is exported."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.drawing.figure import (
    DASHES,
    FAINT_INK,
    GRID,
    INK,
    NIGHT,
    ROAD,
    Box,
    Curves,
    Figure,
    Floats,
    Line,
    Map,
    Sheet,
    TimeAxis,
    Width,
    power_label,
    ticks_between,
)
from app.drawing.plot_scale import coloraxis, dark_end, hatching

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def plotly_figure(figure: Figure, width: Width) -> go.Figure:
    """The figure, laid out for one width. Arrays go as float32, the page's precision."""
    data = [
        trace
        for number, panel in enumerate(figure.panels, 1)
        for trace in (
            [heatmap(panel, figure.time, number)]
            if isinstance(panel, Map)
            else [scatter(line, panel, figure.time, number) for line in panel.lines]
        )
    ]
    return go.Figure({"data": data, "layout": layout(figure, width)})


def layout(figure: Figure, width: Width) -> dict[str, Any]:
    """Places, axes, words, scale and marks, for one width."""
    sheet = figure.sheets[width]
    whole: dict[str, Any] = {
        "template": "none",
        "autosize": True,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0, "pad": 0},
        "paper_bgcolor": NIGHT,
        "plot_bgcolor": ROAD,
        "font": {"family": FONT, "size": 12, "color": FAINT_INK},
        "hovermode": "closest",
        "dragmode": "zoom" if width == "wide" else False,
        "showlegend": True,
        "annotations": [],
        "shapes": [],
        "coloraxis": coloraxis(figure.scale, sheet, width),
        "uirevision": f"{figure.time.length} {figure.time.scale}",
    }
    for number, panel in enumerate(figure.panels, 1):
        box, suffix = sheet.places[panel.name], str(number) if number > 1 else ""
        whole[f"xaxis{suffix}"] = time_axis(figure.time, sheet, panel.name, number)
        whole[f"yaxis{suffix}"] = (
            unit_axis(panel, sheet, number)
            if isinstance(panel, Map)
            else value_axis(panel, figure, sheet, number)
        )
        whole["annotations"].append(title(panel.title, box, sheet))
        if isinstance(panel, Curves) and panel.quantity == "log10":
            whole["legend"] = legend(box, sheet, panel.bottom_is_free(figure.scale.floor))
    whole["shapes"] = marks(figure)
    maps = [sheet.places[panel.name] for panel in figure.panels if isinstance(panel, Map)]
    whole["images"] = [hatching(box, sheet) for box in [*maps, dark_end(sheet.scale)]]
    return whole


def heatmap(panel: Map, time: TimeAxis, number: int) -> dict[str, Any]:
    """One map. A true zero is a gap: as below the scale, the hatched road shows through."""
    return {
        "type": "heatmap",
        "name": panel.name,
        "z": float32(panel.log10[:, panel.units].T),
        "x": time.edges(),
        "y": np.arange(-0.5, len(panel.units)),
        "meta": {"told": panel.name, "quantity": "log10", "units": panel.units.tolist()},
        "xaxis": axis_name("x", number),
        "yaxis": axis_name("y", number),
        "coloraxis": "coloraxis",
        "zsmooth": False,
        "hoverinfo": "none",
        "hoverongaps": True,
    }


def scatter(line: Line, panel: Curves, time: TimeAxis, number: int) -> dict[str, Any]:
    """One curve."""
    on, off = DASHES[line.dash]
    dash = f"{on}px,{off}px" if off else "solid"
    # A pinned unit's own curve is told by the maps.
    told = line.name if line.named or panel.quantity == "share" else None
    return {
        "type": "scatter",
        "mode": "lines" if len(line.values) > 1 else "markers",
        "name": line.name,
        "x": time.positions(),
        "y": float32(line.values),
        "meta": {"told": told, "quantity": panel.quantity},
        "xaxis": axis_name("x", number),
        "yaxis": axis_name("y", number),
        "line": {"color": line.colour, "width": line.width, "dash": dash},
        "hoverinfo": "none",
        "connectgaps": False,
        "showlegend": line.named,
    }


def axis_name(letter: str, number: int) -> str:
    """A panel's axis as Plotly names it: the first has no number."""
    return letter + (str(number) if number > 1 else "")


def float32(values: Floats) -> Floats:
    """Values as float32 with gaps where they are not finite."""
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)


def domain(low: float, high: float, whole: float) -> list[float]:
    """A span of pixels as a share of the sheet, rounded as far as a pixel can tell."""
    return [round(low / whole, 5), round(high / whole, 5)]


def time_axis(time: TimeAxis, sheet: Sheet, name: str, number: int) -> dict[str, Any]:
    """The time axis under one panel; all follow the first when one zooms."""
    box = sheet.places[name]
    left, right = time.span()
    axis: dict[str, Any] = {
        "anchor": axis_name("y", number),
        "domain": domain(box.left, box.right, sheet.width),
        "range": [left, right],
        "showgrid": False,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": GRID,
        "tickangle": 0,
        "showticklabels": name in sheet.labelled,
    }
    if number > 1:
        axis["matches"] = "x"
    if time.scale == "log":
        axis |= {"type": "log", "range": [np.log10(left), np.log10(right)]}
    ticks = time.ticks(box.right - box.left)
    axis |= {"tickvals": [at for at, _ in ticks], "ticktext": [plainly(text) for _, text in ticks]}
    if name in sheet.labelled:
        axis["title"] = {"text": time.title(), "standoff": 6}
    return axis


def plainly(text: str) -> str:
    """Text that Plotly shows as it is: markup in it is not obeyed."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def unit_axis(panel: Map, sheet: Sheet, number: int) -> dict[str, Any]:
    """The axis of a map's rows, labelled with the units in them."""
    box, rows = sheet.places[panel.name], len(panel.units)
    shown = [int(row) for row in ticks_between(0, rows - 1, 6) if row == int(row)] or [0]
    return {
        "anchor": axis_name("x", number),
        "domain": domain(sheet.height - box.bottom, sheet.height - box.top, sheet.height),
        "range": [-0.5, rows - 0.5],
        "tickvals": shown,
        "ticktext": [str(panel.units[row]) for row in shown],
        "showgrid": False,
        "zeroline": False,
        "title": {"text": "unit", "standoff": 4},
        "fixedrange": True,
    }


def value_axis(panel: Curves, figure: Figure, sheet: Sheet, number: int) -> dict[str, Any]:
    """The axis of a panel of curves: powers of ten, or a share."""
    box, (low, high) = sheet.places[panel.name], panel.span(figure.scale.floor)
    axis: dict[str, Any] = {
        "anchor": axis_name("x", number),
        "domain": domain(sheet.height - box.bottom, sheet.height - box.top, sheet.height),
        "range": [low, high],
        "gridcolor": GRID,
        "zeroline": panel.quantity == "log10",
        "zerolinecolor": "#5d6472",
        "fixedrange": True,
    }
    if panel.quantity == "share":
        return axis | {"tickvals": [0, 0.5, 1], "ticktext": ["0", "0.5", "1"]}
    shown = ticks_between(low, high, 7)
    return axis | {
        "tickvals": shown,
        "ticktext": [power_label(value) for value in shown],
    }


def title(text: str, box: Box, sheet: Sheet) -> dict[str, Any]:
    """A panel's name, above its top left corner."""
    return {
        "text": text,
        "x": box.left / sheet.width,
        "y": 1 - box.top / sheet.height,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 4,
        "showarrow": False,
        "font": {"size": 14, "color": INK},
    }


def legend(box: Box, sheet: Sheet, at_the_bottom: bool) -> dict[str, Any]:
    """The names of the curves, in that corner on the right which no curve comes near."""
    return {
        "x": (box.right - 8) / sheet.width,
        "xanchor": "right",
        "y": 1 - (box.bottom - 6 if at_the_bottom else box.top + 6) / sheet.height,
        "yanchor": "bottom" if at_the_bottom else "top",
        "traceorder": "reversed",
        "bgcolor": "rgba(0,0,0,0)",
        "itemclick": "toggle",
    }


def marks(figure: Figure) -> list[dict[str, Any]]:
    """The pinned unit's row in every map and the marked step in every panel."""
    shapes: list[dict[str, Any]] = []
    line = {"color": INK, "width": 1}
    for number, panel in enumerate(figure.panels, 1):
        x, y = axis_name("x", number), axis_name("y", number)
        if isinstance(panel, Map) and figure.pinned_unit in panel.units:
            row = int(np.flatnonzero(panel.units == figure.pinned_unit)[0])
            place = {"x0": 0, "x1": 1, "y0": row - 0.5, "y1": row + 0.5}
            shapes.append({"type": "rect", "xref": f"{x} domain", "yref": y, **place, "line": line})
        step = figure.marked_step
        if step is not None and step <= figure.time.length:
            at = figure.time.position(step)
            place = {"x0": at, "x1": at, "y0": 0, "y1": 1}
            dotted = line | {"dash": "dot"}
            shapes.append(
                {"type": "line", "xref": x, "yref": f"{y} domain", **place, "line": dotted}
            )
    return shapes
