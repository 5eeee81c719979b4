"""Claims one can work out on paper: textbook arithmetic of one cell, shapes, counts."""

from collections.abc import Iterator

import numpy as np

from app.claims.claim import Number, claim, lab
from app.claims.runs import gated, vanilla
from app.knobs import Experiment
from lstm_engine import (
    Rnn,
    Weights,
    bptt,
    cell_survival,
    draw_cell,
    draw_rnn,
    gates,
    horizon,
    linear_loss,
    lstm,
    rnn_survival,
)
from lstm_engine.cells.lstm import States

TEXTBOOK = "Textbook arithmetic of the LSTM"
ROUNDING = 1e-12
FORGETS, ADMITS, WRITES = (0.9, 0.5, 0.8), (0.1, 0.3, 0.2), (1.0, 2.0, 3.0)
BEYOND_TANH = 4.0  # what is written is a tanh and ends at 1: a fourth of it is run


def one_unit() -> tuple[States, Weights]:
    """An LSTM of one unit whose gates are what the textbook says: it reads them off its inputs."""
    f, i = np.array(FORGETS), np.array(ADMITS)
    before = (np.log(i / (1 - i)), np.log(f / (1 - f)), np.arctanh(np.array(WRITES) / BEYOND_TANH))
    weights = Weights(np.eye(4), np.zeros((4, 1)), np.zeros(4), np.zeros(4))
    return lstm.forward(weights, np.stack((*before, np.zeros(3)), axis=1)), weights


@claim(
    "One cell by hand",
    "With forget gates 0.9, 0.5, 0.8, input gates 0.1, 0.3, 0.2 and candidates 1, 2, 3, a cell "
    "that starts at 0 holds 0.1, then 0.65, then 1.12.",
    source=TEXTBOOK,
    why="Each step keeps a part of the old and adds a part of the new: c = f × c + i × g, "
    "three times.",
    link=lab("steps", worked="textbook"),
)
def track_one_cell() -> Iterator[Number]:
    """The engine's own forward pass, its candidates a fourth of the textbook's."""
    states, _ = one_unit()
    for t, expected in enumerate((0.1, 0.65, 1.12), 1):
        yield Number(f"c after step {t}", BEYOND_TANH * states.c[t, 0], expected, ROUNDING)


@claim(
    "Its gradient",
    "Two steps back, the carry of that cell hands on 0.8 × 0.5 = 0.40 of the gradient; a "
    "recurrent weight of 0.5 alone hands on 0.25.",
    source=TEXTBOOK,
    why="The same step back is a factor in both. The cell chooses it anew at every step; the "
    "plain recurrent unit has one weight for all.",
    link=lab("steps", worked="textbook"),
)
def gradient_over_time() -> Iterator[Number]:
    """∏f along the carry, w² in the linear RNN."""
    states, weights = one_unit()
    kept = cell_survival(lstm, states, weights, [1]).log10_direct[0, 0]
    yield Number("kept from step 3 to step 1, carry", 10**kept, 0.4, ROUNDING)
    half = Experiment(T=2, act="identity", rnn_gain=0.5, signal="zeros")
    rnn = vanilla(half)
    lone = rnn_survival(Rnn("identity"), rnn.states, rnn.weights, [0]).log10_exact[0, 0]
    yield Number(
        "kept over 2 steps, weight 0.5", 10**lone, 0.25, ROUNDING, link=lab("highway", half)
    )


FORGET_95 = Experiment(
    T=99, b_f=2.94443897916644, gain=0, act="identity", rnn_gain=0.5, signal="zeros"
)


@claim(
    "A hundred steps",
    "A forget gate held at 0.95 keeps 0.0062 of the gradient over 99 steps; a recurrent weight "
    "of 0.5 keeps 1.6 × 10⁻³⁰.",
    source="Textbook arithmetic: powers of one factor",
    why="A factor below 1 at every step always dies out in the end. What the gate changes is "
    "how soon: 27 powers of ten lie between the two.",
    link=lab("highway", FORGET_95),
)
def hundred_steps() -> Iterator[Number]:
    """0.95⁹⁹ and 0.5⁹⁹, as the engine finds them."""
    cell, rnn = gated(FORGET_95), vanilla(FORGET_95)
    kept = cell_survival(lstm, cell.states, cell.weights, [0]).direct_rms[0]
    yield Number("direct at f = 0.95, rms over units", 10**kept, 0.0062321, 5e-8)
    kept = rnn_survival(Rnn("identity"), rnn.states, rnn.weights, [0]).exact_rms[0]
    yield Number("kept at w = 0.5, rms over units", 10**kept, 1.5777e-30, 5e-35)


