"""Two networks that learn at the same time: each a chain of chunks, one after the other."""

import asyncio
from asyncio import FIRST_COMPLETED
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from app import stages
from app.knobs import Experiment
from app.lenses.training.computed import (
    NETWORKS,
    Array,
    Chunk,
    Course,
    Training,
    chunk,
    joined,
    look_s,
    module_of,
    moments_of,
    setting_of,
    steps_told,
    update_s,
)
from app.view import Focus
from lstm_engine.training import Learner, Parameters, Record, parameters

GOAL_S = 2 * stages.CHUNK_S


@dataclass(frozen=True)
class Chain:
    """How far one network has come: what it takes to go on, and all that was seen on the way."""

    learner: Learner | None = None  # None before the first chunk
    since: tuple[Record, ...] = ()  # the chunks' since the last sight
    course: Course = field(default_factory=Course)
    thetas: tuple[Array, ...] = ()  # all parameters at each sight

    @property
    def updates(self) -> int:
        """How many have been made; −1 where not even the first look has been taken."""
        return -1 if self.learner is None else self.learner.updates

    def and_then(self, done: Chunk) -> "Chain":
        """The same after another chunk."""
        since = (*self.since, done.record)
        if done.sight is None:
            return Chain(done.learner, since, self.course, self.thetas)
        seen = type(done.sight)(done.sight.update, joined(since), done.sight.loss, done.sight.maps)
        course = Course((*self.course.sights, seen), done.end)
        return Chain(done.learner, (), course, (*self.thetas, done.learner.theta))


Chains = dict[str, Chain]  # by the network's name; never changed, only replaced


def reached(chains: Chains) -> int:
    """How many snapshots both networks have reached; who came to an end waits for nobody."""
    courses = [chains[network].course for network in NETWORKS]
    on_their_way = [len(course.sights) for course in courses if not course.end]
    return min(on_their_way, default=max(len(course.sights) for course in courses))


def found(experiment: Experiment, focus: Focus, chains: Chains, number: int) -> Training:
    """What is known up to so many snapshots."""
    setting = setting_of(experiment, focus)
    return Training(
        experiment,
        setting,
        focus.updates,
        steps_told(setting.asked.steps(setting.T)),
        *(chains[network].course.up_to(number) for network in NETWORKS),
    )


async def run(
    experiment: Experiment, focus: Focus, engine: stages.Engine, kept: Chains | None = None
) -> stages.Run:
    """Train both networks, a stage for each snapshot that both have reached, to their ends."""
    chains: Chains = kept or dict.fromkeys(NETWORKS, Chain())
    at = moments_of(experiment, focus)
    pace = {network: update_s(experiment, focus, network) for network in NETWORKS}
    under_way: dict[asyncio.Future[Chunk], str] = {}

    def go_on() -> None:
        """Hand out the next chunk of each network that may go on, who is behind first."""
        for network in waiting(chains, under_way.values()):
            if len(under_way) < engine.width:
                updates = next_updates(chains[network], at, pace[network])
                call = (chunk, (experiment, focus, network, chains[network].learner, updates))
                expected_s = updates * pace[network] + look_s(experiment, focus, network)
                under_way[asyncio.ensure_future(engine.do(call, expected_s))] = network

    def told(number: int) -> stages.Progress:
        """How far it is, as of one snapshot."""
        known = found(experiment, focus, chains, number)
        return stages.Progress(share(experiment, focus, chains), number, known, chains)

    number = reached(chains)
    if not waiting(chains):
        yield told(number)
    try:
        go_on()
        while under_way:
            done, _ = await asyncio.wait(under_way, return_when=FIRST_COMPLETED)
            for task in done:
                network, brought = under_way.pop(task), task.result()
                chains = chains | {network: chains[network].and_then(brought)}
                pace[network] = brought.update_s or pace[network]
            go_on()
            # Who was behind may have come to its end, and many snapshots are reached at once.
            before, number = number, reached(chains)
            for each in range(min(before + 1, number), number + 1):
                yield told(each)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def waiting(chains: Chains, busy: Iterable[str] = ()) -> list[str]:
    """The networks that may go on and do not, who is behind first."""
    idle = [network for network in NETWORKS if not chains[network].course.end]
    return sorted(set(idle) - set(busy), key=lambda network: (chains[network].updates, network))


def next_updates(chain: Chain, at: tuple[int, ...], pace: float) -> int:
    """How many updates the next chunk makes: as many as fill its time, up to a snapshot."""
    if chain.updates < 0:
        return 0
    room = at[bisect_right(at, chain.updates)] - chain.updates
    fitting = max(1, int(GOAL_S / max(pace, 1e-9)))
    return room if room < 1.5 * fitting else fitting


def share(experiment: Experiment, focus: Focus, chains: Chains) -> float:
    """How much of the work is done; who has come to an end early has done all of its part."""
    done = whole = 0.0
    for network, chain in chains.items():
        part = update_s(experiment, focus, network)
        whole += part
        done += part * (1.0 if chain.course.end else max(chain.updates, 0) / focus.updates)
    return done / whole


def weights_at(
    experiment: Experiment, focus: Focus, update: int, kept: Chains | None
) -> dict[str, Parameters] | None:
    """Both networks' weights and read-outs as a snapshot's update left them.

    None where they are not known, or that update has no snapshot. Who came to an end earlier stays
    as it was then.
    """
    setting, chains = setting_of(experiment, focus), kept or {}
    found: dict[str, Parameters] = {}
    for network, chain in chains.items():
        sights, cell = chain.course.sights, module_of(experiment, network)
        over = bool(chain.course.end) and update > sights[-1].update
        at = [n for n, sight in enumerate(sights) if sight.update == update or over]
        if chain.learner is None or not at:
            return None
        theta = chain.thetas[at[-1]]
        found[network] = parameters(cell, replace(chain.learner, theta=theta), setting)
    return found or None
