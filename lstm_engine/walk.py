"""The walk back over all steps, a block at a time: plain where that is exact, else scaled units.

A block of steps is first walked in plain float64 with one power of two before everything. Then each
unit's size is looked at: if one has come near the ends of float64, the block is walked again,
slowly, with an exponent for every unit (`lstm_engine.scaled`). Dense recurrent weights mix the
units, so the first walk nearly always stands. `docs/math.md`, "Traps", shows why a unit that ends
well has lost nothing on the way.
"""

import math
import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine import scaled
from lstm_engine.gates import LN10, NONLINEARITIES, Array
from lstm_engine.rnn import States as RnnStates
from lstm_engine.scaled import LOG10_2, NOTHING, Scaled
from lstm_engine.weights import Weights

SQUARES = (1e-280, 1e280)  # squared norms within these have lost nothing to the ends of float64
DIRECT_DECADES = 100.0  # what the direct path may lose within one plain block
SLOPES_BYTES = 1 << 16  # slopes are taken for many steps together: few calls, little memory
BLOCK_BYTES = 1 << 20  # a block's step matrices should stay in the second-level cache


class Back(NamedTuple):
    """Where a walk through a gated cell stands, a unit a row: R_t and Ph_t."""

    detours: Scaled
    hidden: Scaled


