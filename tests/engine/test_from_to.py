"""Maps from every step to every other are those of the runs that end there."""

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
    lstm,
    rnn_survival,
)
from lstm_engine.from_to import cell_from_to, rnn_from_to, steps_walked, until
from lstm_engine.gates import NONLINEARITIES

GRID = [0, 1, 7, 20, 38, 40]


def cell_run(name: str, T: int = 40, seed: int = 0, **knobs: Any) -> tuple:
    cell = CELLS[name]
    weights = draw_cell(cell, "pytorch", 3, 5, seed=seed, **{"biases": {"f": 2.0}, **knobs})
    x = draw_inputs("noise", T, 3, seed=seed)
    return cell, weights, x, cell.forward(weights, x)


@pytest.mark.parametrize("name", CELLS)
def test_a_column_is_the_survival_of_the_run_that_ends_there(name: str) -> None:
    cell, weights, x, states = cell_run(name)
    found = cell_from_to(cell, states, weights, GRID)
    for n, t in list(enumerate(GRID))[1:]:
        alone = cell_survival(cell, cell.forward(weights, x[:t]), weights, GRID[: n + 1])
        for part in ("direct_rms", "exact_rms", "detours_rms"):
            column = getattr(found, part)[: n + 1, n]
            np.testing.assert_allclose(column, getattr(alone, part), rtol=0, atol=1e-12)


@pytest.mark.parametrize("act", NONLINEARITIES)
@pytest.mark.parametrize("rnn_init", ["same", "identity"])
def test_a_column_of_the_rnn_is_too(act: str, rnn_init: str) -> None:
    rnn, weights = Rnn(act), draw_rnn("keras", 3, 5, seed=0, rnn_init=rnn_init)
    x = draw_inputs("noise", 40, 3)
    found = rnn_from_to(rnn, rnn.forward(weights, x), weights, GRID)
    for n, t in list(enumerate(GRID))[1:]:
        alone = rnn_survival(rnn, rnn.forward(weights, x[:t]), weights, GRID[: n + 1])
        np.testing.assert_allclose(found.exact_rms[: n + 1, n], alone.exact_rms, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_a_step_keeps_itself_whole_and_knows_nothing_of_later_ones(name: str) -> None:
    cell, weights, _, states = cell_run(name)
    found = cell_from_to(cell, states, weights, GRID)
    rnn, rival = Rnn("tanh"), draw_rnn("keras", 3, 5, seed=0)
    other = rnn_from_to(rnn, rnn.forward(rival, draw_inputs("noise", 40, 3)), rival, GRID)
    later = np.tri(len(GRID), k=-1, dtype=bool)
    for part in (found.direct_rms, found.exact_rms, other.exact_rms):
        np.testing.assert_allclose(np.diagonal(part), 0.0, atol=1e-15)
        np.testing.assert_array_equal(np.isnan(part), later)
    assert np.isneginf(np.diagonal(found.detours_rms)).all()
    np.testing.assert_array_equal(found.steps, GRID)


def test_without_recurrence_a_map_depends_on_the_lag_alone() -> None:
    cell, weights, _, _ = cell_run("lstm", gain=0, biases={"f": -3.0})
    weights = weights._replace(weight_ih=0 * weights.weight_ih, bias_hh=0 * weights.bias_hh)
    weights = weights._replace(bias_ih=np.repeat([0.0, -3.0, 0.0, 0.0], 5))
    states = cell.forward(weights, np.zeros((40, 3)))
    found = cell_from_to(cell, states, weights, GRID)
    lag = np.subtract.outer(GRID, GRID) * -1.0
    expected = np.where(lag >= 0, lag * -np.log1p(np.exp(3.0)) / np.log(10), np.nan)
    np.testing.assert_allclose(found.exact_rms, expected, atol=1e-12)
    np.testing.assert_allclose(found.direct_rms, expected, atol=1e-12)


@pytest.mark.parametrize("name", [*CELLS, *(f"rnn-{act}" for act in NONLINEARITIES)])
@pytest.mark.slow
def test_an_end_before_the_last_step_agrees_with_autodiff(name: str) -> None:
    pytest.importorskip("jax")
    from tests.engine import oracle

    x = draw_inputs("noise", 4, 2, seed=3)
    if name.startswith("rnn"):
        rnn = Rnn(name.removeprefix("rnn-"))
        weights = draw_rnn("normal", 2, 3, seed=5)
        found = rnn_from_to(rnn, rnn.forward(weights, x), weights, range(5))
    else:
        cell = CELLS[name]
        weights = draw_cell(cell, "normal", 2, 3, seed=5)
        found = cell_from_to(cell, cell.forward(weights, x), weights, range(5))
    columns = 10.0 ** oracle.cell_maps(weights, x[:3], name)[1]
    expected = np.sqrt(np.square(columns).mean(axis=1))
    np.testing.assert_allclose(10.0 ** found.exact_rms[:4, 3], expected, rtol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_several_experiments_at_once_are_each_alone(name: str) -> None:
    runs = [cell_run(name, seed=seed) for seed in (1, 2, 3)]
    cell, together = CELLS[name], batch([run[1] for run in runs])
    states = cell.forward(together, np.stack([run[2] for run in runs]))
    found = cell_from_to(cell, states, together, GRID)
    assert found.exact_rms.shape == (3, len(GRID), len(GRID))
    for row, (_, weights, _, alone) in enumerate(runs):
        expected = cell_from_to(cell, alone, weights, GRID)
        for part in ("direct_rms", "exact_rms", "detours_rms"):
            np.testing.assert_allclose(
                getattr(found, part)[row], getattr(expected, part), rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("name", [*CELLS, "rnn"])
def test_states_cut_off_after_a_step_are_those_of_the_shorter_run(name: str) -> None:
    cell: Any = Rnn("tanh") if name == "rnn" else CELLS[name]
    weights = draw_rnn("keras", 3, 5, seed=0) if name == "rnn" else cell_run(name)[1]
    x = draw_inputs("noise", 40, 3)
    whole, shorter = cell.forward(weights, x), cell.forward(weights, x[:17])
    for field in shorter.__dataclass_fields__:
        cut = getattr(until(whole, 17), field)
        np.testing.assert_allclose(cut, getattr(shorter, field), rtol=0, atol=1e-14)
        assert cut.shape == getattr(shorter, field).shape


def test_the_cost_is_a_step_for_every_step_before_each_end() -> None:
    assert steps_walked([0, 3, 10]) == 13
    assert steps_walked(range(101)) == 5050
    assert steps_walked([]) == 0


@pytest.mark.parametrize("grid", [[3, 2], [-1, 2], [0, 41], [4, 4]])
def test_a_grid_must_increase_within_the_sequence(grid: list[int]) -> None:
    _, weights, _, states = cell_run("lstm")
    with pytest.raises(ValueError, match=r"0 … 40"):
        cell_from_to(lstm, states, weights, grid)
