"""Settings: environment variables, each with a default and a message when it is wrong."""

import pytest

from app.settings import Settings, settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "WORKERS"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_variable_the_service_is_for_this_machine_alone() -> None:
    chosen = settings()
    assert (chosen.host, chosen.port) == ("127.0.0.1", 8000)
    assert 1 <= chosen.workers <= 8


def test_each_variable_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOST", "::1"), ("PORT", "9000"), ("WORKERS", "3")):
        monkeypatch.setenv(name, value)
    assert settings() == Settings("::1", 9000, 3)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT"):
        monkeypatch.setenv(name, "")
    assert (settings().host, settings().port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "80.0"),
        ("PORT", " 80"),
        ("PORT", "٨٠"),
        ("WORKERS", "0"),
        ("WORKERS", "65"),
        ("WORKERS", "two"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name}=.*whole number from") as refused:
        settings()
    assert value in str(refused.value)
