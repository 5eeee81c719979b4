"""Settings of the service, each one environment variable, declared once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where the service listens, and how many processes work."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2


def settings() -> Settings:
    """The settings in force: HOST, PORT and WORKERS (default: one a core, at most eight).

    Raises:
        SystemExit: a setting is no number in its range; the message says which and what is allowed.
    """
    return Settings(
        host=os.environ.get("HOST") or Settings.host,
        port=whole_number("PORT", Settings.port, 0, 65535),
        workers=whole_number("WORKERS", min(os.cpu_count() or 1, 8), 1, 64),
    )


def whole_number(name: str, otherwise: int, low: int, high: int) -> int:
    """The environment variable `name` as a whole number from `low` to `high`."""
    text = os.environ.get(name)
    if not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SystemExit(f"{name}={text}: it must be a whole number from {low} to {high}.")
    return int(text)
