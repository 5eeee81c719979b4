"""Whatever a public function cannot use is a ValueError that names the argument."""

import fractions
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lstm_engine as engine
from lstm_engine import CELLS, Rnn, Weights, horizon, lstm, validation
from lstm_engine.from_to import until
from lstm_engine.validation import layers, runs

T, D, H = 6, 3, 4
BY_NAME = {**CELLS, "rnn": Rnn("tanh"), "relu": Rnn("relu")}
GATED = sorted(CELLS)


class Run(NamedTuple):
    cell: Any
    weights: Weights
    x: np.ndarray
    states: Any


def run(name: str, seed: int = 0, *, D: int = D, H: int = H, T: int = T) -> Run:
    cell = BY_NAME[name]
    if isinstance(cell, Rnn):
        weights = engine.draw_rnn("pytorch", D, H, seed=seed)
    else:
        weights = engine.draw_cell(cell, "pytorch", D, H, seed=seed)
    x = engine.draw_inputs("noise", T, D, seed=7)
    return Run(cell, weights, x, cell.forward(weights, x))


RUNS = {name: run(name) for name in BY_NAME}
DH = engine.linear_loss("every", T, H)
OF_A_RUN: dict[str, Callable[[Any, Any, Weights], Any]] = {
    "cell_survival": engine.cell_survival,
    "cell_blocks": engine.cell_blocks,
    "cell_from_to": lambda *its: engine.cell_from_to(*its, [0, 2, 6]),
    "jacobian_between": lambda *its: engine.jacobian_between(*its, 1, 5),
    "direct_between": lambda *its: engine.direct_between(*its, [0, 6]),
    "exact_between": lambda *its: engine.exact_between(*its, [0, 6]),
    "log10_directions": lambda *its: engine.log10_directions(*its, [0, 6]),
    "log10_spectral_norms": lambda *its: engine.log10_spectral_norms(*its, [0, 6]),
    "log10_singular_values": engine.log10_singular_values,
    "step_eigenvalues": lambda *its: engine.step_eigenvalues(*its, 2),
    "lyapunov_exponents": engine.lyapunov_exponents,
    "largest_lyapunov": engine.largest_lyapunov,
    "jacobian": lambda *its: engine.jacobian(*its, 2),
    "pull_back": lambda *its: engine.pull_back(*its, 2, np.ones(H), np.ones(H)),
    "mean_log_carry": horizon.mean_log_carry,
    "needed_shift": lambda *its: horizon.needed_shift(*its, 10),
}
OF_AN_RNN = {
    "rnn_survival": engine.rnn_survival,
    "rnn_from_to": lambda *its: engine.rnn_from_to(*its, [0, 2, 6]),
    **{name: OF_A_RUN[name] for name in ("exact_between", "log10_directions", "jacobian")},
}
CASES = [(cell, name) for cell in GATED for name in OF_A_RUN]
CASES += [(cell, name) for cell in ("rnn", "relu") for name in OF_AN_RNN]
OF_ANY = {**OF_A_RUN, **OF_AN_RNN}

BASE = run("lstm")
GRU = run("gru")
VANILLA = run("rnn")
SETTING = engine.Setting(T=4, batch=3)
LEARNER = engine.begin(lstm, engine.draw_cell(lstm, "keras", 2, H, seed=0), SETTING)
EXAMPLES = engine.draw_examples("adding", 1, 3, 4)
START = np.zeros(H), np.ones(H)
OF_LSTM = {"cell": lstm, "states": BASE.states, "weights": BASE.weights}
OF_RNN = {"rnn": VANILLA.cell, "states": VANILLA.states, "weights": VANILLA.weights}
GRADIENT = engine.bptt(lstm, BASE.states, BASE.weights, BASE.x, DH).weights

