"""Every cell once more, in Arb's arbitrary precision (python-flint): equations and Jacobians.

The equations are those of each cell's paper and of `docs/math.md`; nothing of the engine is used.
A step gives the Jacobian of its whole state, of (c_t, h_t) by (c_{t−1}, h_{t−1}), or of h_t by
h_{t−1} where h is c. `tests/engine/precise.py` multiplies them up.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat

Vector = list[arb]
Rows = list[Vector]


class TooFewBits(ArithmeticError):
    """More bits are needed, for a digit, a sign or the side of a kink."""


class Step(NamedTuple):
    """One step: what came out, its derivatives, and what a gradient at its gates is made of."""

    h: Vector
    c: Vector
    jacobian: arb_mat  # of (c, h) by the (c, h) before, or of h by h
    carry: Vector  # diagonal of ∂c_t/∂c_{t−1}, h_{t−1} held
    output_slope: Vector | None  # diagonal of ∂h_t/∂c_t, None where h is c
    crossing: arb_mat | None  # what is not carry, through weight_hh alone, where h is c
    gates: dict[str, tuple[Vector, Vector]]  # ∂c_t/∂gate (o: ∂h_t/∂gate), and ∂gate/∂a


class Layer:
    """A layer's weights as balls without a radius; `change` moves each by ±1e-15 of itself."""

    def __init__(self, weights: Any, x: np.ndarray, change: int | None = None) -> None:
        signs = None if change is None else np.random.RandomState(change)

        def exact(values: np.ndarray) -> Rows:
            rows = [[arb(v) for v in row] for row in np.atleast_2d(values).tolist()]
            if signs is None:
                return rows
            up, down = 1 + arb(1) / 10**15, 1 - arb(1) / 10**15
            return [[v * (up if signs.randint(2) else down) for v in row] for row in rows]

        self.H = H = weights.weight_hh.shape[1]
        self.blocks = blocks = weights.weight_ih.shape[0] // H
        weight_ih, weight_hh = exact(weights.weight_ih), exact(weights.weight_hh)
        bias_ih, bias_hh = exact(weights.bias_ih)[0], exact(weights.bias_hh)[0]
        self.U = [weight_hh[n * H : (n + 1) * H] for n in range(blocks)]
        self.weight_hh = arb_mat(weight_hh) if weight_hh and weight_hh[0] else None
        self.bias_hh = bias_hh
        self.peephole = [] if weights.peephole is None else exact(weights.peephole)
        seen = (
            arb_mat(weight_ih) * arb_mat([[arb(v) for v in row] for row in x.T.tolist()])
        ).table()
        self.seen = [
            [row[t] + b for row, b in zip(seen, bias_ih, strict=True)] for t in range(len(x))
        ]

    def heard(self, h: Vector) -> Vector:
        """W_hh h + b_hh."""
        if self.weight_hh is None:
            return [arb(0)] * (self.blocks * self.H)
        product = (self.weight_hh * arb_mat(self.H, 1, h)).entries()
        return [a + b for a, b in zip(product, self.bias_hh, strict=True)]

    def split(self, a: Vector) -> Rows:
        """One row for each gate block."""
        return [a[n * self.H : (n + 1) * self.H] for n in range(self.blocks)]

    def gates(self, seen: Vector, h: Vector) -> Rows:
        """The gates before their nonlinearity."""
        return self.split(_add(seen, self.heard(h)))


def _add(u: Vector, v: Vector) -> Vector:
    return [a + b for a, b in zip(u, v, strict=True)]


def _subtract(u: Vector, v: Vector) -> Vector:
    return [a - b for a, b in zip(u, v, strict=True)]


def _times(u: Vector, v: Vector) -> Vector:
    return [a * b for a, b in zip(u, v, strict=True)]


def _negative(u: Vector) -> Vector:
    return [-a for a in u]


def _sigmoid(a: Vector) -> tuple[Vector, Vector]:
    """σ and its derivative σ(a)σ(−a), neither of which may cancel."""
    e = [(-v).exp() for v in a]
    s = [1 / (1 + v) for v in e]
    return s, [v * w * w for v, w in zip(e, s, strict=True)]


def _tanh(a: Vector) -> tuple[Vector, Vector]:
    """tanh and its derivative 1/cosh²."""
    both = [v.sinh_cosh() for v in a]
    return [s / c for s, c in both], [1 / (c * c) for _, c in both]


def _relu(a: Vector) -> tuple[Vector, Vector]:
    """max(a, 0), whose derivative at 0 is 0."""
    if any(v.contains(arb(0)) and not v.is_zero() for v in a):
        raise TooFewBits("which side of relu's kink?")
    return [v if v > 0 else arb(0) for v in a], [arb(1) if v > 0 else arb(0) for v in a]


