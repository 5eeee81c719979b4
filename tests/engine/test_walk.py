"""The plain walk and the careful one agree, and the plain one knows when it may not."""

import numpy as np
import pytest

from lstm_engine import (
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    lstm,
    rnn,
    rnn_survival,
    walk,
)

MAPS = ("log10_direct", "log10_exact", "log10_detours")


@pytest.fixture
def careful_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk.CellWalk, "_plainly", lambda *_: None)
    monkeypatch.setattr(walk.RnnWalk, "_plainly", lambda *_: None)


EXPERIMENTS = [
    {"init": "keras", "biases": (0, 1, 0, 0), "gain": 1.0},
    {"init": "pytorch", "biases": (0, 5, 0, 0), "gain": 1.0},
    {"init": "normal", "biases": (-3, -6, 0, 1), "gain": 0.5},
    {"init": "normal", "biases": (0, 0, 0, 0), "gain": 2.0},
]
PLAIN = [
    cell_survival(lstm, lstm.forward(weights, x), weights)
    for weights, x in (
        (draw_cell(e["init"], 4, 9, seed=5, biases=e["biases"], gain=e["gain"]), x)
        for x in [draw_inputs("noise", 150, 4, seed=5)]
        for e in EXPERIMENTS
    )
]


@pytest.mark.parametrize("number", range(len(EXPERIMENTS)))
@pytest.mark.usefixtures("careful_only")
def test_plain_and_careful_walks_agree(number: int) -> None:
    e = EXPERIMENTS[number]
    weights = draw_cell(e["init"], 4, 9, seed=5, biases=e["biases"], gain=e["gain"])
    careful = cell_survival(
        lstm, lstm.forward(weights, draw_inputs("noise", 150, 4, seed=5)), weights
    )
    for name in MAPS:
        np.testing.assert_allclose(
            getattr(careful, name), getattr(PLAIN[number], name), rtol=1e-12, atol=1e-9
        )


@pytest.mark.parametrize("act", ["tanh", "relu", "identity", "logistic"])
def test_plain_and_careful_walks_of_the_rnn_agree(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = draw_rnn("pytorch", 4, 9, seed=5)
    states = rnn.forward(weights, draw_inputs("noise", 150, 4, seed=5), act)
    plain = rnn_survival(states, weights).log10_exact
    monkeypatch.setattr(walk.RnnWalk, "_plainly", lambda *_: None)
    careful = rnn_survival(states, weights).log10_exact
    np.testing.assert_allclose(careful, plain, rtol=1e-12, atol=1e-10)


def test_dense_weights_never_need_the_careful_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast way is the one taken: 400 steps of default experiments stay plain."""

    def refuse(*_: object) -> None:
        raise AssertionError("walked carefully")

    monkeypatch.setattr(walk.CellWalk, "_carefully", refuse)
    monkeypatch.setattr(walk.RnnWalk, "_carefully", refuse)
    x = draw_inputs("noise", 400, 8)
    for init in ("keras", "pytorch", "normal"):
        for b_f in (-20, -5, 0, 1, 5):
            weights = draw_cell(init, 8, 24, seed=0, biases=(0, b_f, 0, 0))
            cell_survival(lstm, lstm.forward(weights, x), weights)
        rival = draw_rnn(init, 8, 24, seed=0)
        rnn_survival(rnn.forward(rival, x), rival)


def test_explosion_within_a_block_is_walked_carefully_and_right() -> None:
    """1e30 a step leaves float64 within one block; log10 does not mind."""
    weights = draw_rnn("keras", 2, 3, seed=0, gain=1e30)
    states = rnn.forward(weights, np.zeros((100, 2)), "identity")
    log10_exact = rnn_survival(states, weights).log10_exact
    expected = 30.0 * (100 - np.arange(101))[:, None] * np.ones(3)
    np.testing.assert_allclose(log10_exact, expected, atol=1e-9)  # keras: orthogonal W_hh


def test_a_failed_plain_block_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second plain block is thrown away after it has been walked: same answers."""
    weights = draw_cell("keras", 3, 12, seed=1)
    states = lstm.forward(weights, draw_inputs("noise", 300, 3))
    whole = cell_survival(lstm, states, weights)
    plainly, calls = walk.CellWalk._plainly, []

    def every_second(self: walk.CellWalk, *arguments: object) -> walk.Back | None:
        back = plainly(self, *arguments)  # type: ignore[arg-type]
        calls.append(back)
        return back if len(calls) % 2 else None

    monkeypatch.setattr(walk.CellWalk, "_plainly", every_second)
    mixed = cell_survival(lstm, states, weights)
    assert len(calls) > 3
    for name in MAPS:
        np.testing.assert_allclose(getattr(mixed, name), getattr(whole, name), atol=1e-10)


def test_scratch_memory_is_kept_and_grows() -> None:
    first = walk.scratch("test", 4, 5)
    assert np.shares_memory(first, walk.scratch("test", 2, 3))
    assert walk.scratch("test", 40, 5).shape == (40, 5)
