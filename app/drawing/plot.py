"""A figure as a Plotly figure: what the page draws and what is exported."""

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.drawing.figure import (
    DASHES,
    FAINT_INK,
    INK,
    NIGHT,
    ROAD,
    VEIL,
    Axis,
    Box,
    Curves,
    Figure,
    Floats,
    KnobAxis,
    Line,
    Map,
    Panel,
    Sheet,
    TimeAxis,
    Units,
    Width,
    alike,
)
from app.drawing.plot_axes import CIRCLE, across, id_of, keys, marks, plainly, upwards
from app.drawing.plot_scale import coloraxis, dark_end, hatching

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def page_figure(figure: Figure) -> dict[str, Any]:
    """What the page draws: every array once, a layout for each width, and what the axes count.

    A trace's `meta` says how to tell it in words: it names its axes by their places in `axes`. A
    layout lacks the axes of the panels that it leaves out, and the page leaves out their traces.
    """
    axes = distinct_axes(figure)
    time = figure.time
    return {
        "time": time and {"steps": time.steps, "length": time.length, "read": time.read},
        "axes": [told_axis(axis) for axis in axes],
        "data": [encoded(trace) for trace in traces(figure, axes)],
        "layouts": {width: layout(figure, width) for width in ("wide", "narrow")},
    }


def plotly_figure(figure: Figure, width: Width) -> go.Figure:
    """The figure laid out for one width, as Plotly's own object."""
    whole = layout(figure, width)
    data = traces(figure, distinct_axes(figure))
    shown = [trace for trace in data if f"{trace['xaxis'][0]}axis{trace['xaxis'][1:]}" in whole]
    return go.Figure({"data": shown, "layout": whole})


def traces(figure: Figure, axes: list[Axis]) -> list[dict[str, Any]]:
    """Every panel's traces, their arrays as float32, the page's precision."""
    named = keys("coloraxis", figure.scales)
    return [
        trace | {"xaxis": id_of("x", number), "yaxis": id_of("y", number)}
        for number, panel in enumerate(figure.panels, 1)
        for trace in (
            [
                heatmap(panel, axes, named[panel.scale]),
                *(above(line, panel, axes, number) for line in panel.lines),
            ]
            if isinstance(panel, Map)
            else [scatter(line, panel, axes, number) for line in panel.lines]
        )
    ]


def heatmap(panel: Map, axes: list[Axis], scale: str) -> dict[str, Any]:
    """One map. A true zero is a gap: as below the scale, the hatched road shows through."""
    return {
        "type": "heatmap",
        "name": panel.name,
        "z": float32(panel.drawn()),
        "x": float32(panel.x.edges()),
        "y": float32(panel.y.edges()),
        "meta": {
            "name": panel.told or panel.name,
            "quantity": panel.quantity,
            "picks": panel.picks,
            **({"said": panel.said} if panel.said else {}),
            **opens(panel),
            **places(panel, axes),
        },
        "coloraxis": scale,
        "zsmooth": False,
        "hoverinfo": "none",
        "hoverongaps": True,
    }


def scatter(line: Line, panel: Curves, axes: list[Axis], number: int) -> dict[str, Any]:
    """One curve, or dots."""
    return {
        **drawn(line, panel, number),
        "meta": {
            "name": line.name,
            "title": panel.title,
            "dots": line.dots,
            # Beside other curves; a pinned unit's own is told by the maps.
            "told": line.named,
            "alone": len(panel.lines) == 1,
            "quantity": panel.y.quantity,
            "picks": picks(panel, line),
            "units": None if line.units is None else line.units.tolist(),
            **opens(panel),
            **places(panel, axes),
        },
        "hoverinfo": "none",
    }


def above(line: Line, panel: Map, axes: list[Axis], number: int) -> dict[str, Any]:
    """A line over a map: one points through it at the cells."""
    own = {"name": line.name, "dots": line.dots, "told": False, "alone": False, "units": None}
    meta = own | {"quantity": "number", "picks": ("", ""), **places(panel, axes)}
    return drawn(line, panel, number) | {"meta": meta, "hoverinfo": "skip"}


def drawn(line: Line, panel: Panel, number: int) -> dict[str, Any]:
    """A line as it is drawn, and its name in the legend."""
    on, off = DASHES[line.dash]
    stroke = {"color": line.colour, "width": line.width, "dash": f"{on}px,{off}px" if off else None}
    dotted = line.dots or len(line.values) == 1
    dot = {"color": line.colour, "size": line.width if line.dots else 6, "line": {"width": 0}}
    return {
        "type": "scatter",
        "mode": "markers" if dotted else "lines",
        "name": plainly(line.name),
        "x": float32(panel.places(line)),
        "y": float32(line.values),
        **({"marker": dot, "cliponaxis": False} if dotted else {"line": stroke}),
        "connectgaps": False,
        "showlegend": line.named and bool(panel.legend),
        "legend": "legend" + id_of("", number),
    }


def opens(panel: Panel) -> dict[str, Any]:
    """The knobs whose values a click on a place of a panel opens."""
    if not isinstance(panel.x, KnobAxis):
        return {}
    up = panel.y.key if isinstance(panel.y, KnobAxis) else None
    return {"opens": {"x": panel.x.key, "y": up}}


