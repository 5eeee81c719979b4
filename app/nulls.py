"""What each null of an answer stands for: JSON has one word where numbers have −∞, ∞ and nan.

A lens says in its `NULLS` what its own quantities mean by them, by path and kind; for all others
−inf is a logarithm's zero. Paths are keys joined by dots; `*` stands for any part.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

Words = Mapping[tuple[str, str], str]  # by path and kind, −inf, inf or nan
USUAL = {"-inf": "zero", "inf": "infinite", "nan": "undefined"}


def nulls(answer: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """By the path of each number or array with nulls in JSON: what they stand for.

    One word, or "word: reason", where all of an array's nulls mean the same; else an array of the
    same shape, "" where there is a number.
    """
    return {path: meaning for path, value in leaves(answer) if (meaning := of(path, value, words))}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and array of an answer with its path; lists of objects by their index."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, tuple | list) and value and isinstance(value[0], dict):
        value = {str(n): item for n, item in enumerate(value)}
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from leaves(inner, f"{path}.{key}" if path else key)


def of(path: str, value: Any, words: Words) -> Any:
    """What the nulls of one number or array stand for; None where it has none."""
    array = np.asarray(value)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return None
    kinds = {"-inf": np.isneginf(array), "inf": np.isposinf(array), "nan": np.isnan(array)}
    there = {kind: meaning_of(path, kind, words) for kind, at in kinds.items() if at.any()}
    if len(there) == 1:
        return next(iter(there.values()))
    meanings = np.full(array.shape, "", dtype=object)
    for kind, meaning in there.items():
        meanings[kinds[kind]] = meaning
    return meanings.tolist()


def meaning_of(path: str, kind: str, words: Words) -> str:
    """The lens's own words for one kind of null, or the usual one."""
    own = (text for (where, of), text in words.items() if of == kind and fnmatchcase(path, where))
    return next(own, USUAL[kind])


def csv_field(value: float) -> str:
    """A number in a CSV table: empty where it is a logarithm's zero or not there."""
    return "" if value == -math.inf or math.isnan(value) else repr(value)