LONE = Experiment(gain=0, signal="zeros")


@claim(
    "A forget bias of 1",
    "Without inputs and without recurrent weights, a forget bias of 1 opens the gate to 0.731: "
    "half of the gradient is gone after 2.2 steps.",
    source="Gers, Schmidhuber & Cummins 2000; the default of Keras's LSTM, after Jozefowicz, "
    "Zaremba & Sutskever 2015",
    why="σ(1) = 0.731. A bias of 1 is a good start for short memories, and a short memory.",
    link=lab("horizon", LONE),
)
def bias_one() -> Iterator[Number]:
    """σ(1), its half-life, its hundredth power."""
    run = gated(LONE)
    mean = horizon.mean_log_carry(lstm, run.states, run.weights)
    yield Number("forget gate", run.states.f[0, 0], 0.7310586, 5e-8)
    yield Number("half-life", float(horizon.half_life(mean)[0]), 2.2127, 5e-5, "steps")
    kept = cell_survival(lstm, run.states, run.weights, [0]).direct_rms[0]
    yield Number("direct over 100 steps, rms over units", 10**kept, 2.484e-14, 5e-18)


NEEDED = {10: 2.634, 50: 4.272, 100: 4.968, 200: 5.663, 500: 6.580, 1000: 7.274}


@claim(
    "The bias one needs",
    "To keep half of the gradient on the carry over 100 steps takes a forget bias of 4.97, "
    "over 1,000 steps one of 7.27.",
    source="Closed form: the bias is logit(½^(1/T)), about ln(T / 0.69)",
    why="Ten times the memory costs 2.3 more bias, for the gate need only close in on 1. This "
    "is the reckoning behind the chrono initialisation (Tallec & Ollivier 2018).",
    link=lab("horizon", LONE, over=100),
)
def needed_bias() -> Iterator[Number]:
    """The solver's answers, and that half is left with one of them."""
    for T, expected in NEEDED.items():
        found = horizon.needed_bias(T)
        yield Number(
            f"bias for {T:,} steps", found, expected, 5e-4, link=lab("horizon", LONE, over=T)
        )
    kept = LONE.model_copy(update={"b_f": horizon.needed_bias(100)})
    run = gated(kept)
    half = cell_survival(lstm, run.states, run.weights, [0]).direct_rms[0]
    yield Number(
        "direct over 100 steps with its bias, rms over units",
        10**half,
        0.5,
        ROUNDING,
        link=lab("highway", kept),
    )


WIDE_OPEN = Experiment(b_f=20, init="pytorch")


@claim(
    "Wide open, and deaf",
    "Push the forget gates to 1 and the carry keeps everything, the cell becomes a running sum "
    "of what is written, and the gates stop learning.",
    source="Hochreiter & Schmidhuber 1997; the saturation trade-off",
    why="A gate learns in proportion to its slope f(1 − f). Where f is nearly 1, the slope is "
    "nearly 0: what carries perfectly cannot be taught to let go.",
    link=lab("gates", WIDE_OPEN),
)
def saturation() -> Iterator[Number]:
    """A forget bias of 20, torch's weights, 100 steps of noise."""
    run = gated(WIDE_OPEN)
    kept = cell_survival(lstm, run.states, run.weights, [0]).log10_direct
    yield Number("kept on the carry, least of all units", 10 ** kept.min(), 1.0, 1e-5)
    added = np.cumsum(run.states.i * run.states.g, axis=0)
    apart = np.abs(run.states.c[1:] - added).max()
    yield Number("cell and running sum, furthest apart", apart, 0.0, 1e-4)
    steepest = gates.sigmoid_slope(run.states.a_f).max()
    yield Number("steepest slope of a forget gate", steepest, 0.0, 1e-7)


SHUT = Experiment(b_f=-20)


