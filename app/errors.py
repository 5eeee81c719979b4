"""What goes wrong, as exceptions that carry the facts a person or a program needs to mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

LONGEST_VALUE_SHOWN = 100
LARGEST_BODY = 2**18  # bytes of numbers: a thousand lines of ten in full precision


@dataclass(frozen=True)
class WrongKey:
    """One key of a link that cannot be: its value as it was written, and what is allowed."""

    key: str
    value: str
    message: str


class Problem(Exception):
    """An answer that is no answer: status, what happened in one sentence, and the way out.

    `nearest` is the query of the nearest link that works ("" for the defaults), None where the
    address has no experiment. Source: RFC 9457.
    """

    def __init__(
        self,
        status: HTTPStatus,
        title: str,
        detail: str,
        errors: Sequence[WrongKey] = (),
        nearest: str | None = None,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.nearest = nearest
        self.retry_after_s = retry_after_s
        self.headers = dict(headers)
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)

    def document(self, path: str) -> dict[str, Any]:
        """The problem document, with `nearest` as an address under `path`."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [asdict(error) for error in self.errors]
        if self.nearest is not None:
            document["nearest"] = path + ("?" + self.nearest if self.nearest else "")
        return document


class ClientLeft(Exception):
    """Whoever asked has hung up; there is nobody to answer."""


def shown(value: str) -> str:
    """A value as an error quotes it: shortened above 100 characters."""
    if len(value) <= LONGEST_VALUE_SHOWN:
        return value
    return f"{value[: LONGEST_VALUE_SHOWN - 1]}…"
