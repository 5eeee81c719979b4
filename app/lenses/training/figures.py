"""The drawing of the training lens: loss, gradient norms and gates; maps of the shown update."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    EXACT,
    FAINT_INK,
    INK,
    RNN,
    Box,
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
)
from app.drawing.figure import kept as night_road
from app.lenses.gates.computed import prime, symbols
from app.lenses.gates.figures import COLOURS
from app.lenses.training.computed import (
    Array,
    Course,
    Maps,
    Training,
    letters_read,
    module_of,
)
from app.reading import heading
from app.view import View
from lstm_engine import CELLS

# Of a curve: further updates are drawn as geometric means of several.
FEW_POINTS, MOST_POINTS = 150, 600
LEAST_SHARE = 10  # of all updates, the axis shows at least one in so many
COURSES = (("rnn", RNN, "#35446b"), ("cell", EXACT, "#6e5330"))  # and how faint it lies behind


def figure(found: Training, view: View) -> Figure:
    """Curves over updates, complete as far as they are known; maps as of the shown update."""
    at, floor = found.shown(view.update), float(view.floor)
    time = TimeAxis(found.steps, found.length, read=letters_read(found.setting))
    moments = found.moments()
    updates = Values(0.0, reach(moments[-1] if moments else 0, found.updates), "number", "updates")
    shown = moments[at] if moments else 0
    curves = (
        losses(found, updates, shown),
        norms(found, updates, shown),
        gates(found, updates, shown),
    )
    unit = view.unit if view.unit is not None and view.unit < found.experiment.H else None
    scales = {"kept": night_road(floor)}
    maps = tuple(maps_of(found, at, time, view))
    return Figure((*curves, *maps), SHEETS, scales, time, unit, view.step)


def maps_of(found: Training, at: int, time: TimeAxis, view: View) -> Iterator[Map]:
    """What survives on the carry alone, on every path and in the RNN, at a snapshot."""
    if at < 0:
        return
    cell = heading(CELLS[found.experiment.cell].TITLE)
    empty = np.full((len(found.steps), found.experiment.H), np.nan)
    ours, theirs = (course.at(at).maps or Maps(empty, empty) for course in (found.cell, found.rnn))
    units, rival = (Units(order(view, maps.exact)) for maps in (ours, theirs))
    direct = empty if ours.direct is None else ours.direct
    yield Map("direct", f"{cell}, carry alone (direct)", direct, time, units)
    yield Map("exact", f"{cell}, every path (exact)", ours.exact, time, units)
    yield Map("RNN", "Vanilla RNN, every path", theirs.exact, time, rival)


def order(view: View, log10_exact: Array) -> NDArray[np.int64]:
    """The unit in each row, the lowest first: unit 0 at the bottom, or the least survivor."""
    if view.order == "index":
        return np.arange(log10_exact.shape[1])
    return np.argsort(log10_exact[0], kind="stable")


def losses(found: Training, updates: Values, shown: int) -> Curves:
    """What both lose beside what guessing loses; dots are what they lost as they were drawn."""
    guessing = found.setting.guessing
    behind: list[Line] = []
    drawn: list[Line] = []
    for network, colour, faint in COURSES:
        course: Course = getattr(found, network)
        loss = course.curve("loss")
        title = heading(module_of(found.experiment, network).TITLE)
        at_first = np.array([sight.loss for sight in course.sights[:1]])
        behind.append(curve("", loss, faint, width=1.0, named=False, most=MOST_POINTS))
        drawn.append(curve(title, loss, colour))
        begins = Line("", at_first, colour, width=5.0, named=False, at=at_first * 0.0, dots=True)
        drawn.append(begins)
    y = decades([*behind, *drawn], (guessing / 50, guessing * 2))
    across, level = np.array(updates.span()), np.full(2, guessing)
    guess = Line(f"guessing, {guessing:.3g}", level, FAINT_INK, "dash", 1.5, at=across)
    lines = (*behind, marker(y, shown), guess, *drawn)
    return Curves("loss", f"Loss; dotted: update {shown:,}, shown", lines, updates, y, "top right")


def norms(found: Training, updates: Values, shown: int) -> Curves:
    """How large the gradients of all weights are, before and after clipping."""
    drawn: list[Line] = []
    for network, colour, _ in COURSES:
        course: Course = getattr(found, network)
        before, after = (course.curve(name) for name in ("norm", "clipped"))
        drawn.append(curve("before clipping", before, colour, named=False))
        drawn.append(curve("after clipping", after, colour, dash="dash", named=False))
    limit = found.setting.clip
    y = decades(drawn, ((limit or 1.0) / 50, (limit or 1.0) * 5))
    across, level = np.array(updates.span()), np.full(2, limit or np.nan)
    lines = (
        marker(y, shown),
        Line("", level, FAINT_INK, "dash", 1.0, named=False, at=across),
        *drawn,
    )
    return Curves("norms", "Gradient norm; dashed: clipped", lines, updates, y)


def gates(found: Training, updates: Values, shown: int) -> Curves:
    """How open the gated cell's gates are, on average over units, steps and batch."""
    cell, y = CELLS[found.experiment.cell], Values(0.0, 1.0, "share")
    lines = tuple(
        curve(symbol + prime(cell, letter), found.cell.gate(letter), COLOURS[letter])
        for letter, symbol in symbols(cell).items()
        if letter != "g"
    )
    title = f"{heading(cell.TITLE)}, mean of its gates"
    return Curves("gates", title, (marker(y, shown), *lines), updates, y, "bottom right")


