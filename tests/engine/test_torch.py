"""Weights loaded into torch modules give the same states and the same gradient."""

import numpy as np
import pytest

from lstm_engine import (
    Rnn,
    Weights,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    lstm,
    rnn_survival,
)

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def loaded(module, weights: Weights):
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), weights[:4], strict=True):
            parameter.copy_(torch.from_numpy(value))
    return module


@pytest.mark.parametrize("init", ["keras", "pytorch", "normal"])
@pytest.mark.parametrize("chrono", [0, 50])
def test_lstm_states_are_those_of_torch(init: str, chrono: int) -> None:
    weights = draw_cell(
        lstm,
        init,
        3,
        7,
        seed=2,
        biases={"i": 0.5, "f": 1, "g": -1, "o": 2},
        chrono=chrono,
        gain=1.5,
    )
    x = draw_inputs("noise", 40, 3, seed=2)
    states = lstm.forward(weights, x)
    h, (_, c_last) = loaded(torch.nn.LSTM(3, 7, dtype=torch.float64), weights)(torch.from_numpy(x))
    np.testing.assert_allclose(states.h[1:], h.detach().numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(states.c[-1], c_last[0].detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_rnn_states_are_those_of_torch(act: str) -> None:
    weights = draw_rnn("pytorch", 3, 7, seed=2, gain=1.2)
    x = draw_inputs("noise", 40, 3, seed=2)
    module = loaded(torch.nn.RNN(3, 7, nonlinearity=act, dtype=torch.float64), weights)
    h, _ = module(torch.from_numpy(x))
    np.testing.assert_allclose(
        Rnn(act).forward(weights, x).h[1:], h.detach().numpy(), rtol=0, atol=1e-12
    )


def jacobians(last, states: list):
    """d last / d state for every state, by autograd, one row of the last state at a time."""
    rows = [torch.autograd.grad(y, states, retain_graph=True) for y in last]
    return np.stack([np.stack([g.numpy() for g in row]) for row in rows], axis=1)


def test_exact_maps_are_those_of_torch_autograd() -> None:
    """Through the equations: LSTMCell's own c does not lead on to the h that it returns beside."""
    weights = draw_cell(lstm, "pytorch", 3, 5, seed=4)
    rival = draw_rnn("pytorch", 3, 5, seed=4)
    x = draw_inputs("noise", 25, 3, seed=4)
    w, r = ([torch.from_numpy(tensor) for tensor in drawn[:4]] for drawn in (weights, rival))
    h, c, k = (torch.zeros(5, dtype=torch.float64, requires_grad=True) for _ in range(3))
    cs, ks = [c], [k]
    for x_t in torch.from_numpy(x):
        i, f, g, o = (w[0] @ x_t + w[1] @ h + w[2] + w[3]).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        k = (r[0] @ x_t + r[1] @ k + r[2] + r[3]).tanh()
        cs.append(c)
        ks.append(k)
    ours = cell_survival(lstm, lstm.forward(weights, x), weights).log10_exact
    theirs = np.log10(np.linalg.norm(jacobians(c, cs), axis=1))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    ours = rnn_survival(Rnn(), Rnn().forward(rival, x), rival).log10_exact
    theirs = np.log10(np.linalg.norm(jacobians(k, ks), axis=1))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
