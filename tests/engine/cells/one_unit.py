"""One unit that nothing recurs to: its inputs are its pre-activations, set at will; and mpmath."""

from itertools import product

import numpy as np
from mpmath import mp, mpf

from lstm_engine import Weights
from lstm_engine.cell import Cell

EDGES = (-800.0, -400.0, -40.0, -20.0, -3.0, -0.5, 0.0, 0.5, 3.0, 20.0, 40.0, 400.0, 800.0)


def one_unit(cell: Cell, peephole: tuple[float, float, float] | None = None) -> Weights:
    n = len(cell.GATES)
    heard = n if cell.RECURRENT else 0
    return Weights(
        np.eye(n),
        np.zeros((heard, 1)),
        np.zeros(n),
        np.zeros(heard),
        None if peephole is None else np.array(peephole)[:, None],
    )


def every_pair(*rest: float) -> np.ndarray:
    """Inputs that take two pre-activations through all pairs of edges, the others held."""
    return np.array([(a, b, *rest) for a, b in product(EDGES, EDGES)])


def exactly(formula, *columns) -> np.ndarray:
    """A formula worked out row by row, with digits enough to tell 1 + e^−1600 from 1."""
    with mp.workdps(800):
        rows = zip(*(np.ravel(column).tolist() for column in columns), strict=True)
        return np.array([float(formula(*map(mpf, row))) for row in rows])


def state_minus_candidate(keep, candidate, *columns) -> np.ndarray:
    """s − g before every step of `s ← keep·s + (1 − keep)·g` from 0, in as many digits.

    `keep` and `candidate` take a row of the columns.
    """
    differences, state = [], mpf(0)
    with mp.workdps(1600):
        for row in zip(*(np.ravel(column).tolist() for column in columns), strict=True):
            kept, g = keep(*map(mpf, row)), candidate(*map(mpf, row))
            differences.append(float(state - g))
            state = g + kept * (state - g)
    return np.array(differences)


def sigmoid(a):
    return 1 / (1 + mp.exp(-a))


def sigmoid_slope(a):
    return sigmoid(a) * sigmoid(-a)


def tanh_slope(a):
    return 1 / mp.cosh(a) ** 2


def log10_size(value):
    return mp.log10(abs(value)) if value else mpf("-inf")
