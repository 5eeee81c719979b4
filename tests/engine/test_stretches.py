"""Maps made by stretches are those made end by end, and where they cannot be they say so."""

from typing import Any

import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    NearTheEnds,
    Rnn,
    cell_from_to,
    direct_between,
    draw_cell,
    draw_inputs,
    draw_rnn,
    exact_between,
    lstm,
    rnn_from_to,
    stretches,
)
from lstm_engine.gates import NONLINEARITIES

GRIDS = [[0, 1, 7, 20, 38, 40], list(range(41)), [3, 30], [17]]
FAR = [0, 150, 151, 290, 300]


def run(name: str, T: int = 40, H: int = 5, **knobs: Any) -> tuple:
    chosen = {"init": "pytorch", "biases": {"f": 1.0}, "seed": 0, **knobs}
    weights = draw_cell(CELLS[name], chosen.pop("init"), 3, H, **chosen)
    return CELLS[name], CELLS[name].forward(weights, draw_inputs("noise", T, 3)), weights


def rnn_run(act: str, T: int = 40, amplitude: float = 1.0, **knobs: Any) -> tuple:
    rnn, weights = Rnn(act), draw_rnn("pytorch", 3, 5, seed=1, **knobs)
    return rnn, rnn.forward(weights, draw_inputs("noise", T, 3, amplitude=amplitude)), weights


def agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))
    seen = np.isfinite(theirs)
    np.testing.assert_allclose(ours[seen], theirs[seen], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("grid", GRIDS, ids=len)
@pytest.mark.parametrize("name", CELLS)
def test_every_entry_is_that_of_a_walk_from_its_own_end(name: str, grid: list[int]) -> None:
    network = run(name)
    theirs = cell_from_to(*network, grid)
    agree(exact_between(*network, grid), theirs.exact_rms)
    agree(direct_between(*network, grid), theirs.direct_rms)


@pytest.mark.parametrize("grid", GRIDS, ids=len)
@pytest.mark.parametrize("act", NONLINEARITIES)
def test_every_entry_of_the_rnn_is_too(act: str, grid: list[int]) -> None:
    network = rnn_run(act)
    agree(exact_between(*network, grid), rnn_from_to(*network, grid).exact_rms)


@pytest.mark.parametrize(
    "knobs",
    [
        {"biases": {"f": -20.0, "i": -20.0, "o": -20.0}},
        {"biases": {"f": -8.0}},
        {"biases": {"f": 20.0, "g": 5.0}, "gain": 5.0, "init": "normal"},
        {"biases": {"f": 5.0}, "gain": 10.0, "init": "normal"},
        {"chrono": 1000, "biases": {}},
        {"biases": {"f": -3.0}, "gain": 1e-6},
    ],
)
@pytest.mark.parametrize("name", ["lstm", "gru", "peephole"])
def test_long_stretches_vanish_and_explode_without_loss(name: str, knobs: dict) -> None:
    network = run(name, T=300, **knobs)
    agree(exact_between(*network, FAR), cell_from_to(*network, FAR).exact_rms)


@pytest.mark.parametrize("amplitude", [1.0, 30.0])
@pytest.mark.parametrize("gain", [0.1, 1.0, 10.0])
def test_saturated_and_exploding_rnns_are_right_as_well(gain: float, amplitude: float) -> None:
    for act, T in (("tanh", 300), ("logistic", 300), ("identity", 200)):
        network = rnn_run(act, T, amplitude, gain=gain)
        grid = [n for n in FAR if n <= T]
        agree(exact_between(*network, grid), rnn_from_to(*network, grid).exact_rms)


def test_units_that_hear_no_other_never_come_near_the_ends() -> None:
    """Units at 10^-20 and at 10^-2000, a carry alone, an identity RNN: sums of logarithms."""
    network = run("lstm", T=300, gain=0, chrono=1000, biases={"f": -8.0})
    agree(exact_between(*network, FAR), cell_from_to(*network, FAR).exact_rms)
    for act in NONLINEARITIES:
        network = rnn_run(act, T=300, rnn_init="identity", gain=0.5)
        agree(exact_between(*network, FAR), rnn_from_to(*network, FAR).exact_rms)
    network = rnn_run("tanh", gain=0)
    found = exact_between(*network, [0, 20, 40])
    assert np.isneginf(found[np.triu_indices(3, 1)]).all()


def test_a_unit_near_the_ends_of_float64_is_not_passed_over() -> None:
    """So faint is the recurrence that the quick unit is lost beside the slow ones."""
    cell, _, weights = run("lstm", gain=1e-200)
    weights.bias_ih[5:10] += (9.0, 0.0, -20.0, 3.0, 0.0)
    network = (cell, cell.forward(weights, draw_inputs("noise", 40, 3)), weights)
    with pytest.raises(NearTheEnds):
        exact_between(*network, [0, 20, 40])


@pytest.mark.parametrize("small", [1e-150, 1e-320, 0.0])
def test_a_column_far_below_the_others_is_not_trusted(small: float) -> None:
    """Fed again by the others later, it would look sound and have lost what it was."""
    whole = np.array([[[1.0, 2.0], [0.5, 1.0]], [[1.0, small], [0.5, small]]])
    assert stretches._scale(whole[:1].copy()).tolist() == [2]
    with pytest.raises(NearTheEnds):
        stretches._scale(whole)


def test_nothing_gets_past_a_step_at_which_every_relu_is_dead() -> None:
    rnn, _, weights = rnn_run("relu")
    x = draw_inputs("noise", 40, 3)
    x[[11, 30]] = np.linalg.lstsq(weights.weight_ih, np.full(5, -50.0), rcond=None)[0]
    x[[11, 30]] *= 20.0
    states = rnn.forward(weights, x)
    dead = np.flatnonzero((states.a < 0).all(axis=1)) + 1
    assert 0 < len(dead) < 20
    found = exact_between(rnn, states, weights, GRIDS[0])
    agree(found, rnn_from_to(rnn, states, weights, GRIDS[0]).exact_rms)
    assert np.isneginf(found[np.triu_indices(6, 1)]).any() and np.isfinite(found[1, 2])


def test_how_many_stretches_are_worked_on_at_once_changes_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = run("lstm", T=60, H=7)
    grid = [0, 5, 6, 29, 31, 60]
    together = exact_between(*network, grid)
    monkeypatch.setattr(stretches, "BYTES_TOGETHER", 1)
    np.testing.assert_allclose(exact_between(*network, grid), together, rtol=0, atol=1e-13)


@pytest.mark.parametrize("grid", [[3, 2], [-1, 2], [0, 41], [4, 4]])
def test_a_grid_must_increase_within_the_sequence(grid: list[int]) -> None:
    for made in (exact_between, direct_between):
        with pytest.raises(ValueError, match=r"0 … 40"):
            made(*run("lstm"), grid)


def test_the_last_steps_alone_are_those_of_the_whole_map() -> None:
    network = run("lstm")
    whole = exact_between(lstm, *network[1:], range(41))
    late = exact_between(lstm, *network[1:], range(30, 41))
    np.testing.assert_allclose(late, whole[30:, 30:], rtol=0, atol=1e-12)
