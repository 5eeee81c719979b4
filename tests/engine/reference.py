"""The maps in mpmath, far beyond float64: from the engine's own states, by the plain chain rule.

The whole Jacobian of a step, of (c_t, h_t) by (c_{t-1}, h_{t-1}), is multiplied up; nothing of the
engine's division into direct path and detours is used.
"""

from mpmath import mp, mpf

from lstm_engine import Rnn, Weights, lstm


def _sigmoid(a):
    return 1 / (1 + mp.exp(-a))


def _slope(a):
    return _sigmoid(a) * _sigmoid(-a)


def _sech2(a):
    return 1 / mp.cosh(a) ** 2


def _row(values) -> list:
    return [mpf(float(v)) for v in values]


def _norms(matrix, H: int, minus=None) -> list[float]:
    columns = []
    for j in range(H):
        entries = [matrix[i, j] - (minus[j] if minus and i == j else 0) for i in range(H)]
        square = mp.fsum(e * e for e in entries)
        columns.append(float(mp.log10(square) / 2) if square else float("-inf"))
    return columns


def cell_maps(states: lstm.States, weights: Weights, steps: set[int], digits: int = 60) -> dict:
    """{t: (log10 direct, log10 exact, log10 detours)}, lists of H floats."""
    with mp.workdps(digits):
        T, H = states.i.shape
        U = mp.matrix(weights.weight_hh.tolist())
        product, direct, found = mp.eye(2 * H)[:H, :], [mpf(1)] * H, {}
        for t in range(T, 0, -1):
            product = product * _step(states, U, t)
            direct = [d * _sigmoid(a) for d, a in zip(direct, _row(states.a_f[t - 1]), strict=True)]
            if t - 1 in steps:
                found[t - 1] = _answer(states, product, direct, t - 1, H)
        return found


def cell_blocks(states: lstm.States, weights: Weights, steps: set[int], digits: int = 60) -> dict:
    """{t: log10 norms of the columns of c to c, h to c, c to h, h to h}, lists of H floats."""
    with mp.workdps(digits):
        T, H = states.i.shape
        U = mp.matrix(weights.weight_hh.tolist())
        product, found = mp.eye(2 * H), {}
        for t in range(T, 0, -1):
            product = product * _step(states, U, t)
            if t - 1 in steps:
                to_c, to_h = product[:H, :], product[H:, :]
                found[t - 1] = [
                    _norms(rows[:, side], H)
                    for rows in (to_c, to_h)
                    for side in (slice(0, H), slice(H, 2 * H))
                ]
        return found


def _step(states: lstm.States, U, t: int):
    """∂(c_t, h_t)/∂(c_{t-1}, h_{t-1})."""
    H = states.i.shape[1]
    a_i, a_f, a_g, a_o = (_row(a[t - 1]) for a in _gates(states))
    before, now = _row(states.c[t - 1]), _row(states.c[t])
    step = mp.zeros(2 * H, 2 * H)
    for j in range(H):
        r = _sigmoid(a_o[j]) * _sech2(now[j])
        step[j, j] = _sigmoid(a_f[j])
        for k in range(H):
            step[j, H + k] = (
                mp.tanh(a_g[j]) * _slope(a_i[j]) * U[j, k]
                + before[j] * _slope(a_f[j]) * U[H + j, k]
                + _sigmoid(a_i[j]) * _sech2(a_g[j]) * U[2 * H + j, k]
            )
            step[H + j, H + k] = mp.tanh(now[j]) * _slope(a_o[j]) * U[3 * H + j, k]
        for k in range(2 * H):
            step[H + j, k] += r * step[j, k]
    return step


def _gates(states: lstm.States) -> tuple:
    return states.a_i, states.a_f, states.a_g, states.a_o


def _answer(states: lstm.States, product, direct: list, t: int, H: int) -> tuple:
    exact = product[:, :H].copy()
    if t:
        for j in range(H):
            r = _sigmoid(mpf(float(states.a_o[t - 1, j]))) * _sech2(mpf(float(states.c[t, j])))
            for i in range(H):
                exact[i, j] += product[i, H + j] * r
    return [float(mp.log10(d)) for d in direct], _norms(exact, H), _norms(exact, H, direct)


def rnn_map(rnn: Rnn, states: Rnn.States, weights: Weights, steps: set[int]) -> dict:
    """{t: log10 exact} for a tanh or logistic RNN."""
    slope = {"tanh": _sech2, "logistic": _slope}[rnn.act]
    with mp.workdps(60):
        T, H = states.a.shape
        product, found = mp.eye(H), {}
        for t in range(T, 0, -1):
            slopes = [slope(a) for a in _row(states.a[t - 1])]
            weight = mp.matrix(weights.weight_hh.tolist())
            for j in range(H):
                for k in range(H):
                    weight[j, k] *= slopes[j]
            product = product * weight
            if t - 1 in steps:
                found[t - 1] = _norms(product, H)
        return found
