"""The drawing of a comparison: both maps on one scale, what lies between, the curves of both."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    Box,
    ColourScale,
    Corner,
    Curves,
    Dash,
    Figure,
    Line,
    Map,
    Sheet,
    TimeAxis,
    Units,
    Values,
    Width,
    powers,
    rung,
    signed,
    ten_to,
)
from app.drawing.figure import kept as night_road
from app.lenses.compare.computed import Comparison, Floats, Rows, b_over_a, curves_compared
from app.lenses.compare.second import NO_EFFECT
from app.lenses.highway import Highway, read, rows
from app.view import View
from lstm_engine import CELLS, Rnn

A, B = "#39c0d3", "#ffb454"  # the difference's own colours: gold where B keeps more
BOTH = "#d5d8de"
FURTHEST = 6.0  # decades at the ends of the difference's colours
LONGEST_TITLE = 42  # letters, over a map on a phone


def figure(found: Comparison, view: View) -> Figure:
    """Both maps on one scale, their difference, the curves of both on the same time axis."""
    experiment, floor = found.experiment, float(view.floor)
    drawn = found.a.told if view.lag == "linear" else found.a.lagged
    a, b = (mapped(found, side)[drawn] for side in (found.a, found.b))
    heard = read(experiment) if read(experiment) == read(found.b.experiment) else ()
    time = TimeAxis(found.a.cell.steps[drawn], experiment.T, view.lag, heard)
    ours = Units(rows(view, a))
    theirs = ours if found.paired else Units(rows(view, b))
    scales = {"kept": night_road(floor)} | ({"over": b_over_a_scale()} if found.paired else {})
    panels = (
        Map("A", map_title("A", found), a, time, ours),
        Map("B", map_title("B", found), b, time, theirs),
        over_map(a, b, time, ours) if found.paired else over_curves(found, drawn, time),
        curves_panel(found, drawn, time, floor, view.unit),
        share_panel(found, drawn, time),
    )
    sheets = {width: sheet_with(sheet, scales) for width, sheet in SHEETS.items()}
    most = max(experiment.H, found.b.experiment.H)
    unit = view.unit if view.unit is not None and view.unit < most else None
    return Figure(panels, sheets, scales, time, unit, view.step)


def mapped(found: Comparison, side: Highway) -> Floats:
    """The map of one side: the gated cell's, or the vanilla RNN's where that alone differs."""
    return (side.rnn if found.of_the_rnn else side.cell).log10_exact


def b_over_a_scale() -> ColourScale:
    """Powers of ten either way, the same for every pair of experiments."""
    marks = (
        (-FURTHEST, f"≤ {ten_to(-FURTHEST)}"),
        (-FURTHEST / 2, ten_to(-FURTHEST / 2)),
        (0.0, "same"),
        (FURTHEST / 2, ten_to(FURTHEST / 2)),
        (FURTHEST, f"≥ {ten_to(FURTHEST)}"),
    )
    return replace(signed(FURTHEST, marks), gaps=True)


def sheet_with(sheet: Sheet, scales: dict[str, ColourScale]) -> Sheet:
    """The sheet with the bars of these scales alone."""
    return replace(sheet, bars={name: box for name, box in sheet.bars.items() if name in scales})


def map_title(letter: str, found: Comparison) -> str:
    """A map's title: whose, of which network, and what differs, as far as there is room."""
    cell = CELLS[(found.a if letter == "A" else found.b).experiment.cell]
    network = Rnn.TITLE if found.of_the_rnn else cell.TITLE
    title = f"{letter}: {network}, exact"
    for differing in found.differing:
        value = differing.a if letter == "A" else differing.b
        longer = f"{title}, {differing.key} = {value}"
        if differing.key != "cell" and value != NO_EFFECT and len(longer) <= LONGEST_TITLE:
            title = longer
    return title


def over_map(a: Floats, b: Floats, time: TimeAxis, units: Units) -> Map:
    """B over A, unit by unit."""
    same = np.array_equal(a, b)
    title = "B over A: nothing differs" if same else "B over A: gold where B keeps more"
    return Map("B over A", title, b_over_a(a, b), time, units, "over", "ratio")


