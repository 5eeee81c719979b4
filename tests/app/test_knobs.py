"""Knobs: every key is declared once, in full, and refuses what it cannot be."""

import math
from types import ModuleType

import pytest
from pydantic import ValidationError

from app.grammar import integer_of, names_of, real_of, with_plus_signs
from app.keys import (
    FIELDS,
    allowed,
    bounds,
    choices,
    control,
    default,
    kind,
    words,
)
from app.knobs import GATE_OF, Experiment, without_effect
from app.view import HIDEABLE, Focus, View
from lstm_engine import CELLS
from tests.app.experiments import CHOICES, NUMBERS

MODELS = (Experiment, Focus, View)

# The table of knobs that links were promised; a change here changes what links mean.
PROMISED = {
    "v": (1, (1, 1)),
    "T": (100, (1, 20000)),
    "H": (32, (1, 256)),
    "D": (8, (1, 64)),
    "cell": ("lstm", ("lstm", "lstm-1997", "peephole", "coupled", "gru", "minlstm", "mingru")),
    "b_i": (0.0, (-20, 20)),
    "b_f": (1.0, (-20, 20)),
    "b_g": (0.0, (-20, 20)),
    "b_o": (0.0, (-20, 20)),
    "init": ("keras", ("keras", "pytorch", "normal")),
    "chrono": (0, (0, 100000)),
    "gain": (1.0, (0, 10)),
    "rnn_gain": (1.0, (0, 10)),
    "rnn_init": ("same", ("same", "identity")),
    "act": ("tanh", ("tanh", "relu", "identity", "logistic")),
    "signal": (
        "noise",
        ("noise", "zeros", "constant", "sine", "impulse", "adding", "copy", "text", "series"),
    ),
    "text": ("The quick brown fox jumps over the lazy dog.", (1, 1000)),
    "series": ((1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144), (2, 1000)),
    "standardize": (1, (0, 1)),
    "amplitude": (1.0, (0, 100)),
    "seed": (0, (0, 4294967295)),
}


def test_knobs_stand_in_the_promised_order() -> None:
    assert list(Experiment.model_fields) == list(PROMISED)


@pytest.mark.parametrize("key", PROMISED)
def test_defaults_and_ranges_are_the_promised_ones(key: str) -> None:
    promised_default, promised_range = PROMISED[key]
    assert default(key) == promised_default
    assert (choices(key) if kind(key) == "choice" else bounds(key)) == promised_range


def test_no_key_belongs_to_two_of_them() -> None:
    assert len(FIELDS) == sum(len(model.model_fields) for model in MODELS)


def model_of(key: str) -> type[Experiment] | type[Focus] | type[View]:
    return next(model for model in MODELS if key in model.model_fields)


@pytest.mark.parametrize("key", FIELDS)
def test_every_key_says_what_it_means_and_what_it_takes(key: str) -> None:
    assert FIELDS[key].description
    assert allowed(key)
    span = bounds(key)
    if span and kind(key) != "names" and key != "v":
        assert all(f"{end:g}" in allowed(key) or str(end) in allowed(key) for end in span)


@pytest.mark.parametrize("key", [key for key in FIELDS if key not in ("v", "hide")])
def test_every_key_but_version_and_hide_has_a_control(key: str) -> None:
    found = control(key)
    assert found is not None and found.label and found.group
    assert key in HIDEABLE


@pytest.mark.parametrize("key", [key for key in FIELDS if (c := control(key)) and c.slider])
def test_sliders_stay_within_their_knobs_range(key: str) -> None:
    found, span = control(key), bounds(key)
    assert found is not None and found.slider is not None and span is not None
    assert span[0] <= found.slider[0] < found.slider[1] <= span[1]
    assert found.slider[0] <= default(key) <= found.slider[1]
    assert found.scale == "linear" or found.slider[0] > 0
    assert found.step > 0


# (What an axis's ends may be depends on its knob: see test_axes.py.)
@pytest.mark.parametrize("key", sorted(set(NUMBERS) - {"x_from", "x_to", "y_from", "y_to"}))
def test_both_ends_of_a_range_are_allowed_and_what_lies_beyond_is_not(key: str) -> None:
    span = bounds(key)
    assert span is not None
    model = model_of(key)
    others = {"signal": "noise"} if model is Experiment else {}
    for end in span:
        assert getattr(model(**others, **{key: end}), key) == end
    for beyond in (span[0] - 1, span[1] + 1):
        with pytest.raises(ValidationError):
            model(**others, **{key: beyond})


