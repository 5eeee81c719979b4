"""Which places of a panel are marked: the pinned unit and the marked step, as the link has them."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import Axis, Curves, Figure, Floats, Map, Panel, TimeAxis, Units

Span = tuple[float, float]
RING = 7.0  # pixels, the radius of what rings a dot


class Mark(NamedTuple):
    """A place in a panel, on its axes: None is from end to end; where both are points, a dot."""

    x: Span | None
    y: Span | None


def marks_of(panel: Panel, figure: Figure) -> Iterator[Mark]:
    """The marks in one panel; on a map's axis, that of the field which a click on it fills."""
    across, up = panel.picks if isinstance(panel, Map) else ("step unit", "")
    if (span := marked(panel.x, across, figure)) is not None:
        yield Mark(span, None)
    if (span := marked(panel.y, up, figure)) is not None:
        yield Mark(None, span)
    if isinstance(panel, Curves):
        for line in panel.lines:
            if line.units is not None:
                yield from rings(panel.places(line), line.values, line.units == figure.pinned_unit)


def rings(x: Floats, y: Floats, pinned: NDArray[np.bool_]) -> Iterator[Mark]:
    """Marks on the pinned ones of many dots, where they are."""
    for at, value in zip(x[pinned].tolist(), y[pinned].tolist(), strict=True):
        if math.isfinite(at) and math.isfinite(value):
            yield Mark((at, at), (value, value))


def marked(axis: Axis, fields: str, figure: Figure) -> Span | None:
    """What the link marks of an axis of steps or of units."""
    if isinstance(axis, TimeAxis):
        for field in fields.split():
            step = figure.marked_step if field == "step" else figure.picked.get(field)
            if step is not None and axis.first <= step <= axis.length:
                return (axis.position(step),) * 2
    if isinstance(axis, Units) and "unit" in fields.split() and figure.pinned_unit in axis.order:
        row = int(np.flatnonzero(axis.order == figure.pinned_unit)[0])
        return row - 0.5, row + 0.5
    return None
