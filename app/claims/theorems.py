"""Claims that papers prove, or that follow in a line or two."""

from collections.abc import Iterator

import numpy as np

from app.claims.claim import Number, claim, lab
from app.claims.runs import gated, vanilla
from app.knobs import Experiment
from lstm_engine import (
    CELLS,
    Rnn,
    Weights,
    cell_survival,
    gates,
    jacobian,
    largest_singular_value,
    log10_singular_values,
    log10_spectral_norms,
    pascanu_bound,
    rnn_survival,
)

ROUNDING = 1e-9  # of a logarithm over many steps
CAROUSEL = Experiment(cell="lstm-1997", T=1000, H=8)


@claim(
    "The constant error carousel",
    "Without a forget gate, the carry hands the gradient on unchanged, however long the sequence.",
    source="Hochreiter & Schmidhuber 1997",
    why="Nothing multiplies the cell, so the carry's factor is 1 at every step. That is the "
    "carry alone: the exact gradient, detours included, grows here, and so can the cell "
    "itself.",
    link=lab("highway", CAROUSEL),
)
def carousel_1997() -> Iterator[Number]:
    """log10 of every unit's direct survival at each of 1,000 steps."""
    run = gated(CAROUSEL)
    direct = cell_survival(run.cell, run.states, run.weights).log10_direct
    yield Number("kept over 1 … 1,000 steps, the least", 10 ** direct.min(), 1.0, 1e-12)
    yield Number("kept over 1 … 1,000 steps, the most", 10 ** direct.max(), 1.0, 1e-12)


@claim(
    "A quarter a step",
    "A logistic unit loses gradient at every step, unless its recurrent weight is at least 4.",
    source="Hochreiter 1991; Bengio, Simard & Frasconi 1994",
    why="The logistic function is nowhere steeper than ¼. Weight times slope is the factor of "
    "a step, so it takes a weight of 4 and a unit held at its steepest point to keep all.",
    link=lab("highway", Experiment(act="logistic", rnn_gain=4)),
)
def sigmoid_quarter() -> Iterator[Number]:
    """The steepest slope, and 100 steps at it with two weights."""
    slope = gates.NONLINEARITIES["logistic"].slope(np.linspace(-40, 40, 8001)).max()
    yield Number("steepest slope", slope, 0.25, 1e-12)
    steepest = np.full((101, 1), 0.5)
    held = Rnn.States(steepest, steepest, np.zeros((100, 1)))
    for w, expected in ((4.0, 1.0), (3.9, 0.0795)):
        weights = Weights(np.zeros((1, 1)), np.full((1, 1), w), np.zeros(1), np.zeros(1))
        kept = rnn_survival(Rnn("logistic"), held, weights, [0]).log10_exact[0, 0]
        yield Number(f"kept over 100 steps, weight {w:g}", 10**kept, expected, 5e-5)


LATCH = Experiment(H=1, D=1, rnn_gain=2, signal="impulse")


@claim(
    "What remembers does not learn",
    "A tanh unit with a weight of 2 latches: it holds ±0.9575 for ever, and there its gradient "
    "shrinks to 0.166 a step. With a weight of ½ it forgets instead.",
    source="Bengio, Simard & Frasconi 1994",
    why="To hold a bit against noise the unit must sit where its curve is flat, and a flat "
    "curve passes no gradient. With a weight of ½ it falls back to 0, and half is kept a step.",
    link=lab("highway", LATCH),
)
def bengio_1994() -> Iterator[Number]:
    """Fixed points of h = tanh(wh), a hundred steps after one push, and their slopes."""
    for w, fixed, slope in ((2.0, 0.957504, 0.166372), (0.5, 0.0, 0.5)):
        pushed = LATCH.model_copy(update={"rnn_gain": w})
        run, link = vanilla(pushed), lab("highway", pushed)
        held = abs(run.states.h[-1, 0])
        yield Number(f"where it comes to rest, w = {w:g}", held, fixed, 5e-7, link=link)
        kept = rnn_survival(Rnn("tanh"), run.states, run.weights, [pushed.T - 1])
        factor = 10 ** kept.log10_exact[0, 0]
        yield Number(f"kept a step, w = {w:g}", factor, slope, 5e-7, link=link)


SMALL = Experiment(T=80, init="normal", rnn_gain=0.4)


