"""What the steps lens finds: a few steps of a cell in full, the run around them, the checks."""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from app.lenses.gates.computed import last_steps, symbols
from app.lenses.steps.arithmetic import ARITHMETIC, KEPT, OLD_AND_NEW, Arithmetic
from app.view import Focus
from lstm_engine import (
    Cell,
    CellSurvival,
    Check,
    Weights,
    cell_survival,
    check_states,
    check_weights,
    gates,
    linear_loss,
    lstm,
)
from lstm_engine.from_to import until

WINDOW = 6  # steps whose arithmetic is told
FLOPS = 2e10  # what the walk back may cost, 6H³ a step
FORGETS, ADMITS, WRITES, RIVAL = (0.9, 0.5, 0.8), (0.1, 0.3, 0.2), (1.0, 2.0, 3.0), 0.5

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


class Gate(NamedTuple):
    """One gate at each step of the window, (W, H): what it adds up, what it makes of the sum."""

    does: str  # σ, tanh, or nothing
    from_input: Floats
    from_h: Floats | None  # None where nothing recurs
    bias: Floats
    from_c: Floats | None  # of peepholes
    sum: Floats
    value: Floats


@dataclass(frozen=True)
class Window:
    """Steps of a cell, all units: row k of what is (W, …) belongs to step `first` + k."""

    cell: Cell
    first: int
    last: int
    arithmetic: Arithmetic
    gates: dict[str, Gate]  # by letter; empty where they are given
    values: dict[str, Floats]  # (W, H), by the names of `app.lenses.steps.arithmetic`
    log10_direct: Floats  # (W + 1, H), from step `last` back to each of first − 1 … last
    log10_exact: Floats


@dataclass(frozen=True)
class Run:
    """The whole run that the window is cut from, at the steps that are drawn."""

    T: int
    steps: Steps  # (N,)
    gates: dict[str, Floats]  # (N, H), nan at step 0
    states: dict[str, Floats]  # (N, H)
    survival: CellSurvival  # from step `last` of the window, at those of `steps` up to it
    rival: Floats | None  # log10, (N,): a recurrent weight alone


@dataclass(frozen=True)
class Found:
    """The numbers of the steps lens (`docs/math.md`, "One step back" and "Checks on the page")."""

    experiment: Experiment
    focus: Focus
    window: Window
    run: Run
    checks: dict[str, dict[str, Check]]  # network, then what is checked; empty for the textbook's
    checked: tuple[int, int]  # steps that the checks of states and of weights go over
    amplification: dict[str, float]  # log10, by network: see `lstm_engine.chaos`


def looked_at(
    cell: Cell, states: Any, weights: Weights, x: Floats, last: int, drawn: Steps
) -> tuple[Window, Run]:
    """The window that ends with step `last`, and the run around it at the steps `drawn`."""
    T, first = len(x), max(1, last - WINDOW + 1)
    steps = np.union1d(drawn, np.arange(first - 1, last + 1))
    survival = sent_back(cell, states, weights, steps[steps <= last], last)
    rows = slice(int(np.searchsorted(survival.steps, first - 1)), None)
    window = Window(
        cell,
        first,
        last,
        ARITHMETIC[cell.NAME],
        gates_of(cell, states, weights, x, first, last),
        values_of(cell, states, weights, first, last),
        survival.log10_direct[rows],
        survival.log10_exact[rows],
    )
    opened = {
        letter: np.concatenate((np.full((1, states.h.shape[1]), np.nan), values))[steps]
        for letter, values in opened_by(cell, states).items()
    }
    names = ("c", "h") if two_states(cell) else ("h",)
    shown = {name: getattr(states, name)[steps] for name in names}
    return window, Run(T, steps, opened, shown, survival, None)


def sent_back(cell: Cell, states: Any, weights: Weights, steps: Steps, last: int) -> CellSurvival:
    """What of a gradient at step `last` is found at earlier steps, as far as the budget lasts."""
    over = min(last, max(WINDOW + 1, int(FLOPS / (6 * states.h.shape[1] ** 3))))
    start = last - over
    # The run that begins there begins with an h that is free: its own step 0 is left out.
    steps = steps[steps > start] if start else steps
    run = last_steps(until(states, last), over)
    survival = cell_survival(cell, run, weights, steps - start)
    return replace(survival, steps=steps)


def two_states(cell: Cell) -> bool:
    """Whether a cell has a memory c beside the h that it shows."""
    return "o" in cell.GATES


def opened_by(cell: Cell, states: Any) -> dict[str, Floats]:
    """Every gate at every step, (T, H), under its letter."""
    if cell.NAME == "minlstm":
        own = {"i": gates.sigmoid(states.a_i), "f": gates.sigmoid(states.a_f), "g": states.g}
        return own | {"f′": states.f, "i′": states.i}
    return {letter: getattr(states, letter) for letter in symbols(cell).values()}


