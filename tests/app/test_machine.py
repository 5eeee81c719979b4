"""What a container grants is found, in both versions of control groups."""

import math
import os
from pathlib import Path

import pytest

from app import machine


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    return tmp_path


def write(group: Path, **files: str) -> None:
    for name, text in files.items():
        path = group / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")


def test_without_a_group_all_is_granted(group: Path) -> None:
    assert machine.quota() == math.inf and machine.memory_limit() == math.inf
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("told", "cores"), [("max 100000", math.inf), ("50000 100000", 0.5), ("150000 100000", 1.5)]
)
def test_version_2_tells_cores(group: Path, told: str, cores: float) -> None:
    write(group, cpu_DOT_max=told)
    assert machine.quota() == cores


@pytest.mark.parametrize(("told", "cores"), [("-1", math.inf), ("200000", 2.0)])
def test_version_1_tells_cores(group: Path, told: str, cores: float) -> None:
    write(group, cpu__cpu_DOT_cfs_quota_us=told, cpu__cpu_DOT_cfs_period_us="100000")
    assert machine.quota() == cores


def test_part_of_a_core_is_a_core(group: Path) -> None:
    write(group, cpu_DOT_max="10000 100000")
    assert machine.cores() == 1


@pytest.mark.parametrize(
    ("file", "told", "limit"),
    [
        ("memory_DOT_max", "536870912", 2**29),
        ("memory_DOT_max", "max", math.inf),
        ("memory__memory_DOT_limit_in_bytes", "536870912", 2**29),
    ],
)
def test_both_tell_memory(group: Path, file: str, told: str, limit: float) -> None:
    write(group, **{file: told})
    assert machine.memory_limit() == limit