# Beside what every choice of an axis can stand.
FITTING = {"x": {"y": "none"}, "x_scale": {"x": "T"}, "y_scale": {"y": "T"}}


@pytest.mark.parametrize("key", [key for key in CHOICES if key != "y"])
def test_choices_are_exact_words(key: str) -> None:
    model, others = model_of(key), FITTING.get(key, {})
    for name in choices(key):
        assert getattr(model(**{**others, key: name}), key) == name
        for other in (name.upper() + "X", f" {name}", f"{name} ", ""):
            with pytest.raises(ValidationError):
                model(**{**others, key: other})


@pytest.mark.parametrize("key", [*Experiment.model_fields, *View.model_fields])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_key_takes_what_is_not_finite(key: str, value: float) -> None:
    model = model_of(key)
    with pytest.raises(ValidationError):
        model(**{key: value})


def test_the_cells_are_the_engines() -> None:
    assert choices("cell") == tuple(CELLS)


@pytest.mark.parametrize(
    ("cell", "keys"),
    [
        ("lstm", set()),
        ("lstm-1997", {"b_f"}),
        ("peephole", set()),
        ("coupled", {"b_i"}),
        ("gru", {"b_o"}),
        ("minlstm", {"b_o", "gain"}),
        ("mingru", {"b_o", "b_i", "gain"}),
    ],
)
def test_what_a_cell_lacks_decides_nothing(cell: str, keys: set[str]) -> None:
    assert set(without_effect(cell)) == keys
    knobs = {"b_i": 2.0, "b_f": 3.0, "b_g": -1.0, "b_o": 0.5, "gain": 0.25, "chrono": 40}
    changed = Experiment(cell=cell, **knobs).in_force()
    for key, value in knobs.items():
        assert getattr(changed, key) == (default(key) if key in keys else value), key


def bare_cell(**names: object) -> ModuleType:
    """The LSTM as a cell of another name, some of its parts changed."""
    cell = ModuleType("bare")
    vars(cell).update({name: getattr(CELLS["lstm"], name) for name in ("GATES", "CHRONO", "TITLE")})
    vars(cell).update({"RECURRENT": True} | names)
    return cell


