"""A network unrolled over time for a whole batch: forward, the loss, and all gradients back.

The equations are those of `lstm_engine.bptt`, which keeps a power of two a step; here float64 alone
has to do, as in any framework, and speed counts. Arrays lie in memory as (steps, units, examples):
a gate is one contiguous piece, a product needs nothing transposed, and a cell, which knows
(examples, steps, units), is shown them through views. A block of steps at a time goes through
the cell's slopes, so that their many passes stay in the cache; all memory is kept from one batch
to the next. `docs/math.md`, section "Training".
"""

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from lstm_engine.cell import Cell, Slopes, refuse_the_infinite
from lstm_engine.cells.rnn import Rnn
from lstm_engine.errors import LeftFloat64
from lstm_engine.gates import Array
from lstm_engine.tasks import Examples, Task
from lstm_engine.training.loss import cross_entropy, mean_square
from lstm_engine.training.network import Parameters
from lstm_engine.validation import network_and_examples
from lstm_engine.weights import Weights

BLOCK_BYTES = 2**17  # of one state over a block of steps
KEPT_BYTES = 2**24


class Found(NamedTuple):
    """What a batch says of the parameters."""

    loss: float
    gradients: Parameters  # of the loss, at each parameter
    gates: dict[str, float]  # by the letters of `cell.GATES`, see `Record`


def loss_and_gradients(cell: Cell, parameters: Parameters, examples: Examples, task: Task) -> Found:
    """The mean loss over a batch and its gradient at every parameter, through every step.

    Args:
        cell: the cell's module, or an `Rnn`.
        parameters: the network.
        examples: B sequences (B, steps, D) and their targets.
        task: what is asked, one of `TASKS`' values.

    Returns:
        The loss, gradients shaped as the parameters, and how open the gates were.

    Raises:
        LeftFloat64: where a state is not finite.

    Source: `docs/math.md`, sections "The full backward pass" and "Training".
    """
    parameters, examples = network_and_examples(cell, parameters, examples, task)
    return Unrolled(cell, parameters, examples.x.shape).run(parameters, examples, task)


