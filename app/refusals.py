"""Why an experiment is refused, in words that name the way out."""

import math
from collections.abc import Iterator
from http import HTTPStatus
from types import ModuleType

from app.budget import MEGABYTE, Budget, affordable, affordable_steps, flops, memory_bytes, within
from app.errors import Problem, WrongKey
from app.keys import default
from app.knobs import Experiment
from app.lenses import IN_CHUNKS, LENSES, OF_NO_EXPERIMENT
from app.lenses.compare.computed import SecondLeftFloat64
from app.links import Asked, plain, write
from app.lowering import lowered
from app.reading import mantissa
from app.view import Focus
from lstm_engine.errors import LeftFloat64

AGAIN_AFTER_S = 5  # where nobody can tell: about what a new server takes
AFTER_A_LOSS_S = 60  # what killed two workers may kill more
ENDS = ("x_from", "x_to", "y_from", "y_to")  # of a map's axes
# What makes a map long, and the least of it that says something.
HOW_MUCH = {"seeds": 1, "x_points": 4, "y_points": 4}


def admit(asked: Asked, budget: Budget, lens: str = "highway") -> None:
    """Refuse what costs too much, before any work.

    Raises:
        Problem: 422 with the cost, the limit and what to lower.
    """
    if asked.focus.trained is not None and lens not in OF_NO_EXPERIMENT | IN_CHUNKS:
        admit_training(asked, budget, lens, "trained")
    # What is too large by itself is refused alike at every address.
    for experiment, prefix in zip(looked_at(asked, lens), ("", "vs_"), strict=False):
        if not within(experiment, budget):
            raise too_large(asked, experiment, budget, prefix)
    if lens == "training":
        admit_training(asked, budget, lens, "updates")
    elif lens in IN_CHUNKS:
        admit_work(asked, budget, lens)


def looked_at(asked: Asked, lens: str) -> list[Experiment]:
    """The experiment of a link and, where a lens compares, the second."""
    second = "vs_cell" in LENSES[lens].KEYS
    return [asked.experiment, *([asked.focus.second(asked.experiment)] if second else ())]


def admit_work(asked: Asked, budget: Budget, lens: str) -> None:
    """Refuse a map that costs too much, all of it or its dearest point.

    Raises:
        Problem: 422 with the cost, the limit and what to lower.
    """
    work, (experiment, focus, _) = LENSES[lens], asked
    if not within(dearest := work.dearest(experiment, focus), budget):
        problem = too_large(asked, dearest, budget, "")
        if dearest != experiment:
            problem.detail = f"The largest part of this work is like one of {problem.detail}"
            problem.errors = (*blamed_ends(focus, dearest, problem.errors[0].message),)
        problem.nearest = less_work(asked, budget, work)
        raise problem
    cost_s = work.expected_s(experiment, focus)
    if cost_s <= budget.work_s:
        return
    key, *others = HOW_MUCH
    message = (
        f"would keep a core busy for {cost_s:,.0f} s, and the limit is {budget.work_s:,.0f} s: "
        f"lower {', '.join((key, *others))}, T or H"
    )
    value = str(getattr(focus, key))
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This is too much work",
        f"{key}={value} {message}.",
        [WrongKey(key, value, message)],
        less_work(asked, budget, work),
    )


def blamed_ends(focus: Focus, dearest: Experiment, message: str) -> Iterator[WrongKey]:
    """The ends of a map's axes at which its dearest experiment lies."""
    for axis in "xy":
        if getattr(focus, axis) in ("T", "H"):
            value = plain(focus.span(axis).high)
            yield WrongKey(f"{axis}_to", value, f"is too far: T={dearest.T} {message}")


