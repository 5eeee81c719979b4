"""The vanilla RNN: forward, and one step back.

    h_t = φ(W_ih x_t + W_hh h_{t−1} + b)      ∂h_t/∂h_{t−1} = diag(φ'(a_t)) W_hh

`docs/math.md`, sections "The cells" and "One step back".
"""

from dataclasses import dataclass

import numpy as np

from lstm_engine.errors import LeftFloat64
from lstm_engine.gates import NONLINEARITIES, Array
from lstm_engine.weights import Weights

NAME = "rnn"


@dataclass(frozen=True, slots=True)
class States:
    """Everything a forward pass leaves behind; h[0] is the initial zeros."""

    h: Array  # (T+1, H)
    a: Array  # (T, H), before the nonlinearity
    act: str


def forward(weights: Weights, x: Array, act: str = "tanh") -> States:
    """Run the RNN over x (T, D) from h_0 = 0.

    Args:
        weights: of `draw_rnn`.
        x: (T, D).
        act: "tanh", "relu", "identity" or "logistic".

    Raises:
        LeftFloat64: relu and identity can grow without bound; `.step` says where they leave.
    """
    if act not in NONLINEARITIES:
        raise ValueError(f"act is {act!r}: allowed are {', '.join(NONLINEARITIES)}")
    value = NONLINEARITIES[act].value
    T, H = len(x), weights.weight_hh.shape[1]
    h = np.zeros((T + 1, H))
    now, weight_hh = np.empty(H), weights.weight_hh
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        a = x @ weights.weight_ih.T + (weights.bias_ih + weights.bias_hh)
        for a_t, h_before, h_t in zip(a, h[:-1], h[1:], strict=True):
            weight_hh.dot(h_before, now)
            np.add(a_t, now, a_t)
            h_t[:] = value(a_t)
    finite = np.isfinite(h).all(axis=1)
    if not finite.all():
        raise LeftFloat64(NAME, int(np.argmin(finite)))
    return States(h, a, act)


def pull_back(states: States, weights: Weights, t: int, dh: Array) -> Array:
    """One step back: from the gradient at h_t, shaped (…, H), to the one at h_{t−1}.

    dh' = (dh⊙φ'(a_t)) W_hh
    """
    return np.asarray((dh * NONLINEARITIES[states.act].slope(states.a[t - 1])) @ weights.weight_hh)
