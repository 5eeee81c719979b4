"""The gradient to the last digit, however much cancels: a reference in arbitrary precision.

The Jacobians of whole steps are multiplied up by the plain chain rule,

    P_T = [I 0]      P_{t−1} = P_t J_t      E_t = Pc_t + Ph_t diag(r_t), E_0 = Pc_0

D is the product of the carries, R = E − D by its own recursion. All is worked out twice, the second
time with at least 128 bits more, and returned only where both agree to 1e-12 in log10; otherwise
the bits are doubled. An error of the first time is 2^128 times smaller in the second. With
`balls=True` Arb's own bounds on every rounding are carried through forward and backward pass: that
is proven, but the bounds grow by some bits each step, so it takes short runs.

Source: Johansson 2017, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic".
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat

from tests.engine.digits import (
    BITS,
    diagonal,
    difference,
    log10_norms,
    log10_of,
    log10_rms,
    plus,
    precision,
    settled,
    times,
)
from tests.engine.precise_cells import Rows, Step, TooFewBits, Vector, run

CONVINCING = 1e-11  # of a log10, after a change by 1e-15


class Survival(NamedTuple):
    """As `lstm_engine.CellSurvival`, for N steps; log10, −inf is a true zero."""

    log10_direct: np.ndarray  # (N, H)
    log10_exact: np.ndarray
    log10_detours: np.ndarray
    direct_rms: np.ndarray  # (N,)
    exact_rms: np.ndarray
    detours_rms: np.ndarray
    share: np.ndarray  # (N,), 0 … 1, nan where nothing is left


class Blocks(NamedTuple):
    """Column norms of ∂(c_T, h_T)/∂(c_t, h_t), "from to"; log10, (N, H)."""

    c_to_c: np.ndarray
    h_to_c: np.ndarray
    c_to_h: np.ndarray
    h_to_h: np.ndarray


class Entries(NamedTuple):
    """∂c_t/∂c_s entry by entry, (H, H)."""

    sign: np.ndarray
    log10: np.ndarray


class Gate(NamedTuple):
    """log10 |∂L/∂gate| and |∂L/∂a| by step and unit, (T, H)."""

    after: np.ndarray
    before: np.ndarray


class Problem(NamedTuple):
    """A cell ("lstm", …, "rnn-tanh", …), its weights (`lstm_engine.Weights`) and its inputs (T, D).

    `change` is the seed of a relative change of every weight by ±1e-15.
    """

    name: str
    weights: Any
    x: np.ndarray
    change: int | None = None

    def run(self, balls: bool) -> list[Step]:
        """Its steps in the bits of the context."""
        return run(self.name, self.weights, self.x, self.change, balls)


def survival(problem: Problem, steps: Iterable[int], balls: bool = False) -> Survival:
    """Direct, exact and detours at some of the steps 0 … T."""
    steps = list(steps)
    return settled(lambda: _survival(problem, steps, balls), balls)[0]


def survival_and_movement(problem: Problem, steps: Iterable[int]) -> tuple[Survival, float]:
    """The survival, and by how much a log10 of it moves where each weight does by ±1e-15 of itself.

    The weights are moved in a run of fewer bits. Where both runs agree, neither lacks bits: what
    rounds at 2^-160 and comes out changed would come out changed by far more after 1e-15.

    Raises:
        TooFewBits: where not even the reference settles; no float64 can.
    """
    steps, changed = list(steps), problem._replace(change=0)
    few, more, *_ = BITS
    with suppress(TooFewBits):
        movement = _movement(in_bits(few, changed, steps), before := in_bits(more, problem, steps))
        if movement < CONVINCING:
            return before, movement
    before, bits = settled(lambda: _survival(problem, steps, False))
    return before, _movement(before, in_bits(bits, changed, steps))


def in_bits(bits: int, problem: Problem, steps: list[int]) -> Survival:
    """The survival in so many bits, whatever they are good for."""
    with precision(bits):
        return _survival(problem, steps, False)


def _movement(one: Survival, other: Survival) -> float:
    return max(difference(a, b) for a, b in zip(one[:6], other[:6], strict=True))


def entries(problem: Problem, s: int, t: int, balls: bool = False) -> Entries:
    """∂c_t/∂c_s, or ∂h_t/∂h_s where h is c."""
    cut = problem._replace(x=problem.x[:t])

    def compute() -> Entries:
        steps, H = cut.run(balls), _width(problem)
        ((_, product),) = _products(steps, _from_c(steps, H), [s], balls)
        table = _exact(product, steps[s - 1] if s else None, H).table()
        sign = np.array([[float(e.sgn().mid()) for e in row] for row in table])
        return Entries(sign, np.array([[log10_of(e * e) / 2 for e in row] for row in table]))

    return settled(compute, balls)[0]


def from_to(problem: Problem, grid: list[int], balls: bool = False) -> np.ndarray:
    """Root mean square of ∂c_t/∂c_s over units for each s ≤ t of a grid, log10, [s, t]."""

    def compute() -> tuple[np.ndarray]:
        steps, H = problem.run(balls), _width(problem)
        rms = np.full((len(grid), len(grid)), np.nan)
        for n, t in enumerate(grid):
            for s, product in _products(steps[:t], _from_c(steps, H), grid[: n + 1], balls):
                exact = _exact(product, steps[s - 1] if s else None, H)
                rms[grid.index(s), n] = log10_rms(exact.table())
        return (rms,)

    return settled(compute, balls)[0][0]


def blocks(problem: Problem, at: Iterable[int], balls: bool = False) -> Blocks:
    """The four blocks of the full state's Jacobian, of a cell with c and h."""
    at = list(at)

    def compute() -> Blocks:
        steps, H = problem.run(balls), _width(problem)
        rows = diagonal([arb(1)] * 2 * H)
        norms: list[list[Vector]] = []
        for _, product in _products(steps, rows, at, balls):
            table = product.table()
            halves = (table[:H], table[H:])
            norms.append(
                [
                    log10_norms([r[side : side + H] for r in half])
                    for half in halves
                    for side in (0, H)
                ]
            )
        return Blocks(*(np.array([n[k] for n in reversed(norms)]) for k in range(4)))

    return settled(compute, balls)[0]


