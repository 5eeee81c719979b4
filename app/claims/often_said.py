"""Claims that go from mouth to mouth: what blogs, lectures and papers say in passing."""

from collections.abc import Iterator

import numpy as np

from app.claims.claim import Number, claim, lab
from app.claims.runs import (
    CHRONO,
    KERAS,
    OPEN,
    PYTORCH,
    SEEDS,
    exact_at_start,
    first_draw,
    gated,
    norms,
    vanilla,
)
from app.knobs import Experiment
from app.networks import networks
from lstm_engine import (
    CellSurvival,
    bptt,
    cell_survival,
    clip_coefficient,
    horizon,
    largest_singular_value,
    linear_loss,
    lstm,
    rnn_survival,
)

FACTOR_OF_TWO = float(np.log10(2))
A_HUNDREDTH = -2.0  # log10: less than that, and hardly anybody would say that it arrives
SAID = "Often said of LSTMs; {}"
NO_RECURRENCE = Experiment(gain=0)
BY_NAME = {"PyTorch's weights": PYTORCH, "Keras's weights": KERAS, "chrono for 100 steps": CHRONO}


@claim(
    "“It travels on the cell line”",
    "The vast majority of the long-range gradient of an LSTM travels along the cell line, the "
    "highway of the textbooks.",
    source=SAID.format("measured over 100 steps, mean of 20 draws"),
    why="It is a statement about weights, not about the architecture. With the weights that "
    "frameworks draw, next to nothing comes that way: detours through the recurrent weights "
    "bring a hundred thousand times as much. With chrono's open gates most of it does come "
    "that way.",
    link=lab("paths", PYTORCH),
    verdict="depends",
    always=False,
)
def cell_line() -> Iterator[Number]:
    """The highway share at step 0, against one half."""
    for name, experiment in BY_NAME.items():
        share, link = norms(experiment).share, lab("paths", experiment)
        linked = first_draw(experiment).share
        yield Number(f"highway share, {name}", share, 0.5, 0.05, "", "≥", link, linked)
    run = gated(NO_RECURRENCE)
    share = float(cell_survival(run.cell, run.states, run.weights, [0]).share[0])
    link = lab("paths", NO_RECURRENCE)
    yield Number("highway share, no recurrent weights", share, 0.5, 0.05, "", "≥", link)


@claim(
    "“Just multiply the gates”",
    "The gradient through an LSTM is the product of its forget gates.",
    source=SAID.format("measured over 100 steps, mean of 20 draws"),
    why="It is one path of very many. The others leave the cell through the output, cross the "
    "recurrent weights and come back in by the gates. Only without recurrent weights is the "
    "product all there is.",
    link=lab("paths", KERAS),
    verdict="does not hold",
)
def product_of_forget_gates() -> Iterator[Number]:
    """‖D_0‖_F/‖E_0‖_F, which would be 1."""
    open_gates = {
        "forget bias 5": OPEN,
        "no recurrent weights": OPEN.model_copy(update={"gain": 0.0}),
    }
    for name, experiment in {**BY_NAME, **open_gates}.items():
        ratio, link = norms(experiment).ratio_rms, lab("paths", experiment)
        quantity, linked = f"direct over exact, rms, {name}", first_draw(experiment).ratio_rms
        yield Number(quantity, ratio, 0.0, FACTOR_OF_TWO, "log10", "=", link, linked)


@claim(
    "“A bias of 1 remembers for long”",
    "A forget bias of 1 lets an LSTM remember for hundreds of steps.",
    source=SAID.format("the bias itself is good advice, for what it is meant"),
    why="The gate stands at 0.73, and 0.73 to the hundredth power is nothing. Remembering for "
    "hundreds of steps takes a bias of 5 to 7, drawn or learned.",
    link=lab("horizon", KERAS, over=100),
    verdict="does not hold",
)
def bias_one_remembers() -> Iterator[Number]:
    """Half-life on the carry, and what is left after 100 steps on every path."""
    run = gated(KERAS)
    half_lives = horizon.half_life(horizon.mean_log_carry(run.cell, run.states, run.weights))
    median = float(np.median(half_lives))
    yield Number("half-life on the carry, median unit", median, 100.0, 10.0, "steps", "≥")
    exact, link = norms(KERAS).exact_rms, lab("highway", KERAS)
    quantity, linked = "exact over 100 steps, rms, mean of 20 draws", first_draw(KERAS).exact_rms
    yield Number(quantity, exact, A_HUNDREDTH, FACTOR_OF_TWO, "log10", "≥", link, linked)


