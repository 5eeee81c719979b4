"""The vanilla RNN, the gated cells' rival: it has no carry, only what crosses weight_hh.

    h_t = φ(W_ih x_t + W_hh h_{t−1} + b)      ∂h_t/∂h_{t−1} = diag(φ'(a_t)) W_hh

`docs/math.md`, sections "The cells" and "One step back".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lstm_engine.cell import GateDerivative, Slopes, Start, refuse_the_infinite, start_states
from lstm_engine.gates import NONLINEARITIES, Array
from lstm_engine.scaled_array import scaled
from lstm_engine.validation import checked_method, one_of
from lstm_engine.weights import Weights


@dataclass(frozen=True)
class RnnStates:
    """Everything a forward pass leaves behind; h[0] is the initial state, and c is h."""

    h: Array  # (…, T+1, H)
    c: Array
    a: Array  # (…, T, H), before the nonlinearity


@dataclass(frozen=True)
class Rnn:
    """The RNN with one of four nonlinearities, as a cell whose carry keeps nothing."""

    act: str = "tanh"

    NAME: ClassVar[str] = "rnn"
    TITLE: ClassVar[str] = "vanilla RNN"
    GATES: ClassVar[Mapping[str, str]] = {"g": "state"}
    CHRONO: ClassVar[Mapping[str, int]] = {}
    RECURRENT: ClassVar[bool] = True
    PEEPHOLES: ClassVar[bool] = False
    States: ClassVar[type[RnnStates]] = RnnStates

    def __post_init__(self) -> None:
        one_of("act", self.act, NONLINEARITIES)

    def step(
        self, weights: Weights, seen: Array, heard: Array, h: Array, c: Array
    ) -> tuple[Array, ...]:
        """One step of the equation above; returns the fields of `States`."""
        a = seen + heard
        h = NONLINEARITIES[self.act].value(a)
        return h, h, a

    @checked_method
    def forward(self, weights: Weights, x: Array, start: Start | None = None) -> RnnStates:
        """Run the RNN over x (…, T, D).

        Args:
            weights: the network's.
            x: (…, T, D).
            start: h_0, (…, H), or the pair (h_0, h_0); by default 0.

        Raises:
            LeftFloat64: relu and identity can grow without bound; `.step` says where they leave.
            ValueError: where `start` is not (…, H).
        """
        value = NONLINEARITIES[self.act].value
        h_0, _ = start_states(start, weights, x, one_state=True)
        *lead, H = h_0.shape
        h = np.empty((x.shape[-2] + 1, *lead, H))
        h[0] = h_0
        now, weight_hh = np.empty_like(h[0]), weights.weight_hh
        product = np.matvec if lead else np.dot
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            bias = (weights.bias_ih + weights.bias_hh)[..., None, :]
            seen = x @ weights.weight_ih.swapaxes(-1, -2) + bias
            seen = np.broadcast_to(seen, (*lead, *seen.shape[-2:]))
            a = np.array(np.moveaxis(seen, -2, 0), order="C")
            for a_t, h_before, h_t in zip(a, h[:-1], h[1:], strict=True):
                product(weight_hh, h_before, out=now)
                np.add(a_t, now, a_t)
                h_t[:] = value(a_t)
        h, a = np.moveaxis(h, 0, -2), np.moveaxis(a, 0, -2)
        refuse_the_infinite(self.NAME, h, a)
        return RnnStates(h, h, a)

    def log10_carry(self, states: RnnStates, weights: Weights) -> Array:
        """−inf everywhere: nothing is kept but through weight_hh."""
        return np.full_like(states.a, -np.inf)

    def log10_read_out(self, states: RnnStates, weights: Weights, t: int) -> Array:
        """0: h is c."""
        return np.zeros_like(states.h[..., t, :])

    def slopes(self, states: RnnStates, weights: Weights, first: int, last: int) -> Slopes:
        """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T)."""
        slope = NONLINEARITIES[self.act].slope(states.a[..., first - 1 : last, :])
        into_cell = slope[..., None, :]
        read_out = np.ones_like(states.h[..., first - 1 : last + 1, :])
        return Slopes(np.zeros_like(slope), into_cell, into_cell, None, read_out)

    def log_slopes(self, states: RnnStates, weights: Weights, t: int) -> list[tuple[Array, Array]]:
        """The same factor of step t, however small: `factor·exp(ln)`."""
        ln = NONLINEARITIES[self.act].log_slope(states.a[..., t - 1, :])
        return [(np.ones_like(ln), ln)]

    def gate_derivatives(
        self, states: RnnStates, weights: Weights, x: Array
    ) -> dict[str, GateDerivative]:
        """∂h_t/∂h_t = 1: the state is the only gate; its slope is φ'(a_t)."""
        slope = scaled(NONLINEARITIES[self.act].slope(states.a), self.log_slope(states))
        return {"g": GateDerivative("c", scaled(np.ones_like(states.a)), slope)}

    def kinks(self, states: RnnStates, weights: Weights, x: Array) -> NDArray[np.bool_]:
        """Where a_t is a kink of φ to rounding, (…, T, H): there h_t has no derivative.

        A sum of n terms may be off by n roundings of their sizes' sum, on either side of the kink.
        """
        terms = weights.weight_ih.shape[-1] + weights.weight_hh.shape[-1] + 2
        size = np.abs(x) @ np.abs(weights.weight_ih).swapaxes(-1, -2)
        size = size + np.abs(states.h[..., :-1, :]) @ np.abs(weights.weight_hh).swapaxes(-1, -2)
        size = size + (np.abs(weights.bias_ih) + np.abs(weights.bias_hh))[..., None, :]
        near = terms * np.finfo(np.float64).eps * size
        found = np.zeros(states.a.shape, dtype=np.bool_)
        for kink in NONLINEARITIES[self.act].kinks:
            found |= np.abs(states.a - kink) <= near
        return found

    def log_slope(self, states: RnnStates) -> Array:
        """ln |φ'(a_t)|, (…, T, H), to the last digit however small; −inf for a dead relu."""
        return NONLINEARITIES[self.act].log_slope(states.a)
