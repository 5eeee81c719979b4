"""Draws repeat for ever, and only seed, shape and init change them."""

from types import SimpleNamespace

import numpy as np
import pytest

from lstm_engine import draw_cell, draw_rnn, lstm
from lstm_engine.weights import STREAMS


def test_streams_keep_their_places() -> None:
    assert STREAMS[:14] == (
        "cell.weight_ih",
        "cell.weight_hh",
        "cell.bias_ih",
        "cell.bias_hh",
        "cell.chrono",
        "rnn.weight_ih",
        "rnn.weight_hh",
        "rnn.bias_ih",
        "rnn.bias_hh",
        "inputs.noise",
        "inputs.adding.values",
        "inputs.adding.markers",
        "inputs.copy",
        "inputs.text",
    )


SNAPSHOT = {
    "keras": [
        -0.21769482814893443,
        -0.009967133907730852,
        0.04783665497194445,
        -0.18477281964061412,
        0.0,
        0.0,
        0.0,
        0.0,
        -0.8395762027441493,
        -0.39845931422821323,
        0.27089533713385516,
        0.3736382843484303,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    "normal": [
        0.5679985216543689,
        -1.2393815352802409,
        0.06350178650927249,
        -0.8164914774638086,
        0.0,
        0.0,
        0.0,
        0.0,
        0.7113144059026943,
        1.2414025191435831,
        0.29220206652467673,
        -0.3927841187565942,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    "pytorch": [
        -0.1936953929340568,
        -0.008868322390109706,
        -0.442363746317609,
        -0.38625925601417055,
        0.17898922819598362,
        -0.2156519131577087,
        -0.030833343386285073,
        0.21800771831172883,
        -0.45342297221156147,
        -0.21519262453153898,
        0.2967408357232839,
        -0.05471616824705816,
        0.21591386489117148,
        0.20493515023240383,
        -0.1449522378722674,
        0.20884227334119165,
    ],
}


@pytest.mark.parametrize("init", ["keras", "pytorch", "normal"])
def test_draws_are_those_of_the_first_release(init: str) -> None:
    cell = draw_cell(lstm, init, 3, 4, seed=7, biases={})
    rnn = draw_rnn(init, 3, 4, seed=7)
    drawn = [float(w.flat[n]) for w in (*cell[:4], *rnn[:4]) for n in (0, -1)]
    np.testing.assert_allclose(drawn, SNAPSHOT[init], rtol=1e-12, atol=1e-15)


def test_other_knobs_change_no_draw() -> None:
    plain = draw_cell(lstm, "pytorch", 3, 4, seed=1, biases={})
    other = draw_cell(
        lstm, "pytorch", 3, 4, seed=1, biases={"i": 1, "f": 2, "g": 3, "o": 4}, gain=2.0, chrono=50
    )
    np.testing.assert_array_equal(other.weight_ih, plain.weight_ih)
    np.testing.assert_array_equal(other.weight_hh, 2 * plain.weight_hh)
    np.testing.assert_array_equal(other.bias_ih[8:12], plain.bias_ih[8:12] + 3)
    np.testing.assert_array_equal(other.bias_hh[8:], plain.bias_hh[8:])


def test_seed_and_init_change_every_draw() -> None:
    first = draw_cell(lstm, "pytorch", 3, 4, seed=1)
    for other in (
        draw_cell(lstm, "pytorch", 3, 4, seed=2),
        draw_cell(lstm, "normal", 3, 4, seed=1),
    ):
        assert not (first.weight_ih == other.weight_ih).any()
        assert not (first.weight_hh == other.weight_hh).any()


def test_no_two_tensors_share_a_stream() -> None:
    cell, rnn = draw_cell(lstm, "pytorch", 4, 4, seed=0), draw_rnn("pytorch", 4, 4, seed=0)
    firsts = [w.flat[0] for w in (*cell[:4], *rnn[:4])]
    assert len(set(firsts)) == 8


def test_chrono_replaces_the_drawn_biases_of_i_and_f() -> None:
    H, T_max = 200, 1000
    weights = draw_cell(lstm, "pytorch", 3, H, seed=0, biases={"i": 0.5}, chrono=T_max)
    b_f = weights.bias_ih[H : 2 * H]
    assert (b_f >= 0).all() and (b_f <= np.log(T_max - 1)).all()
    assert np.exp(b_f).mean() == pytest.approx(T_max / 2, rel=0.15)
    np.testing.assert_allclose(weights.bias_ih[:H] - 0.5, -b_f, rtol=0, atol=1e-15)
    assert (weights.bias_hh[: 2 * H] == 0).all() and (weights.bias_hh[2 * H :] != 0).all()


def test_keras_recurrent_weights_have_orthonormal_columns() -> None:
    weights = draw_cell(lstm, "keras", 3, 20, seed=0)
    np.testing.assert_allclose(
        weights.weight_hh.T @ weights.weight_hh, np.eye(20), rtol=0, atol=1e-14
    )
    assert np.abs(weights.weight_ih).max() <= np.sqrt(6 / (3 + 80))
    assert (weights.bias_ih == np.repeat([0.0, 1.0, 0.0, 0.0], 20)).all()


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_cells_of_any_number_of_gates_can_be_drawn(blocks: int) -> None:
    cell = SimpleNamespace(GATES="ifgo"[:blocks], CHRONO={}, RECURRENT=True, PEEPHOLES=False)
    weights = draw_cell(cell, "pytorch", 3, 5, seed=0)
    assert weights.weight_ih.shape == (5 * blocks, 3)
    assert weights.weight_hh.shape == (5 * blocks, 5)
    assert weights.bias_ih.shape == weights.bias_hh.shape == (5 * blocks,)


def test_pytorch_draws_within_one_over_root_H() -> None:
    for tensor in draw_cell(lstm, "pytorch", 9, 100, seed=0, biases={})[:4]:
        assert 0.099 < np.abs(tensor).max() <= 0.1


def test_normal_has_variance_one_over_fan_in() -> None:
    weights = draw_cell(lstm, "normal", 25, 100, seed=0)
    assert weights.weight_ih.std() == pytest.approx(1 / 5, rel=0.02)
    assert weights.weight_hh.std() == pytest.approx(1 / 10, rel=0.02)


def test_identity_rnn_is_the_identity_times_gain() -> None:
    weights = draw_rnn("keras", 30, 40, seed=0, rnn_init="identity", gain=1.5)
    np.testing.assert_array_equal(weights.weight_hh, 1.5 * np.eye(40))
    assert weights.weight_ih.std() == pytest.approx(0.001, rel=0.1)
    assert not weights.bias_ih.any() and not weights.bias_hh.any()


def test_parameters_are_counted_as_textbooks_count_them() -> None:
    cell, rnn = draw_cell(lstm, "pytorch", 256, 512, seed=0), draw_rnn("pytorch", 256, 512, seed=0)
    assert cell.weight_ih.size + cell.weight_hh.size == 1_572_864
    assert cell.bias_ih.size == 2_048
    assert rnn.weight_ih.size + rnn.weight_hh.size == 393_216


@pytest.mark.parametrize(
    ("draw", "named"),
    [
        (lambda: draw_cell(lstm, "xavier", 3, 4, seed=0), "init"),
        (lambda: draw_rnn("xavier", 3, 4, seed=0), "init"),
        (lambda: draw_rnn("keras", 3, 4, seed=0, rnn_init="zero"), "rnn_init"),
        (lambda: draw_cell(lstm, "keras", 3, 4, seed=0, chrono=2), "chrono"),
    ],
)
def test_unknown_choice_is_refused_by_name(draw, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        draw()


def test_drawing_leaves_the_global_random_state_alone() -> None:
    before = np.random.get_state()[1].copy()
    draw_cell(lstm, "keras", 3, 4, seed=0, chrono=20)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
