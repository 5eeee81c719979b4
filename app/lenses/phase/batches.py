"""The work of a phase map: what is found at many points of it, side by side.

Experiments of one shape are rows of a batch (`docs/math.md`, "Batches"): a row holds the bits that
it would have alone, so nothing here depends on how a map is cut into batches.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.knobs import GATE_OF, Experiment
from app.lenses.gates.computed import unbent
from lstm_engine import (
    CELLS,
    Cell,
    LeftFloat64,
    Rnn,
    Weights,
    batch,
    cell_survival,
    chaos,
    draw_cell,
    draw_inputs,
    draw_rnn,
    horizon,
    peak_bytes,
    rnn_survival,
)
from lstm_engine.gates import LN10, sigmoid
from lstm_engine.spectrum import largest_lyapunov
from lstm_engine.survival import direct_path, log10_rms

MOST_BYTES = 48 * 2**20  # of a batch: states and walk
MOST_ROWS = 64
LEVEL = 1e-3  # what the direct path still keeps at its horizon

Array = NDArray[np.float64]
Row = dict[str, Any]
Measure = Callable[[Any, Weights, Array, int], Array]


def values(
    experiment: Experiment,
    quantities: tuple[str, ...],
    back: int | None,
    settings: Sequence[dict[str, float]],
    looked: Collection[int] = (),
) -> Array:
    """What is found of an experiment in many settings.

    Args:
        experiment: what all of them share.
        quantities: of `app.axes.NAMES`.
        back: the lag of what survives, at most T; by default T.
        settings: what each has of its own, its seed as well.
        looked: the numbers of those in which chaos is looked for.

    Returns:
        (settings, quantities + 1): log10 rms over units; share, 0 … 1; steps; ln a step; a gate's
        mean. −inf is zero, nan where states leave float64 or, of a share, nothing arrives at all.
        The last is log10 of how much a change of the weights grows in the states (`chaos`), of the
        network where it grows most; nan where nobody looked.
    """
    shared = experiment.model_dump() | experiment.unused()
    rows: list[Row] = [shared | own for own in settings]
    found = np.full((len(rows), len(quantities) + 1), np.nan)
    drawn = Drawn(experiment)
    for some in alike(rows, CELLS[experiment.cell]):
        together = [rows[n] for n in some]
        T = together[0]["T"]
        x, t = drawn.inputs(together), T - min(back or T, T)
        for column, name in enumerate(quantities):
            network, weights = drawn.networks(name, together)
            found[some, column] = measured(MEASURES[name], network, weights, x, t)
    for some in alike([rows[n] for n in looked], CELLS[experiment.cell]):
        numbers = [list(looked)[n] for n in some]
        together = [rows[n] for n in numbers]
        x = drawn.inputs(together)
        for name in {"rnn" if name == "rnn" else "cell" for name in quantities}:
            network, weights = drawn.networks(name, together)
            grown = measured(amplification, network, weights, x, 0)
            found[numbers, -1] = np.fmax(found[numbers, -1], grown)
    return found


def alike(rows: list[Row], cell: Cell) -> Iterator[list[int]]:
    """The numbers of rows of one shape that one batch may hold.

    Those without recurrent weights apart: a walk would take copies of all the others.
    """
    groups: dict[tuple[int, int, int, bool], list[int]] = {}
    for n, row in enumerate(rows):
        groups.setdefault((row["T"], row["H"], row["D"], row["gain"] == 0), []).append(n)
    for (*shape, _), numbers in groups.items():
        most = most_rows(cell.NAME, *shape)
        yield from (numbers[n : n + most] for n in range(0, len(numbers), most))


@lru_cache(256)
def most_rows(cell_name: str, T: int, H: int, D: int) -> int:
    """How many experiments of one shape are worked on at once."""
    rows = MOST_ROWS
    while rows > 1 and peak_bytes(CELLS[cell_name], T, D, H, rows) > MOST_BYTES:
        rows //= 2
    return rows


class Drawn:
    """Weights and inputs of the rows of a chunk: every seed is drawn once, then the knobs act."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.cell = experiment, CELLS[experiment.cell]
        self.known: dict[tuple[Any, ...], Any] = {}

    def once(self, draw: Callable[..., Any], *key: Any) -> Any:
        """What was drawn under a key."""
        if (draw.__name__, *key) not in self.known:
            self.known[draw.__name__, *key] = draw(*key)
        return self.known[draw.__name__, *key]

    def inputs(self, rows: list[Row]) -> Array:
        """(B, T, D)."""
        units = [self.once(self.signal, row["seed"], row["T"], row["D"]) for row in rows]
        with np.errstate(over="ignore"):  # an infinite input is refused where it enters
            return np.stack(units) * column([row["amplitude"] for row in rows], 3)

    def signal(self, seed: int, T: int, D: int) -> Array:
        """One seed's inputs, of amplitude 1."""
        e = self.experiment
        return draw_inputs(
            e.signal,
            T,
            D,
            seed=seed,
            text=e.text,
            series=e.series,
            standardize=bool(e.standardize),
        )

    def networks(self, quantity: str, rows: list[Row]) -> tuple[Any, Weights]:
        """The network whose number it is, with the weights of every row."""
        if quantity == "rnn":
            return Rnn(self.experiment.act), self.rnns(rows)
        return self.cell, self.cells(rows)

    def cells(self, rows: list[Row]) -> Weights:
        """A gated cell's weights: biases and gain act as in `draw_cell`, bit for bit."""
        keys = ("seed", "H", "D", "chrono")
        bare = batch([self.once(self.bare_cell, *(row[k] for k in keys)) for row in rows])
        bias = {gate: key for key, gate in GATE_OF.items()}
        added = np.array([[row[bias[gate]] for gate in self.cell.GATES] for row in rows])
        return bare._replace(
            weight_hh=bare.weight_hh * column([row["gain"] for row in rows], 3),
            bias_ih=bare.bias_ih + np.repeat(added, rows[0]["H"], axis=1),
        )

    def bare_cell(self, seed: int, H: int, D: int, chrono: int) -> Weights:
        """One seed's gated cell, nothing added and nothing multiplied."""
        init = self.experiment.init
        return draw_cell(self.cell, init, D, H, seed=seed, biases={}, chrono=chrono)

    def rnns(self, rows: list[Row]) -> Weights:
        """The vanilla RNN's weights."""
        bare = batch([self.once(self.bare_rnn, row["seed"], row["H"], row["D"]) for row in rows])
        gains = column([row["rnn_gain"] for row in rows], 3)
        return bare._replace(weight_hh=bare.weight_hh * gains)

    def bare_rnn(self, seed: int, H: int, D: int) -> Weights:
        """One seed's vanilla RNN."""
        return draw_rnn(self.experiment.init, D, H, seed=seed, rnn_init=self.experiment.rnn_init)


