"""The walk back through a gated cell: exact and detours side by side, neither made of the other.

    E_{t−1} = E_t⊙carry_t + Ph_{t−1}⊙r_{t−1}        E_T = I
    R_{t−1} = R_t⊙carry_t + Ph_{t−1}⊙r_{t−1}        R_T = 0        Ph_{t−1} = E_t K_t + Ph_t V_t

Off their diagonals E and R are the same numbers; on it they differ by the direct path. Where R
cancels it, E is tens of decades smaller than R, so each has its own diagonal and its own exponents,
and the error of each is relative to itself. `docs/math.md`, "Log10 from birth".
"""

import math
from typing import Any, NamedTuple

import numpy as np

from lstm_engine import scaled
from lstm_engine.cell import Cell
from lstm_engine.gates import LN2, LN10, Array
from lstm_engine.scaled import LOG10_2, NOTHING, Scaled
from lstm_engine.walk import (
    STRETCHED,
    WHOLE_STEPS,
    Flags,
    Indices,
    Walk,
    by_step,
    chunk_steps,
    diagonals,
    in_company,
    power_of_two,
    running_sum,
    scratch,
    step_matrices,
    within_float64,
)
from lstm_engine.weights import Weights

DIRECT_DECADES = 100.0  # what the direct path may lose within one block
NEGLIGIBLE = 60  # a sum loses nothing of what is smaller by so many powers of two
MOST_APART = 1000  # powers of two that float64 can hold between two of its numbers

Who = Indices | slice


class Products(NamedTuple):
    """What a plain block leaves of every step and unit, (B, n, H) each."""

    squares: Array  # squared norm of Ẽ's column without its diagonal
    of_E: Array  # Ẽ's diagonal
    of_Ph: Array  # Ph's diagonal
    hidden: Array | None  # squared norm of Ph's column, where it is asked for


