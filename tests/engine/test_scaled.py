"""Matrices with an exponent for every unit compute as matrices do, at any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_engine import scaled
from lstm_engine.scaled import LOG10_2, NOTHING, Scaled


def plain(a: Scaled) -> np.ndarray:
    return a.mantissa * np.exp2(a.exponent.astype(float))[:, None]


def random_scaled(seed: int, offset: int = 0) -> Scaled:
    random = np.random.RandomState(seed)
    exponent = random.randint(-20, 20, 3).astype(np.int64) + offset
    return scaled.level(random.standard_normal((3, 3)), exponent)


@given(st.integers(0, 1000))
def test_products_and_sums_are_those_of_plain_matrices(seed: int) -> None:
    a, b = random_scaled(seed), random_scaled(seed + 1)
    matrix = np.random.RandomState(seed).standard_normal((3, 3))
    np.testing.assert_allclose(plain(scaled.add(a, b)), plain(a) + plain(b), rtol=1e-12)
    np.testing.assert_allclose(plain(scaled.times(a, matrix)), matrix.T @ plain(a), rtol=1e-9)
    factors = matrix[0]
    np.testing.assert_allclose(
        plain(scaled.units_times(a, factors)), factors[:, None] * plain(a), rtol=1e-14
    )
    power = scaled.units_times_power(a, factors)
    np.testing.assert_allclose(plain(power), np.exp2(factors)[:, None] * plain(a), rtol=1e-14)
    expected = np.log10(np.linalg.norm(plain(a), axis=1))
    np.testing.assert_allclose(scaled.log10_norms(a), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("offset", [-(10**6), 10**6])
def test_size_far_outside_float64_changes_nothing_but_the_exponent(offset: int) -> None:
    near, far = random_scaled(3), random_scaled(3, offset)
    matrix = np.random.RandomState(3).standard_normal((3, 3))
    for step in (lambda a: scaled.times(a, matrix), lambda a: scaled.add(a, a)):
        np.testing.assert_array_equal(step(near).mantissa, step(far).mantissa)
        np.testing.assert_array_equal(step(near).exponent + offset, step(far).exponent)


def test_one_way_coupling_keeps_the_small_unit_apart() -> None:
    """Unit 0 at 2^-5000 hears nobody, unit 1 at 1 hears unit 0: neither disturbs the other."""
    a = scaled.diagonal(np.array([-5000.0, 0.0]), np.ones(2))
    stepped = scaled.times(a, np.array([[0.5, 1e-3], [0.0, 0.5]]))
    np.testing.assert_allclose(scaled.log10_norms(stepped), [-5001 * LOG10_2, -LOG10_2], rtol=1e-14)


def test_zeros_stay_zeros() -> None:
    nothing = Scaled(np.zeros((2, 2)), np.full(2, NOTHING))
    for step in (
        scaled.times(nothing, np.ones((2, 2))),
        scaled.add(nothing, nothing),
        scaled.units_times(nothing, np.ones(2)),
        scaled.units_times_power(scaled.diagonal(np.zeros(2), np.ones(2)), np.full(2, -np.inf)),
    ):
        assert np.isneginf(scaled.log10_norms(step)).all()


@pytest.mark.parametrize("log2", [0.0, -0.3, 17.9, -123456.789, 98765.4321])
def test_diagonal_has_any_size(log2: float) -> None:
    norms = scaled.log10_norms(scaled.diagonal(np.full(2, log2), np.ones(2)))
    np.testing.assert_allclose(norms, log2 * LOG10_2, rtol=1e-14)


def test_a_carry_of_either_sign_keeps_it() -> None:
    sign = np.array([1.0, -1.0])
    mixed = scaled.diagonal(np.array([3.0, -4.0]), sign)
    np.testing.assert_array_equal(plain(mixed), np.diag([8.0, -0.0625]))
    turned = scaled.units_times_power(mixed, np.array([1.0, 2.0]), sign)
    np.testing.assert_array_equal(plain(turned), np.diag([16.0, 0.25]))