@claim(
    "Forget everything",
    "Shut the forget gates and nothing of the past is left: the cell is what was just written, "
    "and no gradient passes.",
    source=TEXTBOOK,
    why="No gradient passes on the carry. But h still goes through the recurrent weights into "
    "the gates: with them the exact gradient takes that detour, and only without them it is "
    "zero.",
    link=lab("paths", SHUT),
    verdict="depends",
    always=False,
)
def forget_everything() -> Iterator[Number]:
    """A forget bias of −20: c_t = i⊙g, and one step back on both roads."""
    run, alone = gated(SHUT), SHUT.model_copy(update={"gain": 0.0})
    written = np.abs(run.states.c[1:] - run.states.i * run.states.g).max()
    yield Number("cell and what was just written, furthest apart", written, 0.0, 1e-6)
    last = [SHUT.T - 1]
    found = cell_survival(lstm, run.states, run.weights, last)
    yield Number("direct over one step, rms over units", 10 ** found.direct_rms[0], 0.0, 1e-6)
    yield Number("exact over one step, rms over units", 10 ** found.exact_rms[0], 0.0, 1e-6)
    lone = gated(alone)
    exact = cell_survival(lstm, lone.states, lone.weights, last).exact_rms[0]
    quantity = "the same without recurrent weights"
    yield Number(quantity, 10**exact, 0.0, 1e-6, link=lab("paths", alone))


@claim(
    "What an input gate learns",
    "The gradient at an input gate is that of the cell times what was to be written: ∂L/∂i = "
    "∂L/∂c ⊙ g.",
    source=TEXTBOOK,
    why="The gate scales the candidate, so the candidate is its slope. Here the right side "
    "comes from backpropagation and the left from running the last step again, a hair beside "
    "it.",
    link=lab("steps"),
)
def input_gate() -> Iterator[Number]:
    """A complex step in the input gates of the last step, against `bptt`."""
    run, step = gated(Experiment()), 1e-30
    dh = linear_loss("last", len(run.inputs), run.states.c.shape[1])
    found = bptt(lstm, run.states, run.weights, run.inputs, dh)
    H = run.states.c.shape[1]
    seen = run.weights.weight_ih @ run.inputs[-1] + run.weights.bias_ih + 0j
    seen[:H] += step * 1j
    heard = run.weights.weight_hh @ run.states.h[-2] + run.weights.bias_hh
    h = lstm.step(run.weights, seen, heard, run.states.h[-2], run.states.c[-2])[0]
    nudged = (dh[-1] * h.imag) / step / gates.sigmoid_slope(run.states.a_i[-1])
    formula = found.dc[-1] * run.states.g[-1]
    apart = np.abs(nudged / formula - 1).max()
    yield Number("the two sides, largest relative difference", apart, 0.0, 1e-10)


@claim(
    "The shape of a gate",
    "With 256 units and 128 inputs, the weights of the forget gate are a 256 × 384 matrix.",
    source=TEXTBOOK,
    why="A gate sees the input and the last output side by side: 128 + 256 columns. (The lab "
    "ends at 64 inputs; its weights can be downloaded and counted.)",
    link=lab("highway", Experiment(H=256, D=64)),
)
def shapes() -> Iterator[Number]:
    """The forget gate's rows of both weight matrices."""
    weights = draw_cell(lstm, "pytorch", 128, 256, seed=0)
    forget = np.hstack((weights.weight_ih, weights.weight_hh))[256:512]
    yield Number("rows", float(forget.shape[0]), 256, 0.5)
    yield Number("columns", float(forget.shape[1]), 384, 0.5)


@claim(
    "Four times the parameters",
    "With 512 units and 256 inputs an LSTM has 1,572,864 weights, a vanilla RNN 393,216.",
    source=TEXTBOOK,
    why="Four gates, each as large as the whole RNN. Beside the weights stand 2,048 biases, "
    "which PyTorch keeps twice. (The lab ends at 256 units.)",
    link=lab("highway", Experiment(H=256, D=64)),
)
def parameters() -> Iterator[Number]:
    """What the engine draws, counted."""
    cell = draw_cell(lstm, "pytorch", 256, 512, seed=0)
    rnn = draw_rnn("pytorch", 256, 512, seed=0)
    weights = {"LSTM": cell, "vanilla RNN": rnn}
    for (name, layer), expected in zip(weights.items(), (1_572_864, 393_216), strict=True):
        found = layer.weight_ih.size + layer.weight_hh.size
        yield Number(f"weights of the {name}", float(found), expected, 0.5)
    yield Number("biases of the LSTM", float(cell.bias_ih.size), 2048, 0.5)
    kept_twice = cell.bias_ih.size + cell.bias_hh.size
    yield Number("biases that PyTorch keeps", float(kept_twice), 4096, 0.5)
