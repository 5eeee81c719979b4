"""Lyapunov exponents of saturated networks, against mpmath; and where their count begins."""

from typing import Any

import mpmath
import numpy as np
import pytest

from lstm_engine import (
    CELLS,
    Cell,
    Rnn,
    Weights,
    draw_cell,
    draw_inputs,
    draw_rnn,
    high_precision,
    jacobian,
    lstm,
    lyapunov,
    lyapunov_exponents,
    recurrence,
)
from lstm_engine.spectrum import _frame

RIGHT = 1e-6  # ln a step


def run(name: str, H: int, T: int, amplitude: float, **draw: Any) -> tuple[Cell, Any, Weights]:
    settings = {"init": "keras", "seed": 0, "biases": {"f": 1.0}} | draw
    init, seed = settings.pop("init"), settings["seed"]
    x = draw_inputs("noise", T, 8, seed=seed, amplitude=amplitude)
    if name == "rnn":
        cell: Cell = Rnn("tanh")
        weights = draw_rnn(init, 8, H, seed=seed)
    else:
        cell = CELLS[name]
        weights = draw_cell(cell, init, 8, H, **settings)
    return cell, cell.forward(weights, x), weights


def by_mpmath(cell: Cell, states: Any, weights: Weights, m: int, digits: int = 1200) -> Any:
    """Σ ln R_ii/T by Gram and Schmidt in 1,200 digits, from the engine's parts of each step."""
    T, H = states.h.shape[0] - 1, states.h.shape[1]
    n = len(jacobian(cell, states, weights, 1))
    slopes = cell.slopes(states, weights, 1, T)
    blocks = weights.weight_hh.reshape(-1, H, H)
    with mpmath.workdps(digits):
        exact = np.vectorize(mpmath.mpf, otypes=[object])
        Q, total = exact(_frame(n, m)), [mpmath.mpf(0)] * m
        for k in range(T):
            K = np.diag(exact(np.zeros(H)))
            for feeding, block in zip(slopes.into_cell[k], blocks, strict=False):
                K = K + exact(feeding)[:, None] * exact(block)
            carry = np.diag(exact(slopes.carry[k]))
            if slopes.past_cell is None:
                J = carry + K
            else:
                r, past = exact(slopes.read_out[k + 1]), exact(slopes.past_cell[k])
                V = past[:, None] * exact(blocks[slopes.into_cell.shape[1]])
                J = np.block([[carry, K], [r[:, None] * carry, r[:, None] * K + V]])
            columns = (J @ Q).T
            for i in range(m):
                for j in range(i):
                    columns[i] = columns[i] - columns[j] * (columns[j] @ columns[i])
                size = mpmath.sqrt(columns[i] @ columns[i])
                lost = size < mpmath.mpf(10) ** (-digits // 2)
                total[i] += -mpmath.inf if lost else mpmath.log(size)
                columns[i] = columns[i] * 0 if lost else columns[i] / size
            Q = columns.T
        return np.array([float(part / T) for part in total])


def test_of_a_saturated_network_the_low_ones_are_not_rounding() -> None:
    """The values were computed with mpmath outside this project; rounding gave −11.70, −16.98."""
    cell, states, weights = run("lstm", 4, 100, 50.0, seed=1)
    found = lyapunov(cell, states, weights, 4)
    assert found.known == 4
    np.testing.assert_allclose(found.exponents[2:], [-11.6915, -17.2620], atol=5e-5)
    plain, _ = lyapunov_exponents(cell, states, weights, 4)
    np.testing.assert_array_equal(plain, found.exponents)


SATURATED = [
    (name, H, amplitude, init, seed)
    for seed, (H, amplitude) in enumerate([(2, 100.0), (3, 50.0), (3, 20.0), (2, 5.0)])
    for name, init in (
        ("lstm", "normal"),
        ("gru", "keras"),
        ("peephole", "normal"),
        ("coupled", "pytorch"),
        ("mingru", "normal"),
        ("rnn", "keras"),
    )
]


@pytest.mark.parametrize(("name", "H", "amplitude", "init", "seed"), SATURATED)
@pytest.mark.parametrize("precise", [True, False])
def test_what_is_told_as_known_is_right(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    H: int,
    amplitude: float,
    init: str,
    seed: int,
    precise: bool,
) -> None:
    if not precise:
        monkeypatch.setattr(high_precision, "MOST_PRODUCTS", 0.0)
    cell, states, weights = run(name, H, 14, amplitude, init=init, seed=seed)
    m = min(4, len(jacobian(cell, states, weights, 1)))
    found = lyapunov(cell, states, weights, m)
    truth = np.sort(by_mpmath(cell, states, weights, m))[::-1]
    assert found.known == m if precise else 0 <= found.known <= m
    np.testing.assert_allclose(found.exponents[: found.known], truth[: found.known], atol=RIGHT)


def test_without_more_digits_some_are_not_known_and_in_a_mild_network_all_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(high_precision, "MOST_PRODUCTS", 0.0)
    assert lyapunov(*run("lstm", 4, 100, 50.0, seed=1), 4).known < 4
    assert lyapunov(*run("lstm", 16, 100, 1.0), 4).known == 4
    assert lyapunov(*run("gru", 6, 60, 1.0), 6).known == 6


def test_counting_from_a_step_leaves_out_those_before_it_and_nothing_else() -> None:
    cell, states, weights = run("lstm", 8, 60, 1.0, biases={"f": 5.0})
    _, whole = lyapunov_exponents(cell, states, weights, 1)
    late, settling = lyapunov_exponents(cell, states, weights, 1, counted=21)
    np.testing.assert_allclose(late, (60 * whole[-1] - 20 * whole[19]) / 40, rtol=1e-12)
    assert len(settling) == 40
    fresh, _ = lyapunov_exponents(cell, states, weights, 1, first=21)
    assert abs(fresh - late) > 1e-3  # a direction that has not turned yet
    for wrong in (0, 61):
        with pytest.raises(ValueError, match="counted"):
            lyapunov_exponents(cell, states, weights, 1, counted=wrong)


def test_a_direction_that_is_lost_exactly_is_lost_in_integers_too() -> None:
    steps = [
        high_precision.Step(np.array([0.5, 0.25]), np.zeros((0, 2)), None, None),
        high_precision.Step(np.array([0.5, 0.0]), np.zeros((0, 2)), None, None),
    ]
    found = high_precision.growth(steps, np.zeros((0, 2)), np.eye(2))
    assert found is not None
    np.testing.assert_allclose(found[:, 0], np.log(0.5))
    np.testing.assert_allclose(found[:, 1], [np.log(0.25), -np.inf])


def test_recurrence_is_what_the_parts_make() -> None:
    cell, states, weights = run("lstm", 3, 5, 1.0)
    slopes = lstm.slopes(states, weights, 1, 5)
    K, _ = recurrence(slopes, weights)
    summed = sum(
        slopes.into_cell[2, g][:, None] * weights.weight_hh.reshape(-1, 3, 3)[g] for g in range(3)
    )
    np.testing.assert_allclose(K[2], summed)
    assert cell is lstm
