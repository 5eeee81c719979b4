"""The drawing of the paths lens: curves, blocks, maps from step to step, a Jacobian's entries."""

import numpy as np

from app.drawing.figure import (
    DETOURS,
    DIRECT,
    EXACT,
    Box,
    Corner,
    Curves,
    Dash,
    Figure,
    Line,
    Map,
    Panel,
    Sheet,
    TimeAxis,
    Units,
    Values,
    Width,
    powers,
)
from app.drawing.figure import kept as night_road
from app.lenses.highway import at_rows, read, rows
from app.lenses.paths.computed import Floats, Paths, Rows
from app.reading import heading
from app.view import View
from lstm_engine import CELLS

ONE_STATE = "State to state, h is c"
TITLES = {
    "c_to_c": "Cell to cell, c to c",
    "h_to_c": "Visible to cell, h to c",
    "c_to_h": "Cell to visible, c to h",
    "h_to_h": "Visible to visible, h to h",
}
NAMED = {name: title.partition(",")[0].lower() for name, title in TITLES.items()}
THE_STATE = ONE_STATE.partition(",")[0].lower()


def figure(found: Paths, view: View) -> Figure:
    """Curves and blocks on one time axis, three maps from step to step, one matrix, one scale."""
    experiment, floor = found.experiment, float(view.floor)
    drawn = found.told if view.lag == "linear" else found.lagged
    survival = at_rows(found.survival, drawn)
    time = TimeAxis(survival.steps, experiment.T, view.lag, read(experiment))
    units = Units(rows(view, survival.log10_exact))
    unit = view.unit if view.unit is not None and view.unit < experiment.H else None
    lines = curves(found, drawn, unit)
    size = powers(lines, floor)
    # All curves end at 1, on the right: the lower corner there is free unless they come from below.
    corner: Corner = "bottom right" if -size.low >= size.high else "top right"
    title = f"{heading(CELLS[experiment.cell].TITLE)}, rms over units"
    brought = Line("highway share, all units", survival.share, EXACT, named=False)
    blocks = [
        Map(NAMED[name], TITLES[name], block, time, units)
        for name, block in blocks_drawn(found, drawn).items()
    ]
    panels: tuple[Panel, ...] = (
        *(blocks if len(blocks) > 1 else [one_block(found, blocks[0])]),
        Curves("curves", title, lines, time, size, corner),
        Curves("share", "Highway share", (brought,), time, Values(0.0, 1.0, "share")),
        *from_to_maps(found),
        entries(found, units),
    )
    sheets = SHEETS if len(blocks) > 1 else {w: with_one_block(s) for w, s in SHEETS.items()}
    return Figure(
        panels,
        sheets,
        {"kept": night_road(floor)},
        time,
        unit,
        view.step,
        {"s": found.s, "t": found.t},
    )


def curves(found: Paths, drawn: Rows, unit: int | None) -> tuple[Line, ...]:
    """Exact, direct and detours; those of a pinned unit beside them."""
    survival = at_rows(found.survival, drawn)
    lines = [
        Line("direct", survival.direct_rms, DIRECT, "dash"),
        Line("exact", survival.exact_rms, EXACT),
        # Last, so that its dots lie on the exact curve where the two are one.
        Line("detours", survival.detours_rms, DETOURS, "dot", 3.0),
    ]
    if unit is not None:
        of_unit: tuple[tuple[str, Floats, str, Dash], ...] = (
            ("direct", survival.log10_direct, DIRECT, "dash"),
            ("exact", survival.log10_exact, EXACT, "solid"),
            ("detours", survival.log10_detours, DETOURS, "dot"),
        )
        lines += [
            Line(f"{name}, unit {unit}", log10[:, unit], colour, dash, 1, False)
            for name, log10, colour, dash in of_unit
        ]
    return tuple(lines)


def blocks_drawn(found: Paths, drawn: Rows) -> dict[str, Floats]:
    """The blocks that a cell has at the steps that are drawn; nan where they were not asked."""
    blocks, steps = found.blocks, found.survival.steps[drawn]
    since = int(np.searchsorted(blocks.steps, blocks.h_steps[0]))
    whole: dict[str, Floats] = {}
    for name in TITLES:
        block = getattr(blocks, name)
        if block is None:
            continue
        if name.endswith("h") and since:
            block = np.concatenate((np.full((since, block.shape[1]), np.nan), block))
        whole[name] = block[drawn]
    assert all(len(block) == len(steps) for block in whole.values())
    return whole