def over_curves(found: Comparison, drawn: Rows, time: TimeAxis) -> Curves:
    """B over A where no unit has a partner: of the curves."""
    dashes: tuple[Dash, ...] = ("solid", "dash", "dot")
    lines = tuple(
        Line(f"{title}, B over A", b_over_a(a[drawn], b[drawn]), B, dash)
        for (title, a, b), dash in zip(curves_compared(found), dashes, strict=False)
    )
    most = rung(max(FURTHEST, *(furthest(line.values) for line in lines)))
    corner: Corner = "top left" if lines[0].values[0] < 0 else "bottom left"
    size = Values(-most, most, "log10")
    return Curves("B over A", "B over A, rms over units", lines[::-1], time, size, corner)


def furthest(values: NDArray[np.floating]) -> float:
    """The largest distance from zero, of what is finite."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def curves_panel(
    found: Comparison, drawn: Rows, time: TimeAxis, floor: float, unit: int | None
) -> Curves:
    """What is kept on every path and on the carry alone; the vanilla RNN only where it differs."""
    whole: list[Line] = []
    if not found.same_rnn:
        # Beside the gated cell's curves those of the rival are dotted.
        style: tuple[Dash, float] = ("solid", 2.0) if found.same_cell else ("dot", 3.0)
        whole += [Line(f"{n} RNN", side.rnn.exact_rms, c, *style) for n, side, c in pair(found)]
    for name, side, colour in sides(found):
        whole.append(Line(f"{name} direct", side.cell.direct_rms, colour, "dash"))
        whole.append(Line(f"{name} exact", side.cell.exact_rms, colour))
    if unit is not None:
        whole += [
            Line(f"{n}, unit {unit}", mapped(found, side)[:, unit], c, "solid", 1.0, False)
            for n, side, c in pair(found)
            if unit < side.experiment.H
        ]
    lines = tuple(replace(line, values=line.values[drawn]) for line in whole)
    size = powers(lines, floor)
    corner: Corner = "bottom right" if -size.low >= size.high else "top right"
    return Curves("curves", "Gradient kept, rms over units", lines, time, size, corner)


def pair(found: Comparison) -> list[tuple[str, Highway, str]]:
    """Each experiment with its name and colour; A last, for it is drawn on top and named first."""
    return [("B", found.b, B), ("A", found.a, A)]


def sides(found: Comparison) -> list[tuple[str, Highway, str]]:
    """The same for what concerns the gated cell alone: where it is one in both, once."""
    return [("A and B", found.a, BOTH)] if found.same_cell else pair(found)


def share_panel(found: Comparison, drawn: Rows, time: TimeAxis) -> Curves:
    """How much of what arrives the carry brought, in both."""
    lines = tuple(
        Line(f"{name} highway share", side.cell.share[drawn], colour)
        for name, side, colour in sides(found)
    )
    road = Values(0.0, 1.0, "share")
    return Curves("share", "Highway share: what the carry brought", lines, time, road)


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        704,
        {
            "A": Box(56, 34, 538, 264),
            "B": Box(610, 34, 1092, 264),
            "curves": Box(56, 306, 538, 648),
            "B over A": Box(610, 306, 1092, 536),
            "share": Box(610, 578, 1092, 648),
        },
        {"kept": Box(1110, 34, 1126, 264), "over": Box(1110, 306, 1126, 536)},
        frozenset({"share", "curves"}),
    ),
    "narrow": Sheet(
        360,
        1300,
        {
            "A": Box(46, 88, 342, 268),
            "B": Box(46, 304, 342, 484),
            "B over A": Box(46, 572, 342, 752),
            "curves": Box(46, 826, 342, 1110),
            "share": Box(46, 1156, 342, 1236),
        },
        {"kept": Box(30, 20, 336, 34), "over": Box(30, 508, 336, 522)},
        frozenset({"B over A", "share"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {
            "A": Box(56, 142, 538, 334),
            "B": Box(610, 142, 1092, 334),
            "curves": Box(56, 374, 538, 582),
            "B over A": Box(610, 374, 1092, 582),
        },
        {"kept": Box(1110, 142, 1126, 334), "over": Box(1110, 374, 1126, 582)},
        frozenset({"curves", "B over A"}),
    ),
}