# Every function that the library exports, with arguments that it takes.
PUBLIC: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "forward": (lstm.forward, {"weights": BASE.weights, "x": BASE.x, "start": START}),
    "Rnn": (Rnn, {"act": "tanh"}),
    "Rnn.forward": (
        VANILLA.cell.forward,
        {"weights": VANILLA.weights, "x": VANILLA.x, "start": START[0]},
    ),
    "draw_cell": (
        engine.draw_cell,
        {
            "cell": lstm,
            "init": "keras",
            "D": D,
            "H": H,
            "seed": 0,
            "biases": {"f": 1.0},
            "chrono": 0,
            "gain": 1.0,
        },
    ),
    "draw_rnn": (
        engine.draw_rnn,
        {"init": "keras", "D": D, "H": H, "seed": 0, "rnn_init": "same", "gain": 1.0},
    ),
    "draw_inputs": (
        engine.draw_inputs,
        {"signal": "noise", "T": T, "D": D, "amplitude": 1.0, "seed": 0},
    ),
    "draw_inputs of text": (engine.draw_inputs, {"signal": "text", "T": 1, "D": D, "text": "ab"}),
    "draw_inputs of series": (
        engine.draw_inputs,
        {"signal": "series", "T": 1, "D": 1, "series": [1.0, 2.0]},
    ),
    "draw_examples": (
        engine.draw_examples,
        {"task": "text", "n": 1, "size": 2, "T": 4, "seed": 0, "text": "abc"},
    ),
    "batch": (engine.batch, {"layers": [BASE.weights, BASE.weights]}),
    "linear_loss": (engine.linear_loss, {"on": "last", "T": T, "H": H, "seed": 0}),
    "bptt": (engine.bptt, {**OF_LSTM, "x": BASE.x, "dh": DH, "dc_T": np.ones(H)}),
    "cell_survival": (engine.cell_survival, {**OF_LSTM, "steps": [0, 2]}),
    "rnn_survival": (engine.rnn_survival, {**OF_RNN, "steps": [0, 2]}),
    "cell_blocks": (engine.cell_blocks, {**OF_LSTM, "steps": [0, 2], "h_since": 0}),
    "cell_from_to": (engine.cell_from_to, {**OF_LSTM, "steps": [0, 2]}),
    "rnn_from_to": (engine.rnn_from_to, {**OF_RNN, "steps": [0, 2]}),
    "jacobian_between": (engine.jacobian_between, {**OF_LSTM, "s": 1, "t": 3}),
    "direct_between": (engine.direct_between, {**OF_LSTM, "grid": [0, 2]}),
    "exact_between": (engine.exact_between, {**OF_LSTM, "grid": [0, 2]}),
    "log10_directions": (engine.log10_directions, {**OF_LSTM, "steps": [0, 2]}),
    "log10_spectral_norms": (engine.log10_spectral_norms, {**OF_LSTM, "steps": [0, 2]}),
    "log10_singular_values": (engine.log10_singular_values, {**OF_LSTM, "first": 1, "last": 3}),
    "step_eigenvalues": (engine.step_eigenvalues, {**OF_LSTM, "t": 2}),
    "lyapunov_exponents": (
        engine.lyapunov_exponents,
        {**OF_LSTM, "leading": 2, "first": 1, "last": 3},
    ),
    "largest_lyapunov": (engine.largest_lyapunov, {**OF_LSTM, "first": 1}),
    "jacobian": (engine.jacobian, {**OF_LSTM, "t": 2}),
    "pull_back": (engine.pull_back, {**OF_LSTM, "t": 2, "dc": np.ones(H), "dh": np.ones(H)}),
    "recurrence": (
        engine.recurrence,
        {"slopes": lstm.slopes(BASE.states, BASE.weights, 1, 2), "weights": BASE.weights},
    ),
    "check_states": (engine.check_states, {**OF_LSTM, "x": BASE.x, "s": 2, "seed": 0}),
    "check_weights": (engine.check_weights, {**OF_LSTM, "x": BASE.x, "dh": DH, "seed": 0}),
    "clip_by_norm": (engine.clip_by_norm, {"gradient": GRADIENT, "limit": 1.0}),
    "clip_by_value": (engine.clip_by_value, {"gradient": GRADIENT, "limit": 1.0}),
    "clip_coefficient": (engine.clip_coefficient, {"gradient": GRADIENT, "limit": 1.0}),
    "peak_bytes": (engine.peak_bytes, {"cell": lstm, "T": T, "D": D, "H": H, "B": 2}),
    "steps_walked": (engine.steps_walked, {"steps": [0, 2]}),
    "pascanu_bound": (
        engine.pascanu_bound,
        {"rnn": VANILLA.cell, "weights": VANILLA.weights, "lags": [0, 2.5]},
    ),
    "verdict": (engine.verdict, {"rnn": VANILLA.cell, "weights": VANILLA.weights}),
    "spectral_radius": (engine.spectral_radius, {"weight_hh": np.eye(H)}),
    "largest_singular_value": (engine.largest_singular_value, {"weight_hh": np.eye(H)}),
    "Setting": (
        engine.Setting,
        {
            "task": "text",
            "T": 4,
            "batch": 2,
            "optimiser": "sgd",
            "rate": 0.1,
            "clip": 0.0,
            "seed": 1,
            "text": "abc",
        },
    ),
    "begin": (
        engine.begin,
        {
            "cell": lstm,
            "weights": engine.draw_cell(lstm, "keras", 2, H, seed=0),
            "setting": SETTING,
        },
    ),
    "parameters": (engine.parameters, {"cell": lstm, "learner": LEARNER, "setting": SETTING}),
    "train": (engine.train, {"cell": lstm, "learner": LEARNER, "setting": SETTING, "updates": 1}),
    "loss_and_gradients": (
        engine.loss_and_gradients,
        {
            "cell": lstm,
            "parameters": engine.parameters(lstm, LEARNER, SETTING),
            "examples": EXAMPLES,
            "task": SETTING.asked,
        },
    ),
    "nudged": (engine.chaos.nudged, {"weights": BASE.weights}),
    "log10_amplification": (
        engine.chaos.log10_amplification,
        {"h": BASE.states.h, "h_nudged": BASE.states.h + 1e-9},
    ),
    "is_chaotic": (engine.chaos.is_chaotic, {"log10_amplification": 1.0, "T": 5}),
    "mean_log_carry": (horizon.mean_log_carry, OF_LSTM),
    "half_life": (horizon.half_life, {"mean_log_carry": np.array([-1.0])}),
    "time_constant": (horizon.time_constant, {"mean_log_carry": np.array([-1.0])}),
    "horizon": (horizon.horizon, {"mean_log_carry": np.array([-1.0]), "threshold": 0.1}),
    "needed_bias": (horizon.needed_bias, {"T": 10.0, "keep": 0.5}),
    "needed_shift": (horizon.needed_shift, {**OF_LSTM, "T": 10.0, "keep": 0.5}),
    **{
        f"gates.{name}": (getattr(engine.gates, name), {"a": np.array([-1.0, 0.5])})
        for name in (
            "sigmoid",
            "sigmoid_slope",
            "log_sigmoid_slope",
            "softplus",
            "log10_sigmoid",
            "tanh",
            "tanh_slope",
            "log_tanh_slope",
            "relu",
            "relu_slope",
            "log_relu_slope",
            "identity",
            "identity_slope",
            "log_identity_slope",
        )
    },
}
ARGUMENTS = [(name, argument) for name, (_, known) in PUBLIC.items() for argument in known]

