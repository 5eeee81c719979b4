"""Two networks that learn at the same time: each a chain of chunks, one after the other."""

import asyncio
from asyncio import FIRST_COMPLETED
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import ceil

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
    module_of,
    moments_of,
    setting_of,
    steps_told,
)
from app.lenses.training.costs import look_s, update_s
from app.view import Focus
from lstm_engine.training import Learner, Parameters, Record, parameters

GOAL_S = stages.CHUNK_S


@dataclass(frozen=True)
class Chain:
    """How far one network has come: what it takes to go on, and all that was seen on the way."""

    learner: Learner | None = None  # None before the first chunk
    since: tuple[Record, ...] = ()  # the chunks' since the last sight
    course: Course = field(default_factory=Course)
    thetas: tuple[Array, ...] = ()  # all parameters at each sight
    update_s: float = 0.0  # what an update took lately; 0 where none was made yet

    @property
    def updates(self) -> int:
        """How many have been made; −1 where not even the first look has been taken."""
        return -1 if self.learner is None else self.learner.updates

    def and_then(self, done: Chunk) -> "Chain":
        """The same after another chunk."""
        since, update_s = (*self.since, done.record), done.update_s or self.update_s
        if done.sight is None:
            return Chain(done.learner, since, self.course, self.thetas, update_s)
        seen = type(done.sight)(done.sight.update, joined(since), done.sight.loss, done.sight.maps)
        course = Course((*self.course.sights, seen), done.end)
        return Chain(done.learner, (), course, (*self.thetas, done.learner.theta), update_s)


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
    guessed = {network: update_s(experiment, focus, network) for network in NETWORKS}
    under_way: dict[asyncio.Future[Chunk], str] = {}

    def go_on() -> None:
        """Hand out the next chunk of each network that may go on, who is behind first."""
        for network in waiting(chains, under_way.values()):
            if len(under_way) < engine.width:
                chain = chains[network]
                each_s = chain.update_s or guessed[network]
                updates = next_updates(chain, at, each_s)
                call = (chunk, (experiment, focus, network, chain.learner, updates))
                expected_s = updates * each_s + look_s(experiment, focus, network)
                under_way[asyncio.ensure_future(engine.do(call, expected_s))] = network

    def told(number: int) -> stages.Progress:
        """How far it is, as of one snapshot."""
        known = found(experiment, focus, chains, number)
        return stages.Progress(share(focus, chains), number, known, chains)

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


def next_updates(chain: Chain, at: tuple[int, ...], each_s: float) -> int:
    """How many updates the next chunk makes: an even part of those up to the next snapshot, in as
    few parts as keep to a chunk's time."""
    if chain.updates < 0:
        return 0
    room = at[bisect_right(at, chain.updates)] - chain.updates
    fitting = max(1, int(GOAL_S / max(each_s, 1e-9)))
    return ceil(room / ceil(room / fitting))


def share(focus: Focus, chains: Chains) -> float:
    """How much of the work is done: as much as who is behind has done of its own, for both are at
    it side by side; who has come to an end waits for nobody."""
    running = [chain.updates for chain in chains.values() if not chain.course.end]
    return max(min(running), 0) / focus.updates if running else 1.0


def ahead(focus: Focus, before: Chains | None, now: Chains | None, workers: int) -> float | None:
    """How many times as long the rest is going to take as what was done between; None as long as
    nobody can tell. The longest chain decides, each at its own pace; where one worker does both,
    their sum. That one comes to its end early is not foreseen."""
    begun, now = before or dict.fromkeys(NETWORKS, Chain()), now or dict.fromkeys(NETWORKS, Chain())
    made = {name: chain.updates - max(begun[name].updates, 0) for name, chain in now.items()}
    left = {name: focus.updates - now[name].updates for name in waiting(now)}
    if any(made[name] <= 0 for name in left):
        return None
    if workers > 1 or not left:
        return max((left[name] / made[name] for name in left), default=0.0)
    took, takes = (sum(now[name].update_s * n for name, n in some.items()) for some in (made, left))
    return takes / took


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
