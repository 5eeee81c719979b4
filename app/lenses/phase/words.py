"""A phase map in words: where a level is reached, how much of it is there, what to beware of."""

from collections.abc import Iterator

import numpy as np

from app.lenses.phase.computed import Phase
from app.lenses.phase.grid import Flags, Numbers, Side
from app.lenses.phase.quantities import QUANTITIES, Level
from app.links import plain
from app.reading import Fact, Reading, heading, steps_of

(PARTING,) = QUANTITIES["lyapunov"].levels


def after(found: Phase) -> str:
    """After how many steps back something survives."""
    back, T = found.focus.back, found.experiment.T
    keys = [its.key for its in found.grid.sides if not its.idle]
    if "T" in keys:
        return "after all T steps" if back is None else f"after up to {steps_of(back)}"
    return f"after {steps_of(min(back or T, T))}"


def seeds_of(found: Phase) -> str:
    """Over how many seeds."""
    count = found.focus.seeds
    return "1 seed" if count == 1 else f"{count} seeds"


def reached(found: Phase, level: Level) -> Flags:
    """Where the median is at least at a level, (ny, nx); False where it is not known."""
    with np.errstate(invalid="ignore"):
        return np.asarray((found.median >= level.value) & (found.counts > 0))


def reading(found: Phase) -> Reading:
    """Where the first level is reached, in words and numbers."""
    return Reading(headline(found), tuple(facts(found)), tuple(warnings(found)))


def headline(found: Phase) -> str:
    """How much of the map reaches the level, and from where on."""
    quantity, there = QUANTITIES[found.quantity], found.counts > 0
    if not there.any():
        return f"This map of the {quantity.name} is being worked out; nothing of it is there yet."
    above = reached(found, quantity.levels[0])
    reaches, part = quantity.reaches.format(after=after(found)), above.sum() / there.sum()
    subject = "map" if found.grid.y else "line"
    if not above.any():
        told = f"Nowhere on this {subject} is it so that {reaches}."
    elif part == 1.0:
        told = f"All over this {subject} {reaches}."
    else:
        told = f"On {percent(part)} of this {subject} {reaches}: {by_rows(found, above)}."
    if part < 0.5 and len(quantity.levels) > 1:
        level = quantity.levels[1]
        below = percent(reached(found, level).sum() / there.sum())
        told += f" The {quantity.name} is at least {level.name} on {below} of it."
    told += no_chaos(found)
    if found.whole:
        return told
    done = percent(found.share_known)
    return f"This map is being worked out, {done} of it is there. {told}"


def percent(part: float) -> str:
    """A part in words."""
    if 0.0 < part < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < part < 1.0 else f"{part:.0%}"


def by_rows(found: Phase, above: Flags) -> str:
    """Where along x a level is reached: at the bottom, at the experiment's own y, at the top."""
    if found.grid.y is None:
        return stretch(found, 0, above)
    told: dict[str, list[str]] = {}
    for row in rows_told(found, 3):
        told.setdefault(stretch(found, row, above), []).append(value(found.grid.y, row))
    key = found.grid.y.key
    return ", ".join(f"at {key} = {' and '.join(where)} {how}" for how, where in told.items())


def rows_told(found: Phase, most: int) -> list[int]:
    """Rows of which something is known, at most so many: the ends, the experiment's own, others."""
    there = np.flatnonzero((found.counts > 0).any(axis=1))
    y = found.grid.y
    if y is None or not len(there):
        return there.tolist()
    own = float(getattr(found.experiment, y.key))
    nearest = there[np.abs(np.array(y.values)[there] - own).argmin()]
    others = there[np.linspace(0, len(there) - 1, most - 1).round().astype(int)]
    return sorted({int(nearest), *others.tolist()})


def setting(its: Side, at: int) -> str:
    """A knob with one of its values: gain = 1.5."""
    return f"{its.key} = {value(its, at)}"


def value(its: Side, at: int) -> str:
    """A knob's value in a sentence."""
    return plain(its.values[at]).replace("-", "−")