def picks(panel: Curves, line: Line) -> tuple[str, str]:
    """The form's fields that a click on a curve fills with its place along x; a dot: its unit."""
    if line.units is not None:
        return "unit", ""
    if line.at is not None:
        return "", ""
    if isinstance(panel.x, KnobAxis):
        return "", ""
    return ("step" if isinstance(panel.x, TimeAxis) else "unit"), ""


def distinct_axes(figure: Figure) -> list[Axis]:
    """Every axis of the figure, those that are the same once."""
    found: list[Axis] = []
    for axis in (axis for panel in figure.panels for axis in (panel.x, panel.y)):
        if not any(alike(axis, other) for other in found):
            found.append(axis)
    return found


def places(panel: Panel, axes: list[Axis]) -> dict[str, int]:
    """The places of a panel's axes among all."""
    return {
        letter: next(n for n, other in enumerate(axes) if alike(axis, other))
        for letter, axis in (("x", panel.x), ("y", panel.y))
    }


def told_axis(axis: Axis) -> dict[str, Any]:
    """What the page has to know of an axis to mark a place on it and to say where that is."""
    if isinstance(axis, TimeAxis):
        told = {"steps": axis.steps, "length": axis.length, "read": axis.read, "scale": axis.scale}
        return {"kind": "time", "name": axis.name, **told}
    if isinstance(axis, Units):
        return {"kind": "units", "name": axis.name, "order": axis.order}
    if isinstance(axis, KnobAxis):
        return {"kind": "knob", "name": axis.key, "values": axis.texts}
    return {"kind": "values", "name": axis.name, "quantity": axis.quantity}


def layout(figure: Figure, width: Width) -> dict[str, Any]:
    """Places, axes, words, scales and marks, for one width."""
    sheet = figure.sheets[width]
    panels = [(n, panel) for n, panel in enumerate(figure.panels, 1) if panel.name in sheet.places]
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
        "annotations": [title(panel.title, sheet.places[panel.name], sheet) for _, panel in panels],
        "shapes": marks(figure, panels),
        "images": hatchings(figure, sheet),
        "uirevision": " ".join(f"{panel.x.span()}" for _, panel in panels),
        "meta": {"width": sheet.width, "height": sheet.height, "ring": CIRCLE},
    }
    for name, key in keys("coloraxis", figure.scales).items():
        whole[key] = coloraxis(figure.scales[name], sheet, sheet.bars.get(name))
    for number, panel in panels:
        suffix = id_of("", number)
        whole[f"xaxis{suffix}"] = across(panel, number, sheet, panels)
        whole[f"yaxis{suffix}"] = upwards(panel, number, sheet)
        if panel.legend:
            whole[f"legend{suffix}"] = legend(panel, sheet)
    return whole


def hatchings(figure: Figure, sheet: Sheet) -> list[dict[str, Any]]:
    """Hatching under every map and bar that shows what lies below its scale."""
    maps = [
        covered(panel, sheet.places[panel.name])
        for panel in figure.panels
        if isinstance(panel, Map)
        and panel.name in sheet.places
        and (figure.scales[panel.scale].hatched or figure.scales[panel.scale].gaps)
    ]
    bars = [(figure.scales[name], box) for name, box in sheet.bars.items()]
    ends = [dark_end(scale, box) for scale, box in bars if scale.hatched]
    return [hatching(box, sheet) for box in [*maps, *ends]]


def covered(panel: Map, box: Box) -> Box:
    """The part of a map's panel that its cells cover."""
    (left, right), (low, high) = (
        np.clip(axis.place(axis.edges()[[0, -1]]), 0.0, 1.0).tolist() for axis in (panel.x, panel.y)
    )
    width, height = box.right - box.left, box.bottom - box.top
    return Box(
        box.left + left * width,
        box.bottom - high * height,
        box.left + right * width,
        box.bottom - low * height,
    )


def title(text: str, box: Box, sheet: Sheet) -> dict[str, Any]:
    """A panel's name, above its top left corner."""
    return {
        "text": plainly(text),
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


def legend(panel: Panel, sheet: Sheet) -> dict[str, Any]:
    """The names of the curves, in the corner that the panel keeps free for them."""
    box = sheet.places[panel.name]
    upright, side = panel.legend.split()
    x = box.right - 8 if side == "right" else box.left + 8
    y = box.top + 6 if upright == "top" else box.bottom - 6
    return {
        "x": x / sheet.width,
        "xanchor": side,
        "y": 1 - y / sheet.height,
        "yanchor": upright,
        "traceorder": "reversed",
        "bgcolor": f"rgba(0,0,0,{VEIL})",
        "itemclick": "toggle",
    }


def float32(values: Floats) -> NDArray[np.float32]:
    """Values as float32 with gaps where they are not finite."""
    return np.where(np.isfinite(values), values, np.nan).astype("<f4")


def encoded(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace with its arrays in Plotly's own notation: type, bytes in base64, shape."""
    return {
        key: typed(value) if isinstance(value, np.ndarray) else value
        for key, value in trace.items()
    }


def typed(array: NDArray[np.float32]) -> dict[str, str]:
    """One array of float32 in Plotly's notation."""
    sent = {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    return sent | ({"shape": f"{array.shape[0]}, {array.shape[1]}"} if array.ndim == 2 else {})