def test_what_has_no_effect_follows_from_the_cell_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a cell that nothing outside the engine has heard of."""
    gates = {"f": "door, how wide it stands", "g": "candidate"}
    new = bare_cell(TITLE="doorkeeper", GATES=gates, CHRONO={}, RECURRENT=False)
    monkeypatch.setitem(CELLS, "door", new)
    assert set(without_effect("door")) == {"b_i", "b_o", "chrono", "gain"}
    assert words("b_f", "door") == ("Door b_f", "added to the door's bias: how wide it stands")
    assert words("b_i", "door") == ("Input gate b_i", "without effect in the doorkeeper")
    assert words("gain", "door")[1] == "without effect in the doorkeeper"


@pytest.mark.parametrize("key", [key for key in Experiment.model_fields if control(key)])
def test_the_default_cells_words_are_the_declared_ones(key: str) -> None:
    declared = control(key)
    assert declared is not None
    assert words(key, default("cell")) == (declared.label, FIELDS[key].description)


@pytest.mark.parametrize("cell", CELLS)
def test_every_control_has_words_in_every_cell(cell: str) -> None:
    for key in GATE_OF:
        label, meaning = words(key, cell)
        assert label.endswith(f" {key}") and label[0].isupper() and meaning
        if key not in without_effect(cell):
            assert CELLS[cell].GATES[GATE_OF[key]].split(",")[0] in meaning


def test_biases_are_told_by_the_gates_letter() -> None:
    experiment = Experiment(b_i=1.0, b_f=2.0, b_g=3.0, b_o=4.0)
    assert experiment.biases == {"i": 1.0, "f": 2.0, "g": 3.0, "o": 4.0}


@pytest.mark.parametrize("T_max", [1, 2])
def test_chrono_is_off_or_at_least_three(T_max: int) -> None:
    with pytest.raises(ValidationError, match="too short"):
        Experiment(chrono=T_max)
    assert Experiment(chrono=0).chrono == 0
    assert Experiment(chrono=3).chrono == 3


@pytest.mark.parametrize(("signal", "least"), [("adding", 2), ("copy", 3)])
def test_task_signals_need_room_for_their_channels(signal: str, least: int) -> None:
    assert least == Experiment(signal=signal, D=least).D
    with pytest.raises(ValidationError, match=f"at least {least} for signal={signal}"):
        Experiment(signal=signal, D=least - 1)


def test_a_text_and_a_series_set_the_sizes_they_decide() -> None:
    assert Experiment(signal="text", text="añ😀", T=7, D=5).in_force().T == 3
    assert Experiment(signal="text", text="añ😀", T=7, D=5).in_force().D == 5
    series = Experiment(signal="series", series=(1.0, 2.0, 3.0, 4.0), T=7, D=5).in_force()
    assert (series.T, series.D) == (4, 1)
    rows = Experiment(signal="series", series=((1, 2, 3), (4, 5, 6)), T=7, D=5).in_force()
    assert (rows.T, rows.D) == (2, 3)


def test_words_and_numbers_without_their_signal_decide_nothing() -> None:
    prepared = Experiment(text="other", series=(1.0, 2.0), standardize=0)
    assert prepared.in_force() == Experiment()


def test_in_force_is_reached_in_one_step() -> None:
    for signal in choices("signal"):
        once = Experiment(signal=signal, T=7, text="ab", series=(1.0, 2.0, 3.0)).in_force()
        assert once.in_force() == once


def test_experiments_and_views_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Experiment().T = 5
    with pytest.raises(ValidationError, match="frozen"):
        View().lag = "log"


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Experiment(tau=1)


def test_hide_takes_only_controls_that_exist_each_once() -> None:
    assert View(hide="b_f,presets,b_f").hide == ("b_f", "presets")
    with pytest.raises(ValidationError, match="no such control"):
        View(hide="b_f,nonsense")


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("-3", -3), ("007", 7), ("-0", 0), ("+5", 5)]
)
def test_integers_are_read_as_written(text: str, value: int) -> None:
    assert integer_of(text) == value


@pytest.mark.parametrize("text", ["9" * 21, "9" * 10_000, "1.0", "+", "+-1", "1_0", "", " 1", "١"])
def test_what_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        integer_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("-2", -2.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e-5", 1e-5),
        ("1E3", 1e3),
        ("+3", 3.0),
        ("1.5E+03", 1500.0),
        ("-2.000000000000000000e+00", -2.0),
    ],
)
def test_reals_are_read_in_decimal_and_exponent_form(text: str, value: float) -> None:
    assert real_of(text) == value


def test_minus_zero_is_zero() -> None:
    assert math.copysign(1, float(str(real_of("-0")))) == 1.0


@pytest.mark.parametrize(
    "text", ["nan", "inf", "Infinity", "1_0.5", "++1", "1e+", "1e 5", "", "1 ", "0x1p0"]
)
def test_what_is_no_real_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        real_of(text)


def test_lists_are_cut_at_commas() -> None:
    assert names_of("b,a,b") == ("b", "a")


@pytest.mark.parametrize(
    ("raw", "sign"),
    [
        (b"+3", b"%2B3"),
        (b"1.5E+03", b"1.5E%2B03"),
        (b"1,+2;+.5", b"1,%2B2;%2B.5"),
        (b"1%2C+2%3b+3", b"1%2C%2B2%3b%2B3"),
        (b"1+2", b"1+2"),  # a form's space
        (b"3+", b"3+"),
        (b"e+e", b"e+e"),
    ],
)
def test_a_raw_plus_is_a_sign_where_a_number_may_have_one(raw: bytes, sign: bytes) -> None:
    assert with_plus_signs(raw) == sign


def test_numbers_as_they_are_have_a_limit() -> None:
    knobs = {"signal": "series", "series": (1e11, 1.0), "amplitude": 100.0}
    assert Experiment(**knobs).amplitude == 100
    assert Experiment(**{**knobs, "amplitude": 10.0}, standardize=0).standardize == 0
    with pytest.raises(ValidationError, match=r"1e\+11, the largest number, may be at most 1e\+12"):
        Experiment(**knobs, standardize=0)
