"""Told to stop, the server finishes what it has begun and ends."""

from tests.faults.stopping import stopped


def test_sigterm_loses_no_answer() -> None:
    end = stopped(8, heavy="/api/horizon?v=1&T=20000&H=24", within_s=60)
    assert end.broken == []
    assert end.statuses[200] > 0