def less_work(asked: Asked, budget: Budget, work: ModuleType) -> str:
    """The nearest link that is within the budget: a coarser map, then a shorter and smaller one;
    where all that is not enough, at the defaults of how much there is to do."""
    experiment, focus, view = asked
    least = experiment.model_copy(update={"T": min(experiment.T, 10), "H": min(experiment.H, 8)})
    while not (
        within(work.dearest(experiment, focus), budget)
        and work.expected_s(experiment, focus) <= budget.work_s
    ):
        now = {key: getattr(focus, key) for key in HOW_MUCH}
        halves = {key: min(value, max(HOW_MUCH[key], value // 2)) for key, value in now.items()}
        less = focus.model_copy(update=halves)
        smaller = experiment.model_copy(
            update={key: max(getattr(least, key), getattr(experiment, key) // 2) for key in "TH"}
        )
        if less != focus:
            focus = less
        elif smaller.in_force() != experiment:
            experiment = smaller.in_force()
        elif focus != (usual := focus.model_copy(update=dict.fromkeys(ENDS))):
            experiment, focus = asked.experiment, usual
        else:
            return write(least, Focus(), view)
    return write(experiment, focus, view)


def admit_training(asked: Asked, budget: Budget, lens: str, how_long: str) -> None:
    """Refuse a training that costs too much; `how_long` is the key that says how many updates.

    Raises:
        Problem: 422 with the cost, the limit, the key that has to change least and its value then.
    """
    if not (told := too_dear(asked, budget, how_long)):
        return
    of_text = ("words",) if asked.focus.task == "text" else ()
    length = () if "T" in asked.experiment.unused() else ("T",)
    keys = (how_long, "batch", *length, "H", *of_text)

    def fits(one: Asked) -> bool:
        small = all(within(experiment, budget) for experiment in looked_at(one, lens))
        return small and not too_dear(one, budget, how_long)

    key, value, way_out, nearest = lowered(asked, keys, fits)
    message = f"makes a training that {' and '.join(told)}: {way_out}"
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This is too much work" if "busy" in told[0] else "This training is too large",
        f"{key}={value} {message}.",
        [WrongKey(key, value, message)],
        write(*nearest),
    )


def too_dear(asked: Asked, budget: Budget, how_long: str) -> list[str]:
    """What of a training is beyond the budget: its work, its memory here and there."""
    training, (experiment, focus, _) = LENSES["training"], asked
    if how_long == "trained":
        focus = focus.model_copy(update={"updates": max(1, focus.trained or 0)})
    link = experiment, focus
    costs = (
        ("keeps a core busy for {} s", training.expected_s(*link), budget.work_s),
        ("costs {} floating point operations a look", flops(experiment), budget.flops),
        (
            "takes {} MB of a worker's memory",
            training.worker_bytes(*link) / MEGABYTE,
            budget.memory_mb,
        ),
        ("takes {} MB of the service's memory", training.holds(*link) / MEGABYTE, budget.kept_mb),
    )
    return [
        f"{does.format(f'{math.ceil(cost):,}')} (the limit is {most:,g})"
        for does, cost, most in costs
        if cost > most
    ]


def too_large(asked: Asked, experiment: Experiment, budget: Budget, prefix: str) -> Problem:
    """The answer to an experiment that costs too much; the second one's keys have a prefix."""
    told = []
    if (cost := flops(experiment)) > budget.flops:
        told.append(
            f"costs {mantissa(math.log10(cost))} floating point operations (6H³T), and the limit "
            f"is {mantissa(math.log10(budget.flops))}"
        )
    if (memory_mb := memory_bytes(experiment) / MEGABYTE) > budget.memory_mb:
        told.append(f"takes {memory_mb:.0f} MB of memory, and the limit is {budget.memory_mb} MB")
    steps = 0 if "T" in asked.experiment.unused() else affordable_steps(experiment, budget)
    lower = f"lower T to {steps} or lower {prefix}H" if steps else f"lower {prefix}H"
    message = f"with {prefix}H={experiment.H} {'; it '.join(told)}: {lower}"
    first, focus, view = asked
    first = affordable(first, budget)
    second = affordable(focus.second(first), budget)
    if second.H == focus.second(first).H:
        first = first.model_copy(update={"T": min(first.T, second.T)})
    else:
        focus = focus.model_copy(update={"vs_H": None})
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The second experiment is too large" if prefix else "This experiment is too large",
        f"T={experiment.T} {message}.",
        [WrongKey("T", str(experiment.T), message)],
        write(first, focus, view),
    )


def took_too_long(asked: Asked, limit_s: float, expected_s: float) -> Problem:
    """The answer to an experiment that a worker could not finish in time, of which `expected_s` are
    what it should have taken."""
    first, focus, view = asked
    share = 0.5 * limit_s / max(limit_s, expected_s)
    message = f"takes longer than the {limit_s:g} s that an answer may take here: lower T or H"
    if "T" in first.unused():
        first = first.model_copy(update={"H": max(1, int(first.H * share))})
    else:
        first = first.model_copy(update={"T": max(1, int(first.T * share))})
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This experiment takes too long",
        f"T={asked.experiment.T} with H={asked.experiment.H} {message}.",
        [WrongKey("T", str(asked.experiment.T), message)],
        write(first, focus, view),
    )


def left_float64(error: LeftFloat64, asked: Asked) -> Problem:
    """The answer to an experiment whose states grow beyond float64: the step, the knob to lower."""
    first, focus, view = asked
    of_b = isinstance(error, SecondLeftFloat64)
    experiment = focus.second(first) if of_b else first
    key = "rnn_gain" if error.cell == "rnn" else "amplitude"
    named, value = f"vs_{key}" if of_b else key, plain(getattr(experiment, key))
    network = "vanilla RNN" if error.cell == "rnn" else "gated cell"
    whose = f"B's {network}'s" if of_b else f"the {network}'s"
    remedy = "lower it, or T"
    if experiment.signal == "series" and not experiment.standardize:
        # Numbers as they are may be of any size; standardized, they are not.
        key, remedy = "standardize", "set it to 1, or lower the amplitude"
        of_b = of_b and dict(focus)["vs_standardize"] is not None
        named = "vs_standardize" if of_b else key
        value = "0"
        first = first.model_copy(update={"standardize": 1})
        focus = focus.model_copy(update={"vs_standardize": None})
    message = f"takes {whose} state beyond float64 at step {error.step}: {remedy}"
    # One's own text or numbers keep their length; then the knob goes back to its default.
    if "T" not in first.unused():
        first = first.model_copy(update={"T": max(1, error.step - 1)})
    elif of_b:
        focus = focus.model_copy(update={named: default(key)})
    else:
        first = first.model_copy(update={key: default(key)})
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The states of {'the second' if of_b else 'this'} experiment leave float64",
        f"{named}={value} {message}.",
        [WrongKey(named, value, message)],
        write(first, focus, view),
    )


def busy(wait_s: float) -> Problem:
    """The answer where too much is waiting: when that will be done."""
    return later(
        "Too busy",
        "All workers are busy and as much as may wait is waiting",
        math.ceil(max(1.0, wait_s)),
    )


def later(title: str, detail: str, after: int = AGAIN_AFTER_S) -> Problem:
    """The answer where nobody can do it now."""
    detail = f"{detail}; try again in {seconds(after)}."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, title, detail, retry_after_s=after)


def too_many_watch(most: int, of_whom: str) -> Problem:
    """The answer where as much work in chunks is watched as may be."""
    return later(
        "Too many at once",
        f"{most} phase maps and trainings{of_whom} are under way, as many as may be; close one",
    )


def no_room(of_whom: str) -> Problem:
    """The answer where what is under way may take all the memory there is for it, or for one
    network."""
    return later(
        "Too many at once",
        f"The phase maps and trainings that are under way{of_whom} need all the memory there is "
        "for them",
    )


def crowded() -> Problem:
    """The answer where slow clients hold as many large answers as there is memory for."""
    return later(
        "Too many large answers",
        "Other clients have not yet taken large answers of theirs, and memory for more is short",
    )


def lost() -> Problem:
    """The answer where two workers died at it."""
    return later(
        "The work was lost",
        "The processes that worked on this experiment died, twice",
        AFTER_A_LOSS_S,
    )


def stopping() -> Problem:
    """The answer of a server that is about to end."""
    return later("This server is stopping", "It begins nothing new")


def seconds(number: int) -> str:
    """A number of seconds as one says it."""
    return "a second" if number == 1 else f"{number} seconds"
