"""The walk back over all steps, a block at a time: plain where that is exact, else scaled units.

A block of steps is first walked in plain float64 with one power of two before everything. Then each
unit's size is looked at: where one has come near the ends of float64 the block is tried with the
state's feedback held fixed (`Walk.uncoupled`), then cut in halves, and a single step that still
fails is walked slowly, with an exponent for every unit (`lstm_engine.scaled`). Dense recurrent
weights mix the units, so the first walk nearly always stands. `docs/math.md`, "Traps", shows why a
unit that ends well has lost nothing on the way.

Experiments of one shape are walked together, along a leading axis. Each is cut, scaled and rounded
by its own numbers alone, so what comes out does not depend on its company.
"""

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_engine import scaled
from lstm_engine.cell import Cell
from lstm_engine.cells.rnn import Rnn
from lstm_engine.gates import LN10, Array
from lstm_engine.scaled import LOG10_2, NOTHING
from lstm_engine.weights import Weights

SQUARES = (1e-280, 1e280)  # squared norms within these have lost nothing to the ends of float64
BLOCK_STEPS = 128  # walked under one power of two, unless a unit comes near its ends
SLOPES_BYTES = 1 << 16  # slopes are taken for many blocks together: few calls, little memory
CHUNK_BYTES = 1 << 22  # matrices worked on at once
WHOLE_STEPS = 16  # up to this many units one larger product beats a product and two passes
STRETCHED = 32  # up to this many units NumPy multiplies by a stretched vector faster than by it

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Walk:
    """What the walks through a gated cell and through the RNN have in common.

    B experiments go back from T to 0 together. `stand` says where they are, a unit a row, each row
    with an exponent of its own; `exact` fills as they go.
    """

    HALVES: int  # of the stack that a step multiplies: E and Ph, or E alone
    PARTS: int  # H×H matrices in `stand`

    def __init__(self, cell: Cell, states: Any, weights: Weights, at: Indices) -> None:
        self.B, T_and_1, self.H = states.h.shape
        self.T = T_and_1 - 1
        self.cell, self.states, self.weights = cell, states, weights
        self.row = np.full(self.T + 1, -1)  # where a step's answer goes; -1: nobody asked
        self.row[at] = np.arange(len(at))
        # E_T is the identity: the answer for step T is there before the walk begins.
        self.exact = np.zeros((self.B, len(at), self.H))
        self.stand = np.zeros((self.B, self.PARTS * self.H, self.H))
        self.exponents = np.full(self.stand.shape[:2], NOTHING)
        # The rows of weight_hh of each unit, (B, H, gates, H): first those of K, then of V.
        U = weights.weight_hh.reshape(self.B, -1, self.H, self.H).swapaxes(1, 2)
        feed_c = U.shape[2] - (self.HALVES == 2 and "o" in cell.GATES)
        self.U_by_unit = [in_company(part) for part in np.split(U, [feed_c], axis=2) if part.size]

    def run(self, to: int = 0) -> None:
        """Walk from T to the step `to`, in blocks that are the same in any company."""
        group = together(self.H)
        blocks = max(1, SLOPES_BYTES // (8 * self.H * self.B * BLOCK_STEPS))
        for last in range(self.T, to, -BLOCK_STEPS):
            if (self.T - last) % (blocks * BLOCK_STEPS) == 0:
                self.first = max(to, last - blocks * BLOCK_STEPS) + 1
                self.slopes = self.cell.slopes(self.states, self.weights, self.first, last)
            for b in range(0, self.B, group):
                who = np.arange(b, min(b + group, self.B))
                self.back(max(to, last - BLOCK_STEPS) + 1, last, who)

    def back(self, first: int, last: int, who: Indices) -> None:
        """Take the experiments `who` from step `last` to step first − 1."""
        stretch = slice(who[0], who[-1] + 1)
        whole = len(who) == stretch.stop - stretch.start
        failed = who[~self.plainly(first, last, stretch if whole else who)]
        if failed.size:
            failed = failed[~self.uncoupled(first, last, failed)]
        if failed.size and first == last:
            for b in failed:
                self.carefully(last, b)
        elif failed.size:
            middle = (first + last) // 2
            self.back(middle + 1, last, failed)
            self.back(first, middle, failed)

    def plainly(self, first: int, last: int, who: Indices | slice) -> Flags:
        """A block in plain float64; False, and nothing done, where a unit came near its ends."""
        raise NotImplementedError

    def uncoupled(self, first: int, last: int, who: Indices) -> Flags:
        """A block in which what weight_hh adds to E is too small to act back; False as above."""
        return np.zeros(len(who), dtype=bool)

    def carefully(self, t: int, b: np.int64) -> None:
        """One step of one experiment with an exponent for every unit: right at any size, slow."""
        raise NotImplementedError

    def of_block(self, slope: Array, first: int, last: int, who: Indices | slice) -> Array:
        """The rows of a slope for the steps last … first, backwards in time: (B, n, …)."""
        return slope[who, first - self.first : last - self.first + 1][:, ::-1]

    def on_one_scale(self, exponent: Indices, who: Indices | slice, out: Array) -> None:
        """The stack that a step multiplies, under one power of two for each experiment."""
        rows = self.HALVES * self.H
        shift = self.exponents[who, :rows] - exponent[:, None]
        if shift.any():
            np.multiply(self.stand[who, :rows], power_of_two(shift)[:, :, None], out=out)
        else:
            out[:] = self.stand[who, :rows]

    def answer(
        self, asked: Indices, who: Indices | slice, squares: Array, log10_scale: Array, into: Array
    ) -> None:
        """Write log10 of the norms of a block's steps, as far as they were asked for."""
        rows = np.flatnonzero(asked >= 0)
        if len(rows) < len(asked):
            log10_scale = np.broadcast_to(log10_scale, squares.shape)[:, rows]
            asked, squares = asked[rows], squares[:, rows]
        if asked.size:
            with np.errstate(divide="ignore"):
                into[who, asked[-1] : asked[0] + 1] = (0.5 * np.log10(squares) + log10_scale)[
                    :, ::-1
                ]


class RnnWalk(Walk):
    """A walk through the vanilla RNN: E_t stands alone, `E_{t-1} = (E_t⊙φ'(a_t)) W_hh`."""

    HALVES = PARTS = 1

    def __init__(self, rnn: Rnn, states: Any, weights: Weights, at: Indices) -> None:
        super().__init__(rnn, states, weights, at)
        diagonals(self.stand)[:] = 1.0
        self.exponents[:] = 0
        self.log2_slope = rnn.log_slope(states) / (LN10 * LOG10_2)

    def plainly(self, first: int, last: int, who: Indices | slice) -> Flags:
        """A block with one exponent an experiment: a product a step."""
        n, H = last - first + 1, self.H
        exponent = self.exponents[who].max(axis=1)
        B, chunk = len(exponent), chunk_steps(H)
        slots, steps = scratch("slots", B, chunk, H, H), step_matrices(B, chunk, H, H)
        self.on_one_scale(exponent, who, slots[:, -1])
        into_cell = self.of_block(self.slopes.into_cell, first, last, who)
        factors, U = in_company(into_cell.transpose(0, 3, 1, 2), axis=3), self.U_by_unit[0][who]
        matrices, after = by_step(steps.swapaxes(2, 3)), by_step(slots)
        before = after[-1:] + after[:-1]
        product = np.ndarray.dot if B == 1 else np.matmul
        squares = np.empty((B, n, H))
        for start in range(0, n, chunk):
            m = min(chunk, n - start)
            now = slice(start, start + m)
            np.matmul(factors[:, :, now], U, out=steps[:, :m].swapaxes(1, 2))
            for s in range(m):
                product(matrices[s], before[s], after[s])
            np.vecdot(slots[:, :m], slots[:, :m], out=squares[:, now])
        fine = within_float64(squares)
        who = np.arange(self.B)[who][fine]
        exponent, squares, end = exponent[fine], squares[fine], slots[fine, (n - 1) % chunk]
        asked = self.row[first - 1 : last][::-1]
        self.answer(asked, who, squares, (exponent * LOG10_2)[:, None, None], self.exact)
        size = np.frexp(np.sqrt(squares[:, -1].max(axis=1)))[1]
        self.stand[who] = end * np.ldexp(1.0, -size)[:, None, None]
        self.exponents[who] = (exponent + size)[:, None]
        return fine

    def carefully(self, t: int, b: np.int64) -> None:
        """A step with E as `Scaled`."""
        E = scaled.level(self.stand[b], self.exponents[b])
        through = scaled.units_times_power(E, self.log2_slope[b, t - 1])
        E = scaled.times(through, self.weights.weight_hh[b])
        if self.row[t - 1] >= 0:
            self.exact[b, self.row[t - 1]] = scaled.log10_norms(E)
        self.stand[b], self.exponents[b] = E


def power_of_two(exponent: Indices) -> Array:
    """2^exponent as float64 has it: 0 far below its smallest number."""
    return np.asarray(np.ldexp(1.0, np.clip(exponent, -1100, 1023).astype(np.int32)))


def within_float64(squares: Array) -> Flags:
    """Whether all of an experiment's squared norms, (B, n, H), have kept their digits."""
    smallest, largest = squares.min(axis=(1, 2)), squares.max(axis=(1, 2))
    return np.asarray((smallest > SQUARES[0]) & (largest < SQUARES[1]))


def chunk_steps(H: int) -> int:
    """How many steps' matrices are worked on at once, the same for any number of experiments."""
    most = 64 if H <= WHOLE_STEPS else 16
    return int(min(max(CHUNK_BYTES // (32 * H**2), 4), most))


def together(H: int) -> int:
    """How many experiments are walked at once, so that their matrices stay near the processor."""
    return max(1, CHUNK_BYTES // (chunk_steps(H) * 32 * H**2))


def in_company(matrices: Array, axis: int = 2) -> Array:
    """The same, contiguous, where an axis of one gets a companion of zeros.

    NumPy leaves a product of matrices over a single gate to a slow loop of its own.
    """
    if matrices.shape[axis] > 1:
        return np.ascontiguousarray(matrices)
    pairs = np.zeros((*matrices.shape[:axis], 2, *matrices.shape[axis + 1 :]))
    np.moveaxis(pairs, axis, 0)[0] = np.moveaxis(matrices, axis, 0)[0]
    return pairs


def by_step(matrices: Array) -> list[Array]:
    """The matrices of each step, (B, n, …) to n of (B, …); (…) for an experiment alone."""
    return list(matrices[0] if len(matrices) == 1 else matrices.swapaxes(0, 1))


def running_sum(terms: Array) -> Array:
    """Cumulative sums along axis 1 of (B, n, H), by doubling: a few passes, not n."""
    total, reach = terms.copy(), 1
    while reach < terms.shape[1]:
        total[:, reach:] += total[:, :-reach].copy()
        reach *= 2
    return total


_memory = threading.local()


def scratch(name: str, *shape: int) -> Array:
    """Memory that a thread keeps for its next walk, at the start of a cache line.

    Fresh pages cost up to a third of a walk, and vectors across cache lines a tenth.
    """
    size, line = math.prod(shape), 8
    flat = getattr(_memory, name, np.empty(0))
    if flat.size < size + line:
        flat = np.empty(size + line)
        setattr(_memory, name, flat)
    start = -(flat.ctypes.data // 8) % line
    return np.asarray(flat[start : start + size].reshape(shape))


def step_matrices(B: int, chunk: int, rows: int, columns: int) -> Array:
    """Scratch for matrices (B, chunk, rows, columns), a cache line between one step's and the next.

    Without it the same entry of every step falls into one set of the cache.
    """
    size = rows * columns
    return scratch("steps", B, chunk, size + 8)[..., :size].reshape(B, chunk, rows, columns)


def diagonals(matrices: Array) -> Array:
    """A view of each matrix's diagonal: (…, H, H) to (…, H)."""
    return np.asarray(np.einsum("...ii->...i", matrices))
