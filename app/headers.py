"""What answers say of themselves: marks for caches, encodings, where the time went."""

import hashlib
import re

from fastapi import Request

from app.assets import build
from app.compute import Finished


def etag(name: str) -> str:
    """The mark of one answer of this build, known before the answer is."""
    return f'W/"{hashlib.sha256(f"{build()} {name}".encode()).hexdigest()[:20]}"'


def has_already(request: Request, mark: str) -> bool:
    """Whether the client holds the answer of this mark."""
    held = [
        one.strip().removeprefix("W/")
        for one in request.headers.get("if-none-match", "").split(",")
    ]
    return "*" in held or mark.removeprefix("W/") in held


def accepts(request: Request, encoding: str) -> bool:
    """Whether the client takes a content encoding (one with q=0 it does not take)."""
    for offer in request.headers.get("accept-encoding", "").lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == encoding:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def server_timing(finished: Finished) -> str:
    """Where the time went, in milliseconds, before compression."""
    return (
        f"engine;dur={finished.timing.engine_ms:.2f}, "
        f"figures;dur={finished.timing.figures_ms:.2f}, total;dur={finished.total_ms:.2f}"
    )