# What people pass by mistake. None is a valid default of some arguments.
JUNK: dict[str, Any] = {
    "None": None,
    "a word": "abc",
    "bytes": b"abc",
    "nothing": [],
    "a mapping": {"f": "x"},
    "an object": object(),
    "a class": dict,
    "a function": len,
    "a list of words": ["a", "b"],
    "a ragged list": [[1.0], [1.0, 2.0]],
    "a list of lists": [[1, 2], [3, 4]],
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus one": -1,
    "a half": 0.5,
    "true": True,
    "a huge integer": 10**400,
    "a complex number": 1 + 2j,
    "a fraction": fractions.Fraction(1, 3),
    "zero dimensions": np.array(2.0),
    "an empty array": np.zeros((0, 3)),
    "a vector": np.zeros(5),
    "a cube": np.ones((2, 3, 4)),
    "complex numbers": np.ones((T, D), dtype=complex),
    "objects": np.array([None, 1.0], dtype=object),
    "words": np.array(["1.0", "2.0"]),
    "dates": np.array(["2026-01-01"], dtype="datetime64[D]"),
    "records": np.zeros(2, dtype=[("a", float)]),
    "masked": np.ma.masked_array([[1.0, 2.0]], mask=[[True, False]]),
    "with nan": np.array([[1.0, np.nan]]),
    "weights of a GRU": GRU.weights,
    "weights without a bias": BASE.weights._replace(bias_ih=None),
    "states of a GRU": GRU.states,
    "a set of steps": {3, 1},
    "steps that fall": [4, 1],
    "steps too far": [0, T + 1],
    "half steps": [0.5, 1.5],
}


def same_name(argument: str, message: str) -> bool:
    """Whether a message names the argument, in the words used for it in the documentation."""
    also = {"grid": ["steps", "sigmoid"], "first": ["steps"], "last": ["steps"], "rate": ["clip"]}
    names = [argument, argument.replace("_", " "), *also.get(argument, [])]
    return any(name in message for name in names)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_whatever_an_argument_is_it_works_or_is_a_value_error_that_names_it(
    name: str, argument: str
) -> None:
    function, known = PUBLIC[name]
    function(**known)
    for what, junk in JUNK.items():
        try:
            function(**{**known, argument: junk})
        except ValueError as refused:
            message = str(refused)
            assert same_name(argument, message), f"{what}: {message!r} does not name {argument}"
        except Exception as other:
            pytest.fail(f"{what}: {type(other).__name__}: {other}")