def gate_gradients(problem: Problem, dh: np.ndarray, balls: bool = False) -> dict[str, Gate]:
    """The gradient at each gate, before and after its nonlinearity, at the steps 1 … T.

    Args:
        problem: the run.
        dh: (T, H), ∂L/∂h_t with all other steps held.
        balls: as above.
    """
    names: list[str] = []

    def compute() -> tuple[np.ndarray, ...]:
        steps = problem.run(balls)
        names[:] = steps[0].gates
        sides = _at_gates(steps, dh, balls)
        return tuple(
            np.array([[log10_of(v * v) / 2 for v in row] for row in rows]) for rows in sides
        )

    result = iter(settled(compute, balls)[0])
    return {name: Gate(next(result), next(result)) for name in names}


def _width(problem: Problem) -> int:
    return int(problem.weights.weight_hh.shape[1])


def _survival(problem: Problem, at: list[int], balls: bool) -> Survival:
    norms, rms = [], []
    for parts in _parts(problem.run(balls), at, _width(problem), balls):
        norms.append([log10_norms(rows) for rows in parts])
        rms.append([log10_rms(rows) for rows in parts])
    maps, means = np.array(norms[::-1]), np.array(rms[::-1])
    with np.errstate(invalid="ignore", over="ignore"):
        share = 1 / (1 + 10.0 ** (means[:, 2] - means[:, 0]))
    return Survival(*np.moveaxis(maps, 1, 0), *means.T, share)


def _parts(
    steps: list[Step], at: list[int], H: int, balls: bool
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """D_t, E_t and R_t at some steps, the latest first.

    R_t is E_t − D_t, by a recursion of its own: so tiny a part of D_t may cross that the difference
    of the two would take thousands of bits.
    """
    direct, crossed = [arb(1)] * H, [[arb(0)] * H] * H
    for t, product in _products(steps, _from_c(steps, H), range(min(at), len(steps) + 1), balls):
        step = steps[t - 1] if t else None
        detours = crossed
        if step and step.output_slope is not None:
            into_h = [row[H:] for row in product.table()]
            detours = [
                plus(c, times(h, step.output_slope)) for c, h in zip(crossed, into_h, strict=True)
            ]
        if t in at:
            yield diagonal(direct), _exact(product, step, H).table(), detours
        if step:
            direct, crossed = times(direct, step.carry), [times(row, step.carry) for row in detours]
            if step.crossing is not None:
                more = (product * step.crossing).table()
                crossed = [plus(c, m) for c, m in zip(crossed, more, strict=True)]
            if not balls:
                crossed = [[v.mid() for v in row] for row in crossed]


def _exact(product: arb_mat, step: Step | None, H: int) -> arb_mat:
    """E_t of P_t; h_t follows c_t through its output, but h_0 is on its own."""
    table = product.table()
    exact = arb_mat([row[:H] for row in table])
    if step and step.output_slope is not None:
        exact += arb_mat([row[H:] for row in table]) * arb_mat(diagonal(step.output_slope))
    return exact


def _from_c(steps: list[Step], H: int) -> Rows:
    """P_T: c_T, by the full state."""
    full = bool(steps) and steps[0].output_slope is not None
    return [row + [arb(0)] * (H if full else 0) for row in diagonal([arb(1)] * H)]


def _products(
    steps: list[Step], rows: Rows, at: Sequence[int], balls: bool
) -> Iterator[tuple[int, arb_mat]]:
    """rows · J_T ⋯ J_{t+1} at some steps t, the latest first."""
    product = arb_mat(rows)
    for t in range(len(steps), min(at) - 1, -1):
        if t in at:
            yield t, product
        if t:
            product = product * steps[t - 1].jacobian
            product = product if balls else product.mid()


def _at_gates(steps: list[Step], dh: np.ndarray, balls: bool) -> list[Rows]:
    """∂L/∂gate and ∂L/∂a of each gate in turn, by step and unit."""
    T, H = dh.shape
    full = steps[0].output_slope is not None
    back = arb_mat(1, 2 * H if full else H)
    sides: list[Rows] = [[[]] * T for _ in range(2 * len(steps[0].gates))]
    for t in range(T, 0, -1):
        step, values = steps[t - 1], back.entries()
        into_h = [v + arb(float(d)) for v, d in zip(values[-H:], dh[t - 1], strict=True)]
        into_c = into_h
        if full:
            slopes = zip(values[:H], into_h, step.output_slope, strict=True)
            into_c = [c + h * r for c, h, r in slopes]
        for n, (gate, (k, slope)) in enumerate(step.gates.items()):
            after = [v * a for v, a in zip(into_h if gate == "o" else into_c, k, strict=True)]
            sides[2 * n][t - 1] = after
            sides[2 * n + 1][t - 1] = [v * s for v, s in zip(after, slope, strict=True)]
        whole = (values[:H] if full else []) + into_h
        back = arb_mat(1, len(whole), whole) * step.jacobian
        back = back if balls else back.mid()
    return sides
