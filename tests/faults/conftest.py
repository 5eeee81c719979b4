"""One server for tests that do bad things to its workers and its connections."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.serving import Server, serving

# Whose process is whose, and what it does, Linux alone tells in files.
collect_ignore_glob = [] if Path("/proc/self/stat").exists() else ["test_*.py"]


@pytest.fixture(scope="package")
def victim() -> Iterator[Server]:
    """A running server that keeps no answer, so that every request is work."""
    with serving(CACHE_MB="0") as server:
        yield server
