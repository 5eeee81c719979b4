"""How far the direct path reaches."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    Rnn,
    batch,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    horizon,
    lstm,
)


@pytest.mark.parametrize(
    ("T", "bias"),
    [(10, 2.634), (50, 4.272), (100, 4.968), (200, 5.663), (500, 6.580), (1000, 7.274)],
)
def test_needed_bias_keeps_half(T: int, bias: float) -> None:
    assert horizon.needed_bias(T) == pytest.approx(bias, abs=5e-4)
    f = 1 / (1 + np.exp(-horizon.needed_bias(T)))
    assert f**T == pytest.approx(0.5, rel=1e-10)
    assert (1 / (1 + np.exp(-horizon.needed_bias(T, keep=0.1)))) ** T == pytest.approx(0.1)


def test_needed_bias_for_very_long_sequences_keeps_its_digits() -> None:
    assert horizon.needed_bias(1e18) == pytest.approx(np.log(1e18 / np.log(2)), rel=1e-14)


def test_forget_bias_one_has_a_half_life_of_2_2_steps() -> None:
    log_f = -np.log1p(np.exp(-1.0))
    assert np.exp(log_f) == pytest.approx(0.7310586, abs=1e-7)
    assert horizon.half_life(np.array([log_f]))[0] == pytest.approx(2.2127, abs=1e-4)
    assert np.exp(100 * log_f) == pytest.approx(2.484e-14, rel=1e-3)
    assert horizon.time_constant(np.array([log_f]))[0] == pytest.approx(-1 / log_f)


def test_horizon_is_the_largest_lag_that_still_arrives() -> None:
    log_f = np.log([0.5, 0.1, 0.9, 1e-5])
    np.testing.assert_array_equal(horizon.horizon(log_f), [9, 3, 65, 0])
    for threshold in horizon.THRESHOLDS.values():
        lag = horizon.horizon(log_f, threshold)
        assert (lag * log_f >= np.log(threshold) * (1 + 1e-12)).all()
        assert ((lag + 1) * log_f < np.log(threshold)).all()


def test_a_threshold_met_exactly_counts_in_spite_of_rounding() -> None:
    """ln 0.81 / ln 0.9 rounds to 1.9999999999999998."""
    assert horizon.horizon(np.log([0.9]), 0.9**2)[0] == 2
    assert horizon.horizon(np.log([0.3]), 0.3**4)[0] == 4


def test_thresholds_are_the_smallest_normal_numbers() -> None:
    assert horizon.THRESHOLDS["float32"] == pytest.approx(np.finfo(np.float32).smallest_normal)
    assert horizon.THRESHOLDS["float16"] == pytest.approx(np.finfo(np.float16).smallest_normal)
    assert horizon.THRESHOLDS["bfloat16"] == pytest.approx(1.18e-38, rel=0.01)
    assert horizon.THRESHOLDS["1e-3"] == 1e-3 and horizon.THRESHOLDS["1e-6"] == 1e-6


def test_a_gate_that_keeps_everything_reaches_for_ever() -> None:
    for reach in (horizon.half_life, horizon.time_constant, horizon.horizon):
        assert reach(np.array([0.0]))[0] == np.inf
        assert np.isfinite(reach(np.array([-1e-300]))[0])


def run(name: str, T: int = 60, seed: int = 0, **knobs: Any) -> tuple[Any, Any, Any]:
    cell = CELLS[name]
    weights = draw_cell(cell, "pytorch", 3, 5, seed=seed, **knobs)
    return cell, cell.forward(weights, draw_inputs("noise", T, 3, seed=seed)), weights


@pytest.mark.parametrize("name", CELLS)
def test_the_mean_log_carry_is_the_direct_path_per_step(name: str) -> None:
    cell, states, weights = run(name)
    direct = cell_survival(cell, states, weights, [0]).log10_direct[0]
    found = horizon.mean_log_carry(cell, states, weights)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, direct * np.log(10) / 60, rtol=1e-13)


def test_the_mean_log_carry_keeps_its_digits_in_saturation() -> None:
    weights = draw_cell(lstm, "keras", 3, 5, seed=0, biases={"f": 20}, gain=0)
    mean = horizon.mean_log_carry(lstm, lstm.forward(weights, np.zeros((40, 3))), weights)
    np.testing.assert_allclose(mean, -np.log1p(np.exp(-20.0)), rtol=1e-13)


def test_what_forgets_nothing_reaches_for_ever_and_what_carries_nothing_nowhere() -> None:
    mean = horizon.mean_log_carry(*run("lstm-1997"))
    assert (horizon.half_life(mean) == np.inf).all()
    weights = draw_rnn("keras", 3, 5, seed=0)
    states = Rnn("tanh").forward(weights, np.zeros((9, 3)))
    mean = horizon.mean_log_carry(Rnn("tanh"), states, weights)
    assert np.isneginf(mean).all() and (horizon.horizon(mean) == 0).all()


@pytest.mark.parametrize("name", ["lstm", "coupled", "gru", "minlstm", "mingru"])
@pytest.mark.parametrize(("T", "keep"), [(1, 0.6), (100, 0.5), (3.5, 1e-6), (2e4, 0.9)])
def test_the_needed_shift_moved_into_the_gates_keeps_what_was_asked(
    name: str, T: float, keep: float
) -> None:
    cell, states, weights = run(name, biases={"f": 0.5, "i": -2.0})
    shift = horizon.needed_shift(cell, states, weights, T, keep)
    gate = "a_z" if name == "gru" else "a_f"
    possible = np.isfinite(shift)
    moved = replace(states, **{gate: getattr(states, gate) + np.where(possible, shift, 0.0)})
    kept = horizon.mean_log_carry(cell, moved, weights) * T
    np.testing.assert_allclose(kept[possible], np.log(keep), rtol=1e-11)
    assert possible.all() == (name != "minlstm" or T in (1, 3.5))


@pytest.mark.parametrize("b_f", [-900.0, -3.0, 0.0, 1.0, 5.0, 900.0])
@pytest.mark.parametrize("T", [1.0, 100.0, 1e18])
def test_of_one_forget_bias_alone_the_needed_shift_is_the_difference(b_f: float, T: float) -> None:
    weights = draw_cell(lstm, "keras", 3, 5, seed=0, biases={"f": b_f}, gain=0)
    states = lstm.forward(weights, np.zeros((4, 3)))
    expected = horizon.needed_bias(T) - b_f
    found = horizon.needed_shift(lstm, states, weights, T)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm", "gru", "minlstm", "mingru"])
@pytest.mark.parametrize("b_f", [-20.0, 1.0, 20.0])
@pytest.mark.parametrize("T", [1.0, 100.0, 1e5])
def test_the_needed_shift_is_found_in_a_few_looks_at_the_carry(
    name: str, b_f: float, T: float
) -> None:
    cell, states, weights = run(name, biases={"f": b_f, "i": -3.0})
    looks = []

    def looked_at(*args: object) -> np.ndarray:
        looks.append(1)
        return cell.log10_carry(*args)

    horizon.needed_shift(SimpleNamespace(log10_carry=looked_at), states, weights, T)
    assert 5 < len(looks) < 40


def test_a_changing_gate_needs_more_than_its_mean_says() -> None:
    """ln σ is concave: what the open steps gain is less than what the closed ones lose."""
    states = lstm.States(*np.zeros((2, 3, 1)), *np.zeros((8, 2, 1)))
    states.a_f[:, 0] = [-2.0, 4.0]
    found = horizon.needed_shift(lstm, states, draw_cell(lstm, "keras", 1, 1, seed=0), 10)
    assert found[0] > horizon.needed_bias(10) - 1.0
    kept = -np.log1p(np.exp(-states.a_f[:, 0] - found[0]))
    assert kept.mean() == pytest.approx(np.log(0.5) / 10, rel=1e-12)


@pytest.mark.parametrize("a_i", [-5.0, 0.0, 3.0])
def test_a_minlstm_keeps_at_most_one_over_one_plus_i(a_i: float) -> None:
    """f' = f/(f+i): with b_i = 0 at most ⅔, whatever b_f; ½ over T steps needs a lower b_i."""
    minlstm = CELLS["minlstm"]
    weights = draw_cell(minlstm, "keras", 2, 3, seed=0, biases={"i": a_i})
    states = minlstm.forward(weights, np.zeros((6, 2)))
    i = 1 / (1 + np.exp(-a_i))
    for keep in (0.999 / (1 + i), 0.5 / (1 + i)):
        found = horizon.needed_shift(minlstm, states, weights, 1, keep)
        f = i * keep / (1 - keep)  # from keep = f/(f+i)
        np.testing.assert_allclose(found, np.log(f / (1 - f)), rtol=1e-9)
    for keep in (1.001 / (1 + i), 0.9999):
        assert (horizon.needed_shift(minlstm, states, weights, 1, keep) == np.inf).all()


