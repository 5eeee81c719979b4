"""Facts from papers and textbooks, reproduced with the public interface."""

import numpy as np
import pytest

from lstm_engine import (
    Rnn,
    Weights,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    gates,
    lstm,
    pull_back,
    rnn_survival,
)


def exact_and_direct(weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """‖E_0‖ and ‖D_0‖ in the spectral norm, by the public single step."""
    states = lstm.forward(weights, x)
    H = states.c.shape[1]
    dc, dh = np.eye(H), np.zeros((H, H))
    for t in range(len(x), 0, -1):
        dc, dh = pull_back(lstm, states, weights, t, dc, dh)
    return np.linalg.norm(dc, 2), np.prod(states.f, axis=0).max()


@pytest.mark.parametrize(
    ("init", "b_f", "chrono", "direct", "exact"),
    [
        ("pytorch", 0, 0, 3.5e-26, 3.8e-20),
        ("keras", 1, 0, 6.4e-14, 2.9e-8),
        ("pytorch", 0, 100, 0.35, 0.40),
    ],
)
@pytest.mark.slow
def test_frameworks_differ_by_many_decades(
    init: str, b_f: float, chrono: int, direct: float, exact: float
) -> None:
    """H=64, D=16, T=100, noise: geometric mean over twenty seeds, within one decade."""
    logs = []
    for seed in range(20):
        weights = draw_cell(lstm, init, 16, 64, seed=seed, biases={"f": b_f}, chrono=chrono)
        logs.append(np.log10(exact_and_direct(weights, draw_inputs("noise", 100, 16, seed=seed))))
    mean_exact, mean_direct = np.mean(logs, axis=0)
    assert mean_exact == pytest.approx(np.log10(exact), abs=1)
    assert mean_direct == pytest.approx(np.log10(direct), abs=1)


@pytest.mark.parametrize(
    ("gain", "ratio", "least", "most"),
    [(0.0, 1.0, 0.0, 0.0), (0.25, 0.17, -1.1, -0.6), (1.0, 9e-3, -2.6, -1.4), (4, 2e-4, -5, -2.4)],
)
def test_recurrent_weights_decide_whether_the_carry_matters(
    gain: float, ratio: float, least: float, most: float
) -> None:
    """H=32, D=8, T=100, normal weights, b_f=5: ‖D_0‖/‖E_0‖ over twenty seeds."""
    logs = []
    for seed in range(20):
        weights = draw_cell(lstm, "normal", 8, 32, seed=seed, biases={"f": 5}, gain=gain)
        exact, direct = exact_and_direct(weights, draw_inputs("noise", 100, 8, seed=seed))
        logs.append(np.log10(direct / exact))
    # The figures come from other draws; at gain 4 seeds differ by 0.75 (standard deviation).
    assert np.mean(logs) == pytest.approx(np.log10(ratio), abs=0.7)
    assert least - 1 <= min(logs) <= max(logs) <= most + 1


def test_a_closed_forget_gate_keeps_nothing_along_the_carry() -> None:
    weights = draw_cell(lstm, "pytorch", 2, 4, seed=0, biases={"f": -20})
    survival = cell_survival(
        lstm, lstm.forward(weights, draw_inputs("noise", 10, 2)), weights, [0, 9]
    )
    assert (survival.log10_direct[0] < -70).all()
    assert (survival.log10_detours[0] > -30).all()
    assert survival.share[0] < 1e-30


def test_an_open_forget_gate_keeps_everything_and_stops_learning() -> None:
    weights = draw_cell(lstm, "pytorch", 2, 4, seed=0, biases={"f": 20})
    states = lstm.forward(weights, draw_inputs("noise", 100, 2))
    survival = cell_survival(lstm, states, weights)
    assert np.abs(survival.log10_direct).max() < 1e-5
    np.testing.assert_allclose(states.c[1:], np.cumsum(states.i * states.g, axis=0), atol=1e-4)
    assert gates.sigmoid_slope(states.a_f).max() < 1e-7


def test_identity_rnn_with_live_units_has_jacobian_one() -> None:
    weights = draw_rnn("keras", 4, 8, seed=0, rnn_init="identity")
    states = Rnn("relu").forward(weights._replace(bias_ih=np.ones(8)), np.zeros((200, 4)))
    assert (rnn_survival(Rnn("relu"), states, weights).log10_exact == 0.0).all()


@pytest.mark.parametrize("T", [10, 1000])
def test_orthogonal_linear_rnn_keeps_every_column_at_one(T: int) -> None:
    weights = draw_rnn("keras", 4, 16, seed=0)
    linear = Rnn("identity")
    states = linear.forward(weights, draw_inputs("noise", T, 4))
    survival = rnn_survival(linear, states, weights)
    np.testing.assert_allclose(survival.log10_exact, 0.0, atol=1e-11)
    np.testing.assert_allclose(survival.exact_rms, 0.0, atol=1e-11)


@pytest.mark.parametrize(("w", "vanishes"), [(3.9, True), (4.1, False)])
def test_a_logistic_unit_needs_a_weight_above_four_not_to_vanish(w: float, vanishes: bool) -> None:
    """At a = 0 the slope is at its largest, 1/4; the bias holds the unit there."""
    weights = Weights(np.zeros((1, 1)), np.full((1, 1), w), np.full(1, -w / 2), np.zeros(1))
    h = np.full((101, 1), 0.5)
    held = Rnn.States(h, h, np.zeros((100, 1)))
    survived = rnn_survival(Rnn("logistic"), held, weights).log10_exact[0, 0]
    assert survived == pytest.approx(100 * np.log10(w / 4), abs=1e-10)
    assert (survived < 0) == vanishes


@pytest.mark.parametrize(("w", "fixed", "slope"), [(2.0, 0.957504, 0.166372), (0.5, 0.0, 0.5)])
def test_a_latching_unit_kills_its_gradient(w: float, fixed: float, slope: float) -> None:
    """h = tanh(w h): the unit that remembers is the one whose gradient dies. Bengio et al. 1994."""
    weights = Weights(np.ones((1, 1)), np.full((1, 1), w), np.zeros(1), np.zeros(1))
    x = np.zeros((400, 1))
    x[0] = 1.0
    states = Rnn("tanh").forward(weights, x)
    assert states.h[-1, 0] == pytest.approx(fixed, abs=1e-6)
    survival = rnn_survival(Rnn("tanh"), states, weights, [399]).log10_exact
    assert 10 ** survival[0, 0] == pytest.approx(slope, abs=1e-5)


def test_spectral_radius_bound_holds_for_the_vanilla_rnn() -> None:
    """‖∂h_T/∂h_t‖ ≤ σ₁^(T−t), so every column is below it too. Pascanu et al. 2013."""
    weights = draw_rnn("normal", 8, 32, seed=0, gain=0.4)
    largest = np.linalg.norm(weights.weight_hh, 2)
    assert largest < 1
    states = Rnn("tanh").forward(weights, draw_inputs("noise", 80, 8))
    survival = rnn_survival(Rnn("tanh"), states, weights)
    bound = (80 - survival.steps) * np.log10(largest)
    assert (survival.log10_exact <= bound[:, None] + 1e-12).all()


def test_weights_of_a_gate_are_as_wide_as_input_and_state_together() -> None:
    weights = draw_cell(lstm, "keras", 128, 256, seed=0)
    forget = np.hstack((weights.weight_ih, weights.weight_hh))[256:512]
    assert forget.shape == (256, 384)
