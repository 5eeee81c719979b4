"""How far back the direct path reaches: half-life, time constant, horizon, and the bias it takes.

All of it speaks of the carry alone, `∏f`, never of the exact gradient. A unit is summed up by
`mean_log_f`, the mean over time of ln f, so `exp(mean_log_f)` is its geometric mean of f.
`docs/math.md`, section "Horizon".
"""

import numpy as np

from lstm_engine import lstm
from lstm_engine.gates import LN2, Array, softplus

# What still counts as arriving: two plain thresholds, three smallest normal numbers of formats.
THRESHOLDS = {
    "1e-3": 1e-3,
    "1e-6": 1e-6,
    "float32": 2.0**-126,
    "bfloat16": 2.0**-126,
    "float16": 2.0**-14,
}


def mean_log_f(states: "lstm.States") -> Array:
    """The mean over time of ln f, (H,): finite and negative, even where f rounds to 0 or 1."""
    return np.asarray(-softplus(-states.a_f).mean(axis=0))


def half_life(mean_log_f: Array) -> Array:
    """Steps until the direct path keeps half: `ln ½ / mean ln f`; inf where f is 1."""
    return _steps(LN2, mean_log_f)


def time_constant(mean_log_f: Array) -> Array:
    """Steps until the direct path keeps 1/e: `−1 / mean ln f`; inf where f is 1."""
    return _steps(1.0, mean_log_f)


def horizon(mean_log_f: Array, threshold: float = 1e-3) -> Array:
    """The largest lag, in whole steps, whose direct survival is at least `threshold` (≤ 1)."""
    steps = _steps(-float(np.log(threshold)), mean_log_f)
    # f = 0.9 keeps exactly 0.81 over 2 steps, but ln 0.81 / ln 0.9 rounds to 1.9999999999999998.
    return np.floor(steps * (1.0 + 1e-13))


def needed_bias(T: float, keep: float = 0.5) -> float:
    """The forget bias with which the direct path keeps `keep` over T steps: `logit(keep^(1/T))`."""
    log_f = float(np.log(keep)) / T
    return log_f - float(np.log(-np.expm1(log_f)))


def _steps(lost: float, mean_log_f: Array) -> Array:
    """How many steps lose `lost` in ln; inf where nothing is lost per step."""
    rate = -np.asarray(mean_log_f, dtype=np.float64)
    with np.errstate(over="ignore"):  # a rate of 1e-320 gives inf, which is the answer
        return np.divide(lost, rate, out=np.full_like(rate, np.inf), where=rate > 0)