ACTS: dict[str, Callable[[Vector], tuple[Vector, Vector]]] = {
    "tanh": _tanh,
    "relu": _relu,
    "identity": lambda a: (a, [arb(1)] * len(a)),
    "logistic": _sigmoid,
}


def _weighted(terms: list[tuple[Vector, Rows]]) -> Rows:
    """Σ diag(k) U."""
    (k, U), *more = terms
    total = [[s * u for u in row] for s, row in zip(k, U, strict=True)]
    for k, U in more:
        total = [
            [a + s * u for a, u in zip(T, row, strict=True)]
            for T, s, row in zip(total, k, U, strict=True)
        ]
    return total


def _diagonal(d: Vector) -> Rows:
    zero = arb(0)
    return [[v if k == j else zero for k in range(len(d))] for j, v in enumerate(d)]


def _with_output(
    carry: Vector, into_cell: list[tuple[Vector, Rows]], r: Vector, k_o: Vector, U_o: Rows
) -> arb_mat:
    """∂(c_t, h_t)/∂(c_{t−1}, h_{t−1}) where h_t = o(h_{t−1}, c_t)⊙tanh(c_t)."""
    K = _weighted(into_cell)
    V = [
        [s * k + q * u for k, u in zip(*rows, strict=True)]
        for s, q, *rows in zip(r, k_o, K, U_o, strict=True)
    ]
    upper = [d + k for d, k in zip(_diagonal(carry), K, strict=True)]
    lower = [d + v for d, v in zip(_diagonal(_times(r, carry)), V, strict=True)]
    return arb_mat(upper + lower)


def _output(a_o: Vector, c: Vector, p_o: Vector | None = None) -> tuple[Vector, ...]:
    """h = o⊙tanh(c), ∂h/∂c, ∂h/∂a_o, tanh(c), ∂o/∂a_o; with a peephole o sees c."""
    if p_o:
        a_o = _add(a_o, _times(p_o, c))
    (o, o_slope), (y, y_slope) = _sigmoid(a_o), _tanh(c)
    k_o = _times(y, o_slope)
    r = _times(o, y_slope)
    if p_o:
        r = _add(r, _times(k_o, p_o))
    return _times(o, y), r, k_o, y, o_slope


