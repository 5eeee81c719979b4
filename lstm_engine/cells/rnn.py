"""The vanilla RNN, the gated cells' rival: it has no carry, only what crosses weight_hh.

    h_t = φ(W_ih x_t + W_hh h_{t−1} + b)      ∂h_t/∂h_{t−1} = diag(φ'(a_t)) W_hh

`docs/math.md`, sections "The cells" and "One step back".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lstm_engine.cell import Slopes, refuse_the_infinite
from lstm_engine.gates import NONLINEARITIES, Array
from lstm_engine.validation import checked_method, one_of
from lstm_engine.weights import Weights


@dataclass(frozen=True)
class RnnStates:
    """Everything a forward pass leaves behind; h[0] is the initial zeros, and c is h."""

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
    def forward(self, weights: Weights, x: Array) -> RnnStates:
        """Run the RNN over x (…, T, D) from h_0 = 0.

        Raises:
            LeftFloat64: relu and identity can grow without bound; `.step` says where they leave.
        """
        value = NONLINEARITIES[self.act].value
        T, lead = x.shape[-2], np.broadcast_shapes(x.shape[:-2], weights.weight_ih.shape[:-2])
        h = np.zeros((T + 1, *lead, weights.weight_hh.shape[-1]))
        now, weight_hh = np.empty_like(h[0]), weights.weight_hh
        product = np.matvec if lead else np.dot
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            bias = (weights.bias_ih + weights.bias_hh)[..., None, :]
            seen = x @ weights.weight_ih.swapaxes(-1, -2) + bias
            a = np.ascontiguousarray(np.moveaxis(seen, -2, 0))
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

    def log_slope(self, states: RnnStates) -> Array:
        """ln |φ'(a_t)|, (…, T, H), to the last digit however small; −inf for a dead relu."""
        return NONLINEARITIES[self.act].log_slope(states.a)