@claim(
    "“LSTM gradients do not vanish”",
    "An LSTM does not suffer from vanishing gradients.",
    source=SAID.format("measured over 100 steps, mean of 20 draws"),
    why="It can keep its gradient; whether it does is decided by its gates. As frameworks draw "
    "it, it too has lost all but a trace after 100 steps. Open gates, drawn or learned, change "
    "that.",
    link=lab("highway", PYTORCH),
    verdict="depends",
    always=False,
)
def solves_vanishing() -> Iterator[Number]:
    """‖E_0‖_F/√H against a hundredth."""
    for name, experiment in BY_NAME.items():
        exact, link = norms(experiment).exact_rms, lab("highway", experiment)
        quantity, linked = f"exact, rms, {name}", first_draw(experiment).exact_rms
        yield Number(quantity, exact, A_HUNDREDTH, FACTOR_OF_TWO, "log10", "≥", link, linked)


@claim(
    "“Gates below 1 cannot explode”",
    "Gates lie between 0 and 1, so the gradient of an LSTM cannot explode.",
    source=SAID.format("measured over 100 steps, mean of 20 draws"),
    why="True of the carry, which is a product of such gates. The detours multiply by the "
    "recurrent weights as in any RNN: with open gates and weights of the usual size they make "
    "it explode.",
    link=lab("highway", OPEN),
    verdict="does not hold",
)
def cannot_explode() -> Iterator[Number]:
    """Both roads at b_f = 5, N(0, 1/H) weights, against 1."""
    found, linked = norms(OPEN), first_draw(OPEN)
    for path in ("direct", "exact"):
        value, its = (getattr(side, f"{path}_rms") for side in (found, linked))
        quantity = f"{path}, rms, forget bias 5"
        yield Number(quantity, value, 0.0, FACTOR_OF_TWO, "log10", "≤", linked=its)


WIDER = {f"forget bias {b_f:g}": Experiment(b_f=b_f) for b_f in (5.0, 10.0, 20.0)}


@claim(
    "“Large forget gates amplify”",
    "A large forget gate, repeated over many steps, can amplify gradients.",
    source="Often said where exploding gradients of LSTMs are explained",
    why="A forget gate is below 1, so however wide open it stands, the product of a hundred of "
    "them shrinks, and the direct path amplifies nothing. What does amplify is the detours "
    "through the recurrent weights, which open gates let pass: without recurrent weights "
    "nothing grows at any forget bias.",
    link=lab("highway", WIDER["forget bias 5"]),
    verdict="does not hold",
)
def forget_gates_amplify() -> Iterator[Number]:
    """∏f over 100 steps against 1, at three biases; every path, with detours and without."""
    for name, experiment in WIDER.items():
        run, link = gated(experiment), lab("highway", experiment)
        found = cell_survival(run.cell, run.states, run.weights, [0])
        most = float(found.log10_direct.max())
        yield Number(f"direct, the most of any unit, {name}", most, 0.0, 1e-12, "log10", "≥", link)
    open_gates = WIDER["forget bias 5"]
    alone = open_gates.model_copy(update={"gain": 0.0})
    for name, experiment in (("", open_gates), (", without recurrent weights", alone)):
        run, link = gated(experiment), lab("highway", experiment)
        exact = float(cell_survival(run.cell, run.states, run.weights, [0]).exact_rms[0])
        quantity = f"exact, rms over units, forget bias 5{name}"
        yield Number(quantity, exact, 0.0, 1e-12, "log10", "≥", link)