def stretch(found: Phase, row: int, above: Flags) -> str:
    """Where along a row a level is reached, in words."""
    x, there = found.grid.x, np.flatnonzero(found.counts[row] > 0)
    reaches = above[row, there]
    if not reaches.any():
        return "nowhere"
    if reaches.all():
        return "everywhere"
    turns = np.flatnonzero(np.diff(reaches.astype(int)))
    first, last = there[reaches][[0, -1]]
    if len(turns) == 1:
        return f"from {setting(x, first)} on" if reaches[-1] else f"up to {setting(x, last)}"
    if len(turns) == 2 and not reaches[0]:
        return f"from {setting(x, first)} to {value(x, last)}"
    return "here and there"


def facts(found: Phase) -> Iterator[Fact]:
    """How much of the map reaches each level, its ends, how far seeds lie apart, what is there."""
    quantity, there = QUANTITIES[found.quantity], found.counts > 0
    name = heading(quantity.name)
    if there.any():
        for level in quantity.levels:
            part = float(reached(found, level).sum() / there.sum())
            yield Fact(f"Part of the map with a median of at least {level.name}", part, "of 1")
    low, _, high = found.quartiles[found.quantity]
    for word, best in (("largest", np.nanargmax), ("smallest", np.nanargmin)):
        if not np.isnan(found.median).all():
            at = int(best(found.median))
            label = f"{name}, {word} median, at {place(found, at)}"
            yield Fact(label, float(found.median.ravel()[at]), quantity.unit)
    apart = np.where(found.counts > 1, quantity.apart(low, high), np.nan)
    if not np.isnan(apart).all():
        at = int(np.nanargmax(apart))
        unit = "powers of ten" if quantity.decades else quantity.unit
        label = f"Quartiles over seeds, furthest apart, at {place(found, at)}"
        yield Fact(label, float(apart.ravel()[at]), unit)
    every = int(np.prod(found.grid.worked))
    yield Fact("Experiments worked out", float(found.kept.known.sum()), f"of {every:,}")
    if found.left:
        yield Fact("Experiments whose states leave float64", float(found.left), f"of {every:,}")
    if len(found.looked):
        chaotic, of = float(len(found.chaotic)), f"of {len(found.looked)} looked at"
        yield Fact("Experiments that are chaotic", chaotic, of)


def place(found: Phase, at: int) -> str:
    """A point by its number, in words."""
    iy, ix = map(int, np.unravel_index(at, found.counts.shape))
    return ", ".join(setting(its, n) for its, n in zip(found.grid.sides, (ix, iy), strict=False))


def warnings(found: Phase) -> Iterator[str]:
    """Knobs without effect, runs without a number, chaos."""
    quantity, experiment = QUANTITIES[found.quantity], found.experiment
    for its in found.grid.sides:
        if its.key in experiment.unused() and its.key in ("T", "D"):
            own = f"{its.key} = {getattr(experiment, its.key)}"
            yield f"The signal {experiment.signal} sets {own}: along {its.key} nothing changes."
        elif its.idle:
            yield f"Along {its.key} nothing changes: it has no effect on the {quantity.name} here."
    if found.left:
        runs = "1 experiment has" if found.left == 1 else f"{found.left:,} experiments have"
        yield (
            f"{runs} no number, for their states leave float64: they are left out of medians, and "
            "a point without any number stays black."
        )
    if len(chaotic := found.chaotic):
        are = "is" if len(chaotic) == 1 else "are"
        yield (
            f"Of {len(found.looked)} experiments in which chaos was looked for, {len(chaotic)} "
            f"{are} chaotic{extent(found, chaotic)}: there rounding errors grow exponentially, and "
            "the same link may give other numbers on another machine."
        )


def no_chaos(found: Phase) -> str:
    """Of states that part, that rounding does not matter yet."""
    looked = len(found.looked)
    if found.quantity != "lyapunov" or not looked or len(found.chaotic):
        return ""
    if not reached(found, PARTING).any():
        return ""
    return (
        f" None of the {looked} experiments in which chaos was looked for is chaotic: states part "
        "over these steps, but too little for rounding to show."
    )


def extent(found: Phase, rows: Numbers) -> str:
    """Between which values of the knobs some rows lie, where a knob moves anything."""
    iy, ix, _ = np.unravel_index(rows, found.grid.worked)
    sides = zip(found.grid.sides, (ix, iy), strict=False)
    ends = [(its, int(at.min()), int(at.max())) for its, at in sides if not its.idle]
    told = [
        setting(its, low)
        if low == high
        else f"{its.key} from {value(its, low)} to {value(its, high)}"
        for its, low, high in ends
    ]
    return f", with {' and '.join(told)}" if told else ""
