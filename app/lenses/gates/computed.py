"""A run's gates: how open, how saturated, what a step keeps and writes, what keeping costs."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from lstm_engine import Cell, horizon
from lstm_engine.gates import (
    LN10,
    log10_sigmoid,
    log_sigmoid_slope,
    log_tanh_slope,
    sigmoid,
    softplus,
)

NORMALISED = "minlstm"  # the cell whose gates are told as they act: divided by their sum
NEAR = 0.1  # of an end: saturated, as Karpathy, Johnson & Li (2015) count it
STEEPEST = 0.25  # slope of a sigmoid, in its middle

Array = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Gate:
    """One gate, or the candidate, over time; what is told of a unit counts all steps.

    `docs/math.md`, "Log10 from birth" and "The full backward pass".
    """

    symbol: str  # as the equations have it
    name: str
    value: Array  # (N, H), at the steps that are told
    mean: Array  # (H,)
    low: Array  # (H,), share of steps within NEAR of its lower end; nan where it has no ends
    high: Array  # (H,)
    log10_distance: Array  # (H,), from the nearer end, median over time
    log10_slope: Array  # (H,), ∂gate/∂a of its own pre-activation, geometric mean over time
    log10_after: (
        Array  # (N,), ∂L/∂gate, rms over units; nan before the steps that the backward pass covers
    )
    log10_before: Array  # (N,), ∂L/∂a: the same before the nonlinearity


@dataclass(frozen=True)
class Step:
    """What every step keeps and writes: state = keep⊙(state before) + write⊙candidate."""

    state: str  # as the equations have it
    keeps: str  # "" where it keeps all
    writes: str
    keep: Array  # (N, H)
    write: Array
    before: Array  # (N, H), the state one step earlier


@dataclass(frozen=True)
class Trade:
    """Of the gate that keeps: how long it keeps, and the slope through which it learns.

    Both are geometric means over time, so no unit lies above the curve of a gate that stands still:
    ln(1 − f) is concave in ln f. `docs/math.md`, "Horizon".
    """

    log10_kept: Array  # (H,), a step
    half_life: Array  # (H,), steps
    log10_slope: Array  # (H,)

    def drawable(self) -> NDArray[np.bool_]:
        """Which units have a half-life that an axis of plain numbers can hold, (H,)."""
        return (self.half_life > 1e-30) & (self.half_life < 1e30)


@dataclass(frozen=True)
class Gates:
    """The numbers of the gates lens."""

    experiment: Experiment
    steps: Steps  # (N,), from 1 on
    gates: dict[str, Gate]  # by the letter of the bias that moves it
    step: Step
    trade: Trade | None  # None where no gate keeps
    c: Array  # (N, H)
    h: Array
    rms: Array  # (N,), of c over units
    largest: Array  # (N,), of |c|
    peak: float  # of |c|, all steps
    taught: int  # how many steps, the last one included, the backward pass looked at
    log10_amplification: float  # see `lstm_engine.chaos`


def last_steps(states: Any, n: int) -> Any:
    """A run's last n steps, as a run of its own that starts from the state before them."""
    rows = {field.name: n + (field.name in ("h", "c")) for field in fields(states)}
    return type(states)(**{name: getattr(states, name)[-kept:] for name, kept in rows.items()})


def symbols(cell: Cell) -> dict[str, str]:
    """What each gate is called in `States`, by its letter: a GRU's f is z."""
    named = [field.name[2:] for field in fields(cell.States) if field.name.startswith("a_")]
    return dict(zip(cell.GATES, [*named, *list(cell.GATES)[len(named) :]], strict=True))


def prime(cell: Cell, letter: str) -> str:
    """What marks a gate that is told as it acts, not as it comes out of its sigmoid."""
    return "'" if cell.NAME == NORMALISED and letter in "if" else ""


def unbent(cell: Cell, states: Any, letter: str) -> Array | None:
    """A gate before the nonlinearity that it is told after, (T, H); None where it has none."""
    if prime(cell, letter):
        log_f_over_i = softplus(-states.a_i) - softplus(-states.a_f)
        return log_f_over_i if letter == "f" else -log_f_over_i
    return getattr(states, f"a_{symbols(cell)[letter]}", None)


def beside(cell: Cell, states: Any, letter: str) -> Array:
    """ln of what a gate's slope takes beside its sigmoid's, (T, H): a minLSTM's 1 − f or 1 − i.

    f' = f/(f+i) moves with a_f by f'(1−f')(1−f), and i' with a_i by i'(1−i')(1−i).
    """
    own: Array = getattr(states, f"a_{letter}", states.h[1:])
    return np.asarray(-softplus(own) if prime(cell, letter) else np.zeros_like(own))


def gate_of(
    cell: Cell, states: Any, letter: str, steps: Steps, after: Array, before: Array
) -> Gate:
    """A gate's values and how saturated it is, beside its gradients."""
    symbol, name = symbols(cell)[letter], cell.GATES[letter].partition(",")[0]
    value, a = getattr(states, symbol), unbent(cell, states, letter)
    if a is None:
        endless, straight = np.full_like(value[0], np.nan), np.zeros_like(value[0])
        ends = (endless, endless, endless, straight)
    else:
        ends = saturation(a, tanh=letter == "g")
        ends = (*ends[:3], ends[3] + beside(cell, states, letter).mean(axis=0) / LN10)
    symbol += prime(cell, letter)
    return Gate(symbol, name, value[steps - 1], value.mean(axis=0), *ends, after, before)


def saturation(a: Array, tanh: bool) -> tuple[Array, Array, Array, Array]:
    """By unit: shares of steps near both ends, log10 of the median distance, of the mean slope.

    From 1 − σ(a) = σ(−a) and 1 − |tanh a| = 2σ(−2|a|): no end is ever reached.
    """
    near = np.abs(a) * (2.0 if tanh else 1.0)
    distance = log10_sigmoid(-near) + (math.log10(2.0) if tanh else 0.0)
    slope = log_tanh_slope(a) if tanh else log_sigmoid_slope(a)
    ended = distance < math.log10(NEAR)
    return (
        (ended & (a < 0)).mean(axis=0),
        (ended & (a > 0)).mean(axis=0),
        np.median(distance, axis=0),
        slope.mean(axis=0) / LN10,
    )


def step_of(cell: Cell, states: Any, steps: Steps) -> Step:
    """What is kept and what is written at the steps that are told."""
    its, state = symbols(cell), "c" if "o" in cell.GATES else "h"
    a = unbent(cell, states, "f") if "f" in its else None
    now, before = steps - 1, states.c[steps - 1]
    keep = np.ones_like(before) if a is None else sigmoid(a[now])
    keeps = "" if a is None else its["f"] + prime(cell, "f")
    if its.get("i") == "i":
        return Step(state, keeps, "i" + prime(cell, "i"), keep, states.i[now], before)
    return Step(state, keeps, f"(1 − {keeps})", keep, sigmoid(-np.asarray(a)[now]), before)


def trade_of(cell: Cell, states: Any) -> Trade | None:
    """How long the gate that keeps does so, and its slope; None where there is no such gate."""
    a = unbent(cell, states, "f") if "f" in cell.GATES else None
    if a is None:
        return None
    mean_log = -softplus(-a).mean(axis=0)
    log_slope = (log_sigmoid_slope(a) + beside(cell, states, "f")).mean(axis=0)
    return Trade(mean_log / LN10, horizon.half_life(mean_log), log_slope / LN10)