CLOSED_AT, CLOSING = 50, -1e4  # the step, and what is added there to a forget gate's input


def closed_once(experiment: Experiment, units: slice) -> CellSurvival:
    """The LSTM run with some units' forget gates closed at one step alone.

    It has one input more, which is 1 at that step and 0 elsewhere, with a weight of −10,000 into
    these gates: all else, the states after it included, follows by the cell's own equations.
    """
    drawn, H = networks(experiment), experiment.H
    closing, marked = np.zeros((4 * H, 1)), np.zeros((experiment.T, 1))
    closing[H : 2 * H][units], marked[CLOSED_AT - 1] = CLOSING, 1.0
    weight_ih = np.concatenate((drawn.cell.weight_ih, closing), axis=1)
    weights = drawn.cell._replace(weight_ih=weight_ih)
    states = lstm.forward(weights, np.concatenate((drawn.inputs, marked), axis=1))
    return cell_survival(lstm, states, weights, [0])


@claim(
    "“A closed gate cuts the gradient”",
    "One closed forget gate cuts the gradient from there on back.",
    source=SAID.format("run with the gates closed at step 50 alone, forget bias 5"),
    why="It cuts the direct path, and nothing else. The gradient of the steps before goes round "
    "it: through the output into h, across the recurrent weights, into gates that are open. "
    "Closed in all units, a gate costs nine tenths of what would arrive; closed in one unit, "
    "that unit’s own gradient hardly changes. (The link shows the run without closed gates, which "
    "no knob can close for a single step; here an extra input of the network closes them.)",
    link=lab("paths", WIDER["forget bias 5"]),
    verdict="depends",
    always=False,
)
def one_closed_gate() -> Iterator[Number]:
    """What reaches step 0 with all forget gates closed at step 50, with unit 0's, with none."""
    experiment = WIDER["forget bias 5"]
    run = gated(experiment)
    before = cell_survival(run.cell, run.states, run.weights, [0])
    every, one = closed_once(experiment, slice(None)), closed_once(experiment, slice(1))
    nothing = {"expected": A_HUNDREDTH, "tolerance": FACTOR_OF_TWO, "unit": "log10"}
    shown = f"{10 ** before.exact_rms[0]:.1f}"
    own = f"{10 ** before.log10_exact[0, 0]:.1f}"
    for quantity, value in (
        ("all closed: direct, rms over units", every.direct_rms[0]),
        (f"all closed: exact, rms over units ({shown} with none closed)", every.exact_rms[0]),
        ("unit 0’s closed: its direct path", one.log10_direct[0, 0]),
        (f"unit 0’s closed: its exact gradient ({own} with none closed)", one.log10_exact[0, 0]),
    ):
        yield Number(quantity, float(value), relation="≤", **nothing)  # type: ignore[arg-type]


TORCH_RNN = PYTORCH
STRETCHED = Experiment(rnn_gain=1.2)
EXPLODED = Experiment(rnn_gain=3)


@claim(
    "“What stretches must explode”",
    "A vanilla RNN whose recurrent matrix has a largest singular value above 1 has exploding "
    "gradients.",
    source="A misreading of Pascanu, Mikolov & Bengio 2013, who show that it is necessary",
    why="Necessary is not sufficient. The direction that is stretched need not be the one in "
    "which the gradient comes, and units that saturate have flat slopes. PyTorch's plain RNN "
    "has σ₁ = 1.1 and loses all but 10⁻²⁶ in a hundred steps. At three times Keras's weights "
    "it does explode.",
    link=lab("spectrum", TORCH_RNN),
    verdict="does not hold",
)
def sigma_above_one() -> Iterator[Number]:
    """What is left after 100 steps, the most of any direction, against 1."""
    runs = [vanilla(TORCH_RNN.model_copy(update={"seed": seed})) for seed in range(SEEDS)]
    sigma = min(largest_singular_value(run.weights.weight_hh) for run in runs)
    spectral = [float(np.log10(np.linalg.norm(exact_at_start(run), 2))) for run in runs]
    quantity = f"PyTorch's RNN, σ₁ ≥ {sigma:.2f}, spectral norm, the most of 20 draws"
    most, linked = max(spectral), spectral[0]
    yield Number(quantity, most, 0.0, FACTOR_OF_TWO, "log10", "≥", linked=linked)
    for experiment in (STRETCHED, EXPLODED):
        run, link = vanilla(experiment), lab("spectrum", experiment)
        sigma = largest_singular_value(run.weights.weight_hh)
        kept = float(np.log10(np.linalg.norm(exact_at_start(run), 2)))
        quantity = f"Keras's weights × {experiment.rnn_gain:g}, σ₁ = {sigma:.1f}, spectral norm"
        yield Number(quantity, kept, 0.0, FACTOR_OF_TWO, "log10", "≥", link)


