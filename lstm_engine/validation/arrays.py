"""Arrays of float64, converted only where that is exact, and the shapes that they must have."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOAT64 = np.dtype(np.float64)
EXACT_INTEGERS = 2**53

Elementwise = TypeVar("Elementwise", bound=Callable[..., Any])


def array(name: str, value: Any, *, finite: bool = True) -> Array:
    """`value` as a float64 array in C order, exactly; no copy where it is one already."""
    if type(value) is np.ndarray and value.dtype == FLOAT64:
        result = value
    else:
        result = _converted(name, value)
    if not result.flags.c_contiguous and 0 not in result.strides:
        result = np.ascontiguousarray(result)
    if finite:
        _refuse_nan(name, result)
    return result


def _converted(name: str, value: Any) -> Array:
    try:
        given = np.asarray(value)
    except Exception as error:  # whatever an array-like of another library raises
        raise ValueError(
            f"{name} cannot be read as an array of rows of equal length: {error}"
        ) from error
    if np.ma.is_masked(value):
        raise ValueError(f"{name} is {given.shape} with masked entries: fill them first")
    if given.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} is {given.shape} of dtype {given.dtype}: it must hold real numbers (float64)"
        )
    result = given.astype(np.float64)
    if not _is_exact(given, result):
        raise ValueError(
            f"{name} is {given.shape} of dtype {given.dtype}, with numbers that float64 cannot "
            "hold exactly: convert it with .astype(numpy.float64) if rounding them is meant"
        )
    return result


def _is_exact(given: NDArray[Any], result: Array) -> bool:
    if given.dtype.kind in "iu":
        return not given.size or (
            int(given.max()) <= EXACT_INTEGERS and int(given.min()) >= -EXACT_INTEGERS
        )
    if given.dtype.kind == "f" and given.dtype.itemsize > FLOAT64.itemsize:
        return bool(((result.astype(given.dtype) == given) | np.isnan(given)).all())
    return True


def _refuse_nan(name: str, values: Array) -> None:
    if not np.isfinite(values).all():
        raise ValueError(not_finite(name, values))


def not_finite(name: str, values: Array) -> str:
    """Which entry of an array is nan or infinite, in words."""
    place = tuple(int(n) for n in np.argwhere(~np.isfinite(values))[0])
    at = f" at [{', '.join(map(str, place))}]" if place else ""
    return f"{name} {values.shape} has {values[place]}{at}: all entries must be finite"


def shaped(name: str, value: Any, shape: tuple[int, ...], letters: str) -> Array:
    """An array whose last axes are `shape`; `letters` names them, "(…, T, H)"."""
    result = array(name, value)
    if result.shape[-len(shape) :] == shape and (letters[1] == "…" or result.ndim == len(shape)):
        return result
    hint = ""
    if letters.endswith("T, H)") and result.shape[-2:] == (shape[-2] + 1, shape[-1]):
        hint = ": step t stands in row t − 1, leave row 0 out"
    raise ValueError(f"{name} is {result.shape}: it must be {letters} = {shape}{hint}")


def elementwise(function: Elementwise) -> Elementwise:
    """Let a function of one array take whatever numbers it cannot compute with as they are."""

    @wraps(function)
    def run(a: Any) -> Any:
        try:
            return function(a)
        except (AttributeError, OverflowError, TypeError, ValueError):
            if np.iscomplexobj(a):
                return function(np.asarray(a))
            return function(array("a", a, finite=False))

    return cast(Elementwise, run)


def inputs(name: str, value: Any, D: int, *, finite: bool = True) -> Array:
    """x, (…, T, D) with the weights' number of inputs."""
    x = array(name, value, finite=finite)
    if x.ndim < 2:
        hint = f": one sequence of {len(x)} steps is (T, 1)" if x.ndim and D == 1 else ""
        raise ValueError(f"{name} is {x.shape}: it must be (…, T, D) with D = {D}{hint}")
    if x.shape[-1] != D:
        hint = ""
        if x.shape[-2] == D:
            hint = ": this looks like (D, T), transpose it"
        raise ValueError(f"{name} is {x.shape}: for these weights it must be (…, T, {D}){hint}")
    if 0 in x.shape[:-2]:
        raise ValueError(f"{name} is {x.shape}: it must hold at least one sequence")
    return x


def matrix(name: str, value: Any, *, square: bool = False) -> Array:
    """A finite matrix that is not empty."""
    result = array(name, value)
    if result.ndim != 2 or not result.size or (square and result.shape[0] != result.shape[1]):
        wanted = "square, (H, H)" if square else "a matrix, (n, H)"
        raise ValueError(f"{name} is {result.shape}: it must be {wanted}")
    return result
