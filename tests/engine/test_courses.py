"""The LSTM cells that courses have their students write, checked to the digits that they print.

CS231n (Stanford, assignment 3) packs its gates i, f, o, g and transposes its weights; "Sequence
Models" (deeplearning.ai on Coursera, "Building your Recurrent Neural Network") keeps a matrix for
each gate that acts on [a_prev, x], and a column for each example. Both give states to start from
and a gradient at the last cell.
"""

import numpy as np
import pytest

from lstm_engine import Rnn, Weights, bptt, lstm


def from_cs231n(Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray) -> Weights:
    """Blocks i, f, o, g, transposed, in ours: i, f, g, o."""
    i, f, o, g = np.split(np.arange(len(b)), 4)
    rows = np.concatenate((i, f, g, o))
    return Weights(Wx.T[rows], Wh.T[rows], b[rows], np.zeros_like(b))


def spread(low: float, high: float, *shape: int) -> np.ndarray:
    return np.linspace(low, high, num=int(np.prod(shape))).reshape(shape)


def test_one_step_forward_of_cs231n() -> None:
    N, D, H = 3, 4, 5
    x = spread(-0.4, 1.2, N, D)
    start = spread(-0.3, 0.7, N, H), spread(-0.4, 0.9, N, H)
    Wx, Wh = spread(-2.1, 1.3, D, 4 * H), spread(-0.7, 2.2, H, 4 * H)
    weights = from_cs231n(Wx, Wh, spread(0.3, 0.7, 4 * H))
    states = lstm.forward(weights, x[:, None, :], start)
    next_h = [
        [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
        [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
        [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
    ]
    next_c = [
        [0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407],
        [0.66382255, 0.76674007, 0.87195994, 0.97902709, 1.08751345],
        [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676],
    ]
    np.testing.assert_allclose(states.h[:, 1], next_h, rtol=0, atol=5.1e-9)
    np.testing.assert_allclose(states.c[:, 1], next_c, rtol=0, atol=5.1e-9)
    np.testing.assert_array_equal(states.h[:, 0], start[0])
    np.testing.assert_array_equal(states.c[:, 0], start[1])


def test_a_sequence_forward_of_cs231n() -> None:
    N, D, H, T = 2, 5, 4, 3
    Wx, Wh = spread(-0.2, 0.9, D, 4 * H), spread(-0.3, 0.6, H, 4 * H)
    weights = from_cs231n(Wx, Wh, spread(0.2, 0.7, 4 * H))
    start = spread(-0.4, 0.8, N, H), np.zeros(H)
    states = lstm.forward(weights, spread(-0.4, 0.6, N, T, D), start)
    expected = [
        [
            [0.01764008, 0.01823233, 0.01882671, 0.0194232],
            [0.11287491, 0.12146228, 0.13018446, 0.13902939],
            [0.31358768, 0.33338627, 0.35304453, 0.37250975],
        ],
        [
            [0.45767879, 0.4761092, 0.4936887, 0.51041945],
            [0.6704845, 0.69350089, 0.71486014, 0.7346449],
            [0.81733511, 0.83677871, 0.85403753, 0.86935314],
        ],
    ]
    np.testing.assert_allclose(states.h[:, 1:], expected, rtol=0, atol=5.1e-9)


def test_one_step_backward_of_cs231n() -> None:
    """The course compares with differences; complex steps in its own equations have all digits."""
    random = np.random.RandomState(231)
    N, D, H = 4, 5, 6
    shapes = (N, D), (N, H), (N, H), (D, 4 * H), (H, 4 * H), (4 * H,)
    x, h, c, Wx, Wh, b = (random.randn(*shape) for shape in shapes)
    dnext_h, dnext_c = random.randn(N, H), random.randn(N, H)

    def loss(x, h, c, Wx, Wh, b):
        a_i, a_f, a_o, a_g = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o))
        c = f * c + i * np.tanh(a_g)
        return (dnext_h * (o * np.tanh(c)) + dnext_c * c).sum()

    given, expected = [x, h, c, Wx, Wh, b], []
    for n, array in enumerate(given):
        slopes = np.empty(array.size)
        for k in range(array.size):
            moved = array.astype(complex)
            moved.flat[k] += 1e-30j
            slopes[k] = loss(*given[:n], moved, *given[n + 1 :]).imag / 1e-30
        expected.append(slopes.reshape(array.shape))
    weights = from_cs231n(Wx, Wh, b)
    states = lstm.forward(weights, x[:, None, :], (h, c))
    ours = bptt(lstm, states, weights, x[:, None, :], dnext_h[:, None, :], dc_T=dnext_c)
    by_example = from_cs231n(*expected[3:])
    found = ours.dx[:, 0], ours.dh[:, 0], ours.dc[:, 0]
    for one, other in zip(found, expected[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    for field in ("weight_ih", "weight_hh", "bias_ih"):
        one, other = getattr(ours.weights, field).sum(axis=0), getattr(by_example, field)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.fixture(scope="module")
def coursera() -> dict[str, np.ndarray]:
    """The notebook's draws, in its order and its shapes."""
    random = np.random.RandomState(1)
    drawn = {"xt": random.randn(3, 10), "a_prev": random.randn(5, 10)}
    drawn["c_prev"] = random.randn(5, 10)
    for gate in "fioc":
        drawn[f"W{gate}"], drawn[f"b{gate}"] = random.randn(5, 8), random.randn(5, 1)
    random.randn(2, 5), random.randn(2, 1)  # of the prediction
    return drawn | {"da_next": random.randn(5, 10), "dc_next": random.randn(5, 10)}


def from_coursera(drawn: dict[str, np.ndarray]) -> Weights:
    """[W_a, W_x] by gate, in ours: blocks i, f, g, o of weight_ih and weight_hh."""
    stacked = np.concatenate([drawn[f"W{gate}"] for gate in "ifco"])
    bias = np.concatenate([drawn[f"b{gate}"][:, 0] for gate in "ifco"])
    return Weights(stacked[:, 5:], stacked[:, :5], bias, np.zeros_like(bias))


def test_the_cell_forward_of_coursera(coursera: dict[str, np.ndarray]) -> None:
    weights, x = from_coursera(coursera), coursera["xt"].T[:, None, :]
    states = lstm.forward(weights, x, (coursera["a_prev"].T, coursera["c_prev"].T))
    a_next_4 = (-0.66408471, 0.0036921, 0.02088357, 0.22834167, -0.85575339, 0.00138482)
    a_next_4 += (0.76566531, 0.34631421, -0.00215674, 0.43827275)
    c_next_2 = (0.63267805, 1.00570849, 0.35504474, 0.20690913, -1.64566718, 0.11832942)
    c_next_2 += (0.76449811, -0.0981561, -0.74348425, -0.26810932)
    np.testing.assert_allclose(states.h[:, 1, 4], a_next_4, rtol=0, atol=5.1e-9)
    np.testing.assert_allclose(states.c[:, 1, 2], c_next_2, rtol=0, atol=5.1e-9)


def test_the_cell_backward_of_coursera(coursera: dict[str, np.ndarray]) -> None:
    weights, x = from_coursera(coursera), coursera["xt"].T[:, None, :]
    states = lstm.forward(weights, x, (coursera["a_prev"].T, coursera["c_prev"].T))
    dh, dc_T = coursera["da_next"].T[:, None, :], coursera["dc_next"].T
    ours = bptt(lstm, states, weights, x, dh, dc_T)
    summed = Weights(*(None if p is None else p.sum(axis=0) for p in ours.weights))
    dW = dict(
        zip("ifco", np.split(np.hstack((summed.weight_hh, summed.weight_ih)), 4), strict=True)
    )
    db = dict(zip("ifco", np.split(summed.bias_ih, 4), strict=True))
    printed = {
        3.2305591151091884: ours.dx[2, 0, 1],
        -0.06396214197109239: ours.dh[3, 0, 2],
        0.7975220387970015: ours.dc[3, 0, 2],
        -0.14795483816449725: dW["f"][3, 1],
        1.0574980552259903: dW["i"][1, 2],
        2.3045621636876668: dW["c"][3, 1],
        0.3313115952892108: dW["o"][1, 2],
    }
    np.testing.assert_allclose([*printed.values()], [*printed], rtol=1e-13)
    biases = [db[gate][4] for gate in "fico"]
    expected = [0.18864637, -0.40142491, 0.25587763, 0.13893342]
    np.testing.assert_allclose(biases, expected, rtol=0, atol=5.1e-9)


def test_the_rnn_cell_backward_of_coursera() -> None:
    """The notebook's cell takes the bias that its cell before, of whole sequences, left behind."""
    random, before = np.random.RandomState(1), np.random.RandomState(1)
    for shape in ((3, 10, 4), (5, 10), (5, 5), (5, 3), (2, 5)):
        before.randn(*shape)
    ba = before.randn(5, 1)
    xt, a_prev = random.randn(3, 10), random.randn(5, 10)
    Wax, Waa = random.randn(5, 3), random.randn(5, 5)
    for shape in ((2, 5), (5, 1), (2, 1)):
        random.randn(*shape)
    weights, x = Weights(Wax, Waa, ba[:, 0], np.zeros(5)), xt.T[:, None, :]
    da_next = random.randn(5, 10)
    rnn = Rnn("tanh")
    states = rnn.forward(weights, x, a_prev.T)
    ours = bptt(rnn, states, weights, x, da_next.T[:, None, :])
    printed = {
        -0.4605641030588796: ours.dx[2, 0, 1],
        0.08429686538067671: ours.dh[3, 0, 2],
        0.3930818739219304: ours.weights.weight_ih.sum(axis=0)[3, 1],
        -0.2848395578696066: ours.weights.weight_hh.sum(axis=0)[1, 2],
    }
    np.testing.assert_allclose([*printed.values()], [*printed], rtol=1e-12)
    assert ours.weights.bias_ih.sum(axis=0)[4] == pytest.approx(0.80517166, abs=5.1e-9)