@pytest.mark.parametrize(("cell", "function"), CASES)
@pytest.mark.parametrize("inputs", [D, 5 * H])  # with 5H inputs every pre-activation has its x
def test_the_states_of_another_network_are_refused(cell: str, function: str, inputs: int) -> None:
    ours, theirs = (run(cell, seed, D=inputs) for seed in (0, 1))
    OF_ANY[function](ours.cell, ours.states, ours.weights)
    with pytest.raises(ValueError, match=r"states were not computed with these weights"):
        OF_ANY[function](ours.cell, theirs.states, ours.weights)


@pytest.mark.parametrize("cell", BY_NAME)
def test_backpropagation_refuses_the_states_of_another_network(cell: str) -> None:
    ours, theirs = run(cell), run(cell, seed=1)
    with pytest.raises(ValueError, match="states were not computed with these weights"):
        engine.bptt(ours.cell, theirs.states, ours.weights, ours.x, DH)
    with pytest.raises(ValueError, match="states were not computed with these weights"):
        engine.check_states(ours.cell, theirs.states, ours.weights, ours.x, 0)
    by_hand, own = replace(theirs.states), replace(ours.states)  # they have no checksum
    with pytest.raises(ValueError, match="x does not lead to these states"):
        engine.bptt(ours.cell, by_hand, ours.weights, ours.x, DH)
    with pytest.raises(ValueError, match="x does not lead to these states"):
        engine.check_states(ours.cell, own, ours.weights, 1.001 * ours.x, 0)


def test_states_of_one_nonlinearity_are_not_those_of_another() -> None:
    with pytest.raises(ValueError, match="states were not computed with these weights"):
        engine.rnn_survival(Rnn("relu"), VANILLA.states, VANILLA.weights)


def test_weights_changed_after_the_run_are_noticed() -> None:
    cell, weights, _, states = run("lstm")
    engine.cell_survival(cell, states, weights)
    weights.weight_hh[3, 1] += 1e-12
    with pytest.raises(ValueError, match="weights changed since"):
        engine.cell_survival(cell, states, weights)


@pytest.mark.parametrize("cell", GATED)
def test_another_forget_bias_is_another_network(cell: str) -> None:
    ours = RUNS[cell]
    bias = ours.weights.bias_ih.copy()
    bias[0] += 4.0
    with pytest.raises(ValueError, match="states were not computed with these weights"):
        engine.cell_survival(ours.cell, ours.states, ours.weights._replace(bias_ih=bias))


def test_a_batch_in_another_order_is_another_network() -> None:
    first, second = run("lstm"), run("lstm", seed=1)
    states = lstm.forward(engine.batch([first.weights, second.weights]), np.stack([BASE.x] * 2))
    engine.cell_survival(lstm, states, engine.batch([first.weights, second.weights]))
    with pytest.raises(ValueError, match="states were not computed with these weights"):
        engine.cell_survival(lstm, states, engine.batch([second.weights, first.weights]))


def cut_off(cell: Any, states: Any, weights: Weights) -> tuple[Any, Weights]:
    return until(states, 4), weights


def copied(cell: Any, states: Any, weights: Weights) -> tuple[Any, Weights]:
    return replace(states), weights


def pickled(cell: Any, states: Any, weights: Weights) -> tuple[Any, Weights]:
    return pickle.loads(pickle.dumps((states, weights)))


def copied_weights(cell: Any, states: Any, weights: Weights) -> tuple[Any, Weights]:
    return states, Weights._make(None if w is None else w.copy() for w in weights)


def in_columns(cell: Any, states: Any, weights: Weights) -> tuple[Any, Weights]:
    return states, Weights._make(None if w is None else np.asfortranarray(w) for w in weights)


def in_lists(cell: Any, states: Any, weights: Weights) -> tuple[Any, Weights]:
    every = [None if w is None else w.tolist() for w in weights]
    if not cell.RECURRENT:
        every[1] = weights.weight_hh  # a list of no rows does not say how long they would be
    return states, Weights(*every)


@pytest.mark.parametrize("cell", BY_NAME)
@pytest.mark.parametrize("form", [cut_off, copied, pickled, copied_weights, in_columns, in_lists])
def test_the_same_network_in_another_form_is_accepted(
    cell: str, form: Callable[..., tuple[Any, Weights]]
) -> None:
    ours = run(cell)
    states, weights = form(ours.cell, ours.states, ours.weights)
    survival = engine.rnn_survival if isinstance(ours.cell, Rnn) else engine.cell_survival
    survival(ours.cell, states, weights, [0, 2])
    engine.jacobian(ours.cell, states, weights, 2)


