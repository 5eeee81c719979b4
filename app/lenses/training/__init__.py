"""The training lens: both networks learn the same task, and the road is watched as they do."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from app import stages
from app.drawing.figure import Figure
from app.knobs import Experiment
from app.lenses.training import figures as training_figure
from app.lenses.training.chains import Chain, Chains, ahead, reached, run, weights_at
from app.lenses.training.chains import found as found_of
from app.lenses.training.computed import (
    NETWORKS,
    Course,
    Training,
    kept_bytes,
    module_of,
    moments_of,
    shown_sequence,
)
from app.lenses.training.costs import look_s, update_s, worker_bytes
from app.lenses.training.numbers import numbers
from app.lenses.training.words import facts, how_far, the_road, warnings
from app.reading import Reading
from app.view import Focus, View
from lstm_engine import CELLS

__all__ = ["ahead", "numbers", "run", "shown_sequence", "weights_at", "worker_bytes"]

TITLE = "Training"
QUESTION = "What does learning do to the highway?"
KEYS = (
    *("task", "words", "optimiser", "rate", "clip", "batch", "updates"),
    *("update", "unit", "step", "order", "floor"),
)
SHEETS = training_figure.SHEETS
EVERY_STAGE, MOMENT = True, "update"


def known(experiment: Experiment, focus: Focus, kept: Chains | None = None) -> Training:
    """What is known of a training, possibly nothing."""
    chains = kept or dict.fromkeys(NETWORKS, Chain())
    return found_of(experiment, focus, chains, reached(chains))


NULLS = {("*", "nan"): "undefined: states left float64, or nothing is known yet"}


def compute(experiment: Experiment, focus: Focus) -> Training:
    """A whole training, here and now."""
    found: Training = stages.finished(run(experiment, focus, stages.Alone()))
    return found


def expected_s(experiment: Experiment, focus: Focus) -> float:
    """About how many seconds of one core a training takes, if nobody comes to an end early."""
    looks = len(moments_of(experiment, focus))
    return sum(
        focus.updates * update_s(experiment, focus, network)
        + looks * look_s(experiment, focus, network)
        for network in NETWORKS
    )


def holds(experiment: Experiment, focus: Focus) -> int:
    """The bytes of the service that a training takes, under way and when it is done."""
    return kept_bytes(experiment, focus, len(moments_of(experiment, focus)))


def moment(found: Training) -> int:
    """The update of the newest snapshot; 0 where there is none."""
    return max(found.moments(), default=0)


def answer(found: Training) -> dict[str, Any]:
    """What ``/api/training`` tells; arrays stay arrays, nothing is rounded; maps of the last."""
    return {
        "task": found.setting.task,
        "T": found.setting.T,
        "t": found.steps,
        "guessing": found.setting.guessing,
        "updates": found.moments(),
        "cell": {"name": found.experiment.cell} | course_told(found, "cell"),
        "rnn": course_told(found, "rnn"),
    }


def course_told(found: Training, network: str) -> dict[str, Any]:
    """One network: every update, each snapshot's gradient over time, the last one's maps."""
    course: Course = getattr(found, network)
    letters = module_of(found.experiment, network).GATES
    names = ("exact", "direct") if network == "cell" else ("exact",)
    shape = (len(found.steps), found.experiment.H)
    last = course.sights[-1].maps if course.sights else None
    nothing = np.full(shape, np.nan)  # where states left float64, or nobody has looked yet
    return {
        "end": course.end,
        "loss": course.curve("loss"),
        "norm_before": course.curve("norm"),
        "norm_after": course.curve("clipped"),
        "gates": {letter: course.gate(letter) for letter in letters},
        "snapshots": {
            "update": [sight.update for sight in course.sights],
            "held_out_loss": [sight.loss for sight in course.sights],
            **{
                f"log10_{name}_rms": np.array(
                    [
                        getattr(sight.maps, f"{name}_rms") if sight.maps else nothing[:, 0]
                        for sight in course.sights
                    ]
                ).reshape(-1, shape[0])
                for name in names
            },
        },
        **{f"log10_{name}": getattr(last, name) if last else nothing for name in names},
    }


def table(found: Training) -> Iterator[str]:
    """The lines of ``/api/training.csv``: one update of one network each."""
    gates = dict.fromkeys([*CELLS[found.experiment.cell].GATES, "g"])
    yield ",".join(["update,network,loss,norm_before,norm_after", *(f"gate_{g}" for g in gates)])
    for network in NETWORKS:
        course: Course = getattr(found, network)
        name = found.experiment.cell if network == "cell" else "rnn"
        has = module_of(found.experiment, network).GATES
        columns = [course.curve(c).tolist() for c in ("loss", "norm", "clipped")]
        columns += [course.gate(gate).tolist() if gate in has else [] for gate in gates]
        for n, loss in enumerate(columns[0]):
            row = (repr(column[n]) if column else "" for column in columns[1:])
            yield f"{n + 1},{name},{loss!r},{','.join(row)}"


def reading(found: Training, view: View | None = None) -> Reading:
    """What has become of both networks, in words and numbers, at the shown update or the last."""
    at = found.shown(view.update if view else None)
    if at < 0:
        words = "Training begins: both networks are drawn from the same seed, and neither has seen"
        return Reading(f"{words} a sequence yet.", (), tuple(warnings(found)))
    words = f"{how_far(found, at)} {the_road(found, at)}".strip()
    return Reading(words, tuple(facts(found, at)), tuple(warnings(found)))


def figure(found: Training, view: View) -> Figure:
    """Loss, gradient norms and gates over updates; three maps of the shown update."""
    return training_figure.figure(found, view)


def whole(found: Training) -> bool:
    """Whether both networks have come to their ends."""
    return bool(found.cell.end and found.rnn.end)


def idle(experiment: Experiment, focus: Focus) -> set[str]:
    """What plays no part here, for the task sets the inputs; a signal of one's own still sets T."""
    found = {"D", "amplitude", "standardize"}
    found |= set() if "T" in experiment.unused() else {"signal"}
    return found | (set() if focus.task == "text" else {"words"})


def in_force(experiment: Experiment, focus: Focus) -> dict[str, str]:
    """What stands where a link says nothing: the update of the newest snapshot."""
    return {"update": "last"}