def gates_of(
    cell: Cell, states: Any, weights: Weights, x: Floats, first: int, last: int
) -> dict[str, Gate]:
    """What each gate adds up at the steps first … last, and its value."""
    now, H = slice(first - 1, last), states.h.shape[1]
    n = len(cell.GATES)
    from_input = (x[now] @ weights.weight_ih.T).reshape(-1, n, H)
    from_h = None
    if cell.RECURRENT:
        from_h = (states.h[now] @ weights.weight_hh.T).reshape(-1, n, H)
    biases = [bias.reshape(-1, H) for bias in (weights.bias_ih, weights.bias_hh) if bias.size]
    values = opened_by(cell, states)
    found = {}
    for block, letter in enumerate(symbols(cell).values()):
        heard = None if from_h is None else from_h[:, block]
        bias = np.sum([both[block] for both in biases], axis=0)
        if letter == "n":  # what comes from h, its bias included, is reset
            heard, bias = states.r[now] * states.heard_n[now], biases[0][block]
        looked = None
        if weights.peephole is not None and letter in "ifo":
            seen = states.c[first : last + 1] if letter == "o" else states.c[now]
            looked = seen * weights.peephole["ifo".index(letter)]
        parts = (from_input[:, block], heard, np.broadcast_to(bias, from_input[:, block].shape))
        added = [part for part in (*parts, looked) if part is not None]
        does = "σ" if letter not in "gn" else "tanh" if cell.RECURRENT else ""
        total = np.sum(added, axis=0)
        found[letter] = Gate(does, *parts, looked, total, values[letter][now])
    return found


def values_of(
    cell: Cell, states: Any, weights: Weights, first: int, last: int
) -> dict[str, Floats]:
    """Every letter of a cell's formulas at the steps first … last, (W, H)."""
    now, then = slice(first - 1, last), slice(first, last + 1)
    slopes = cell.slopes(states, weights, first, last)
    found = {
        "h[t]": states.h[then],
        "h[t−1]": states.h[now],
        "c[t]": states.c[then],
        "c[t−1]": states.c[now],
        "carry": slopes.carry,
        "r" if two_states(cell) else "read_out": slopes.read_out[1:],
    }
    found |= {letter: values[now] for letter, values in opened_by(cell, states).items()}
    into = slopes.into_cell if cell.RECURRENT else slopes.from_input
    for n, letter in enumerate(letter for gate, letter in symbols(cell).items() if gate != "o"):
        found[f"k_{letter}"] = into[:, n]
    if slopes.past_cell is not None:
        found["k_o"] = slopes.past_cell
    if weights.peephole is not None:
        for letter, seen in zip("ifo", weights.peephole, strict=True):
            found[f"p_{letter}"] = np.broadcast_to(seen, slopes.carry.shape)
    if cell.NAME == "coupled":
        found["i"] = states.i[now]
    if cell.NAME == "gru":
        found |= {"r": states.r[now], "u": states.heard_n[now]}
        found["s"] = slopes.from_input[:, 2]
    if cell.NAME == "minlstm":
        found["k"] = states.h_minus_g[now] * states.f[now] * states.i[now]
    return found


def checked(
    network: Cell,
    states: Any,
    weights: Weights,
    x: Floats,
    last: int,
    over: tuple[int, int],
    draw: int,
) -> dict[str, Check]:
    """The state's gradient over the last steps of the window's run, the weights' over the first."""
    back, forth = over
    loss = linear_loss("last", forth, states.h.shape[1], seed=draw)
    cut, start = until(states, last), until(states, forth)
    return {
        "states": check_states(network, cut, weights, x[:last], last - back, seed=draw),
        "weights": check_weights(network, start, weights, x[:forth], loss, seed=draw),
    }


def of_the_textbook(experiment: Experiment, focus: Focus) -> Found:
    """Three steps of one unit whose gates are given, by the engine's own LSTM.

    It reads its gates off its inputs. What is written is a tanh there and ends at 1: a fourth of
    the textbook's runs, and the cell, which is linear in it, is four times what comes out.
    """
    f, i = np.array(FORGETS), np.array(ADMITS)
    x = np.stack((np.log(i / (1 - i)), np.log(f / (1 - f)), np.arctanh(np.array(WRITES) / 4)))
    weights = Weights(np.eye(4)[:, :3], np.zeros((4, 1)), np.zeros(4), np.zeros(4))
    states = lstm.forward(weights, x.T)
    survival = cell_survival(lstm, states, weights)
    c, g = 4.0 * states.c, 4.0 * states.g
    gates_given = {"f": states.f, "i": states.i, "g": g}
    values = {**gates_given, "c[t]": c[1:], "c[t−1]": c[:-1], "carry": states.f}
    arithmetic = Arithmetic((OLD_AND_NEW,), (KEPT,), ())
    direct = survival.log10_direct, survival.log10_exact
    window = Window(lstm, 1, 3, arithmetic, {}, values, *direct)
    opened = {name: np.concatenate(([[math.nan]], v)) for name, v in gates_given.items()}
    rival = np.array([3.0, 2.0, 1.0, 0.0]) * math.log10(RIVAL)
    run = Run(3, np.arange(4), opened, {"c": c}, survival, rival)
    return Found(experiment, focus, window, run, {}, (0, 0), {})