def test_pickled_states_still_know_their_network() -> None:
    states = pickle.loads(pickle.dumps(BASE.states))
    with pytest.raises(ValueError, match="states were not computed with these weights"):
        engine.cell_survival(lstm, states, run("lstm", seed=1).weights)


def test_a_network_repeated_over_a_batch_is_the_same_network() -> None:
    states = lstm.forward(BASE.weights, np.stack([BASE.x, 2 * BASE.x]))
    together = engine.cell_survival(lstm, states, engine.batch([BASE.weights] * 2))
    alone = engine.cell_survival(lstm, BASE.states, BASE.weights)
    np.testing.assert_allclose(together.log10_exact[0], alone.log10_exact, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(GATED),
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(1, 6), st.integers(1, 12), st.integers(1, 20)),
    amplitude=st.sampled_from([0.0, 1e-300, 1e-3, 1.0, 1e3, 1e15, 1e150]),
    gain=st.sampled_from([0.0, 1e-200, 1.0, 30.0]),
    forget=st.sampled_from([-20.0, 0.0, 20.0]),
)
def test_a_networks_own_states_and_inputs_are_never_refused(
    name: str,
    seed: int,
    size: tuple[int, int, int],
    amplitude: float,
    gain: float,
    forget: float,
) -> None:
    H, D, T = size
    cell = CELLS[name]
    weights = engine.draw_cell(
        cell, "normal", D, H, seed=seed, gain=gain, biases={"f": forget, "i": -forget}
    )
    x = amplitude * engine.draw_inputs("noise", T, D, seed=seed)
    states = cell.forward(weights, x)
    dh = engine.linear_loss("every", T, H)
    validation.backward(cell, states, weights, x, dh)
    validation.backward(cell, replace(states), weights, x, dh)


# Forms of the same numbers


def halves(values: np.ndarray) -> np.ndarray:
    """Numbers that float16 has too."""
    return np.round(4 * values) / 4


EXACT: dict[str, Callable[[np.ndarray], Any]] = {
    "float32": lambda a: a.astype(np.float32),
    "float16": lambda a: a.astype(np.float16),
    "long double": lambda a: a.astype(np.longdouble),
    "big-endian": lambda a: a.astype(">f8"),
    "a list": lambda a: a.tolist(),
    "columns first": np.asfortranarray,
    "negative strides": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "read-only": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
}


@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize("cell", BY_NAME)
def test_the_same_numbers_in_another_form_give_the_same_bits(cell: str, form: str) -> None:
    ours = run(cell)
    weights = Weights._make(None if w is None else halves(w) for w in ours.weights)
    x = halves(ours.x)
    plain = ours.cell.forward(weights, x)
    every = [None if w is None or not w.size else EXACT[form](w) for w in weights]
    changed = Weights._make(w if e is None else e for w, e in zip(weights, every, strict=True))
    states = ours.cell.forward(changed, EXACT[form](x))
    np.testing.assert_array_equal(states.h, plain.h)
    assert states.h.dtype == np.float64
    np.testing.assert_array_equal(
        engine.bptt(ours.cell, states, changed, EXACT[form](x), EXACT[form](halves(DH))).dx,
        engine.bptt(ours.cell, plain, weights, x, halves(DH)).dx,
    )


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64])
def test_whole_numbers_are_taken_as_they_are(dtype: type) -> None:
    x = np.eye(D, dtype=dtype)[[0, 2, 1, 1]]
    np.testing.assert_array_equal(
        lstm.forward(BASE.weights, x).h, lstm.forward(BASE.weights, x.astype(np.float64)).h
    )


@pytest.mark.parametrize(
    "x",
    [
        np.full((T, D), 2**53 + 1),
        np.full((T, D), 2**64 - 1, dtype=np.uint64),
        np.full((T, D), np.longdouble(1) + np.finfo(np.longdouble).eps),
    ],
)
def test_numbers_that_float64_cannot_hold_are_not_rounded_silently(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"x is \(6, 3\) .* cannot hold exactly"):
        lstm.forward(BASE.weights, x)