class CellWalk(Walk):
    """A walk through a gated cell: `stand` holds E_t above Ph_t above R_t, a unit a row.

    `exact` and `detours` fill, and so do, where they are asked for, the norms of Ph's columns,
    `hidden`. A walk begins at c_T, or with `from_h` at h_T: then E_T = diag(r_T) and Ph_T = I.
    """

    HALVES, PARTS = 2, 3

    def __init__(
        self,
        cell: Cell,
        states: Any,
        weights: Weights,
        log10_carry: Array,
        at: Indices,
        *,
        hidden: bool = False,
        from_h: bool = False,
    ) -> None:
        super().__init__(cell, states, weights, at)
        self.log10_carry = log10_carry
        self.detours = np.full_like(self.exact, -np.inf)
        self.hidden = np.full_like(self.exact, -np.inf) if hidden else None
        self.E, self.Ph, self.R = (slice(n * self.H, (n + 1) * self.H) for n in range(3))
        diagonals(self.stand[:, self.E])[:] = 1.0
        self.exponents[:, self.E] = 0
        if from_h:
            diagonals(self.stand[:, self.Ph])[:] = 1.0
            self.exponents[:, self.Ph] = 0
            log2_r = cell.log10_read_out(states, weights, self.T) / LOG10_2
            sign = signs(cell.slopes(states, weights, self.T, self.T).read_out[:, -1])
            for b in range(self.B):
                r = scaled.diagonal(log2_r[b], sign[b])
                self.stand[b, self.E], self.exponents[b, self.E] = r

    def plainly(self, first: int, last: int, who: Who) -> Flags:
        """The carry is divided out: with d_t = ∏ carry from t+1 to last and Ẽ_t = E_t/d_t

            Ph_{t-1} = Ẽ_t (d_t K_t) + Ph_t V_t        Ẽ_{t-1} = Ẽ_t + Ph_{t-1} (r_{t-1}/d_{t-1})

        which is a product and two passes over a matrix a step. R's diagonal has one running sum.
        """
        log10_kept = self._log10_kept(first, last, who)
        fine = np.asarray(log10_kept.min(axis=(1, 2)) > -DIRECT_DECADES)
        if not fine.all():
            if fine.any():
                fine[fine] = self.plainly(first, last, np.arange(self.B)[who][fine])
            return fine
        kept = self._kept(log10_kept, first, last, who)
        read_out = self.of_block(self.slopes.read_out[:, :-1], first, last, who) / kept[:, 1:]
        factors = self._factors(kept, first, last, who)
        exponent = self.exponents[who, : self.R.start].max(axis=1)
        slots = scratch("slots", len(exponent), chunk_steps(self.H), 2 * self.H, self.H)
        self.on_one_scale(exponent, who, slots[:, -1])
        before, above = self._detours_diagonal(exponent, who)
        found = self._multiply(factors, read_out, who, slots)

        gained, detours = running_sum(found.of_Ph * read_out), found.squares
        if above.any():
            gained *= power_of_two(-above)[:, None]
            detours = detours * power_of_two(-2 * above)[:, None]
        own = before[:, None] + gained
        detours = detours + np.square(own)
        squares = found.squares + np.square(found.of_E)
        fine = within_float64(detours) & within_float64(squares)
        if found.hidden is not None:
            fine &= within_float64(found.hidden)
        asked = self.row[first - 1 : last][::-1]
        # All that is fine is the rule, and then nothing need be copied.
        some = slice(None) if fine.all() else fine
        who = who if fine.all() else np.arange(self.B)[who][fine]
        scale = (log10_kept[:, 1:] + (exponent * LOG10_2)[:, None, None])[some]
        squares, detours, above = squares[some], detours[some], above[some]
        self.answer(asked, who, squares, scale, self.exact)
        if above.any():
            scale = scale + (above * LOG10_2)[:, None]
        self.answer(asked, who, detours, scale, self.detours)
        if found.hidden is not None and self.hidden is not None:
            of_h = (exponent * LOG10_2)[some, None, None]
            self.answer(asked, who, found.hidden[some], of_h, self.hidden)
        end = slots[some, (last - first) % slots.shape[1]]
        sizes = np.sqrt(np.stack((squares[:, -1], detours[:, -1])))
        self._stand_at(who, exponent[some], end, kept[some, -1], sizes, own[some, -1], above)
        return fine

    def _log10_kept(self, first: int, last: int, who: Who) -> Array:
        """log10 |d_t| for t = last … first − 1, (B, n+1, H)."""
        log10_carry = self.log10_carry[who, first - 1 : last][:, ::-1]
        log10_kept = np.zeros((len(log10_carry), last - first + 2, self.H))
        log10_kept[:, 1:] = running_sum(log10_carry)
        return log10_kept

    def _kept(self, log10_kept: Array, first: int, last: int, who: Who) -> Array:
        """d_t for t = last … first − 1, (B, n+1, H); a peephole's carry may be negative."""
        kept = np.exp(log10_kept * LN10)
        if self.cell.PEEPHOLES:
            carry = self.of_block(self.slopes.carry, first, last, who)
            kept[:, 1:] *= np.cumprod(signs(carry), axis=1)
        return kept

    def _factors(self, kept: Array, first: int, last: int, who: Who) -> list[Array]:
        """What stands before each row of weight_hh in d_t K_t, and in V_t: (B, H, n, gates)."""
        into_cell = self.of_block(self.slopes.into_cell, first, last, who) * kept[:, :-1, None]
        factors = [in_company(into_cell.transpose(0, 3, 1, 2), axis=3)]
        if self.slopes.past_cell is not None:
            past_cell = self.of_block(self.slopes.past_cell, first, last, who).swapaxes(1, 2)
            factors.append(in_company(past_cell[..., None], axis=3))
        return factors

    def _detours_diagonal(self, exponent: Indices, who: Who) -> tuple[Array, Indices]:
        """R's diagonal, and by how many powers of two its units stand above E's exponent."""
        of_R = self.exponents[who, self.R]
        above = np.maximum(of_R - exponent[:, None], 0)
        shift = power_of_two(of_R - exponent[:, None] - above)
        return diagonals(self.stand[who, self.R]) * shift, above

    def _multiply(self, factors: list[Array], read_out: Array, who: Who, slots: Array) -> Products:
        """The loop over a block's steps, from the last slot on round the ring of slots."""
        B, n, H = read_out.shape
        chunk, whole, halves = slots.shape[1], H <= WHOLE_STEPS, len(factors)
        steps = step_matrices(B, chunk, halves * H, 2 * H if whole else H)
        E, Ph = slots[:, :, :H], slots[:, :, H:]
        squares, of_E, of_Ph = np.empty((3, B, n, H))
        hidden = None if self.hidden is None else np.empty((B, n, H))
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
            self._build(steps[:, :m], [k[:, :, now] for k in factors], U_by_unit)
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
            diagonal = diagonals(E[:, :m])
            of_E[:, now], of_Ph[:, now] = diagonal, diagonals(Ph[:, :m])
            diagonal[:] = 0.0
            np.vecdot(E[:, :m], E[:, :m], out=squares[:, now])
            diagonal[:, -1] = of_E[:, start + m - 1]
            if hidden is not None:
                np.vecdot(Ph[:, :m], Ph[:, :m], out=hidden[:, now])
        return Products(squares, of_E, of_Ph, hidden)

    def _build(self, steps: Array, factors: list[Array], U_by_unit: list[Array]) -> None:
        """Write d_t K_t and V_t of some steps into the last H columns of their matrices."""
        for half, (k, U) in enumerate(zip(factors, U_by_unit, strict=True)):
            rows = steps[:, :, half * self.H : (half + 1) * self.H, -self.H :]
            np.matmul(k, U, out=rows.swapaxes(1, 2))

    def _stand_at(
        self,
        who: Who,
        exponent: Indices,
        end: Array,
        kept: Array,
        sizes: Array,
        own: Array,
        above: Indices,
    ) -> None:
        """Store E, Ph and R of a block's last step, scaled so that no entry is above 1.

        Args:
            who: (B,), the experiments.
            exponent: (B,), of E and Ph.
            end: (B, 2H, H), Ẽ above Ph.
            kept: (B, H), d_t.
            sizes: (2, B, H), norms of the columns of Ẽ and of R/d_t.
            own: (B, H), the diagonal of R/d_t.
            above: (B, H), powers of two by which R's exponents exceed E's.
        """
        if not len(end):
            return
        Ph = end[:, self.H :]
        of_E, of_R = sizes * np.abs(kept)
        size = np.frexp(np.maximum(of_E.max(axis=1), np.sqrt(np.vecdot(Ph, Ph).max(axis=1))))[1]
        factors = np.concatenate((kept, np.ones_like(kept)), axis=1)
        stack = end * np.ldexp(factors, -size[:, None])[:, :, None]
        self.stand[who, : self.R.start] = stack
        self.exponents[who, : self.R.start] = (exponent + size)[:, None]
        down = np.frexp(of_R)[1] + above  # from E's exponent before the block to R's own
        R = stack[:, self.E] * power_of_two(size[:, None] - down)[:, :, None]
        diagonals(R)[:] = np.ldexp(own * kept, above - down)
        self.stand[who, self.R] = R
        self.exponents[who, self.R] = exponent[:, None] + down

    def uncoupled(self, first: int, last: int, who: Indices) -> Flags:
        """A block in which what E gains no longer acts back: Ph and the gain have own exponents.

            Ph_{t-1} = Ẽ_last (d_t K_t) + Ph_t V_t        Ẽ_{t-1} = Ẽ_last + G_{t-1}
            G_{t-1} = G_t + Ph_{t-1} (r_{t-1}/d_{t-1})

        That leaves out G_t (d_t K_t), and is refused where this is not `2^-NEGLIGIBLE` of Ph: a
        faint recurrence, or a cell so saturated that its read-out r is far below everything else.
        """
        log10_kept = self._log10_kept(first, last, who)
        fine = np.asarray(log10_kept.min(axis=(1, 2)) > -DIRECT_DECADES)
        if not fine.all():
            if fine.any():
                fine[fine] = self.uncoupled(first, last, who[fine])
            return fine
        kept = self._kept(log10_kept, first, last, who)
        factors = self._factors(kept, first, last, who)
        parts = (self.E, self.R)
        of_E, of_R = (self.exponents[who, part] for part in parts)
        log2_K = self._log2_largest(factors[0], who)
        fed = (of_E[:, None] + log2_K).max(axis=(1, 2))
        of_Ph = np.maximum(self.exponents[who, self.Ph].max(axis=1), rounded_up(fed))
        fine = np.asarray((of_E - of_Ph[:, None]).max(axis=1) < MOST_APART)
        log2_out = self._log2_output_slope(first, last, who) - log10_kept[:, 1:] / LOG10_2
        of_G = of_Ph[:, None] + rounded_up(log2_out.max(axis=1))
        through = np.exp2(log2_out + (of_Ph[:, None] - of_G)[:, None])
        through *= signs(self.of_block(self.slopes.read_out[:, :-1], first, last, who))
        through *= signs(kept[:, 1:])

        exponents = [np.maximum(own, of_G) for own in (of_E, of_R)]
        share = [power_of_two(of_G - exponent) for exponent in exponents]
        begun = [
            self.stand[who, part] * power_of_two(self.exponents[who, part] - exponent)[..., None]
            for part, exponent in zip(parts, exponents, strict=True)
        ]
        squares, of_gain, hidden, gain, Ph = self._gain(factors, through, who, of_Ph, begun, share)
        left_out = (log2_root(of_gain[:, :-1]) + of_G[:, None] + log2_K[:, 1:]).max(axis=2)
        there = log2_root(hidden[:, 1:]).min(axis=2) + of_Ph[:, None]
        fine &= (left_out + math.log2(self.H) < there - NEGLIGIBLE).all(axis=1)
        for norms in (*squares, hidden):
            fine &= within_float64(norms)
        asked, who = self.row[first - 1 : last][::-1], who[fine]
        for part, exponent, norms, into, begin, its_share in zip(
            parts, exponents, squares, (self.exact, self.detours), begun, share, strict=True
        ):
            scale = log10_kept[fine, 1:] + (exponent[fine] * LOG10_2)[:, None]
            self.answer(asked, who, norms[fine], scale, into)
            end = (begin + gain * its_share[..., None]) * kept[:, -1, :, None]
            self._put(who, part, end[fine], exponent[fine])
        if self.hidden is not None:
            of_h = (of_Ph * LOG10_2)[fine, None, None]
            self.answer(asked, who, hidden[fine], of_h, self.hidden)
        self._put(who, self.Ph, Ph[fine], np.repeat(of_Ph[fine, None], self.H, axis=1))
        return fine

    def _gain(
        self,
        factors: list[Array],
        through: Array,
        who: Indices,
        of_Ph: Indices,
        begun: list[Array],
        share: list[Array],
    ) -> tuple[Array, Array, Array, Array, Array]:
        """The loop of `uncoupled`.

        Args:
            factors: of `_factors`.
            through: (B, n, H), r/d on the scale of G.
            who: (B,), the experiments.
            of_Ph: (B,), exponents of Ph.
            begun: Ẽ and R/d before the block, (B, H, H) each on its own scale.
            share: what turns the scale of G into each of theirs, (B, H).

        Returns:
            Squared norms of every step and unit, of Ẽ and R/d (2, B, n, H), of G and of Ph
            (B, n, H); G and Ph of the last step, (B, H, H).
        """
        B, n, H = through.shape
        chunk, halves = chunk_steps(H), len(factors)
        U_by_unit = [U[who] for U in self.U_by_unit]
        E, Ph = (
            self.stand[who, part]
            * power_of_two(self.exponents[who, part] - of_Ph[:, None])[..., None]
            for part in (self.E, self.Ph)
        )
        squares, of_gain, hidden = np.empty((2, B, n, H)), *np.empty((2, B, n, H))
        gain = np.zeros((B, H, H))
        for start in range(0, n, chunk):
            now = slice(start, min(start + chunk, n))
            steps = step_matrices(B, min(chunk, n - start), halves * H, H)
            self._build(steps, [k[:, :, now] for k in factors], U_by_unit)
            steps = steps.swapaxes(2, 3)
            Phs = steps[..., :H] @ E[:, None]
            for s in range(Phs.shape[1] if halves == 2 else 0):
                Phs[:, s] += steps[:, s, :, H:] @ Ph
                Ph = Phs[:, s]
            gains = Phs * through[:, now, :, None]
            gains[:, 0] += gain
            np.cumsum(gains, axis=1, out=gains)
            gain, Ph = gains[:, -1], Phs[:, -1]
            np.vecdot(gains, gains, out=of_gain[:, now])
            np.vecdot(Phs, Phs, out=hidden[:, now])
            for norms, begin, its_share in zip(squares, begun, share, strict=True):
                whole = begin[:, None] + gains * its_share[:, None, :, None]
                np.vecdot(whole, whole, out=norms[:, now])
        return squares, of_gain, hidden, gain, Ph

    def _log2_largest(self, factors: Array, who: Indices) -> Array:
        """log2 of an upper bound of the largest entry of each row of d_t K_t, (B, n, H)."""
        largest = np.abs(self.U_by_unit[0][who]).max(axis=-1)
        return log2_of((np.abs(factors) * largest[:, :, None]).sum(axis=-1)).swapaxes(1, 2)

    def _log2_output_slope(self, first: int, last: int, who: Indices) -> Array:
        """log2 |r_t| for t = last − 1 … first − 1, (B, n, H), however small."""
        slopes = [
            self.cell.log10_read_out(self.states, self.weights, t)[who]
            for t in range(last - 1, first - 2, -1)
        ]
        return np.stack(slopes, axis=1) / LOG10_2

    def carefully(self, t: int, b: np.int64) -> None:
        """A step with E, Ph and R as `Scaled`."""
        row, U = t - self.first, self.weights.weight_hh[b]
        E, Ph, R = (
            scaled.level(self.stand[b, part], self.exponents[b, part])
            for part in (self.E, self.Ph, self.R)
        )
        gates = self.cell.log_slopes(self.states, self.weights, t)
        feed_c = len(gates) - (self.slopes.past_cell is not None)
        parts = [
            scaled.units_times_power(scaled.units_times(whole, factor[b]), ln[b] / LN2)
            for whole, (factor, ln) in zip([E] * feed_c + [Ph], gates, strict=False)
        ]
        Ph = scaled.times(Scaled(*(np.concatenate(p) for p in zip(*parts, strict=True))), U)
        # A slope that has underflowed is a zero without a sign; its logarithm still knows its size.
        through = self.cell.log10_read_out(self.states, self.weights, t - 1)[b] / LOG10_2
        gain = scaled.units_times_power(Ph, through, signs(self.slopes.read_out[b, row]))
        log2_carry = self.log10_carry[b, t - 1] / LOG10_2
        sign = signs(self.slopes.carry[b, row])
        E, R = (
            scaled.add(scaled.units_times_power(whole, log2_carry, sign), gain) for whole in (E, R)
        )
        for part, whole, norms in (
            (self.E, E, self.exact),
            (self.R, R, self.detours),
            (self.Ph, Ph, self.hidden),
        ):
            self.stand[b, part], self.exponents[b, part] = whole
            if self.row[t - 1] >= 0 and norms is not None:
                norms[b, self.row[t - 1]] = scaled.log10_norms(whole)

    def _put(self, who: Indices, part: slice, mantissa: Array, exponent: Indices) -> None:
        """Store a part of the stand, (B, H, H) with an exponent for every row, (B, H)."""
        rows = scaled.level(mantissa.reshape(-1, self.H), exponent.reshape(-1))
        self.stand[who, part] = rows.mantissa.reshape(mantissa.shape)
        self.exponents[who, part] = rows.exponent.reshape(exponent.shape)


def signs(values: Array) -> Array:
    """−1 where negative, else 1: a slope that has underflowed to 0 counts as positive."""
    return np.where(values < 0, -1.0, 1.0)


def log2_of(values: Array) -> Array:
    """log2, −inf for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(values))


def log2_root(squares: Array) -> Array:
    """log2 of the square root, −inf for 0."""
    return 0.5 * log2_of(squares)


def rounded_up(log2: Array) -> Indices:
    """The next whole exponent; that of nothing for −inf."""
    return np.where(np.isfinite(log2), np.ceil(log2), NOTHING).astype(np.int64)