def lstm(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
    """Gers, Schmidhuber & Cummins 2000; with peepholes Gers, Schraudolph & Schmidhuber 2002."""
    a_i, a_f, a_g, a_o = layer.gates(seen, h)
    p_i, p_f, p_o = layer.peephole or (None, None, None)
    if layer.peephole:
        a_i, a_f = _add(a_i, _times(p_i, c)), _add(a_f, _times(p_f, c))
    (i, i_slope), (f, f_slope), (g, g_slope) = _sigmoid(a_i), _sigmoid(a_f), _tanh(a_g)
    k_i, k_f, k_g = _times(g, i_slope), _times(c, f_slope), _times(i, g_slope)
    carry = f
    if layer.peephole:
        carry = _add(f, _add(_times(k_f, p_f), _times(k_i, p_i)))
    now = _add(_times(f, c), _times(i, g))
    h, r, k_o, y, o_slope = _output(a_o, now, p_o)
    into_cell = list(zip((k_i, k_f, k_g), layer.U[:3], strict=True))
    gates = {"i": (g, i_slope), "f": (c, f_slope), "g": (i, g_slope), "o": (y, o_slope)}
    return Step(h, now, _with_output(carry, into_cell, r, k_o, layer.U[3]), carry, r, None, gates)


def lstm_1997(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
    """Hochreiter & Schmidhuber 1997: c_t = c_{t−1} + i⊙g."""
    a_i, a_g, a_o = layer.gates(seen, h)
    (i, i_slope), (g, g_slope) = _sigmoid(a_i), _tanh(a_g)
    now, carry = _add(c, _times(i, g)), [arb(1)] * layer.H
    h, r, k_o, y, o_slope = _output(a_o, now)
    into_cell = list(zip((_times(g, i_slope), _times(i, g_slope)), layer.U[:2], strict=True))
    gates = {"i": (g, i_slope), "g": (i, g_slope), "o": (y, o_slope)}
    return Step(h, now, _with_output(carry, into_cell, r, k_o, layer.U[2]), carry, r, None, gates)


def coupled(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
    """Greff et al. 2015, CIFG: c_t = f⊙c_{t−1} + (1 − f)⊙g."""
    a_f, a_g, a_o = layer.gates(seen, h)
    (f, f_slope), (i, _), (g, g_slope) = _sigmoid(a_f), _sigmoid(_negative(a_f)), _tanh(a_g)
    now, by_f = _add(_times(f, c), _times(i, g)), _subtract(c, g)
    h, r, k_o, y, o_slope = _output(a_o, now)
    into_cell = list(zip((_times(by_f, f_slope), _times(i, g_slope)), layer.U[:2], strict=True))
    gates = {"f": (by_f, f_slope), "g": (i, g_slope), "o": (y, o_slope)}
    return Step(h, now, _with_output(f, into_cell, r, k_o, layer.U[2]), f, r, None, gates)


def gru(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
    """Cho et al. 2014, the reset after the product, as torch has it."""
    seen_r, seen_z, seen_n = layer.split(seen)
    heard_r, heard_z, heard_n = layer.split(layer.heard(h))
    (r, r_slope), (z, z_slope) = _sigmoid(_add(seen_r, heard_r)), _sigmoid(_add(seen_z, heard_z))
    n, n_slope = _tanh(_add(seen_n, _times(r, heard_n)))
    new, _ = _sigmoid(_negative(_add(seen_z, heard_z)))
    by_a_n, by_z = _times(new, n_slope), _subtract(h, n)
    by_r = _times(by_a_n, heard_n)
    now = _add(_times(new, n), _times(z, h))
    factors = (_times(by_r, r_slope), _times(by_z, z_slope), _times(by_a_n, r))
    crossing = arb_mat(_weighted(list(zip(factors, layer.U, strict=True))))
    jacobian = arb_mat(_diagonal(z)) + crossing
    gates = {"i": (by_r, r_slope), "f": (by_z, z_slope), "g": (new, n_slope)}
    return Step(now, now, jacobian, z, None, crossing, gates)


def minlstm(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
    """Feng et al. 2024: f' = f/(f+i), i' = i/(f+i), a candidate without a nonlinearity."""
    a_i, a_f, g = layer.split(seen)
    (i, i_slope), (f, f_slope) = _sigmoid(a_i), _sigmoid(a_f)
    sums = _add(i, f)
    keep, write = ([a / s for a, s in zip(gate, sums, strict=True)] for gate in (f, i))
    now = _add(_times(keep, h), _times(write, g))
    # ∂f'/∂f = i/(f+i)², ∂f'/∂i = −f/(f+i)², and i' = 1 − f'.
    by_f = [(b - n) * w / s for b, n, w, s in zip(h, g, write, sums, strict=True)]
    by_i = [(n - b) * k / s for b, n, k, s in zip(h, g, keep, sums, strict=True)]
    gates = {"i": (by_i, i_slope), "f": (by_f, f_slope), "g": (write, [arb(1)] * layer.H)}
    return Step(now, now, arb_mat(_diagonal(keep)), keep, None, arb_mat(layer.H, layer.H), gates)


def mingru(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
    """Feng et al. 2024, with 1 − z in the place of z: the gate says what is kept."""
    a_f, g = layer.split(seen)
    (f, f_slope), (new, _) = _sigmoid(a_f), _sigmoid(_negative(a_f))
    now = _add(_times(f, h), _times(new, g))
    gates = {"f": (_subtract(h, g), f_slope), "g": (new, [arb(1)] * layer.H)}
    return Step(now, now, arb_mat(_diagonal(f)), f, None, arb_mat(layer.H, layer.H), gates)


def rnn(act: str) -> Callable[[Layer, Vector, Vector, Vector], Step]:
    """h_t = φ(W_ih x_t + W_hh h_{t−1} + b): no carry."""

    def step(layer: Layer, seen: Vector, h: Vector, c: Vector) -> Step:
        (a,) = layer.gates(seen, h)
        h, slope = ACTS[act](a)
        jacobian = arb_mat(_weighted([(slope, layer.U[0])]))
        gates = {"g": ([arb(1)] * layer.H, slope)}
        return Step(h, h, jacobian, [arb(0)] * layer.H, None, jacobian, gates)

    return step


STEPS: dict[str, Callable[[Layer, Vector, Vector, Vector], Step]] = {
    "lstm": lstm,
    "lstm-1997": lstm_1997,
    "peephole": lstm,
    "coupled": coupled,
    "gru": gru,
    "minlstm": minlstm,
    "mingru": mingru,
    **{f"rnn-{act}": rnn(act) for act in ACTS},
}


def run(
    name: str, weights: Any, x: np.ndarray, change: int | None = None, balls: bool = False
) -> list[Step]:
    """The steps 1 … T from h_0 = c_0 = 0, in the bits of the context.

    With `balls` each state keeps the bound on its error; otherwise only the rounded number goes on.
    """
    layer = Layer(weights, x, change)
    h = c = [arb(0)] * layer.H
    steps = []
    for seen in layer.seen:
        step = STEPS[name](layer, seen, h, c)
        h, c = (step.h, step.c) if balls else ([v.mid() for v in s] for s in (step.h, step.c))
        steps.append(step)
    return steps