@pytest.mark.parametrize("dtype", ["complex128", "U4", "S4", "object", "datetime64[s]"])
@pytest.mark.parametrize("field", [*Weights._fields[:4], "x"])
def test_what_is_no_real_number_is_refused_by_name_and_dtype(dtype: str, field: str) -> None:
    given = {**BASE.weights._asdict(), "x": BASE.x}
    given[field] = given[field].astype(int).astype(dtype)
    x = given.pop("x")
    named = "x" if field == "x" else f"weights.{field}"
    with pytest.raises(ValueError, match=rf"{named} is \(.*of dtype .*real numbers"):
        lstm.forward(Weights(**given), x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("cell", BY_NAME)
def test_what_is_not_finite_is_refused_with_its_place(cell: str, value: float) -> None:
    ours = run(cell)
    for field, tensor in ours.weights._asdict().items():
        if tensor is not None and tensor.size:
            wrong = tensor.copy()
            wrong.flat[-1] = value
            place = ", ".join(str(n - 1) for n in tensor.shape)
            with pytest.raises(ValueError, match=rf"weights\.{field} .*has {value} at \[{place}\]"):
                ours.cell.forward(ours.weights._replace(**{field: wrong}), ours.x)
    x = ours.x.copy()
    x[2, 1] = value
    with pytest.raises(ValueError, match=rf"x \(6, 3\) has {value} at \[2, 1\]") as refused:
        ours.cell.forward(ours.weights, x)
    again = pickle.loads(pickle.dumps(refused.value))
    for error in (refused.value, again):  # the states leave float64 where it enters
        assert isinstance(error, engine.LeftFloat64)
        assert (error.cell, error.step) == (ours.cell.NAME, 3) and "[2, 1]" in str(error)


# Shapes


@pytest.mark.parametrize("cell", BY_NAME)
def test_every_wrong_shape_of_weights_is_refused_by_name(cell: str) -> None:
    ours = run(cell)
    for field, tensor in ours.weights._asdict().items():
        if tensor is None:
            continue
        for wrong in (
            np.zeros(()),
            tensor[None],
            np.zeros((*tensor.shape[:-1], tensor.shape[-1] + 1)),
        ):
            if field in ("weight_ih",) and wrong.shape == (*tensor.shape[:-1], D + 1):
                continue  # a network of more inputs
            with pytest.raises(ValueError, match=r"weights\.\w+ is \(.*it must be"):
                ours.cell.forward(ours.weights._replace(**{field: wrong}), ours.x)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(list(BY_NAME)), shape=st.lists(st.integers(0, 7), max_size=4))
def test_inputs_of_any_shape_fit_or_are_refused_with_it(name: str, shape: list[int]) -> None:
    ours = RUNS[name]
    x = np.zeros(shape)
    if len(shape) >= 2 and shape[-1] == D and 0 not in shape[:-2]:
        assert ours.cell.forward(ours.weights, x).h.shape == (*shape[:-2], shape[-2] + 1, H)
        return
    with pytest.raises(ValueError) as refused:
        ours.cell.forward(ours.weights, x)
    assert f"x is {x.shape}" in str(refused.value)


@pytest.mark.parametrize(
    "shape", [(), (T,), (H,), (T + 1, H), (1, H), (T, 1), (2, T, H), (T, H + 1)]
)
def test_a_loss_gradient_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError) as refused:
        engine.bptt(lstm, BASE.states, BASE.weights, BASE.x, np.ones(shape))
    assert f"dh is {shape}" in str(refused.value)


@pytest.mark.parametrize("name", ["h_0", "c_0"])
@pytest.mark.parametrize(
    "wrong",
    [np.full(H, np.nan), np.full(H, 1j), np.full(H, "1"), np.ones(H + 1), np.ma.masked_all(H)],
    ids=["nan", "complex", "words", "one too many", "masked"],
)
def test_a_state_to_start_from_is_refused_by_name(name: str, wrong: np.ndarray) -> None:
    start = {"h_0": np.zeros(H), "c_0": np.zeros(H), name: wrong}
    with pytest.raises(ValueError, match=f"start: {name} "):
        lstm.forward(BASE.weights, BASE.x, (start["h_0"], start["c_0"]))


def test_states_to_start_from_fit_the_sequences_or_are_refused() -> None:
    three, two = np.stack([BASE.x] * 3), np.zeros((2, H))
    with pytest.raises(ValueError, match=r"start: h_0 and c_0 are \(2, 4\) and \(2, 4\).*\(3,\)"):
        lstm.forward(BASE.weights, three, (two, two))


@pytest.mark.parametrize("shape", [(), (T,), (2, H), (H + 1,), (T, H)])
def test_a_gradient_at_the_last_cell_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"dc_T is {re.escape(str(shape))}"):
        engine.bptt(lstm, BASE.states, BASE.weights, BASE.x, DH, np.ones(shape))


