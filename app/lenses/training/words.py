"""What has become of two networks that learn, in sentences and facts."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from app.lenses.highway import log10_share
from app.lenses.training.computed import (
    DIVERGED,
    NETWORKS,
    SOLVED,
    Course,
    Sight,
    Training,
    lately,
    module_of,
)
from app.reading import ALL, Fact, carry, heading, kept, mantissa, number, steps_of
from lstm_engine import CELLS
from lstm_engine.tasks import TASKS

# The task as what one does: solves the adding problem.
WHAT = {
    "adding": "the adding problem",
    "copy": "the copy task",
    "order": "the temporal order task",
    "text": "its text",
}
GUESSES = 0.8  # of what guessing loses: ten batches do not tell less from nothing learnt
WORSE = 1.25  # as many times: ten batches do not tell more from guessing
FAR_WORSE = 100.0  # as many times, and it has diverged, though float64 still holds the loss
TINY = 1e-300


def how_far(found: Training, at: int) -> str:
    """What each network has learnt by a snapshot, as a sentence."""
    ours, theirs = (Told(found, network, at) for network in NETWORKS)
    if found.moments()[at] == 0:
        return "Nothing is learnt yet: both networks are as they were drawn."
    after = f"after {updates_of(ours.sight.update)}"
    if ours.over or theirs.over:
        said = f"The {ours.title} {ours.does} {after}; the {theirs.title} {theirs.does}"
        return f"{said} after {theirs.sight.update:,}."
    if ours.guesses and theirs.guesses:
        return f"{heading(after)} both networks still guess."
    said = f"{heading(after)} the {ours.title} {ours.does}"
    return f"{said}; the {theirs.title} {theirs.does}."


class Told:
    """One network at a snapshot, in words."""

    def __init__(self, found: Training, network: str, at: int) -> None:
        self.title = module_of(found.experiment, network).TITLE
        course: Course = getattr(found, network)
        self.sight, self.end = course.at(at), course.end
        self.over = bool(course.end) and at >= len(course.sights) - 1
        self.task = WHAT[found.setting.task]
        self.of_guessing = lately(course, at) / found.setting.guessing

    @property
    def guesses(self) -> bool:
        """Whether it does as well as who has seen nothing, no better and no worse."""
        return not (self.of_guessing < GUESSES or self.of_guessing > WORSE)

    @property
    def does(self) -> str:
        """Its verb: solved the task, still guesses, loses so much."""
        if self.over and self.end == SOLVED:
            return f"solved {self.task}"
        if self.over and self.end == DIVERGED:
            return "diverged"
        if self.guesses:
            return "still guesses"
        if self.of_guessing > WORSE:
            times = factor(math.log10(self.of_guessing))
            diverged = "has diverged: it " if self.of_guessing > FAR_WORSE else ""
            return f"{diverged}loses {times} times as much as guessing does"
        return f"loses {kept(math.log10(max(self.of_guessing, TINY)))} of what guessing does"


def factor(log10: float) -> str:
    """A factor above 1 in two digits."""
    return mantissa(log10) if log10 >= 4 else number(10**log10)


def updates_of(count: int) -> str:
    """So many updates in words."""
    return f"{count:,} {'update' if count == 1 else 'updates'}"


def the_road(found: Training, at: int) -> str:
    """What the carry keeps now, beside what it kept as it was drawn."""
    cell, length = CELLS[found.experiment.cell], steps_of(found.length)
    subject = heading(carry(cell, " alone"))
    if "f" not in cell.GATES:
        return f"{subject} keeps all over {length}, whatever is learnt."
    now, drawn = (Carried.of(found.cell.at(n)) for n in (at, 0))
    if now is None or drawn is None:
        return ""
    if at == 0:
        return f"{subject} {now.does} over {length}."
    said = f"{subject} now {now.does} over {length}"
    if found.experiment.H > 1:
        said += f", in its best unit {kept(now.best)}"
    return f"{said}; as it was drawn it kept {kept(drawn.rms)}."


class Carried(NamedTuple):
    """log10 of what the carry alone keeps from the first state to the last."""

    rms: float  # over units
    best: float  # of all units

    @property
    def does(self) -> str:
        """The verb: keeps so much, grows so many times."""
        return f"keeps {kept(self.rms)}" if self.rms < ALL else f"grows {kept(self.rms)}-fold"

    @staticmethod
    def of(sight: Sight) -> "Carried | None":
        """A sight's; None where states of the shown sequence leave float64."""
        maps = sight.maps
        if maps is None or maps.direct is None or maps.direct_rms is None:
            return None
        return Carried(float(maps.direct_rms[0]), float(maps.direct[0].max()))


def facts(found: Training, at: int) -> Iterator[Fact]:
    """Losses, what survives, gates, clipping: of the shown snapshot."""
    yield Fact("Loss of guessing", found.setting.guessing, "")
    for network in NETWORKS:
        course: Course = getattr(found, network)
        title = heading(module_of(found.experiment, network).TITLE)
        sight, maps = course.at(at), course.at(at).maps
        yield Fact(f"{title}, updates", float(sight.update), "updates")
        if not math.isnan(loss := lately(course, at)):
            yield Fact(f"{title}, loss of the last ten updates", loss, "")
        if sight.update:
            yield Fact(f"{title}, updates that were clipped", clipped_share(course, at), "of 1")
        if maps is not None:
            yield Fact(f"{title}, every path (exact), rms", float(maps.exact_rms[0]), "log10")
        if maps is not None and maps.direct_rms is not None and maps.detours_rms is not None:
            direct, detours = float(maps.direct_rms[0]), float(maps.detours_rms[0])
            yield Fact(f"{title}, the carry alone (direct), rms", direct, "log10")
            yield Fact("Highway share", log10_share(direct, detours), "log10")


def clipped_share(course: Course, at: int) -> float:
    """How many of the updates so far were clipped, of 1."""
    seen = course.up_to(at + 1)
    norm = seen.curve("norm")
    return float((seen.curve("clipped") < norm).mean()) if len(norm) else math.nan


def warnings(found: Training) -> Iterator[str]:
    """What to beware of when reading these numbers."""
    task, T = found.setting.task, found.experiment.T
    if T < found.setting.T:
        yield (
            f"{heading(TASKS[task].title)} needs at least {steps_of(found.setting.T)}: T is taken "
            f"as {found.setting.T}."
        )
    for network in NETWORKS:
        course: Course = getattr(found, network)
        title = module_of(found.experiment, network).TITLE
        if course.end == DIVERGED:
            yield (
                f"The {title} diverged: at update {course.sights[-1].update + 1:,} a state, the "
                "loss or a weight would have left float64. It stays as it was before. A lower "
                "learning rate, or a limit to the gradient’s norm, may help."
            )
        if course.sights and course.sights[-1].maps is None:
            yield (
                f"On the sequence that is shown the states of the {title} leave float64, so its "
                "map is empty."
            )
