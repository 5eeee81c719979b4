"""Experiments as links name them, drawn for the engine and for the reference alike.

`cancelling.csv` lists random ones that were chosen by the reference: at one of `steps`, in one
column, log10 E ≤ log10 D − 3, or E is 10^-6 of the larger of D and R.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstm_engine import CELLS, Weights, draw_cell, draw_inputs
from tests.engine.precise import Problem

GATES = "ifgo"


class Experiment(NamedTuple):
    """A gated cell's knobs, with the defaults of a link."""

    cell: str = "lstm"
    init: str = "keras"
    signal: str = "noise"
    seed: int = 0
    T: int = 100
    H: int = 32
    D: int = 8
    b_i: float = 0.0
    b_f: float = 1.0
    b_g: float = 0.0
    b_o: float = 0.0
    gain: float = 1.0
    amplitude: float = 1.0

    @property
    def weights(self) -> Weights:
        """The cell's, every knob applied."""
        biases = dict(zip(GATES, (self.b_i, self.b_f, self.b_g, self.b_o), strict=True))
        knobs = {"seed": self.seed, "biases": biases, "gain": self.gain}
        return draw_cell(CELLS[self.cell], self.init, self.D, self.H, **knobs)

    @property
    def inputs(self) -> np.ndarray:
        """(T, D)."""
        how = {"amplitude": self.amplitude, "seed": self.seed, "text": "to be or not to be"}
        return draw_inputs(self.signal, self.T, self.D, series=(1, 1, 2, 3, 5, 8, 13, 21), **how)

    @property
    def problem(self) -> Problem:
        """For the reference."""
        return Problem(self.cell, self.weights, self.inputs)

    @property
    def steps(self) -> list[int]:
        """The first, some in the middle, the last before the end."""
        T = len(self.inputs)
        return sorted({0, T // 4, T // 2, 3 * T // 4, T - 1})


def states_of(problem: Problem) -> tuple[Any, Any, Weights]:
    """Cell, states and weights, as the engine's functions take them."""
    cell = CELLS[problem.name]
    return cell, cell.forward(problem.weights, problem.x), problem.weights


def cancelling() -> list[Experiment]:
    """All of the list; the bias of a gate that a cell lacks is left out there."""
    with (Path(__file__).parent / "cancelling.csv").open() as file:
        return [_experiment(row) for row in csv.DictReader(file)]


def _experiment(row: dict[str, str]) -> Experiment:
    types = Experiment.__annotations__
    return Experiment(**{key: types[key](value or 0) for key, value in row.items()})