def layer_of(cell: str, D: int, H: int) -> Weights:
    return run(cell, D=D, H=H).weights


LSTM = layer_of("lstm", 8, 16)
CAUSES: dict[str, tuple[Callable[[], Any], str]] = {
    "GRU rows": (
        lambda: lstm.forward(layer_of("gru", 8, 16), np.zeros((5, 8))),
        r"weights\.weight_hh is \(48, 16\): for lstm with H = 16 .*\(64, 16\).*as of a GRU",
    ),
    "LSTM rows": (
        lambda: CELLS["gru"].forward(LSTM, np.zeros((5, 8))),
        r"weights\.weight_hh is \(64, 16\): for gru with H = 16 .*\(48, 16\).* as of an LSTM",
    ),
    "a recurrent matrix alone": (
        lambda: lstm.forward(LSTM._replace(weight_hh=np.zeros((48, 16))), np.zeros((5, 8))),
        r"weights\.weight_hh is \(48, 16\): for lstm with H = 16 it must be \(64, 16\)",
    ),
    "Keras kernels": (
        lambda: lstm.forward(
            LSTM._replace(weight_ih=LSTM.weight_ih.T, weight_hh=LSTM.weight_hh.T), np.zeros((5, 8))
        ),
        r"weights\.weight_hh is \(16, 64\): for lstm with H = 16 it must be \(64, 16\) "
        r"\(this looks like a Keras kernel: transpose it\)",
    ),
    "one Keras kernel": (
        lambda: lstm.forward(LSTM._replace(weight_ih=LSTM.weight_ih.T), np.zeros((5, 8))),
        r"weights\.weight_ih is \(8, 64\).*Keras kernel: transpose it",
    ),
    "a projection": (
        lambda: lstm.forward(
            LSTM._replace(weight_hh=np.zeros((64, 5)), peephole=np.zeros((5, 16))),
            np.zeros((5, 8)),
        ),
        r"projection: multiply weight_hh @ weight_hr",
    ),
    "peepholes where there are none": (
        lambda: lstm.forward(LSTM._replace(peephole=np.zeros((3, 16))), np.zeros((5, 8))),
        r"weights\.peephole is \(3, 16\): lstm has no peepholes",
    ),
    "no peepholes": (
        lambda: CELLS["peephole"].forward(LSTM, np.zeros((5, 8))),
        r"weights\.peephole is missing",
    ),
    "no bias": (
        lambda: lstm.forward(LSTM._replace(bias_ih=None, bias_hh=None), np.zeros((5, 8))),
        r"weights\.bias_ih is None.*numpy\.zeros\(64\)",
    ),
    "two layers": (lambda: Weights(*LSTM[:4], *LSTM[:4]), "8 were given.*several layers"),
    "a layer without biases": (lambda: Weights(*LSTM[:2]), "2 were given.*zeros"),
    "another name": (lambda: Weights(W=1), "Weights has no W"),
    "recurrence where there is none": (
        lambda: CELLS["mingru"].forward(
            layer_of("mingru", 8, 16)._replace(weight_hh=np.zeros((32, 16))), np.zeros((5, 8))
        ),
        r"weight_hh is \(0, H\)",
    ),
    "a sequence on its side": (
        lambda: lstm.forward(LSTM, np.zeros((8, 100))),
        r"x is \(8, 100\): .*\(…, T, 8\): this looks like \(D, T\), transpose it",
    ),
    "one batch axis": (
        lambda: engine.cell_survival(lstm, lstm.forward(LSTM, np.zeros((1, 5, 8))), LSTM),
        r"weights\.weight_ih is \(64, 8\) and states\.h \(1, 6, 16\): .*one sequence \(T, D\)",
    ),
    "a batch where one is needed": (
        lambda: engine.cell_blocks(
            lstm,
            lstm.forward(engine.batch([LSTM, LSTM]), np.zeros((2, 5, 8))),
            engine.batch([LSTM, LSTM]),
        ),
        r"states\.h is \(2, 6, 16\): it must be \(T\+1, H\), one experiment",
    ),
    "batches of two sizes": (
        lambda: lstm.forward(engine.batch([LSTM, LSTM]), np.zeros((3, 5, 8))),
        r"x is \(3, 5, 8\) and weights\.weight_ih \(2, 64, 8\): their leading axes",
    ),
    "layers of two shapes": (
        lambda: engine.batch([LSTM, layer_of("lstm", 8, 4)]),
        r"layers\[1\]\.weight_ih is \(16, 8\): in layers\[0\] it is \(64, 8\)",
    ),
    "states of another cell": (
        lambda: engine.cell_survival(CELLS["peephole"], BASE.states, RUNS["peephole"].weights),
        "states is the states of lstm: it must be what peephole's forward returns",
    ),
    "states of another size": (
        lambda: engine.cell_survival(lstm, replace(BASE.states), LSTM),
        r"states\.h is \(7, 4\): for these weights it must be \(…, T\+1, 16\)",
    ),
    "states of two lengths": (
        lambda: engine.cell_survival(
            lstm, replace(BASE.states, c=BASE.states.c[:-1]), BASE.weights
        ),
        r"states\.c is \(6, 4\): beside states\.h \(7, 4\) it must be \(7, 4\)",
    ),
    "states with nan": (
        lambda: engine.cell_survival(
            lstm, replace(BASE.states, f=np.full((T, H), np.nan)), BASE.weights
        ),
        r"states\.f \(6, 4\) has nan at \[0, 0\]",
    ),
    "the name of a cell": (
        lambda: engine.cell_survival("lstm", BASE.states, BASE.weights),
        "cell is 'lstm': it must be a cell",
    ),
    "another cell's learner": (
        lambda: engine.train(CELLS["gru"], LEARNER, SETTING, 1),
        r"learner\.theta is \(\d+,\): for gru with H = 4, D = 2 and 1 outputs it must be",
    ),
    "a seed out of range": (
        lambda: engine.draw_inputs("noise", 5, 2, seed=2**32),
        "seed is 4294967296: allowed are 0 … 4294967295",
    ),
    "a float seed": (lambda: engine.draw_inputs("noise", 5, 2, seed=1.0), "seed is 1.0: allowed"),
    "steps that do not increase": (
        lambda: engine.cell_survival(lstm, BASE.states, BASE.weights, [2, 2]),
        "steps must increase within 0 … 6",
    ),
    "half steps": (
        lambda: engine.cell_survival(lstm, BASE.states, BASE.weights, [0.5, 2]),
        "steps is .*whole numbers",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_likely_mistake_is_named(cause: str) -> None:
    call, says = CAUSES[cause]
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize("cell", BY_NAME)
def test_a_run_of_no_steps_is_its_initial_state(cell: str) -> None:
    ours = RUNS[cell]
    states = ours.cell.forward(ours.weights, np.zeros((0, D)))
    assert states.h.shape == (1, H) and not states.h.any()
    survival = engine.rnn_survival if isinstance(ours.cell, Rnn) else engine.cell_survival
    np.testing.assert_array_equal(survival(ours.cell, states, ours.weights).exact_rms, [0.0])
    with pytest.raises(ValueError, match="at least one step"):
        engine.bptt(ours.cell, states, ours.weights, np.zeros((0, D)), np.zeros((0, H)))
    with pytest.raises(ValueError, match="at least one step"):
        horizon.mean_log_carry(ours.cell, states, ours.weights)


def test_inner_loops_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = layers.layer

    def counted(*args: Any, **named: Any) -> Weights:
        seen.append(1)
        return real(*args, **named)

    monkeypatch.setattr(runs, "layer", counted)
    monkeypatch.setattr(layers, "layer", counted)
    long = run("lstm", T=50)
    for call in (
        lambda: lstm.forward(long.weights, long.x),
        lambda: engine.cell_survival(lstm, long.states, long.weights),
        lambda: engine.check_states(lstm, long.states, long.weights, long.x, 0),
        lambda: engine.lyapunov_exponents(lstm, long.states, long.weights),
        lambda: engine.train(lstm, LEARNER, SETTING, 5),
    ):
        seen.clear()
        call()
        assert len(seen) <= 2


def test_a_cell_of_ones_own_with_slots_can_be_walked() -> None:
    """Its states have no room for a checksum, so they are looked at instead."""
    kinds = [(field.name, field.type) for field in fields(lstm.States)]
    Slotted = dataclass(frozen=True, slots=True)(
        type("Slotted", (), {"__annotations__": dict(kinds), "__module__": __name__})
    )
    names = [name for name in dir(lstm) if not name.startswith("__")]
    own = SimpleNamespace(
        **{name: getattr(lstm, name) for name in names},
    )
    own.States = Slotted
    states = Slotted(*(getattr(BASE.states, name) for name, _ in kinds))
    np.testing.assert_array_equal(
        engine.cell_survival(own, states, BASE.weights).log10_exact,
        engine.cell_survival(lstm, BASE.states, BASE.weights).log10_exact,
    )