def kept_by_rnn(experiment: Experiment) -> float:
    """log10 of the vanilla RNN's survival at step 0, rms over units."""
    run = vanilla(experiment)
    return float(rnn_survival(run.cell, run.states, run.weights, [0]).exact_rms[0])  # type: ignore[arg-type]


@claim(
    "“Orthogonal weights keep it”",
    "Starting from orthogonal recurrent weights keeps the gradient of an RNN from vanishing.",
    source="Often said of the initialisation; proved for linear networks alone",
    why="It does so without a nonlinearity. With one, each step multiplies by its slopes as "
    "well: orthogonal weights start better than others, and lose it all the same.",
    link=lab("highway"),
    verdict="depends",
    always=False,
)
def orthogonal_keeps() -> Iterator[Number]:
    """Keras's RNN over 100 steps of noise, with three nonlinearities."""
    for act in ("identity", "tanh", "relu"):
        experiment = Experiment(act=act)
        kept, link = kept_by_rnn(experiment), lab("highway", experiment)
        yield Number(
            f"kept, rms over units, {act}", kept, A_HUNDREDTH, FACTOR_OF_TWO, "log10", "≥", link
        )


@claim(
    "“Relu cannot vanish”",
    "A relu's slope is 1, so an RNN with relu has no vanishing gradients.",
    source="Often said of deep networks, and carried over to recurrent ones",
    why="Its slope is 1 or 0. At any step about half of the units pass nothing, and what they "
    "pass is mixed by the weights: less arrives than with a tanh.",
    link=lab("highway", Experiment(act="relu")),
    verdict="does not hold",
)
def relu_keeps() -> Iterator[Number]:
    """Two frameworks' weights over 100 steps of noise."""
    for name, init in (("Keras", "keras"), ("PyTorch", "pytorch")):
        experiment = Experiment(act="relu", init=init)
        kept, link = kept_by_rnn(experiment), lab("highway", experiment)
        quantity = f"kept, rms over units, {name}'s weights"
        yield Number(quantity, kept, A_HUNDREDTH, FACTOR_OF_TWO, "log10", "≥", link)


@claim(
    "“Clipping cures vanishing”",
    "Gradient clipping repairs vanishing gradients as well as exploding ones.",
    source="A common mix-up of Pascanu, Mikolov & Bengio's two remedies",
    why="Clipping multiplies the whole gradient by one number that is never above 1. What the "
    "early steps added stays as small beside the late ones as it was. It tames explosions, and "
    "only them.",
    link=lab("highway", OPEN),
    verdict="does not hold",
)
def clipping_cures() -> Iterator[Number]:
    """What clipping to a norm of 1 multiplies the first steps' part by, exploded and vanished."""
    for name, experiment in (("exploded", OPEN), ("vanished", PYTORCH)):
        run, link = gated(experiment), lab("highway", experiment)
        dh = linear_loss("last", experiment.T, experiment.H)
        gradient = bptt(run.cell, run.states, run.weights, run.inputs, dh).weights
        quantity = f"an early part is multiplied by, {name}"
        yield Number(quantity, float(clip_coefficient(gradient, 1.0)), 10.0, 5.0, "", "≥", link)