def column(numbers: list[float], ndim: int) -> Array:
    """One number a row, before arrays of so many dimensions."""
    return np.array(numbers, dtype=np.float64).reshape(-1, *[1] * (ndim - 1))


def measured(measure: Measure, network: Any, weights: Weights, x: Array, t: int) -> Array:
    """A number a row; nan for those whose states leave float64, which the others do not notice."""
    try:
        return measure(network, weights, x, t)
    except LeftFloat64:
        if len(x) == 1:
            return np.full(1, np.nan)
    # They often come together: as many parts as rows in each find them at the least cost.
    parts = np.array_split(np.arange(len(x)), math.ceil(math.sqrt(len(x))))
    return np.concatenate(
        [
            measured(measure, network, Weights._make(part_of(w, part) for w in weights), x[part], t)
            for part in parts
        ]
    )


def part_of(tensor: Array | None, rows: NDArray[np.int64]) -> Array | None:
    """Some rows of a tensor, where it is there."""
    return None if tensor is None else tensor[rows]


def direct(cell: Cell, weights: Weights, x: Array, t: int) -> Array:
    """log10 of what the carry alone keeps, rms over units."""
    log10_carry = cell.log10_carry(cell.forward(weights, x), weights)
    return log10_rms(direct_path(log10_carry)[:, t])


def exact(cell: Cell, weights: Weights, x: Array, t: int) -> Array:
    """log10 of what survives on every path, rms over units."""
    return cell_survival(cell, cell.forward(weights, x), weights, [t]).exact_rms[:, 0]


def share(cell: Cell, weights: Weights, x: Array, t: int) -> Array:
    """The highway share."""
    return cell_survival(cell, cell.forward(weights, x), weights, [t]).share[:, 0]


def rnn(network: Rnn, weights: Weights, x: Array, t: int) -> Array:
    """log10 of what survives in the vanilla RNN, rms over units."""
    return rnn_survival(network, network.forward(weights, x), weights, [t]).exact_rms[:, 0]


def reach(cell: Cell, weights: Weights, x: Array, t: int) -> Array:
    """The largest lag at which the direct path keeps a thousandth, of the median unit; steps."""
    log10_carry = cell.log10_carry(cell.forward(weights, x), weights)
    # One after the other: how `mean` pairs terms up depends on how they lie in memory.
    mean = np.add.accumulate(log10_carry, axis=1)[:, -1] / x.shape[1] * LN10
    return np.median(horizon.horizon(mean, LEVEL), axis=1)


def lyapunov(cell: Cell, weights: Weights, x: Array, t: int) -> Array:
    """The largest Lyapunov exponent of the whole state, ln a step."""
    return largest_lyapunov(cell, cell.forward(weights, x), weights)


def gate(cell: Cell, weights: Weights, x: Array, t: int) -> Array:
    """The mean of the gate that keeps, over time and units; 1 where there is none."""
    if "f" not in cell.GATES:
        return np.ones(len(x))
    a = unbent(cell, cell.forward(weights, x), "f")
    assert a is not None
    open_by = np.ascontiguousarray(sigmoid(a)).reshape(len(x), -1)
    return np.asarray(open_by.mean(axis=1))


def amplification(network: Any, weights: Weights, x: Array, t: int) -> Array:
    """log10 of how much a change of the weights grows in the states."""
    h, twin = (network.forward(its, x).h for its in (weights, chaos.nudged(weights)))
    return np.array([chaos.log10_amplification(*pair) for pair in zip(h, twin, strict=True)])


MEASURES: dict[str, Measure] = {
    "direct": direct,
    "exact": exact,
    "share": share,
    "rnn": rnn,
    "horizon": reach,
    "lyapunov": lyapunov,
    "gate": gate,
}


def row_s(quantity: str, T: int, H: int, D: int, lag: int) -> float:
    """About how long one row of a batch takes, seconds on the machine this was written on."""
    forward = T * (0.1 + 0.035 * H + 0.0005 * H * (H + D))
    walk = 0.0
    if quantity in ("exact", "share"):
        walk = lag * (0.3 + 0.1 * H + 8e-5 * H**3)
    elif quantity == "rnn":
        forward, walk = forward / 3, lag * (0.2 + 0.03 * H + 2e-5 * H**3)
    elif quantity == "lyapunov":
        walk = T * (0.3 + 0.04 * H + 0.0003 * H**2)
    return 1e-6 * (60.0 + forward + walk)
