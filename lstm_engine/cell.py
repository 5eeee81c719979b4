"""What a gated cell is to the rest of the engine: a module with the names of `Cell`.

Every cell has a state c (T+1, H) that its carry keeps and a visible state h (T+1, H); where a cell
has only one state, as the GRU, h *is* c. All derivatives of a step are diagonal matrices times the
rows of weight_hh, so a step backwards is known from a handful of vectors, `Slopes`. Adding a cell
is one file in `lstm_engine/cells` and its line in `lstm_engine.cells.CELLS`.

A leading axis in front of all others holds several experiments of one shape; "…" stands for it.
`docs/math.md`, sections "The cells" and "One step back".
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from lstm_engine.errors import LeftFloat64
from lstm_engine.gates import Array
from lstm_engine.scaled_array import ScaledArray
from lstm_engine.weights import Weights

Start = tuple[Array, Array] | Array  # (h_0, c_0), or h_0 alone where h is c itself


class Slopes(NamedTuple):
    """What the steps first … last are made of backwards, row k for step t = first + k.

    With a_gate a gate before its nonlinearity and U_gate its H rows of weight_hh,

        ∂c_t/∂c_{t−1} = diag(carry)
        ∂c_t/∂h_{t−1} = K_t = Σ diag(into_cell[gate]) U_gate   over the gates that feed c
        ∂h_t/∂c_t     = diag(read_out)
        ∂h_t/∂h_{t−1} beside c_t = V_t = diag(past_cell) U_o

    The gates that feed c are the first blocks of weight_hh; o, where there is one, is the last.
    """

    carry: Array  # (…, n, H)
    into_cell: Array  # (…, n, G, H), through U_gate h_{t−1}; G = 0 where nothing recurs
    from_input: Array  # (…, n, gates that feed c, H), the same through what a gate sees of x_t
    past_cell: Array | None  # (…, n, H); None where h is c itself
    read_out: Array  # (…, n+1, H), of the steps first−1 … last; r_0 = 0 where h_0 is free


class GateDerivative(NamedTuple):
    """One gate in the backward pass: the state's derivative by the gate, the gate's by a.

        ∂L/∂gate = ∂L/∂state ⊙ by_gate          ∂L/∂a = ∂L/∂gate ⊙ slope

    a is the gate's pre-activation, as it is made of x_t. Where gates depend on one another (a
    coupled cell's i = 1 − f, a minLSTM's i' = 1 − f'), both derivatives are total: the other gate
    moves too. No digit is lost where a gate saturates: the factors have exponents of their own.
    """

    state: str  # "c" or "h": the state whose gradient it multiplies
    by_gate: ScaledArray  # (…, T, H), ∂state_t/∂gate_t
    slope: ScaledArray  # (…, T, H), ∂gate_t/∂a_t
    by_recurrent: ScaledArray | None = None  # ∂a_t/∂(U_gate h_{t−1} + b_hh); None where it is 1


class Cell(Protocol):
    """The names that every module of `lstm_engine.cells` has.

    Attributes:
        NAME: as in links, "lstm".
        TITLE: as one writes it, "LSTM".
        GATES: what each gate block is, in the order of weight_ih's blocks, under the letter of the
            bias that moves it: i, f, g or o.
        CHRONO: the sign with which each gate takes part in the chrono initialisation.
        RECURRENT: whether the gates see h_{t−1}.
        PEEPHOLES: whether i, f and o see the cell.
        States: all that a forward pass leaves behind; h and c are (…, T+1, H), all else (…, T, H).
            Fields a_… are gates before their nonlinearity, in the order of GATES; a gate without
            one has none.
    """

    @property
    def NAME(self) -> str: ...  # noqa: D102

    @property
    def TITLE(self) -> str: ...  # noqa: D102

    @property
    def GATES(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def CHRONO(self) -> Mapping[str, int]: ...  # noqa: D102

    @property
    def RECURRENT(self) -> bool: ...  # noqa: D102

    @property
    def PEEPHOLES(self) -> bool: ...  # noqa: D102

    @property
    def States(self) -> Any: ...  # noqa: D102

    def step(
        self, weights: Weights, seen: Array, heard: Array, h: Array, c: Array
    ) -> tuple[Array, ...]:
        """One step forward: h_t, c_t and the rest of `States`, in its order.

        Written once for real and complex numbers.

        Args:
            weights: the cell's.
            seen: (…, nH), `W_ih x_t + b_ih`.
            heard: (…, nH), `W_hh h_{t−1} + b_hh`; empty where nothing recurs.
            h: (…, H), h_{t−1}.
            c: (…, H), c_{t−1}.
        """

    def forward(self, weights: Weights, x: Array, start: Start | None = None) -> Any:
        """Run over x (…, T, D) from h_0 = c_0 = 0 or from `start`; returns `States`.

        Args:
            weights: the cell's.
            x: (…, T, D).
            start: (h_0, c_0), each (…, H); where h is c itself h_0 alone, (…, H).
        """

    def log10_carry(self, states: Any, weights: Weights) -> Array:
        """log10 |∂c_t/∂c_{t−1}| along the carry, (…, T, H), to the last digit however small."""

    def log10_read_out(self, states: Any, weights: Weights, t: int) -> Array:
        """log10 |∂h_t/∂c_t|, (…, H), however small; −inf at t = 0 where h_0 is free."""

    def slopes(self, states: Any, weights: Weights, first: int, last: int) -> Slopes:
        """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T)."""

    def log_slopes(self, states: Any, weights: Weights, t: int) -> list[tuple[Array, Array]]:
        """What `into_cell` and `past_cell` are at step t, however small: `factor·exp(ln)`.

        Returns:
            (factor, ln), (…, H) both, for every gate that sees h_{t−1}, in the order of
            weight_hh's blocks. Only sign and size of the factor within float64 are left in it; ln
            is finite for any pre-activation.
        """

    def gate_derivatives(
        self, states: Any, weights: Weights, x: Array
    ) -> dict[str, GateDerivative]:
        """What multiplies ∂L/∂c_t or ∂L/∂h_t to give ∂L/∂gate, by the letters of GATES."""


Run = TypeVar("Run")


def unroll(
    name: str,
    step: Callable[..., tuple[Array, ...]],
    States: Callable[..., Run],
    weights: Weights,
    x: Array,
    start: Start | None = None,
) -> Run:
    """Run a cell's step over x (…, T, D), from h_0 = c_0 = 0 or from `start`, (h_0, c_0).

    Raises:
        LeftFloat64: where a state is not finite.
        ValueError: where `start` is not a pair of (…, H).
    """
    initial = h, c = start_states(start, weights, x)
    states: list[Array] = []
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        seen = x @ weights.weight_ih.swapaxes(-1, -2) + weights.bias_ih[..., None, :]
        seen = np.broadcast_to(seen, (*h.shape[:-1], *seen.shape[-2:]))
        for t in range(x.shape[-2]):
            heard = np.matvec(weights.weight_hh, h) + weights.bias_hh
            h, c, *rest = step(weights, seen[..., t, :], heard, h, c)
            states = states or _room((h, c, *rest), initial, x.shape[-2])
            for state, now in zip(states, (h, c, *rest), strict=True):
                state[..., t - x.shape[-2], :] = now
    refuse_the_infinite(name, *states)
    return States(*states)


def start_states(
    start: Start | None, weights: Weights, x: Array, one_state: bool = False
) -> tuple[Array, Array]:
    """h_0 and c_0, both (…, H) with every leading axis of x and the weights; zeros by default.

    Args:
        start: (h_0, c_0); where a cell has `one_state`, h_0 alone, or a pair of equals.
        weights: the cell's.
        x: (…, T, D).
        one_state: whether h is c itself.

    Raises:
        ValueError: where `start` has another form, or its arrays another shape.
    """
    lead = np.broadcast_shapes(x.shape[:-2], weights.weight_ih.shape[:-2])
    H = weights.weight_hh.shape[-1]
    if start is None:
        return tuple(np.zeros((2, *lead, H)))
    pair = start if isinstance(start, tuple) else (start, start)
    if len(pair) != 2 or not (one_state or isinstance(start, tuple)):
        raise ValueError(f"start must be {'h_0' if one_state else 'a pair (h_0, c_0)'}, (…, {H})")
    for name, state in zip(("h_0", "c_0"), pair, strict=True):
        if np.shape(state)[-1:] != (H,):
            raise ValueError(f"start: {name} is {np.shape(state)}, it must be (…, {H})")
    if one_state and not np.array_equal(*pair):
        raise ValueError("start: h is c itself in this cell, but h_0 and c_0 differ")
    try:
        lead = np.broadcast_shapes(lead, *(np.shape(state)[:-1] for state in pair))
    except ValueError:
        shapes = " and ".join(str(np.shape(state)) for state in pair)
        raise ValueError(
            f"start: h_0 and c_0 are {shapes}; x and the weights have leading axes {lead}"
        ) from None
    h, c = (np.array(np.broadcast_to(state, (*lead, H))) for state in pair)
    return h, c


def _room(record: tuple[Array, ...], start: tuple[Array, Array], T: int) -> list[Array]:
    """Room for T records; h and c begin with their initial values, a row before the others."""
    rows = [T + 1, T + 1, *[T] * (len(record) - 2)]
    room = [
        np.empty((*now.shape[:-1], n, now.shape[-1]), now.dtype)
        for n, now in zip(rows, record, strict=True)
    ]
    for state, before in zip(room, start, strict=False):
        state[..., 0, :] = before
    return room


def refuse_the_infinite(name: str, *states: Array) -> None:
    """Raise LeftFloat64 with the first step at which one of the states is not finite.

    They are (…, T+1, m), or (…, T, m) from step 1 on. Gates before their nonlinearity count too:
    they saturate at an infinite sum, whose true value may be anything.
    """
    if all(np.isfinite(s).all() for s in states):
        return
    T = max(s.shape[-2] for s in states) - 1
    steps = []
    for s in states:
        by_step = np.moveaxis(np.isfinite(s), -2, 0).reshape(s.shape[-2], -1)
        finite = np.asarray(by_step.all(axis=1))
        if not finite.all():
            steps.append(T + 1 - len(finite) + int(np.argmin(finite)))
    raise LeftFloat64(name, min(steps))
