"""Settings: environment variables, each with a default, help, and a message when it is wrong."""

import subprocess
import sys

import pytest

from app import machine
from app.settings import Settings, settings, table

NAMES = [name.upper() for name in Settings.model_fields]


def test_without_any_variable_the_service_is_for_this_machine_alone() -> None:
    chosen = settings({})
    assert (chosen.host, chosen.port) == ("127.0.0.1", 8000)
    assert 1 <= chosen.workers <= 8
    assert chosen.address_header == "" and chosen.public_url == ""
    assert chosen.dask_scheduler == ""


def test_each_variable_is_obeyed() -> None:
    chosen = settings({"HOST": "::1", "PORT": "9000", "WORKERS": "3", "TIME_LIMIT_S": "1.5"})
    assert (chosen.host, chosen.port, chosen.workers) == ("::1", 9000, 3)
    assert chosen.time_limit_s == 1.5


@pytest.mark.parametrize("address", ["tcp://scheduler:8786", "tls://[::1]:8786"])
def test_the_scheduler_of_a_cluster_has_a_scheme_and_a_port(address: str) -> None:
    assert settings({"DASK_SCHEDULER": address}).dask_scheduler == address


def test_an_empty_variable_is_none() -> None:
    assert settings(dict.fromkeys(NAMES, "")) == settings({})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "x", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "-1", "a whole number"),
        ("PORT", "80.0", "a whole number"),
        ("PORT", " 80", "a whole number"),
        ("PORT", "٨٠", "a whole number"),
        ("WORKERS", "0", "a whole number from 1 to 64"),
        ("WORKERS", "65", "a whole number from 1 to 64"),
        ("WORKERS", "two", "a whole number from 1 to 64"),
        ("TIME_LIMIT_S", "0", "a number above 0, at most 3600"),
        ("FLOPS_LIMIT", "nan", "a number from 1000000 to 1e18"),
        ("LOG_FORMAT", "xml", "one of text, json"),
        ("PUBLIC_URL", "lab.example", "text like"),
        ("PUBLIC_URL", "https://lab.example/path", "text like"),
        ("ADDRESS_HEADER", "X Real", "text like"),
        ("DASK_SCHEDULER", "scheduler:8786", "text like"),
        ("DASK_SCHEDULER", "tcp://scheduler", "text like"),
        ("DASK_SCHEDULER", "http://scheduler:8786", "text like"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        settings({name: value})
    assert str(refused.value).startswith(f"{name}={value}: it must be {allowed}")


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(SystemExit) as refused:
        settings({"PORT": "x", "WORKERS": "0"})
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("memory_mb", "workers", "each_mb"),
    [(512, 1, 154), (1024, 2, 308), (8192, 2, 768), (512, 2, 64)],
)
def test_a_small_container_has_smaller_experiments(
    monkeypatch: pytest.MonkeyPatch, memory_mb: int, workers: int, each_mb: int
) -> None:
    monkeypatch.setattr(
        machine, "told", lambda name: str(memory_mb * 2**20) if name == "memory.max" else ""
    )
    assert settings({"WORKERS": str(workers)}).worker_memory_mb == each_mb


def test_the_table_has_every_variable_with_its_help() -> None:
    told = table()
    for name, field in Settings.model_fields.items():
        assert f"  {name.upper()}=" in told
        assert field.description
        assert field.description.split()[0] in told


def test_help_prints_the_table_and_starts_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "app", "--help"], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0
    assert all(f"{name}=" in run.stdout for name in NAMES)
