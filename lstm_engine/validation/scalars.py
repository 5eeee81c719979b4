"""Whole and real numbers, words from a list, increasing steps."""

import operator
from collections.abc import Collection, Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 2**63 - 1
MOST_SEED = 2**32 - 1


def integer(name: str, value: Any, low: int = -MOST, high: int = MOST) -> int:
    """`value` as an int within low … high; booleans and floats are refused."""
    allowed = "whole numbers" if high == MOST else f"{low} … {high}"
    if high == MOST and low > -MOST:
        allowed += f" of at least {low}"
    refused = ValueError(f"{name} is {shown(value)}: allowed are {allowed}")
    try:
        number = operator.index(value)
    except TypeError:
        raise refused from None
    if isinstance(value, bool | np.bool_) or not low <= number <= high:
        raise refused
    return number


def seed(value: Any) -> int:
    """A seed, 0 … 4294967295."""
    return integer("seed", value, 0, MOST_SEED)


def number(
    name: str,
    value: Any,
    allowed: str = "finite numbers",
    low: float = -np.inf,
    *,
    finite: bool = True,
) -> float:
    """`value` as a float of at least `low`; `allowed` says in words which ones are."""
    given = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(given, Real) and not isinstance(given, bool):
        try:
            result = float(given)
        except OverflowError:  # a whole number beyond float64
            result = np.inf
        if result >= low and (np.isfinite(result) or not finite):
            return result
    raise ValueError(f"{name} is {shown(value)}: allowed are {allowed}")


def positive(name: str, value: Any) -> float:
    """`value` as a finite float above 0."""
    return number(name, value, "finite numbers above 0", low=np.nextafter(0.0, 1.0))


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """`value`, one of the words of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} is {shown(value)}: allowed are {', '.join(allowed)}")
    return value


def instance(name: str, value: Any, kind: type, made_by: str) -> None:
    """Refuse what is not a `kind`; `made_by` says where to get one."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {shown(value)}: it must be {made_by}")


def listed(name: str, values: Iterable[Any]) -> list[Any]:
    """What can be iterated over, as a list."""
    try:
        return list(values)
    except TypeError:
        raise ValueError(f"{name} is {shown(values)}: it must be a list of numbers") from None


def steps(values: Iterable[int] | None, T: int) -> NDArray[np.int64]:
    """Increasing steps within 0 … T as an array; every one of them for None."""
    if values is None:
        return np.arange(T + 1)
    try:
        at = np.asarray(listed("steps", values))
    except ValueError:
        raise ValueError(f"steps is {shown(values)}: allowed are steps of 0 … {T}") from None
    if at.size and (at.ndim != 1 or at.dtype.kind not in "iu"):
        raise ValueError(f"steps is {shown(values)}: they must be whole numbers within 0 … {T}")
    if at.ndim != 1 or (at.size and (at[0] < 0 or at[-1] > T or (at[1:] <= at[:-1]).any())):
        raise ValueError(f"steps must increase within 0 … {T}")
    return at.astype(np.int64)


def shown(value: Any) -> str:
    """A value for a message: arrays by type and shape, anything long cut short."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, type) or type(value).__name__ == "module":
        return getattr(value, "__name__", repr(value))
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}… ({type(value).__name__})"