def one_block(found: Paths, block: Map) -> Map:
    """The only block of a cell whose h is c itself."""
    title = f"{ONE_STATE} in the {CELLS[found.experiment.cell].TITLE}"
    return Map(THE_STATE, title, block.values, block.x, block.y)


def from_to_maps(found: Paths) -> list[Map]:
    """rms over units from every step s to every step t."""
    maps, T = found.from_to, found.experiment.T
    first = int(maps.steps[0])
    ends, starts = (
        TimeAxis(maps.steps, T, name=name, first=first) for name in ("to step t", "from step s")
    )
    named = (
        (("exact from–to", "Exact, s to t"), maps.exact),
        (("direct from–to", "Carry alone"), maps.direct),
        (("RNN from–to", "Vanilla RNN"), maps.rnn),
    )
    return [Map(*words, log10.T, ends, starts, picks=("t", "s")) for words, log10 in named]


def entries(found: Paths, units: Units) -> Map:
    """The Jacobian from s to t as a matrix: a column for each unit at s, a row for each at t."""
    at_s, at_t = (Units(units.order, f"{word} unit") for word in ("from", "to"))
    title = f"Jacobian, {found.s:,} to {found.t:,}"
    return Map("Jacobian", title, found.jacobian.log10.T, at_s, at_t, picks=("unit", ""))


def with_one_block(sheet: Sheet) -> Sheet:
    """The same sheet with the places of the four blocks joined into one."""
    four = [sheet.places[name] for name in NAMED.values() if name in sheet.places]
    if not four:
        return sheet
    whole = Box(
        min(box.left for box in four),
        min(box.top for box in four),
        max(box.right for box in four),
        max(box.bottom for box in four),
    )
    others = {name: box for name, box in sheet.places.items() if name not in NAMED.values()}
    labelled = sheet.labelled | {THE_STATE}
    return Sheet(sheet.width, sheet.height, others | {THE_STATE: whole}, sheet.bars, labelled)


def row_of_four(top: float, bottom: float) -> list[Box]:
    """Four places side by side on the wide sheet."""
    return [Box(left, top, left + 201, bottom) for left in (70, 343, 616, 889)]


MIDDLE, LOWER = row_of_four(312, 446), row_of_four(540, 741)
SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        804,
        {
            "curves": Box(70, 34, 817, 220),
            "share": Box(889, 34, 1090, 220),
            **dict(zip(NAMED.values(), MIDDLE, strict=True)),
            **dict(
                zip(
                    ("exact from–to", "direct from–to", "RNN from–to", "Jacobian"),
                    LOWER,
                    strict=True,
                )
            ),
        },
        {"kept": Box(1110, 312, 1126, 741)},
        frozenset(
            {"curves", "share", *NAMED.values(), "exact from–to", "direct from–to", "RNN from–to"}
            | {"Jacobian"}
        ),
    ),
    "narrow": Sheet(
        360,
        1908,
        {
            "curves": Box(46, 88, 342, 300),
            "share": Box(46, 336, 342, 396),
            "cell to cell": Box(46, 472, 342, 560),
            "visible to cell": Box(46, 594, 342, 682),
            "cell to visible": Box(46, 716, 342, 804),
            "visible to visible": Box(46, 838, 342, 926),
            "exact from–to": Box(62, 1004, 342, 1284),
            "direct from–to": Box(62, 1368, 164, 1470),
            "RNN from–to": Box(240, 1368, 342, 1470),
            "Jacobian": Box(46, 1554, 342, 1850),
        },
        {"kept": Box(30, 20, 336, 34)},
        frozenset(
            {
                "share",
                "visible to visible",
                "exact from–to",
                "direct from–to",
                "RNN from–to",
                "Jacobian",
            }
        ),
    ),
    "preview": Sheet(
        1200,
        630,
        {
            "curves": Box(56, 158, 594, 582),
            "exact from–to": Box(656, 158, 1080, 582),
        },
        {"kept": Box(1104, 158, 1120, 582)},
        frozenset({"curves", "exact from–to"}),
    ),
}
