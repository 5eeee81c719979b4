"""The walk back over all steps, a block at a time: plain where that is exact, else scaled units.

A block of steps is first walked in plain float64 with one power of two before everything. Then each
unit's size is looked at: where one has come near the ends of float64 the block is cut in halves,
and a single step that still fails is walked slowly, with an exponent for every unit
(`lstm_engine.scaled`). Dense recurrent weights mix the units, so the first walk nearly always
stands. `docs/math.md`, "Traps", shows why a unit that ends well has lost nothing on the way.

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
from lstm_engine.scaled import LOG10_2, NOTHING, Scaled
from lstm_engine.weights import Weights

SQUARES = (1e-280, 1e280)  # squared norms within these have lost nothing to the ends of float64
DIRECT_DECADES = 100.0  # what the direct path may lose within one plain block
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

    def __init__(self, cell: Cell, states: Any, weights: Weights, at: Indices, halves: int) -> None:
        self.B, T_and_1, self.H = states.h.shape
        self.T = T_and_1 - 1
        self.cell, self.states, self.weights = cell, states, weights
        self.row = np.full(self.T + 1, -1)  # where a step's answer goes; -1: nobody asked
        self.row[at] = np.arange(len(at))
        # E_T is the identity: the answer for step T is there before the walk begins.
        self.exact = np.zeros((self.B, len(at), self.H))
        self.stand = np.zeros((self.B, halves * self.H, self.H))
        self.exponents = np.full(self.stand.shape[:2], NOTHING)
        # The rows of weight_hh of each unit, (B, H, gates, H): first those of K, then of V.
        U = weights.weight_hh.reshape(self.B, -1, self.H, self.H).swapaxes(1, 2)
        feed_c = U.shape[2] - (halves == 2 and "o" in cell.GATES)
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

    def carefully(self, t: int, b: np.int64) -> None:
        """One step of one experiment with an exponent for every unit: right at any size, slow."""
        raise NotImplementedError

    def of_block(self, slope: Array, first: int, last: int, who: Indices | slice) -> Array:
        """The rows of a slope for the steps last … first, backwards in time: (B, n, …)."""
        return slope[who, first - self.first : last - self.first + 1][:, ::-1]

    def on_one_scale(self, exponent: Indices, who: Indices | slice, out: Array) -> None:
        """Where the experiments stand, under one power of two each."""
        shift = self.exponents[who] - exponent[:, None]
        if shift.any():
            power = np.ldexp(1.0, np.maximum(shift, -1022))
            np.multiply(self.stand[who], power[:, :, None], out=out)
        else:
            out[:] = self.stand[who]

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


class CellWalk(Walk):
    """A walk through a gated cell: R_t stands above Ph_t; `exact` and `detours` fill.

    So do, where they are asked for, the norms of Ph's columns, `hidden`.
    """

    def __init__(
        self,
        cell: Cell,
        states: Any,
        weights: Weights,
        log10_carry: Array,
        log10_direct: Array,
        at: Indices,
        hidden: bool = False,
    ) -> None:
        super().__init__(cell, states, weights, at, halves=2)
        self.log10_carry, self.log10_direct = log10_carry, log10_direct
        self.sign = np.ones((self.B, self.H))  # of D_t: a peephole's carry may be negative
        self.detours = np.full_like(self.exact, -np.inf)
        self.hidden = np.full_like(self.exact, -np.inf) if hidden else None

    def plainly(self, first: int, last: int, who: Indices | slice) -> Flags:
        """Everything of the carry is divided out: with d_t = D_t/D_last, Ẽ_t = E_t/d_t obeys

            Ph_{t-1} = Ẽ_t (d_t K_t) + Ph_t V_t        Ẽ_{t-1} = Ẽ_t + Ph_{t-1} (r_{t-1}/d_{t-1})

        which is a product and two passes over a matrix a step.
        """
        log10_direct = self.log10_direct[who, first - 1 : last + 1][:, ::-1]
        log10_kept = log10_direct - log10_direct[:, :1]
        fine = np.asarray(log10_kept.min(axis=(1, 2)) > -DIRECT_DECADES)
        if not fine.all():
            if fine.any():
                fine[fine] = self.plainly(first, last, np.arange(self.B)[who][fine])
            return fine
        kept = np.exp(log10_kept * LN10)
        if self.cell.PEEPHOLES:
            carry = self.of_block(self.slopes.carry, first, last, who)
            kept[:, 1:] *= np.cumprod(np.sign(carry), axis=1)
        read_out = self.of_block(self.slopes.read_out[:, :-1], first, last, who) / kept[:, 1:]
        factors = self._factors(kept, first, last, who)

        log2_direct = log10_direct[:, 0] / LOG10_2
        largest = np.maximum(self.exponents[who].max(axis=1), np.ceil(log2_direct.max(axis=1)))
        exponent = largest.astype(np.int64)
        slots = scratch("slots", len(exponent), chunk_steps(self.H), 2 * self.H, self.H)
        self.on_one_scale(exponent, who, slots[:, -1])
        own = diagonals(slots[:, -1, : self.H])
        own_before = own[:, None].copy()
        own += self.sign[who] * np.exp2(log2_direct - exponent[:, None])
        squares, both, crossed, of_h = self._multiply(factors, read_out, who, slots)

        # The diagonal of E is D + R; R's own is summed apart, lest the larger D eat its digits.
        own = own_before + running_sum(crossed * read_out)
        detours = squares + np.square(own)
        squares += np.square(both)
        fine = within_float64(detours)
        if of_h is not None:
            fine &= within_float64(of_h)
        end = slots[:, (last - first) % slots.shape[1]]
        diagonals(end[:, : self.H])[:] = own[:, -1]
        scale, kept_at_end = log10_kept[:, 1:] + (exponent * LOG10_2)[:, None, None], kept[:, -1]
        if not fine.all():
            who = np.arange(self.B)[who][fine]
            squares, detours, scale = squares[fine], detours[fine], scale[fine]
            of_h = None if of_h is None else of_h[fine]
            exponent, end, kept_at_end = exponent[fine], end[fine], kept_at_end[fine]
        asked = self.row[first - 1 : last][::-1]
        self.answer(asked, who, squares, scale, self.exact)
        self.answer(asked, who, detours, scale, self.detours)
        if of_h is not None and self.hidden is not None:
            self.answer(asked, who, of_h, (exponent * LOG10_2)[:, None, None], self.hidden)
        self._stand_at(who, exponent, end, np.sqrt(squares[:, -1]), kept_at_end)
        return fine

    def _factors(self, kept: Array, first: int, last: int, who: Indices | slice) -> list[Array]:
        """What stands before each row of weight_hh in d_t K_t, and in V_t: (B, H, n, gates)."""
        into_cell = self.of_block(self.slopes.into_cell, first, last, who) * kept[:, :-1, None]
        factors = [in_company(into_cell.transpose(0, 3, 1, 2), axis=3)]
        if self.slopes.past_cell is not None:
            past_cell = self.of_block(self.slopes.past_cell, first, last, who).swapaxes(1, 2)
            factors.append(in_company(past_cell[..., None], axis=3))
        return factors

    def _multiply(
        self, factors: list[Array], read_out: Array, who: Indices | slice, slots: Array
    ) -> tuple[Array, Array, Array, Array | None]:
        """The loop over a block's steps, from the last slot on round the ring of slots.

        Returns:
            For every step and unit: the squared norm of Ẽ's row without its diagonal, Ẽ's diagonal,
            Ph's diagonal and, where it is asked for, the squared norm of Ph's row; (B, n, H) each.
        """
        B, n, H = read_out.shape
        chunk, whole, halves = slots.shape[1], H <= WHOLE_STEPS, len(factors)
        steps = step_matrices(B, chunk, halves * H, 2 * H if whole else H)
        E, Ph = slots[:, :, :H], slots[:, :, H:]
        squares, both, crossed = np.empty((3, B, n, H))
        of_h = None if self.hidden is None else np.empty((B, n, H))
        matrices = by_step(steps.swapaxes(2, 3))
        fed, after = by_step(slots[:, :, : halves * H]), by_step(slots if whole else Ph)
        fed, Es = fed[-1:] + fed[:-1], by_step(E)
        before = Es[-1:] + Es[:-1]
        product = np.ndarray.dot if B == 1 else np.matmul  # the same routine, reached sooner
        multiply, add = np.multiply, np.add
        U_by_unit = [U[who] for U in self.U_by_unit]
        for start in range(0, n, chunk):
            m = min(chunk, n - start)
            now = slice(start, start + m)
            r = read_out[:, now]
            for half, (k, U) in enumerate(zip(factors, U_by_unit, strict=True)):
                rows = steps[:, :m, half * H : (half + 1) * H, -H:]
                np.matmul(k[:, :, now], U, out=rows.swapaxes(1, 2))
            if whole:
                np.multiply(steps[:, :m, :, H:], r[:, :, None], out=steps[:, :m, :, :H])
                diagonals(steps[:, :m, :H, :H])[:] += 1.0
                for s in range(m):
                    product(matrices[s], fed[s], after[s])
            else:
                stretched = np.broadcast_to(r[..., None], (B, m, H, H))
                rs = by_step(stretched.copy() if H <= STRETCHED else r[..., None])
                for s in range(m):
                    product(matrices[s], fed[s], after[s])
                    multiply(after[s], rs[s], Es[s])
                    add(Es[s], before[s], Es[s])
            of_E = diagonals(E[:, :m])
            both[:, now], crossed[:, now] = of_E, diagonals(Ph[:, :m])
            of_E[:] = 0.0
            np.vecdot(E[:, :m], E[:, :m], out=squares[:, now])
            of_E[:, -1] = both[:, start + m - 1]
            if of_h is not None:
                np.vecdot(Ph[:, :m], Ph[:, :m], out=of_h[:, now])
        return squares, both, crossed, of_h

    def _stand_at(
        self, who: Indices | slice, exponent: Indices, end: Array, sizes: Array, kept: Array
    ) -> None:
        """Keep R and Ph of a block's last step, scaled so that no entry is above 1."""
        Ph = end[:, self.H :]
        largest = np.maximum(
            (sizes * np.abs(kept)).max(axis=1), np.sqrt(np.vecdot(Ph, Ph).max(axis=1))
        )
        size = np.frexp(largest)[1]
        factors = np.concatenate((kept, np.ones_like(kept)), axis=1)
        self.stand[who] = end * np.ldexp(factors, -size[:, None])[:, :, None]
        self.exponents[who] = (exponent + size)[:, None]
        self.sign[who] *= np.sign(kept)

    def carefully(self, t: int, b: np.int64) -> None:
        """A step with R and Ph as `Scaled`; D is known as a logarithm."""
        H, row = self.H, t - self.first
        R, Ph = (
            scaled.level(self.stand[b, half], self.exponents[b, half])
            for half in (slice(H), slice(H, None))
        )
        U = self.weights.weight_hh[b]
        A = scaled.add(self._direct(t, b), R)
        parts = [scaled.units_times(A, k) for k in self.slopes.into_cell[b, row]]
        if self.slopes.past_cell is not None:
            parts.append(scaled.units_times(Ph, self.slopes.past_cell[b, row]))
        Ph = scaled.times(Scaled(*(np.concatenate(p) for p in zip(*parts, strict=True))), U)
        through = self.cell.log10_read_out(self.states, self.weights, t - 1)[b] / LOG10_2
        # A slope that has underflowed is a zero without a sign; its logarithm still knows its size.
        carry_sign, read_out_sign = (
            np.where(slope[b, row] < 0, -1.0, 1.0)
            for slope in (self.slopes.carry, self.slopes.read_out)
        )
        kept = self.log10_carry[b, t - 1] / LOG10_2
        carried = scaled.units_times_power(R, kept, carry_sign)
        R = scaled.add(carried, scaled.units_times_power(Ph, through, read_out_sign))
        self.sign[b] *= carry_sign
        place = self.row[t - 1]
        if place >= 0:
            self.exact[b, place] = scaled.log10_norms(scaled.add(self._direct(t - 1, b), R))
            self.detours[b, place] = scaled.log10_norms(R)
            if self.hidden is not None:
                self.hidden[b, place] = scaled.log10_norms(Ph)
        self.stand[b] = np.concatenate((R.mantissa, Ph.mantissa))
        self.exponents[b] = np.concatenate((R.exponent, Ph.exponent))

    def _direct(self, t: int, b: np.int64) -> Scaled:
        return scaled.diagonal(self.log10_direct[b, t] / LOG10_2, self.sign[b])


class RnnWalk(Walk):
    """A walk through the vanilla RNN: E_t stands alone, `E_{t-1} = (E_t⊙φ'(a_t)) W_hh`."""

    def __init__(self, rnn: Rnn, states: Any, weights: Weights, at: Indices) -> None:
        super().__init__(rnn, states, weights, at, halves=1)
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
