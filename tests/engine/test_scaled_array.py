"""Entries with exponents of their own against mpmath, far beyond both ends of float64."""

from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

from lstm_engine.scaled_array import (
    ScaledArray,
    joined,
    plus,
    scaled,
    scaled_sigmoid,
    scaled_sigmoid_slope,
    scaled_tanh_slope,
    summed_products,
    times,
    times_matrix,
)
from tests.engine.cells.one_unit import EDGES, sigmoid, sigmoid_slope, tanh_slope

FAR = (*EDGES, -40_000.0, 40_000.0, 1e6)


def exactly(array: ScaledArray) -> list:
    pairs = zip(array.mantissa.ravel().tolist(), array.exponent.ravel().tolist(), strict=True)
    return [mpf(mantissa) * mpf(2) ** exponent for mantissa, exponent in pairs]


def close(ours: ScaledArray, expected: list, digits: float = 1e-14) -> None:
    for one, other in zip(exactly(ours), expected, strict=True):
        assert abs(one - other) <= digits * abs(other), (one, other)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (scaled_sigmoid, sigmoid),
        (scaled_sigmoid_slope, sigmoid_slope),
        (scaled_tanh_slope, tanh_slope),
    ],
)
@pytest.mark.parametrize("a", FAR)
def test_gates_and_derivatives_have_their_digits_at_any_size(
    ours: Callable, theirs: Callable, a: float
) -> None:
    """Beyond 1e-290 a logarithm of size L has L roundings."""
    with np.errstate(under="ignore"), mp.workdps(50):
        close(ours(np.array([a])), [theirs(mpf(a))], digits=4e-16 * max(10.0, 2 * abs(a)))


def of(values: list[float], exponents: list[int]) -> ScaledArray:
    return times(scaled(np.array(values)), ScaledArray(np.ones(len(values)), np.array(exponents)))


def test_products_and_sums_go_on_where_float64_ends() -> None:
    a, b = of([3.0, -0.7, 0.0, 5.0], [-9000, 40_000, 7, 3]), of([2.0, 0.1, 1.0, -5.0], [1, 1, 1, 3])
    close(times(a, b), [x * y for x, y in zip(exactly(a), exactly(b), strict=True)], 1e-15)
    total = plus(a, b)
    close(total, [x + y for x, y in zip(exactly(a), exactly(b), strict=True)], 1e-15)
    assert total.mantissa[3] == 0.0 and plus(total, total).mantissa[3] == 0.0
    with np.errstate(over="ignore"):
        assert a.value().tolist() == [0.0, -np.inf, 0.0, 40.0]


def test_a_matrix_that_keeps_units_apart_keeps_their_digits() -> None:
    """A triangle: the last result comes from the smallest entry alone, 10^-12000 of the largest."""
    matrix = np.array([[1.0, 0.0, 0.0], [-2.0, 3.0, 0.0], [0.5, 0.0, 0.25]])
    a = of([1.5, 1.0, -1.0], [0, -1500, -40_000])
    entries = exactly(a)
    expected = [sum(x * mpf(m) for x, m in zip(entries, row, strict=True)) for row in matrix.T]
    close(times_matrix(a, matrix), expected, 1e-15)
    assert times_matrix(of([0.0, 0.0, 0.0], [0, 5, 0]), matrix).value().tolist() == [0.0] * 3


def test_a_batch_has_bands_of_its_own() -> None:
    matrix = np.random.RandomState(0).standard_normal((4, 3))
    values = np.random.RandomState(1).standard_normal((2, 4))
    exponents = np.array([[0, -2000, -4000, 1], [5, 4, 3, 2]])
    a = times(scaled(values), ScaledArray(np.ones((2, 4)), exponents))
    together = times_matrix(a, np.stack((matrix, matrix)), np.vecmat)
    for n in range(2):
        alone = times_matrix(a.at(n), matrix, np.vecmat)
        np.testing.assert_array_equal(together.mantissa[n], alone.mantissa)
        np.testing.assert_array_equal(together.exponent[n], alone.exponent)


def test_norms_and_sums_over_time() -> None:
    a = joined([of([3.0, 0.0], [-5000, 0]), of([4.0], [-5000])])
    assert a.log10_norms() == pytest.approx(np.log10(5.0) - 5000 * np.log10(2.0), rel=1e-15)
    assert of([0.0, 0.0], [3, 4]).log10_norms() == -np.inf
    steps = times(
        scaled(np.ones((3, 2))), ScaledArray(np.ones((3, 2)), np.array([[9000], [1], [0]]))
    )
    seen = np.array([[0.0], [1.0], [1.0]])  # at the first step nothing comes in
    np.testing.assert_array_equal(summed_products(steps, seen), [[3.0], [3.0]])
    with np.errstate(over="ignore"):
        assert summed_products(steps, np.ones((3, 1))).tolist() == [[np.inf], [np.inf]]