class CellWalk:
    """One walk back through a gated cell; `exact` and `detours` fill as it goes."""

    def __init__(
        self, cell: Any, states: Any, weights: Weights, log10_direct: Array, at: NDArray[np.int64]
    ) -> None:
        self.T, self.H = len(log10_direct) - 1, log10_direct.shape[1]
        self.cell, self.states, self.log10_direct = cell, states, log10_direct
        self.row = _rows(at, self.T)
        # E_T is the identity: the answer for step T is there before the walk begins.
        self.exact = np.zeros((len(at), self.H))
        self.detours = np.full((len(at), self.H), -np.inf)
        self.U_cell, self.U_out = cell.recurrent_rows(weights)
        self.U_by_unit = np.ascontiguousarray(self.U_cell.transpose(1, 0, 2))
        self.longest = _block_length(16 * self.H**2)
        half = 2 * self.H, self.H
        self.step_matrices = scratch("step_matrices", self.longest, *half)
        self.stacks = scratch("stacks", self.longest + 1, *half)

    def run(self) -> tuple[Array, Array]:
        """Walk from T to 0; returns log10 of the units' norms, exact and detours."""
        nothing = Scaled(np.zeros((self.H, self.H)), np.full(self.H, NOTHING))
        back = Back(nothing, nothing)
        last = self.T
        while last > 0:
            chunk = max(1, last - SLOPES_BYTES // (8 * self.H) + 1)
            slopes = self.cell.slopes(self.states, chunk, last)
            while last >= chunk:
                first = max(chunk, last - self._length(last) + 1)
                rows = slice(first - chunk, last - chunk + 1)
                block = type(slopes)(*(s[rows][::-1] for s in slopes))
                back = self._plainly(last, block, back) or self._carefully(last, block, back)
                last = first - 1
        return self.exact, self.detours

    def _length(self, last: int) -> int:
        """How many steps the block that ends at `last` may have."""
        direct = self.log10_direct[max(0, last - self.longest) : last + 1]
        lost = (direct[:-1] - direct[-1]).min(axis=1)
        return max(1, int((lost > -DIRECT_DECADES).sum()))

    def _plainly(self, last: int, block: Any, back: Back) -> Back | None:
        """A block in plain float64; None where a unit came near its ends.

        Everything of the carry is divided out: with d_t = D_t/D_last, Ẽ_t = E_t/d_t obeys
            Ph_{t-1} = Ẽ_t (d_t K_t) + Ph_t V_t        Ẽ_{t-1} = Ẽ_t + Ph_{t-1} (r_{t-1}/d_{t-1})
        which is a product and two passes over a matrix a step.
        """
        n, H = len(block.carry), self.H
        log10_kept = self.log10_direct[last - n : last + 1][::-1] - self.log10_direct[last]
        kept = np.exp(log10_kept * LN10)
        if not kept.all():
            return None
        exponent, detours, direct = self._on_one_scale(last, back)
        self._fill_step_matrices(block, kept)
        read_out = block.read_out / kept[1:]
        stacks = self.stacks[: n + 1]
        carried, hidden = stacks[:, :H], stacks[:, H:]
        _diagonals(carried)[0] += direct
        steps = self.step_matrices[:n].transpose(0, 2, 1)
        rows = (steps, read_out[:, :, None], stacks[:-1], carried[:-1], carried[1:], hidden[1:])
        for matrix, r, before, E_before, E, Ph in zip(*rows, strict=True):
            matrix.dot(before, Ph)
            np.multiply(Ph, r, E)
            np.add(E, E_before, E)
        # The diagonal of E is D + R; R's own is summed apart, lest the larger D eat its digits.
        both = _diagonals(carried)[1:].copy()
        own = detours + np.cumsum(_diagonals(hidden)[1:] * read_out, axis=0)
        _diagonals(carried)[1:] = 0.0
        if not self._answer(last, carried[1:], both, own, log10_kept[1:] + exponent * LOG10_2):
            return None
        _diagonals(carried)[n] = own[-1]
        exponents = np.full(H, exponent)
        carry = Scaled(carried[n] * kept[n][:, None], exponents)
        return Back(carry, Scaled(hidden[n].copy(), exponents))

    def _on_one_scale(self, last: int, back: Back) -> tuple[int, Array, Array]:
        """Lay R and Ph into the first stack under one exponent; returns it, diag R and D."""
        log2_direct = self.log10_direct[last] / LOG10_2
        sizes = [int(np.ceil(log2_direct.max()))]
        sizes += [int(s.exponent.max() + np.frexp(np.abs(s.mantissa).max())[1]) for s in back]
        exponent = max(sizes)
        for half, s in zip((slice(self.H), slice(self.H, None)), back, strict=True):
            power = np.ldexp(1.0, np.maximum(s.exponent - exponent, -1022))
            np.multiply(s.mantissa, power[:, None], out=self.stacks[0, half])
        direct = np.exp2(log2_direct - exponent)
        return exponent, _diagonals(self.stacks[:1, : self.H])[0].copy(), direct

    def _fill_step_matrices(self, block: Any, kept: Array) -> None:
        """[d_t K_t; V_t] of every step; K as one batched product over units, all steps at once."""
        n, H = len(block.carry), self.H
        factors = np.ascontiguousarray((block.into_cell * kept[:-1, None]).transpose(2, 0, 1))
        np.matmul(factors, self.U_by_unit, out=self.step_matrices[:n, :H].transpose(1, 0, 2))
        np.multiply(block.past_cell[:, :, None], self.U_out, out=self.step_matrices[:n, H:])

    def _answer(self, last: int, rest: Array, both: Array, own: Array, log10_scale: Array) -> bool:
        """Write the norms of the steps that were asked for; False if any unit is near the ends."""
        n = len(rest)
        asked = self.row[last - n : last][::-1]
        which = np.flatnonzero((asked >= 0) | (np.arange(n) == n - 1))  # the last is the next's
        if len(which) < n:
            rest, both, own, log10_scale = rest[which], both[which], own[which], log10_scale[which]
            asked = asked[which]
        squares = np.einsum("bjm,bjm->bj", rest, rest)
        detours = squares + np.square(own)
        if not (detours.min() > SQUARES[0] and detours.max() < SQUARES[1]):
            return False
        squares += np.square(both)
        answered = asked >= 0
        with np.errstate(divide="ignore"):
            self.exact[asked[answered]] = (0.5 * np.log10(squares) + log10_scale)[answered]
            self.detours[asked[answered]] = (0.5 * np.log10(detours) + log10_scale)[answered]
        return True

    def _carefully(self, last: int, block: Any, back: Back) -> Back:
        """The same block with an exponent for every unit: right at any size, and slow."""
        R, Ph = scaled.level(*back.detours), scaled.level(*back.hidden)
        U = np.concatenate((*self.U_cell, self.U_out))
        steps = zip(block.carry, block.into_cell, block.past_cell, strict=True)
        for n, (carry, into_cell, past_cell) in enumerate(steps):
            A = scaled.add(scaled.diagonal(self.log10_direct[last - n] / LOG10_2), R)
            parts = [scaled.units_times(A, k) for k in into_cell]
            parts.append(scaled.units_times(Ph, past_cell))
            Ph = scaled.times(Scaled(*(np.concatenate(p) for p in zip(*parts, strict=True))), U)
            read_out = self.cell.log10_read_out(self.states, last - n - 1) / LOG10_2
            R = scaled.add(scaled.units_times(R, carry), scaled.units_times_power(Ph, read_out))
            place = self.row[last - n - 1]
            if place >= 0:
                direct = scaled.diagonal(self.log10_direct[last - n - 1] / LOG10_2)
                self.exact[place] = scaled.log10_norms(scaled.add(direct, R))
                self.detours[place] = scaled.log10_norms(R)
        return Back(R, Ph)


class RnnWalk:
    """One walk back through the vanilla RNN; `exact` fills as it goes."""

    def __init__(self, states: RnnStates, weights: Weights, at: NDArray[np.int64]) -> None:
        self.T, self.H = states.a.shape
        self.a, self.act = states.a, NONLINEARITIES[states.act]
        self.weight_hh = weights.weight_hh
        self.row = _rows(at, self.T)
        self.exact = np.zeros((len(at), self.H))
        self.stacks = scratch("stacks", _block_length(8 * self.H**2) + 1, self.H, self.H)

    def run(self) -> Array:
        """Walk from T to 0; returns log10 of the units' norms."""
        E = scaled.diagonal(np.zeros(self.H))
        last = self.T
        while last > 0:
            first = max(1, last - len(self.stacks) + 2)
            E = self._plainly(first, last, E) or self._carefully(first, last, E)
            last = first - 1
        return self.exact

    def _plainly(self, first: int, last: int, E: Scaled) -> Scaled | None:
        """E_{t-1} = (E_t⊙φ'(a_t)) W_hh over a block; None where a unit came near the ends."""
        n = last - first + 1
        exponent = int(E.exponent.max() + np.frexp(np.abs(E.mantissa).max())[1])
        power = np.ldexp(1.0, np.maximum(E.exponent - exponent, -1022))
        stacks = self.stacks[: n + 1]
        np.multiply(E.mantissa, power[:, None], out=stacks[0])
        slopes = self.act.slope(self.a[first - 1 : last])[::-1, :, None]
        through, weight_hh = np.empty_like(stacks[0]), self.weight_hh.T
        for slope, before, after in zip(slopes, stacks[:-1], stacks[1:], strict=True):
            np.multiply(before, slope, through)
            weight_hh.dot(through, after)
        asked = self.row[first - 1 : last][::-1]
        which = np.flatnonzero((asked >= 0) | (np.arange(n) == n - 1))
        those = stacks[1:] if len(which) == n else stacks[1:][which]
        squares = np.einsum("bjm,bjm->bj", those, those)
        if not (squares.min() > SQUARES[0] and squares.max() < SQUARES[1]):
            return None
        answered = asked[which] >= 0
        log10_exact = 0.5 * np.log10(squares) + exponent * LOG10_2
        self.exact[asked[which][answered]] = log10_exact[answered]
        return Scaled(stacks[n].copy(), np.full(self.H, exponent))

    def _carefully(self, first: int, last: int, E: Scaled) -> Scaled:
        """The same block with an exponent for every unit."""
        for t in range(last, first - 1, -1):
            log2_slope = self.act.log_slope(self.a[t - 1]) / (LN10 * LOG10_2)
            E = scaled.times(scaled.units_times_power(E, log2_slope), self.weight_hh)
            if self.row[t - 1] >= 0:
                self.exact[self.row[t - 1]] = scaled.log10_norms(E)
        return E


_memory = threading.local()


def scratch(name: str, *shape: int) -> Array:
    """Memory that a thread keeps for its next walk: fresh pages cost up to a third of a walk."""
    flat = getattr(_memory, name, np.empty(0))
    if flat.size < math.prod(shape):
        flat = np.empty(math.prod(shape))
        setattr(_memory, name, flat)
    return np.asarray(flat[: math.prod(shape)].reshape(shape))


def _block_length(bytes_a_step: int) -> int:
    return min(max(BLOCK_BYTES // bytes_a_step, 8), 64)


def _rows(at: NDArray[np.int64], T: int) -> NDArray[np.int64]:
    """Where each step's answer goes, -1 for a step that nobody asked for."""
    row = np.full(T + 1, -1)
    row[at] = np.arange(len(at))
    return row


def _diagonals(matrices: Array) -> Array:
    """A view of each matrix's diagonal: (n, H, H) to (n, H)."""
    return np.asarray(np.einsum("bii->bi", matrices))