def marker(y: Values, update: int) -> Line:
    """An upright line at the update whose maps are shown."""
    at = np.full(2, float(update))
    return Line("shown", np.array(y.span()), INK, "dot", 1.5, named=False, at=at)


def curve(
    name: str,
    values: Array,
    colour: str,
    dash: Dash = "solid",
    width: float = 2.0,
    named: bool = True,
    most: int = FEW_POINTS,
) -> Line:
    """A curve over updates, of geometric means over so many that at most `most` points are left."""
    every = int(round_up(max(1.0, len(values) / most)))
    starts = np.arange(0, len(values), every)
    counts = np.diff([*starts, len(values)])
    with np.errstate(divide="ignore"):
        logs = np.log(values)
    means = np.exp(np.add.reduceat(logs, starts) / counts) if len(values) else values
    return Line(name, means, colour, dash, width, named, starts + (counts + 1) / 2.0)


def reach(update: int, updates: int) -> float:
    """Where the axis of updates ends: on a ladder of round numbers, so that it seldom moves."""
    return min(round_up(max(update, updates / LEAST_SHARE, 1.0)), float(updates))


LEAST_SEEN = 1e-300  # of whose inverse float64 still knows the size


def decades(lines: Sequence[Line], least: tuple[float, float]) -> Values:
    """A log axis around curves, at least as long as `least`, from 1, 2 or 5 to 1, 2 or 5."""
    seen = np.concatenate([np.array(least), *(line.values for line in lines)])
    seen = seen[np.isfinite(seen) & (seen > LEAST_SEEN)]
    low, high = 1 / round_up(1 / float(seen.min())), round_up(float(seen.max()))
    return Values(low, high, "number", "", "log")


def round_up(value: float) -> float:
    """The first of 1, 2, 5, 10, 20, 50 … that is not below a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(n * power for n in (1, 2, 5, 10) if n * power >= value * (1 - 1e-12)))


def side_by_side(names: Sequence[str], top: float, bottom: float) -> dict[str, Box]:
    """Panels in a row, as wide as the sheet but for the scale's bar."""
    gap = 64.0
    width = (1092 - 56 + gap) / len(names)
    return {
        name: Box(56 + width * n, top, 56 + width * (n + 1) - gap, bottom)
        for n, name in enumerate(names)
    }


MAPS = ("direct", "exact", "RNN")
SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        708,
        {
            "loss": Box(56, 34, 610, 346),
            "norms": Box(690, 34, 1164, 162),
            "gates": Box(690, 198, 1164, 346),
            **side_by_side(MAPS, 426, 652),
        },
        {"kept": Box(1110, 426, 1126, 652)},
        frozenset({"loss", "gates", *MAPS}),
    ),
    "narrow": Sheet(
        360,
        1426,
        {
            "loss": Box(46, 34, 342, 274),
            "direct": Box(46, 410, 342, 560),
            "exact": Box(46, 596, 342, 746),
            "RNN": Box(46, 782, 342, 932),
            "norms": Box(46, 1014, 342, 1174),
            "gates": Box(46, 1210, 342, 1370),
        },
        {"kept": Box(30, 342, 336, 356)},
        frozenset({"loss", "RNN", "gates"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {
            "loss": Box(56, 142, 610, 322),
            "gates": Box(690, 142, 1164, 322),
            **side_by_side(MAPS, 400, 584),
        },
        {"kept": Box(1110, 400, 1126, 584)},
        frozenset({"loss", "gates", *MAPS}),
    ),
}