@claim(
    "Small weights must vanish",
    "If the recurrent matrix stretches nothing (σ₁ < 1), the gradient of a tanh RNN over n "
    "steps is at most σ₁ to the power n.",
    source="Pascanu, Mikolov & Bengio 2013",
    why="The norm of a product is at most the product of the norms, and a tanh is nowhere "
    "steeper than 1. It is a bound: the truth is usually far below.",
    link=lab("spectrum", SMALL),
)
def pascanu() -> Iterator[Number]:
    """σ₁, and the true norm over the bound where it comes closest."""
    run, rnn = vanilla(SMALL), Rnn("tanh")
    largest = largest_singular_value(run.weights.weight_hh)
    yield Number("largest singular value σ₁", largest, 1.0, 1e-12, relation="≤")
    steps = np.arange(SMALL.T)
    norms = log10_spectral_norms(rnn, run.states, run.weights, steps)
    closest = (norms - pascanu_bound(rnn, run.weights, SMALL.T - steps)).max()
    yield Number(
        "spectral norm over its bound, where it comes closest", closest, 0.0, ROUNDING, "log10", "≤"
    )


IRNN = Experiment(act="relu", rnn_init="identity", signal="constant", T=200)


@claim(
    "The identity RNN",
    "A relu RNN that starts as the identity hands the gradient on unchanged, as long as its "
    "units are live.",
    source="Le, Jaitly & Hinton 2015",
    why="Slope 1 times weight 1. A unit whose input is negative is dead at once and passes "
    "exactly nothing. With noise for input every unit is pushed to zero at some step, and "
    "there its gradient ends.",
    link=lab("highway", IRNN),
)
def irnn() -> Iterator[Number]:
    """A constant input: some units rise for ever, the others are dead."""
    run = vanilla(IRNN)
    kept = rnn_survival(Rnn("relu"), run.states, run.weights, [0]).log10_exact[0]
    live = run.states.h[-1] > 0
    yield Number("kept over 200 steps, live units, the least", 10 ** kept[live].min(), 1.0, 1e-12)
    yield Number("kept over 200 steps, live units, the most", 10 ** kept[live].max(), 1.0, 1e-12)
    yield Number("kept by dead units, the most", 10 ** kept[~live].max(), 0.0, 1e-12)


LINEAR = Experiment(act="identity")


@claim(
    "Orthogonal and linear",
    "With orthogonal recurrent weights and no nonlinearity, every direction of the gradient "
    "keeps its length for ever.",
    source="Saxe, McClelland & Ganguli 2014",
    why="A rotation stretches nothing, and neither does any number of them. It is the tanh "
    "that ends this.",
    link=lab("spectrum", LINEAR),
)
def orthogonal_linear() -> Iterator[Number]:
    """All singular values of a hundred steps."""
    run = vanilla(LINEAR)
    stretched = log10_singular_values(Rnn("identity"), run.states, run.weights)
    yield Number("weakest of 32 directions, 100 steps", stretched.min(), 0.0, ROUNDING, "log10")
    yield Number("strongest of 32 directions", stretched.max(), 0.0, ROUNDING, "log10")


AT_REST = Experiment(cell="gru", T=1, b_f=0, gain=1.9, signal="zeros")


@claim(
    "A GRU at rest",
    "At h = 0, without biases and input, a GRU's step back is half the identity plus a quarter "
    "of the candidate's weights; so σ₁ < 2 for those weights is enough for it to contract.",
    source="Follows from the GRU of Cho et al. 2014: both gates stand at ½, the candidate at "
    "its steepest",
    why="Half is kept by the update gate; the candidate comes through two halves, its own "
    "share and the reset gate. ½ + σ₁/4 is below 1 as long as σ₁ is below 2.",
    link=lab("spectrum", AT_REST),
)
def gru_stability() -> Iterator[Number]:
    """The Jacobian of the first step, with recurrent weights 1.9 times Keras's."""
    run, H = gated(AT_REST), AT_REST.H
    J = jacobian(CELLS["gru"], run.states, run.weights, 1)
    W_hn = run.weights.weight_hh[2 * H :]
    apart = np.abs(J - (np.eye(H) / 2 + W_hn / 4)).max()
    yield Number("the two sides, furthest apart", apart, 0.0, 1e-12)
    yield Number("σ₁ of the candidate's weights", largest_singular_value(W_hn), 2.0, 1e-12, "", "≤")
    yield Number("the most that a step keeps", largest_singular_value(J), 1.0, 1e-12, "", "≤")
