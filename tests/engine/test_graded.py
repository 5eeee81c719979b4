"""Long products and their singular values, against mpmath with a thousand digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from lstm_engine import graded
from lstm_engine.scaled import Scaled


def log10_svd(matrix: mp.matrix, digits: int) -> np.ndarray:
    """In mpmath; what lies `digits` − 30 decades below the largest is 0 but for its rounding."""
    with mp.workdps(digits):
        values = sorted(mp.svd_r(matrix, compute_uv=False), reverse=True)
        least = values[0] * mp.mpf(10) ** (30 - digits)
        return np.array([float(mp.log10(v)) if v > least else -np.inf for v in values])


def exactly(factors: list[np.ndarray], digits: int) -> np.ndarray:
    with mp.workdps(digits):
        product = mp.eye(len(factors[0]))
        for matrix in factors:
            product = mp.matrix(matrix.tolist()) * product
        return log10_svd(product, digits)


def values(factors: list[np.ndarray]) -> np.ndarray:
    return graded.log10_singular_values(graded.product(len(factors[0]), factors))


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 6),
    steps=st.integers(1, 40),
    decades=st.sampled_from([0.0, 2.0, 15.0, 60.0]),
)
def test_rows_of_any_size_keep_every_singular_value(
    seed: int, n: int, steps: int, decades: float
) -> None:
    pick = np.random.RandomState(seed)
    factors = [
        (pick.uniform(-1, 1, (n, n)) + np.eye(n)) * 10.0 ** pick.uniform(-decades, decades, (n, 1))
        for _ in range(steps)
    ]
    expected = exactly(factors, int(300 + 2 * steps * decades))
    np.testing.assert_allclose(values(factors), expected, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 5),
    zeros=st.sampled_from(["none", "below", "above", "half"]),
    rates=st.sampled_from(["rising", "falling", "a cycle"]),
)
@pytest.mark.slow
def test_one_matrix_two_hundred_times(seed: int, n: int, zeros: str, rates: str) -> None:
    """Its rows turn parallel unless they are set right on the way."""
    pick = np.random.RandomState(seed)
    kept = {
        "none": np.ones((n, n)),
        "below": np.triu(np.ones((n, n))),
        "above": np.tril(np.ones((n, n))),
        "half": pick.uniform(size=(n, n)) < 0.5,
    }[zeros]
    own = np.diag(np.sort(pick.uniform(0.05, 1.5, n))[:: -1 if rates == "falling" else 1])
    own = np.roll(own, 1, axis=0) if rates == "a cycle" else own
    matrix = pick.standard_normal((n, n)) * kept * (1 - np.eye(n)) + own
    expected = exactly([matrix] * 200, 2600)
    nudge = 1 + 1e-15 * pick.choice([-1.0, 1.0], (n, n))
    moved = np.abs(exactly([matrix * nudge] * 200, 2600) - expected)
    found = values([matrix] * 200)
    np.testing.assert_allclose(found[moved < 1e-10], expected[moved < 1e-10], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        np.triu(np.ones((5, 5))),
        np.diag([0.1, 0.3, 0.5, 0.9]) + np.triu(np.ones((4, 4)), 1),
        0.9 * np.eye(4) + np.eye(4, k=1),
        np.array([[1.3, 1.5], [0.0, -0.9]]),
        np.diag([1e-3, 1.0, 0.1, 1e-8]),
        np.roll(np.diag([1e-3, 1.0, 0.1, 1e-8]), 1, axis=0),
        np.diag(0.8 ** np.arange(6)) @ (np.eye(6) - 0.6 * np.triu(np.ones((6, 6)), 1)),
    ],
    ids=["ones", "rising", "jordan", "flapping", "diagonal", "cycle", "kahan"],
)
def test_the_same_difficult_matrix_three_hundred_times(matrix: np.ndarray) -> None:
    factors = [matrix] * 300
    np.testing.assert_allclose(values(factors), exactly(factors, 2600), rtol=0, atol=1e-10)


@pytest.mark.parametrize("decades", [0.0, 9.0])
def test_columns_stay_orthonormal_and_rows_far_from_parallel(decades: float) -> None:
    pick = np.random.RandomState(0)
    factors = [
        pick.standard_normal((8, 8)) * 10.0 ** pick.uniform(-decades, 0, (8, 1)) for _ in range(200)
    ]
    Q, X = graded.product(8, factors)
    np.testing.assert_allclose(Q.T @ Q, np.eye(8), atol=1e-14)
    assert np.linalg.cond(X.mantissa) < 1e4
    assert (np.diff(X.exponent) < 0).all()


def test_at_right_angles_it_is_the_same_matrix() -> None:
    pick = np.random.RandomState(1)
    whole = graded.product(5, pick.standard_normal((3, 5, 5)))
    Q, X = graded.at_right_angles(whole)
    np.testing.assert_allclose(Q.T @ Q, np.eye(5), atol=1e-14)
    gram = X.mantissa @ X.mantissa.T
    np.testing.assert_allclose(gram, np.diag(np.diagonal(gram)), atol=1e-15)
    before, after = (written_out(w) for w in (whole, graded.Graded(Q, X)))
    np.testing.assert_allclose(after, before, atol=1e-13)


def written_out(whole: graded.Graded) -> np.ndarray:
    return whole.Q @ np.diag(np.exp2(whole.X.exponent)) @ whole.X.mantissa


def test_a_row_or_a_column_of_zeros_lowers_the_rank_for_good() -> None:
    dense = np.random.RandomState(0).standard_normal((5, 5))
    two_rows = [dense, np.diag([1, 0, 1, 1, 0.0]) @ dense, dense]
    assert graded.product(5, two_rows).Q.shape == (5, 3)
    a_column = [dense @ np.diag([0, 1, 1, 1, 1.0]), dense]
    assert graded.product(5, a_column).Q.shape == (5, 4)
    diagonal = [np.diag([1, 1, 0, 1, 1.0]), np.eye(5)]
    np.testing.assert_array_equal(values(diagonal), np.zeros(4))
    nothing = [*two_rows, 0.0 * dense, *10 * [dense]]
    assert graded.product(5, nothing).Q.shape == (5, 0)
    assert values(nothing).shape == (0,)


def test_rows_two_thousand_decades_apart_are_only_set_at_right_angles() -> None:
    rows = np.array([[0.6, 0.8, 0.0], [0.8, 0.6, 0.0], [0.5, 0.5, 0.5]])
    far = np.array([0, -7000, -14000])
    found = graded.log10_singular_values(graded.Graded(np.eye(3), Scaled(rows, far)))
    volumes = [1.0, 0.28, np.abs(np.linalg.det(rows))]  # of the first one, two, three rows
    expected = np.log10(volumes) - np.log10([1.0, *volumes[:-1]]) + far * np.log10(2)
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_parallel_rows_count_once() -> None:
    rows = np.array([[3.0, 4.0], [3.0, 4.0]])
    found = graded.log10_singular_values(graded.Graded(np.eye(2), Scaled(rows, np.array([0, 0]))))
    assert found[0] == pytest.approx(np.log10(np.sqrt(50)), abs=1e-15)
    assert found[1] < -14


def test_too_few_sweeps_are_not_passed_off_as_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graded, "SWEEPS", 1)
    with pytest.raises(ArithmeticError, match="right angles after 1 sweeps"):
        values([np.random.RandomState(0).standard_normal((5, 5))])