class Unrolled:
    """Room for batches of one shape; each `run` takes new parameters and new examples."""

    def __init__(self, cell: Cell, parameters: Parameters, shape: tuple[int, ...]) -> None:
        _prime_malloc()
        B, S, self.D = shape
        H = parameters.weight_ho.shape[1]
        seen, heard = (len(bias) // H for bias in parameters.weights[2:4])  # gates that do
        self.cell, self.reads_out = cell, "o" in cell.GATES  # else h is c itself
        self.block = block = min(S, max(1, BLOCK_BYTES // (8 * H * B)))
        self.entering = np.zeros((S + 1, self.D + 1 + H, B))  # x_{t+1}, 1 and h_t in row t
        self.entering[:, self.D] = 1.0
        self.h, self.c = self.entering[:, self.D + 1 :], np.zeros((S + 1, H, B))
        self.seen, self.heard = np.empty((block, seen * H, B)), np.empty((heard * H, B))
        self.rest = np.empty((len(fields(cell.States)) - 2, block, H, B))
        self.carry, self.read_out = np.empty((2, S, H, B))
        self.by_x, self.by_h = np.empty((S, seen, H, B)), np.empty((S, heard, H, B))
        self.alike = False  # whether a gate's slope is the same through x_t and through h_{t−1}
        self.dc, self.dh = np.empty((block, H, B)), np.empty((block + 1, H, B))
        self.from_x, self.from_h = np.empty((block, seen, H, B)), np.empty((block, heard, H, B))

    def run(self, parameters: Parameters, examples: Examples, task: Task) -> Found:
        """Forward and back: what `loss_and_gradients` returns."""
        self.entering[:-1, : self.D] = _lying(examples.x)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            gates = self._forward(parameters.weights)
            read = self.h[1:] if task.every else self.h[-1:]
            y = parameters.weight_ho @ read + parameters.bias_o[:, None]
            loss, dy = (cross_entropy if task.labels else mean_square)(y, examples)
            weights = self._back(parameters.weights, parameters.weight_ho.T @ dy)
            dweight_ho = _summed(dy, read)
            return Found(loss, Parameters(weights, dweight_ho, dy.sum(axis=(0, 2))), gates)

    def _forward(self, weights: Weights) -> dict[str, float]:
        """Every state and every slope, and the gates' means."""
        by_x = np.column_stack((weights.weight_ih, weights.bias_ih))
        by_h = np.column_stack((weights.bias_hh, weights.weight_hh))
        open_by = np.zeros(len(self.cell.GATES))
        for start, n in self._blocks():
            np.matmul(by_x, self.entering[start : start + n, : self.D + 1], out=self.seen[:n])
            self._steps(weights, by_h, start, n)
            states = self._states(start, n)
            self._keep(self.cell.slopes(states, weights, 1, n), slice(start, start + n))
            open_by += self._openings(start, n)
        return dict(zip(self.cell.GATES, (open_by / self.carry.size).tolist(), strict=True))

    def _blocks(self) -> list[tuple[int, int]]:
        """Where each block of steps starts, counted from 0, and how many it has."""
        S = len(self.carry)
        return [(start, min(self.block, S - start)) for start in range(0, S, self.block)]

    def _steps(self, weights: Weights, by_h: Array, start: int, n: int) -> None:
        """The loop over a block of time."""
        step, heard = self.cell.step, self.heard
        h, c = self.h[start].T, self.c[start].T
        for k in range(n):
            np.matmul(by_h, self.entering[start + k, self.D :], out=heard)
            h, c, *rest = step(weights, self.seen[k].T, heard.T, h, c)
            self.h[start + k + 1], self.c[start + k + 1] = h.T, c.T
            for room, now in zip(self.rest, rest, strict=True):
                room[k] = now.T

    def _states(self, start: int, n: int) -> Any:
        """The cell's own `States` of a block, views; LeftFloat64 where one is not finite."""
        h, c = self.h[start : start + n + 1], self.c[start : start + n + 1]
        views = [_shown(state) for state in (h, c, *self.rest[:, :n])]
        try:
            refuse_the_infinite(self.cell.NAME, *views[1:])
        except LeftFloat64 as left:
            raise LeftFloat64(left.cell, start + left.step) from None
        return self.cell.States(*views)

    def _openings(self, start: int, n: int) -> Array:
        """The sum over a block of |gate|, gate by gate; an RNN's only gate is its state."""
        if isinstance(self.cell, Rnn):
            gates = self.h[None, start + 1 : start + n + 1]
        else:
            gates = self.rest[: len(self.cell.GATES), :n]
        return np.asarray(np.abs(gates).sum(axis=(1, 2, 3)))

    def _keep(self, slopes: Slopes, rows: slice) -> None:
        """What the way back needs of a block: its slopes, as they lie in memory here."""
        self.carry[rows] = _lying(slopes.carry)
        if self.reads_out:
            self.read_out[rows] = _lying(slopes.read_out[:, 1:])
        self.alike = slopes.from_input is slopes.into_cell
        pairs = [(self.by_h, slopes.into_cell), (self.by_x, slopes.from_input)]
        for kept, feeding in pairs[: 1 if self.alike else 2]:
            kept[rows, : feeding.shape[-2]] = _lying(feeding)
            if slopes.past_cell is not None:
                kept[rows, -1] = _lying(slopes.past_cell)

    def _back(self, weights: Weights, loss: Array) -> Weights:
        """The gradients of all weights; `loss` (steps read, H, B) is ∂L/∂h_t alone."""
        dby_x = np.zeros((len(weights.bias_ih), self.D + 1))
        dby_h = np.zeros((len(weights.bias_hh), len(self.carry[0]) + 1))
        dpeephole = None if weights.peephole is None else np.zeros_like(weights.peephole)
        carried = np.zeros_like(self.carry[0])
        arriving = carried
        for start, n in reversed(self._blocks()):
            self.dh[n] = arriving
            self._steps_back(weights.weight_hh.T, loss, start, n, carried)
            arriving = self.dh[0]
            from_x, from_h = self._before_gates(start, n)
            entering = self.entering[start : start + n]
            dby_x += _summed(_rows(from_x), entering[:, : self.D + 1])
            dby_h += _summed(_rows(from_h), entering[:, self.D :])
            if dpeephole is not None:
                dpeephole += self._through_peepholes(from_x, start, n)
        return Weights(dby_x[:, :-1], dby_h[:, 1:], dby_x[:, -1], dby_h[:, 0], dpeephole)

    def _steps_back(self, back: Array, loss: Array, start: int, n: int, carried: Array) -> None:
        """The loop back over a block: dc_t, dh_t, and the gradient before what h_{t−1} feeds."""
        S, by_h, from_h = len(self.carry), self.by_h, self.from_h
        fed = by_h.shape[1] - self.reads_out  # the gates that feed c; o stands behind them
        for k in range(n - 1, -1, -1):
            t = start + k
            dc, dh, delta = self.dc[k], self.dh[k + 1], from_h[k]
            if t >= S - len(loss):
                dh += loss[t - S]
            if self.reads_out:
                np.multiply(dh, self.read_out[t], out=dc)
                np.multiply(dh, by_h[t, fed], out=delta[fed])
                dc += carried
            else:
                np.add(dh, carried, out=dc)
            np.multiply(dc, by_h[t, :fed], out=delta[:fed])
            np.multiply(dc, self.carry[t], out=carried)
            np.matmul(back, _rows(delta), out=self.dh[k])

    def _before_gates(self, start: int, n: int) -> tuple[Array, Array]:
        """δ of a block, (n, gates, H, B): through what gates see of x_t, and of h_{t−1}."""
        from_h = self.from_h[:n]
        if self.alike:
            return from_h, from_h
        from_x, by_x = self.from_x[:n], self.by_x[start : start + n]
        fed = by_x.shape[1] - self.reads_out
        np.multiply(self.dc[:n, None], by_x[:, :fed], out=from_x[:, :fed])
        if self.reads_out:
            np.multiply(self.dh[1 : n + 1], by_x[:, fed], out=from_x[:, fed])
        return from_x, from_h

    def _through_peepholes(self, delta: Array, start: int, n: int) -> Array:
        """What a block adds to dpeephole: `Σ δ_i⊙c_{t−1}`, `Σ δ_f⊙c_{t−1}`, `Σ δ_o⊙c_t`."""
        i, f, o = (delta[:, tuple(self.cell.GATES).index(gate)] for gate in "ifo")
        before, now = self.c[start : start + n], self.c[start + 1 : start + n + 1]
        return np.stack([(d * c).sum(axis=(0, 2)) for d, c in ((i, before), (f, before), (o, now))])


def _prime_malloc() -> None:
    """Freed, a large array teaches glibc's malloc to keep what is freed, up to twice as much.

    Without it every array of a block is given back to the system and fetched anew, page by page,
    which takes a third of an update. Never written to, the array itself costs nothing.
    """
    np.empty(KEPT_BYTES, dtype=np.int8)


def _shown(state: Array) -> Array:
    """(steps, H, B) as a cell knows it, (B, steps, H); a view."""
    return state.transpose(2, 0, 1)


def _lying(shown: Array) -> Array:
    """What a cell gave, (B, steps, …), as it lies in memory here, (steps, …, B); a view."""
    return shown.transpose(*range(1, shown.ndim), 0)


def _rows(gates: Array) -> Array:
    """(…, gates, H, B) as (…, rows of a weight matrix, B); a view."""
    *lead, G, H, B = gates.shape
    return gates.reshape(*lead, G * H, B)


def _summed(delta: Array, entering: Array) -> Array:
    """`Σ δ enteringᵀ` over steps and examples: (n, rows, B) and (n, m, B) to (rows, m)."""
    return np.asarray(np.matmul(delta, entering.swapaxes(-1, -2)).sum(axis=0))
