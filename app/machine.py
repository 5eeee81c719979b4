"""What this machine offers, or the share of it that a container has: cores and memory."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """How many cores this process may keep busy at once; at least one."""
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    return max(1, math.ceil(min(there, quota())))


def quota() -> float:
    """The cores that a control group grants (version 2, or else 1); infinite without one."""
    quota, _, period = told("cpu.max").partition(" ")
    if not quota:
        quota, period = told("cpu/cpu.cfs_quota_us"), told("cpu/cpu.cfs_period_us")
    if not quota.isdigit() or not period.isdigit():
        return math.inf
    return int(quota) / int(period)


def memory_limit() -> float:
    """The bytes that a control group grants; infinite without one."""
    limit = told("memory.max") or told("memory/memory.limit_in_bytes")
    return int(limit) if limit.isdigit() else math.inf


def told(name: str) -> str:
    """What a file of the control group says; nothing where there is none."""
    try:
        return (CGROUP / name).read_text().strip()
    except OSError:
        return ""
