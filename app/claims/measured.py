"""Claims of measurement: what networks do as they are drawn, over seeds."""

from collections.abc import Iterator

import numpy as np

from app.claims.claim import Number, claim, lab
from app.claims.runs import (
    CHRONO,
    KERAS,
    OPEN,
    PYTORCH,
    SEEDS,
    Run,
    first_draw,
    gated,
    norms,
    vanilla,
)
from app.knobs import Experiment
from lstm_engine import lyapunov_exponents, recurrence

FRAMEWORKS = {
    "PyTorch": (PYTORCH, 3.5e-26, 3.8e-20),
    "Keras": (KERAS, 6.4e-14, 2.9e-8),
    "chrono for 100 steps": (CHRONO, 0.35, 0.40),
}
OURS = "Measured: {} draws each, geometric mean"


@claim(
    "What frameworks start with",
    "Over 100 steps of noise, a fresh LSTM keeps 4 × 10⁻²⁰ of the gradient with PyTorch's "
    "weights, 3 × 10⁻⁸ with Keras's, and 40% with chrono's: the most that any direction keeps.",
    source=OURS.format(SEEDS),
    why="Keras adds 1 to the bias of its LSTM's forget gates and PyTorch does not: on the direct "
    "path that alone is worth more than ten powers of ten. (Keras's GRU adds nothing.) Chrono "
    "draws biases for memories as long as the sequence.",
    link=lab("spectrum", PYTORCH),
)
def frameworks() -> Iterator[Number]:
    """H = 64, D = 16, 20 seeds: spectral norms of both roads, within a decade."""
    for name, (experiment, direct, exact) in FRAMEWORKS.items():
        found, linked, link = norms(experiment), first_draw(experiment), lab("spectrum", experiment)
        for path, expected in (("direct", direct), ("exact", exact)):
            yield Number(
                f"{name}: {path}, spectral norm",
                getattr(found, path),
                float(np.log10(expected)),
                1.0,
                "log10",
                link=link,
                linked=getattr(linked, path),
            )


@claim(
    "Weights, not architecture",
    "With the same open gates, the carry can bring all of the gradient or less than a "
    "thousandth: it depends on how strong the recurrent weights are.",
    source=OURS.format(SEEDS),
    why="The stronger the recurrent weights, the more the detours bring. At four times the "
    "usual strength draws differ by three powers of ten, so the mean is told with a wide "
    "tolerance.",
    link=lab("spectrum", OPEN),
)
def direct_over_exact() -> Iterator[Number]:
    """H = 32, D = 8, normal weights, b_f = 5: ‖D_0‖₂/‖E_0‖₂ at four gains."""
    for gain, expected in ((0.0, 1.0), (0.25, 0.17), (1.0, 9e-3), (4.0, 2e-4)):
        experiment = OPEN.model_copy(update={"gain": gain})
        quantity = f"direct over exact, spectral norms, recurrent weights × {gain:g}"
        ratio, log10 = norms(experiment).ratio, float(np.log10(expected))
        tolerance, linked = 0.7 if gain else 1e-9, first_draw(experiment).ratio
        link = lab("spectrum", experiment)
        yield Number(quantity, ratio, log10, tolerance, "log10", link=link, linked=linked)


REMEMBERS = Experiment(T=400, H=16, D=4, b_f=5, init="normal", gain=0.5)


@claim(
    "Exponents need the cell",
    "An LSTM with open gates and weak recurrent weights barely forgets: its largest Lyapunov "
    "exponent lies between −0.0096 and −0.0034 a step. Leave the cell out of the state, and "
    "one finds −2.2 to −2.4.",
    source="The state's definition: Vogt, Puelma Touzel, Shlizerman & Lajoie 2022. The ranges: "
    "four other draws over 400 steps",
    why="The second half holds: with h alone, c held fixed, the network seems to forget at "
    "once, a mistake that is easily made. The first half depends on the draw and on how long "
    "one looks: while the cell still fills, directions can grow, and over 400 steps an "
    "exponent may end just above zero. Over 2,000 steps it settles below.",
    link=lab("spectrum", REMEMBERS),
    verdict="depends",
    always=False,
)
def lyapunov_full() -> Iterator[Number]:
    """Four seeds over 400 steps, the first one over 2,000, and h without c."""
    alone = []
    for seed in range(4):
        experiment = REMEMBERS.model_copy(update={"seed": seed})
        run, link = gated(experiment), lab("spectrum", experiment)
        found = lyapunov_exponents(run.cell, run.states, run.weights, leading=1)[0][0]
        yield Number(f"draw {seed}, 400 steps", found, -0.0065, 0.0031, "a step", link=link)
        alone.append(exponent_of_h(run))
    longer = REMEMBERS.model_copy(update={"T": 2000})
    run = gated(longer)
    found = lyapunov_exponents(run.cell, run.states, run.weights, leading=1)[0][0]
    link = lab("spectrum", longer)
    yield Number("draw 0, 2,000 steps", found, 0.0, 0.001, "a step", "≤", link)
    mean = float(np.mean(alone))
    yield Number("h alone, c held fixed, mean of four draws", mean, -2.27, 0.2, "a step")


def exponent_of_h(run: Run) -> float:
    """The largest exponent of ∂h_t/∂h_{t−1} with c_{t−1} held fixed: the mistake."""
    T, growth = len(run.inputs), 0.0
    slopes = run.cell.slopes(run.states, run.weights, 1, T)
    K, V = recurrence(slopes, run.weights)
    direction = np.ones(K.shape[-1])
    for J in slopes.read_out[1:, :, None] * K + V:
        direction = J @ direction
        length = np.linalg.norm(direction)
        direction, growth = direction / length, growth + np.log(length)
    return float(growth / T)


EDGE = Experiment(T=300, H=256, D=1, init="normal", signal="impulse", seed=1)


@claim(
    "The edge of chaos",
    "A random tanh network left to itself comes to rest below a gain of 1 and turns chaotic "
    "above: its largest Lyapunov exponent changes sign there.",
    source="Sompolinsky, Crisanti & Sommers 1988",
    why="At the edge a direction neither shrinks nor grows for long, which is where gradients "
    "travel furthest. Draws of this size scatter by about 0.02. (One draw each; 256 units, 300 "
    "steps.)",
    link=lab("spectrum", EDGE.model_copy(update={"rnn_gain": 1.5})),
)
def edge_of_chaos() -> Iterator[Number]:
    """W ~ N(0, g²/H), one push at the first step."""
    for gain, expected, scatter in (
        (0.9, -0.075, 0.025),
        (1.0, -0.0075, 0.0075),
        (1.5, 0.04, 0.025),
    ):
        experiment = EDGE.model_copy(update={"rnn_gain": gain})
        run, link = vanilla(experiment), lab("spectrum", experiment)
        found = lyapunov_exponents(run.cell, run.states, run.weights, leading=1)[0][0]
        yield Number(f"exponent at gain {gain:g}", found, expected, scatter, "a step", link=link)
