"""Work in chunks bears what happens to it; in short, the long form is `tests.faults.streams`."""

from time import monotonic, sleep

import pytest

from tests.events import Event, Refused, events, whole
from tests.faults.streams import (
    STOPS_WITHIN_S,
    TOLD_WITHIN_S,
    kill_a_worker,
    kill_its_worker,
    left,
    on_a_cluster,
    watched,
)
from tests.load.processes import workers
from tests.load.serving import Server, serving

# What takes the service a few seconds; `python -m tests.faults.streams` has a larger one.
A_MAP = "H=16&T=150&x_points=24&y_points=24&seeds=3"
SLACK = 10  # tests share the machine; `python -m tests.faults.streams` has it for itself
SMALL = "/stream/phase?H=4&T=30&x_points=9&y_points=9&seeds=2"


def test_a_worker_that_is_killed_costs_a_map_no_number(victim: Server) -> None:
    assert watched(victim, A_MAP, kill_a_worker(victim)).numbers == watched(victim, A_MAP).numbers


def test_work_that_nobody_watches_any_more_stops(victim: Server) -> None:
    assert left(victim, lambda: [one.pid for one in workers(victim.pid)]) <= STOPS_WITHIN_S * SLACK


@pytest.mark.slow
def test_a_worker_of_a_cluster_and_then_its_scheduler_may_die(victim: Server) -> None:
    right = watched(victim, A_MAP).numbers
    with on_a_cluster() as (server, here):
        assert watched(server, A_MAP, lambda: kill_its_worker(here)).numbers == right
        again = watched(server, f"{A_MAP}&seed=0&rnn_gain=1.5", here.kill)
        words, at_s = again.notes[0]
        assert "cluster" in words and at_s <= TOLD_WITHIN_S * SLACK


def test_there_is_an_end_to_how_many_watch() -> None:
    with serving(STREAMS="3", STREAMS_PER_ADDRESS="2") as server:
        long = "/stream/phase?H=32&T=400&x_points=64&y_points=64"
        with events(server.address, long) as one, events(server.address, f"{long}&seed=9") as other:
            assert next(one) and next(other)
            with pytest.raises(Refused) as refused, events(server.address, SMALL):
                pass
            assert refused.value.status == 503 and int(refused.value.headers["Retry-After"]) > 0
            assert "from your network" in refused.value.problem["detail"]
        assert soon_whole(server.address, SMALL)[-1].kind == "end"


def soon_whole(address: str, path: str) -> list[Event]:
    """All events of a stream, as soon as the server has seen that others have left."""
    until = monotonic() + 60
    while True:
        try:
            return whole(address, path)
        except Refused:
            if monotonic() > until:
                raise
            sleep(0.1)


def test_who_comes_back_is_told_what_came_after(victim: Server) -> None:
    # Long enough for more than one picture.
    path = f"/stream/phase?{A_MAP}"
    stages = [event for event in whole(victim.address, path) if event.kind == "stage"]
    numbers = [event.number for event in stages]
    assert numbers == sorted(set(numbers)) and len(numbers) > 1
    later = [e for e in whole(victim.address, path, numbers[0]) if e.kind == "stage"]
    assert later and all((event.number or 0) > (numbers[0] or 0) for event in later)
    assert later[-1].number == numbers[-1] and later[-1].told["data"] == stages[-1].told["data"]
    assert [e for e in whole(victim.address, path, numbers[-1]) if e.kind == "stage"] == []
