"""One step back in batches and stacks; that it is the right step is shown in cells/."""

import numpy as np
import pytest

from lstm_engine import CELLS, Rnn, batch, jacobian, pull_back
from lstm_engine.one_step import before_gates, recurrence
from tests.engine.cells.test_every_cell import BY_NAME, every_cell, usual

T, H = 12, 4  # of `usual`


@every_cell
def test_the_jacobians_rows_are_unit_gradients_pulled_back(name: str) -> None:
    weights, x = usual(name)
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    for t in (1, 6, T):
        J = jacobian(cell, states, weights, t)
        if len(J) == H:
            rows = sum(pull_back(cell, states, weights, t, np.eye(H), np.zeros((H, H))))
        else:
            dc, dh = np.hsplit(np.eye(2 * H), 2)
            rows = np.hstack(pull_back(cell, states, weights, t, dc, dh))
        np.testing.assert_allclose(rows, J, rtol=1e-13, atol=1e-16)


@every_cell
def test_a_batch_is_pulled_back_as_each_alone(name: str) -> None:
    """Also with a stack of three gradients in front of the batch."""
    pairs = [usual(name, seed) for seed in (0, 1)]
    weights, x = batch([w for w, _ in pairs]), np.stack([x for _, x in pairs])
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    dc, dh = np.random.RandomState(0).standard_normal((2, 3, 2, H))
    back_c, back_h = pull_back(cell, states, weights, 5, dc, dh)
    J = jacobian(cell, states, weights, 5)
    for b, (w, inputs) in enumerate(pairs):
        alone = cell.forward(w, inputs)
        one_c, one_h = pull_back(cell, alone, w, 5, dc[:, b], dh[:, b])
        np.testing.assert_allclose(back_c[:, b], one_c, rtol=1e-13, atol=1e-16)
        np.testing.assert_allclose(back_h[:, b], one_h, rtol=1e-13, atol=1e-16)
        np.testing.assert_array_equal(J[b], jacobian(cell, alone, w, 5))


@every_cell
def test_recurrence_holds_the_steps_one_after_the_other(name: str) -> None:
    weights, x = usual(name)
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    K, V = recurrence(cell.slopes(states, weights, 3, 9), weights)
    for t in range(3, 10):
        one_K, one_V = recurrence(cell.slopes(states, weights, t, t), weights)
        np.testing.assert_array_equal(K[t - 3], one_K[0])
        np.testing.assert_array_equal(V[t - 3], one_V[0])
    assert K.shape == V.shape == (7, H, H)


@pytest.mark.parametrize("name", [name for name in CELLS if not CELLS[name].RECURRENT])
def test_without_recurrence_only_the_carry_leads_back(name: str) -> None:
    weights, x = usual(name)
    states = CELLS[name].forward(weights, x)
    carry = CELLS[name].slopes(states, weights, 4, 4).carry[0]
    np.testing.assert_array_equal(jacobian(CELLS[name], states, weights, 4), np.diag(carry))


def test_an_rnn_step_is_its_slope_times_its_weights() -> None:
    weights, x = usual("rnn-tanh")
    states = Rnn("tanh").forward(weights, x)
    expected = (1.0 - states.h[7] ** 2)[:, None] * weights.weight_hh
    np.testing.assert_allclose(jacobian(Rnn("tanh"), states, weights, 7), expected, rtol=1e-12)


def test_gates_stand_in_the_order_of_their_blocks() -> None:
    dc, dh = np.array([2.0]), np.array([3.0])
    feeding = np.array([[5.0], [7.0]])
    assert before_gates(feeding, np.array([11.0]), dc, dh).tolist() == [10.0, 14.0, 33.0]
    assert before_gates(feeding, None, dc, dh).tolist() == [10.0, 14.0]
