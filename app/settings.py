"""Settings of the service: each one environment variable, declared once, with its help.

The variable is the field's name in capitals. ``python -m app --help`` prints the table.
"""

import os
import textwrap
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.budget import MEGABYTE, USUAL
from app.grammar import integer_of, real_of
from app.machine import cores, memory_limit

Whole = Annotated[int, BeforeValidator(integer_of)]
Real = Annotated[float, BeforeValidator(real_of)]

# What the service takes at rest, measured in a container: all but the workers, and each worker.
DOOR_MB, WORKER_MB = 180, 50
LEAST_MB = 64  # of an experiment; with less hardly anything could be asked


def workers() -> int:
    """One a core that the container may use, at most eight."""
    return min(cores(), 8)


def worker_memory(known: dict[str, int]) -> int:
    """What a container's own limit leaves for each worker's experiment."""
    kept_mb = 2 * known["cache_mb"] + known["sending_mb"]  # answers, and work in chunks
    left = memory_limit() / MEGABYTE - DOOR_MB - kept_mb
    return int(min(USUAL.memory_mb, max(LEAST_MB, left / known["workers"] - WORKER_MB)))


class Settings(BaseModel):
    """The settings in force."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[Whole, Field(ge=0, le=65535, description="port to listen on")] = 8000
    public_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://[^/\s]+)?$",
            description="what the world calls this service (https://…), for absolute links; "
            "empty: as each request calls it. With https, browsers are told to stay with it.",
        ),
    ] = ""
    workers: Annotated[
        Whole,
        Field(
            ge=1,
            le=64,
            default_factory=workers,
            description="processes that compute (default: one a core, at most 8)",
        ),
    ]
    flops_limit: Annotated[
        Real,
        Field(ge=1e6, le=1e18, description="work of one experiment, 6H³T; more is refused"),
    ] = USUAL.flops
    time_limit_s: Annotated[
        Real,
        Field(gt=0, le=3600, description="seconds of a worker for one answer; then it is stopped"),
    ] = 20.0
    work_limit_s: Annotated[
        Real,
        Field(
            gt=0,
            le=1e7,
            description="seconds of one core for a phase map or a training; more is refused",
        ),
    ] = USUAL.work_s
    streams: Annotated[
        Whole, Field(ge=1, le=10000, description="phase maps and trainings watched at once")
    ] = 16
    streams_per_address: Annotated[
        Whole, Field(ge=1, le=10000, description="of which by one address")
    ] = 4
    queue_length: Annotated[
        Whole, Field(ge=0, le=100000, description="answers that may wait for a worker")
    ] = 64
    queue_wait_s: Annotated[
        Real,
        Field(gt=0, le=3600, description="predicted seconds of waiting beyond which it is refused"),
    ] = 10.0
    cache_mb: Annotated[
        Whole,
        Field(
            ge=0,
            le=1000000,
            description="memory for finished answers, and as much again for phase maps and "
            "trainings, under way and kept",
        ),
    ] = 48
    sending_mb: Annotated[
        Whole,
        Field(ge=1, le=1000000, description="memory for large answers until clients have them"),
    ] = 32
    worker_memory_mb: Annotated[
        Whole,
        Field(
            ge=LEAST_MB,
            le=1000000,
            default_factory=worker_memory,
            description="memory that one experiment may take; more is refused "
            "(default: 768, or less where the container's own limit leaves less)",
        ),
    ]
    rate_limit_s: Annotated[
        Real,
        Field(
            ge=0,
            le=1e6,
            description="seconds of a worker that one address may ask for in a minute; 0: no limit",
        ),
    ] = 60.0
    address_header: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9-]*$",
            description="the one header in which one's own proxy tells the client's address "
            "(of a list, the last); empty: the address that connects",
        ),
    ] = ""
    connections: Annotated[
        Whole, Field(ge=1, le=100000, description="connections open at once")
    ] = 1000
    dask_scheduler: Annotated[
        str,
        Field(
            pattern=r"^((tcp|tls)://[^/\s]+:[0-9]+)?$",
            description="scheduler of the Dask cluster that does phase maps and trainings "
            "(tcp://host:8786); empty: this service's own processes do",
        ),
    ] = ""
    log_format: Annotated[
        Literal["text", "json"], Field(description="for people, or for programs")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="least that is logged; each request is an info"),
    ] = "info"


def settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment names; an empty variable is none.

    Raises:
        SystemExit: a variable cannot be; the message names it, its value and what is allowed.
    """
    given = {
        name: value for name in Settings.model_fields if (value := environment.get(name.upper()))
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as refused:
        wrong = [name for error in refused.errors() if (name := str(error["loc"][0])) in given]
        raise SystemExit(
            "\n".join(
                f"{name.upper()}={given[name]}: it must be {allowed(name)}." for name in wrong
            )
        ) from None


def allowed(name: str) -> str:
    """What a setting takes, in words."""
    field = Settings.model_fields[name]
    if choices := get_args(field.annotation):
        return "one of " + ", ".join(choices)
    if field.annotation is str:
        pattern = next((mark.pattern for mark in field.metadata if hasattr(mark, "pattern")), "")
        return f"text like {pattern}" if pattern else "text"
    found: dict[str, float] = {}
    for mark in field.metadata:
        for end in ("gt", "ge", "le"):
            if (value := getattr(mark, end, None)) is not None:
                found[end] = value
    low = (
        f"above {shown(found['gt'])}, at most" if "gt" in found else f"from {shown(found['ge'])} to"
    )
    whole = "whole " if field.annotation is int else ""
    return f"a {whole}number {low} {shown(found['le'])}"


def shown(value: object) -> str:
    """A value as one writes it."""
    return f"{value:.7g}".replace("e+", "e") if isinstance(value, float) else str(value)


def table() -> str:
    """Every setting with its value in force and its help, as a terminal shows them."""
    chosen = settings()
    lines = ["Settings are environment variables:", ""]
    for name, field in Settings.model_fields.items():
        value = getattr(chosen, name)
        lines.append(f"  {name.upper()}={shown(value)}")
        lines += textwrap.wrap(
            f"{field.description} ({allowed(name)})"
            if field.annotation is not str
            else field.description or "",
            width=92,
            initial_indent="      ",
            subsequent_indent="      ",
        )
    return "\n".join(lines)