def test_a_minlstm_with_a_lower_input_bias_can_keep_half() -> None:
    kept = {}
    for b_i in (0.0, -8.0):
        cell, states, weights = run("minlstm", biases={"i": b_i})
        kept[b_i] = np.isfinite(horizon.needed_shift(cell, states, weights, 100))
    assert not kept[0.0].any() and kept[-8.0].all()


def test_without_a_forget_gate_nothing_is_needed() -> None:
    assert np.isneginf(horizon.needed_shift(*run("lstm-1997"), 1000)).all()


def test_a_peepholes_own_terms_are_left_out_of_the_needed_shift() -> None:
    cell, states, weights = run("peephole")
    found = horizon.needed_shift(cell, states, weights, 50)
    kept = -np.log1p(np.exp(-states.a_f - found)).mean(axis=0)
    np.testing.assert_allclose(kept, np.log(0.5) / 50, rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_several_experiments_at_once_are_each_alone(name: str) -> None:
    runs = [run(name, seed=seed, biases={"i": -3.0}) for seed in (1, 2)]
    cell, together = runs[0][0], batch([weights for _, _, weights in runs])
    x = np.stack([draw_inputs("noise", 60, 3, seed=seed) for seed in (1, 2)])
    states = cell.forward(together, x)
    mean = horizon.mean_log_carry(cell, states, together)
    shift = horizon.needed_shift(cell, states, together, 5)
    assert mean.shape == shift.shape == (2, 5)
    for row, (_, alone, weights) in enumerate(runs):
        expected = horizon.mean_log_carry(cell, alone, weights)
        np.testing.assert_allclose(mean[row], expected, rtol=1e-12)
        expected = horizon.needed_shift(cell, alone, weights, 5)
        np.testing.assert_allclose(shift[row], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("T", "keep"), [(0, 0.5), (-1, 0.5), (10, 0), (10, 1), (10, np.nan)])
def test_a_shift_that_means_nothing_is_refused(T: float, keep: float) -> None:
    with pytest.raises(ValueError, match="allowed are T > 0 and 0 < keep < 1"):
        horizon.needed_shift(*run("lstm"), T, keep)


def test_a_constant_gate_of_095_keeps_more_than_half_a_percent_of_a_hundred_steps() -> None:
    """0.95^99 = 0.0062 where a weight of one half alone keeps 1.6e-30."""
    b_f = np.log(0.95 / 0.05)
    weights = draw_cell(lstm, "keras", 1, 1, seed=0, biases={"f": b_f}, gain=0)
    states = lstm.forward(weights, np.zeros((99, 1)))
    mean = horizon.mean_log_carry(lstm, states, weights)
    assert np.exp(99 * mean[0]) == pytest.approx(0.0062321, abs=5e-8)
    assert horizon.horizon(mean, 0.0062)[0] == 99
    assert np.exp(99 * np.log(0.5)) == pytest.approx(1.5777e-30, rel=1e-4)
