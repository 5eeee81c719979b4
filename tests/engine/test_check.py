"""Three methods agree on one number; a wrong slope is caught; what cannot be known is left out."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("jax")

from lstm_engine import CELLS, Rnn, Slopes, Weights, draw_cell, draw_inputs, lstm
from lstm_engine import check as checks
from lstm_engine.bptt import linear_loss
from lstm_engine.cell import GateDerivative
from lstm_engine.check import Check, Estimate, check_states, check_weights
from tests.engine import oracle
from tests.engine.cells.test_every_cell import BY_NAME, drawn, every_cell, experiments, usual


def both(
    name: str, weights: Weights, x: np.ndarray, s: int, seed: int = 0, shake: int | None = None
) -> tuple[Check, Check]:
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    if shake is not None:
        states = shaken(states, shake)
    dh = linear_loss("every", len(x), states.h.shape[-1], seed=seed)
    return (
        check_states(cell, states, weights, x, s, seed=seed),
        check_weights(cell, states, weights, x, dh, seed=seed),
    )


def shaken(states: Any, seed: int) -> Any:
    """Every number of the states moved by half a unit in its last place, or by one."""
    up = np.random.RandomState(seed)
    arrays = [getattr(states, field.name) for field in fields(states)]
    return type(states)(*(a * (1 + 1.2e-16 * up.choice((-1.0, 1.0), a.shape)) for a in arrays))


def agrees(estimate: Estimate, tolerance: float) -> bool:
    """Whether there is an estimate: one that cannot be made proves nothing and is counted apart."""
    if estimate.value is None:
        assert estimate.reason and estimate.error is None
        return False
    assert estimate.reason is None
    assert estimate.error <= max(tolerance, 5.0 * estimate.expected), estimate
    return True


@every_cell
@pytest.mark.slow
def test_three_methods_agree_on_random_experiments(name: str) -> None:
    """To 1e-12 and 1e-6, or as far as rounding in weights and states lets the number be known.

    A saturated GRU has h − n in its slopes, both of them −1 but for their last digits.
    """
    made, left_out = 0, 0

    @settings(max_examples=25, deadline=None)
    @given(experiments)
    def agree(e: dict[str, Any]) -> None:
        nonlocal made, left_out
        weights, x = drawn(name, e)
        of = (x, e["seed"] % len(x), e["seed"])
        others = [both(name, weights, *of, shake=n) for n in range(4)]
        others.append(both(name, oracle.nudged(weights), *of))
        for check, *moved in zip(both(name, weights, *of), *others, strict=True):
            uncertain = 30.0 * max(abs(other.analytic - check.analytic) for other in moved)
            uncertain /= max(abs(check.analytic), 1e-300)
            exact = agrees(check.complex_step, max(1e-12, uncertain))
            assert exact or check.log10_analytic < -277
            near = agrees(check.central, max(1e-6, uncertain))
            made, left_out = made + near, left_out + (not near)

    agree()
    assert 3 * made > left_out


@every_cell
def test_on_a_plain_experiment_the_tolerances_hold_as_they_are(name: str) -> None:
    for check in both(name, *usual(name, gain=1.0, seed=1), s=9):
        assert check.complex_step.error < 1e-12
        assert check.central.error < 1e-6
        assert check.complex_step.expected < 1e-12 and check.central.expected < 1e-6


@pytest.mark.parametrize("field", ["carry", "into_cell", "past_cell", "read_out"])
def test_a_slope_wrong_by_a_millionth_is_caught(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, x = usual("lstm", gain=1.0)
    right = lstm.slopes

    def wrong(*of: Any) -> Slopes:
        slopes = right(*of)
        return slopes._replace(**{field: getattr(slopes, field) * (1 + 1e-6)})

    monkeypatch.setattr(lstm, "slopes", wrong)
    both_ways = both("lstm", weights, x, s=4)
    # By the weights gates have derivatives of their own; `slopes` has the carry and the way out.
    for check in both_ways if field in ("carry", "read_out") else both_ways[:1]:
        assert check.complex_step.error > 1e-9 > 100 * check.complex_step.expected


def off_by_a_percent(gates: dict[str, GateDerivative]) -> dict[str, GateDerivative]:
    return {
        gate: its._replace(slope=its.slope._replace(mantissa=its.slope.mantissa * 1.01))
        for gate, its in gates.items()
    }


def test_a_wrong_slope_at_the_inputs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, x = usual("lstm", gain=1.0)
    right = lstm.gate_derivatives
    monkeypatch.setattr(lstm, "gate_derivatives", lambda *of: off_by_a_percent(right(*of)))
    of_states, of_weights = both("lstm", weights, x, s=4)
    assert of_states.complex_step.error < 1e-12 < 1e-4 < of_weights.complex_step.error
    assert of_weights.central.error > 1e-4 and of_weights.central.expected < 1e-6


def test_over_one_step_of_a_linear_network_the_number_is_the_weights_own() -> None:
    """h_T = w h_{T−1} with one unit: u and v are ±1, so it is ±w."""
    weights = Weights(np.eye(1), np.full((1, 1), 0.625), np.zeros(1), np.zeros(1))
    cell, x = Rnn("identity"), np.ones((3, 1))
    check = check_states(cell, cell.forward(weights, x), weights, x, 2)
    assert abs(check.analytic) == 0.625
    assert check.complex_step.value == check.analytic
    two_steps = check_states(cell, cell.forward(weights, x), weights, x, 1)
    assert two_steps.analytic == 0.625 * check.analytic


def vanished(T: int) -> tuple[Check, Check]:
    weights = draw_cell(lstm, "pytorch", 3, 4, seed=0, biases={"f": -2.0})
    return both("lstm", weights, draw_inputs("noise", T, 3, seed=0), s=0)


def test_a_difference_is_blind_to_a_vanished_gradient_and_says_so() -> None:
    of_states, of_weights = vanished(40)
    assert of_states.log10_analytic < -20
    assert of_states.central.value is None and of_states.central.expected > 1e6
    assert "rounding alone makes" in of_states.central.reason
    assert of_states.complex_step.error < 1e-12
    assert of_weights.central.error < 1e-6  # what the late steps add has not vanished


def test_a_complex_step_ends_where_float64_does_and_says_so() -> None:
    of_states, _ = vanished(400)
    assert -308 < of_states.log10_analytic < -280
    assert of_states.complex_step.value is None
    assert of_states.complex_step.reason == "below 2e-278 the imaginary part leaves float64"
    beyond, _ = vanished(600)
    assert beyond.analytic == 0.0 and -500 < beyond.log10_analytic < -400


def test_the_analytic_number_goes_on_beyond_float64() -> None:
    """Without recurrence uᵀJv is a sum over units of ∏f; with one unit it is the product."""
    weights = draw_cell(CELLS["mingru"], "keras", 1, 1, seed=0, biases={"f": -8.0})
    x = np.zeros((300, 1))
    cell = CELLS["mingru"]
    check = check_states(cell, cell.forward(weights, x), weights, x, 0)
    expected = -300 * np.log1p(np.exp(8.0)) / np.log(10.0)
    assert check.log10_analytic == pytest.approx(expected, rel=1e-13)


def test_an_exploding_linear_network_is_checked_too() -> None:
    """The imaginary step shrinks as the Jacobian grows, or it would not be small at the end."""
    weights = Weights(np.eye(1), np.full((1, 1), 10.0), np.zeros(1), np.zeros(1))
    cell, x = Rnn("identity"), np.full((200, 1), 1e-3)
    check = check_states(cell, cell.forward(weights, x), weights, x, 0)
    assert check.log10_analytic == pytest.approx(200.0)
    assert check.complex_step.error < 1e-12 and check.central.error < 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_in_chaos_neither_run_gives_a_number(seed: int) -> None:
    weights = draw_cell(lstm, "normal", 8, 32, seed=seed, gain=10.0, biases={"f": 5.0})
    x = draw_inputs("noise", 500, 8, seed=seed)
    for check in both("lstm", weights, x, s=0):
        assert check.central.value is None and check.complex_step.value is None
        assert check.central.reason == "the states bend within ε"
        assert check.complex_step.reason == "chaos: rounding moves the states"


def test_a_kink_within_the_step_is_noticed() -> None:
    """A relu 1e-7 above 0: a difference over 8e-6 sees half of each side, and gives half."""
    weights = Weights(np.eye(1), np.eye(1), np.full(1, 1e-7), np.zeros(1))
    cell, x = Rnn("relu"), np.zeros((1, 1))
    check = check_states(cell, cell.forward(weights, x), weights, x, 0)
    assert check.complex_step.error == 0.0
    assert check.central.value is None and check.central.reason == "the states bend within ε"


def test_at_a_kink_the_complex_step_cannot_tell() -> None:
    """W = I and no input: a unit at 0 stays there, where relu has one derivative to each side."""
    cell, weights = Rnn("relu"), Weights(np.eye(2), np.eye(2), np.zeros(2), np.zeros(2))
    x = np.array([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    states = cell.forward(weights, x)
    dh = linear_loss("every", 4, 2)
    for check in (
        check_states(cell, states, weights, x, 1),
        check_weights(cell, states, weights, x, dh),
    ):
        assert check.complex_step.value is None and check.complex_step.error is None
        assert check.complex_step.reason == "a relu stands at 0, where it has no derivative"
        assert check.kinks == 3  # the second unit's at steps 2, 3, 4


def test_a_sum_that_is_zero_but_for_rounding_is_at_the_kink() -> None:
    """0.1 + 0.2 − 0.3 is 5.6e-17 in float64, and 0."""
    weights = Weights(np.eye(1), np.eye(1), np.full(1, 0.1), np.full(1, 0.2))
    cell, x = Rnn("relu"), np.full((1, 1), -0.3)
    states = cell.forward(weights, x)
    assert states.a > 0
    assert check_states(cell, states, weights, x, 0).kinks == 1


def test_a_relu_near_its_kink_is_not_at_it() -> None:
    cell, weights = Rnn("relu"), Weights(np.eye(1), np.eye(1), np.full(1, 1e-12), np.zeros(1))
    x = np.zeros((1, 1))
    check = check_states(cell, cell.forward(weights, x), weights, x, 0)
    assert check.kinks == 0 and check.complex_step.error == 0.0


@pytest.mark.parametrize("act", ["tanh", "identity", "logistic"])
def test_what_is_smooth_has_no_kinks(act: str) -> None:
    cell, weights, x = Rnn(act), Weights(*np.zeros((2, 2, 2)), *np.zeros((2, 2))), np.zeros((3, 2))
    assert not cell.kinks(cell.forward(weights, x), weights, x).any()


def test_dead_relus_give_a_true_zero() -> None:
    weights, x = usual("rnn-relu")
    weights = weights._replace(bias_ih=weights.bias_ih - 1e3)
    of_states, of_weights = both("rnn-relu", weights, x, s=4)
    for check in (of_states, of_weights):
        assert check.analytic == 0.0 and check.log10_analytic == -np.inf
        assert check.central == Estimate(0.0, 0.0, 0.0, None)
        assert check.complex_step.value is None


def test_a_state_moved_out_of_float64_gives_no_difference() -> None:
    weights = Weights(np.eye(1), np.eye(1), np.zeros(1), np.zeros(1))
    cell, x = Rnn("identity"), np.zeros((3, 1))
    x[0] = 1.7976931e308
    check = check_states(cell, cell.forward(weights, x), weights, x, 1)
    assert check.central.value is None and check.central.reason
    assert check.complex_step.error == 0.0


@every_cell
def test_a_long_run_is_the_same_in_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = both(name, *usual(name), s=1)
    monkeypatch.setattr(checks, "STEPS_AT_ONCE", 3)
    assert both(name, *usual(name), s=1) == whole


def test_the_seed_draws_the_directions() -> None:
    first, again = both("lstm", *usual("lstm"), s=3), both("lstm", *usual("lstm"), s=3)
    other = both("lstm", *usual("lstm"), s=3, seed=1)
    assert first == again
    assert first[0].analytic != other[0].analytic and first[1].analytic != other[1].analytic


@pytest.mark.parametrize("s", [-1, 12])
def test_a_step_without_steps_after_it_is_refused(s: int) -> None:
    weights, x = usual("lstm")
    with pytest.raises(ValueError, match="allowed are 0 … 11"):
        check_states(lstm, lstm.forward(weights, x), weights, x, s)
