"""Every gradient against autodiff, where along time it comes from, what saturation does to it."""

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from lstm_engine import CELLS, Rnn, Weights, batch, cell_survival, draw_cell, draw_inputs, lstm
from lstm_engine.bptt import Gradients, bptt, linear_loss
from lstm_engine.one_step import pull_back
from lstm_engine.scaled_array import times
from tests.engine import oracle
from tests.engine.cells.one_unit import one_unit
from tests.engine.cells.test_every_cell import BY_NAME, drawn, every_cell, experiments, usual


def flow(
    name: str, weights: Weights, x: np.ndarray, dh: np.ndarray, start=None, dc_T=None
) -> Gradients:
    return bptt(BY_NAME[name], BY_NAME[name].forward(weights, x, start), weights, x, dh, dc_T)


@partial(jax.jit, static_argnames="name")
def autodiff(name: str, weights: Weights, x: np.ndarray, dh: np.ndarray, start, dc_T) -> tuple:
    """The gradient at weights, x, and what nudges c_t, h_t and the bias of each step."""

    def loss(weights, x, to_c, to_h, to_a):
        def step(before, now):
            x_t, c_nudge, h_nudge, a_nudge, dh_t = now
            moved = weights._replace(bias_ih=weights.bias_ih + a_nudge)
            h, c = oracle.STEPS[name](moved, x_t, *before, c_nudge)
            h = h + h_nudge
            return (h, c), (h * dh_t).sum()

        h_0, c_0 = start
        first = (h_0 + to_h[0], c_0 + to_c[0] + (to_h[0] if name in oracle.H_IS_C else 0.0))
        (_, c_T), losses = jax.lax.scan(step, first, (x, to_c[1:], to_h[1:], to_a, dh))
        return losses.sum() + (c_T * dc_T).sum()

    states = jnp.zeros((len(x) + 1, dh.shape[1]))
    steps = jnp.zeros((len(x), len(weights.bias_ih)))
    return jax.grad(loss, tuple(range(5)))(weights, x, states, states, steps)


def assert_close(ours: np.ndarray, theirs: np.ndarray, what: object = "") -> None:
    scale = np.abs(theirs).max(initial=0.0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * scale, err_msg=str(what))


@every_cell
@pytest.mark.slow
def test_every_gradient_is_that_of_autodiff(name: str) -> None:
    cell = BY_NAME[name]

    @settings(max_examples=12, deadline=None)
    @given(experiments)
    def agrees(e: dict) -> None:
        weights, x = drawn(name, e)
        H, random = e["shape"][1], np.random.RandomState(e["seed"] % 1000)
        dh = random.standard_normal((len(x), H))
        dh[e["seed"] % len(x)] = 0.0
        h_0, c_0, dc_T = random.standard_normal((3, H)) * (e["seed"] % 3 > 0)
        start = (h_0, h_0 if name in oracle.H_IS_C else c_0)
        theirs = autodiff(name, weights, x, dh, start, dc_T)
        moved = autodiff(name, oracle.nudged(weights), x, dh, start, dc_T)
        for one, other in zip(jax.tree.leaves(theirs), jax.tree.leaves(moved), strict=True):
            peak = np.abs(one).max(initial=0.0)
            assume(np.abs(one - other).max(initial=0.0) <= 1e-11 * peak)  # else it is chaotic
        ours = flow(name, weights, x, dh, start, dc_T)
        dweights, dx, to_c, to_h, to_a = theirs
        for field, tensor in dweights._asdict().items():
            if tensor is None:
                assert getattr(ours.weights, field) is None
            else:
                assert_close(getattr(ours.weights, field), tensor, field)
        assert_close(ours.dx, dx)
        assert_close(ours.dc[1:], to_c[1:])
        if name in oracle.H_IS_C:
            assert_close(ours.dc[0], to_h[0])
            np.testing.assert_array_equal(ours.dh, ours.dc)
        else:
            assert_close(ours.dc[0], to_c[0])
            assert_close(ours.dh, to_h)
        before = np.stack([ours.gates[gate].before for gate in cell.GATES], axis=1)
        assert_close(before.reshape(len(x), -1), to_a)

    agrees()


@every_cell
def test_a_gates_gradient_takes_its_slope_on_the_way_in(name: str) -> None:
    gates = flow(name, *usual(name), linear_loss("every", 12, 4)).gates
    assert list(gates) == list(BY_NAME[name].GATES)
    for gate in gates.values():
        np.testing.assert_allclose(gate.before, gate.after * gate.slope, rtol=1e-12)


AFTER = {
    "lstm": {
        "i": lambda s, dc, dh, c: dc * s.g,
        "f": lambda s, dc, dh, c: dc * c,
        "g": lambda s, dc, dh, c: dc * s.i,
        "o": lambda s, dc, dh, c: dh * np.tanh(s.c[1:]),
    },
    "lstm-1997": {
        "i": lambda s, dc, dh, c: dc * s.g,
        "g": lambda s, dc, dh, c: dc * s.i,
        "o": lambda s, dc, dh, c: dh * np.tanh(s.c[1:]),
    },
    "peephole": {
        "i": lambda s, dc, dh, c: dc * s.g,
        "f": lambda s, dc, dh, c: dc * c,
        "g": lambda s, dc, dh, c: dc * s.i,
        "o": lambda s, dc, dh, c: dh * np.tanh(s.c[1:]),
    },
    "coupled": {
        "f": lambda s, dc, dh, c: dc * (c - s.g),
        "g": lambda s, dc, dh, c: dc * s.i,
        "o": lambda s, dc, dh, c: dh * np.tanh(s.c[1:]),
    },
    "gru": {
        "i": lambda s, dc, dh, c: dc * (1 - s.z) * (1 - s.n**2) * s.heard_n,
        "f": lambda s, dc, dh, c: dc * (c - s.n),
        "g": lambda s, dc, dh, c: dc * (1 - s.z),
    },
    "minlstm": {  # at the normalized gates, which sum to 1
        "i": lambda s, dc, dh, c: dc * (s.g - c),
        "f": lambda s, dc, dh, c: dc * (c - s.g),
        "g": lambda s, dc, dh, c: dc * s.i,
    },
    "mingru": {
        "f": lambda s, dc, dh, c: dc * (c - s.g),
        "g": lambda s, dc, dh, c: dc * (1 - s.f),
    },
    "rnn-relu": {"g": lambda s, dc, dh, c: dc},
}


@pytest.mark.parametrize(("name", "gate"), [(n, gate) for n in AFTER for gate in AFTER[n]])
def test_a_gates_gradient_is_the_cells_times_what_it_multiplies(name: str, gate: str) -> None:
    """∂L/∂i = ∂L/∂c ⊙ g, and so on for every gate; dead relus included."""
    weights, x = usual(name)
    states = BY_NAME[name].forward(weights, x)
    ours = bptt(BY_NAME[name], states, weights, x, linear_loss("every", 12, 4))
    expected = AFTER[name][gate](states, ours.dc[1:], ours.dh[1:], states.c[:-1])
    np.testing.assert_allclose(ours.gates[gate].after, expected, rtol=1e-12, atol=1e-16)


@every_cell
def test_the_norms_are_of_what_each_step_adds(name: str) -> None:
    """Outer products written out: their norms step by step, and their sum."""
    weights, x = usual(name)
    states = BY_NAME[name].forward(weights, x)
    ours = bptt(BY_NAME[name], states, weights, x, linear_loss("every", 12, 4))
    before = {gate: ours.gates[gate].before for gate in ours.gates}
    delta = np.concatenate(list(before.values()), axis=1)
    terms = {"weight_ih": delta[:, :, None] * x[:, None], "bias_ih": delta}
    if name != "gru" and BY_NAME[name].RECURRENT:  # its candidate hears through the reset gate
        terms |= {"weight_hh": delta[:, :, None] * states.h[:-1, None], "bias_hh": delta}
    if BY_NAME[name].PEEPHOLES:
        past, now = states.c[:-1], states.c[1:]
        parts = (before["i"] * past, before["f"] * past, before["o"] * now)
        terms["peephole"] = np.stack(parts, axis=1)
    for field, added in terms.items():
        with np.errstate(divide="ignore"):
            norms = np.log10(np.linalg.norm(added.reshape(12, -1), axis=1))
        np.testing.assert_allclose(getattr(ours.log10_by_step, field), norms, atol=1e-12)
        assert_close(getattr(ours.weights, field), added.sum(axis=0))
    sides = [(g.log10_after, g.after) for g in ours.gates.values()]
    sides += [(g.log10_before, g.before) for g in ours.gates.values()]
    for norms, vectors in ((ours.log10_dh, ours.dh), (ours.log10_dc, ours.dc), *sides):
        with np.errstate(divide="ignore"):
            expected = np.log10(np.linalg.norm(vectors, axis=1))
        np.testing.assert_allclose(norms, expected, atol=1e-12)


@every_cell
def test_the_gradient_is_linear_in_the_loss(name: str) -> None:
    """Also where a loss of 1e-200 at the end meets one of 1 earlier."""
    weights, x = usual(name)
    late, early = np.zeros((2, 12, 4))
    late[-1], early[4] = 1e-200, 1.0
    both, one, other = (flow(name, weights, x, dh) for dh in (late + early, late, early))
    for of_both, of_one, of_other in zip(
        (both.dx, both.dc, *both.weights[:4]),
        (one.dx, one.dc, *one.weights[:4]),
        (other.dx, other.dc, *other.weights[:4]),
        strict=True,
    ):
        assert_close(of_both, of_one + of_other)
    np.testing.assert_allclose(both.dc[6:], one.dc[6:], rtol=1e-12)
    assert np.abs(both.dc[6:]).max() < 1e-190


@every_cell
def test_a_batch_holds_the_bits_of_each_alone(name: str) -> None:
    pairs = [usual(name, seed) for seed in range(3)]
    dh = linear_loss("every", 12, 4) * np.array([1.0, 1e-250, 1e200])[:, None, None]
    together = flow(name, batch([w for w, _ in pairs]), np.stack([x for _, x in pairs]), dh)
    for b, (weights, x) in enumerate(pairs):
        alone = flow(name, weights, x, dh[b])
        for ours, whole in zip(jax.tree.leaves(leaves(alone)), leaves(together), strict=True):
            np.testing.assert_array_equal(ours, whole[b])


def leaves(gradients: Gradients) -> list[np.ndarray]:
    fields = [getattr(gradients, field) for field in Gradients.__dataclass_fields__]
    return jax.tree.leaves(fields)


@pytest.mark.parametrize("shared", ["weights", "inputs"])
def test_what_a_batch_shares_is_not_summed_over(shared: str) -> None:
    weights, x = usual("lstm")
    other, others_x = usual("lstm", seed=1)
    dh = linear_loss("every", 12, 4)
    if shared == "weights":
        together = flow("lstm", weights, np.stack((x, others_x)), dh)
        second = flow("lstm", weights, others_x, dh)
    else:
        two = batch([weights, other])
        together = bptt(lstm, lstm.forward(two, np.stack((x, x))), two, x, dh)
        second = flow("lstm", other, x, dh)
    assert_close(together.weights.weight_hh[1], second.weights.weight_hh)
    assert_close(together.weights.bias_ih[1], second.weights.bias_ih)
    assert_close(together.dx[1], second.dx)


@pytest.mark.parametrize("name", ["lstm", "peephole", "coupled", "gru", "minlstm", "rnn-logistic"])
def test_norms_go_on_where_float64_ends(name: str) -> None:
    """Against steps pulled back one by one, each brought to unit length by hand."""
    biases = {"f": -8.0, "i": 3.0}
    weights, x = usual(name, shape=(500, 3, 2), biases=biases, gain=0.05, chrono=0)
    dh = linear_loss("last", 500, 3)
    ours = flow(name, weights, x, dh)
    cell, states = BY_NAME[name], BY_NAME[name].forward(weights, x)
    carried, heard, log10 = np.zeros(3), dh[-1], 0.0
    for t in range(500, 0, -1):
        carried, heard = pull_back(cell, states, weights, t, carried, heard)
        r = cell.slopes(states, weights, t, t).read_out[0]
        length = np.linalg.norm(carried + heard * r)
        log10 += np.log10(length)
        carried, heard = carried / length, heard / length
        assert ours.log10_dc[t - 1] == pytest.approx(log10, abs=1e-9 + 1e-13 * abs(log10))
    assert log10 < -400 and not ours.dc[:50].any()
    added = ours.log10_by_step.bias_ih[:50]
    assert (added < -308).all() and np.isfinite(added).all()
    by_gate = np.stack([gate.log10_before[:50] for gate in ours.gates.values()])
    together = np.logaddexp.reduce(2 * np.log(10) * by_gate, axis=0) / (2 * np.log(10))
    np.testing.assert_allclose(together, added, rtol=1e-12)


def test_a_closed_gate_leaves_the_closed_form_at_any_length() -> None:
    """Without recurrence ∂L/∂c_t = ∂L/∂c_T · σ(b_f)^(T−t)."""
    weights = draw_cell(lstm, "keras", 1, 1, seed=0, biases={"f": -8.0}, gain=0.0)
    x = np.zeros((10000, 1))
    x[-1] = 1.0
    ours = flow("lstm", weights, x, linear_loss("last", 10000, 1))
    expected = np.log1p(np.exp(8.0)) / np.log(10.0)
    slope = (ours.log10_dc[9000] - ours.log10_dc[0]) / 9000
    assert slope == pytest.approx(expected, rel=1e-12)
    assert ours.log10_dc[0] < -34_000
    candidate = ours.gates["g"].log10_after[:-1]  # dg = dc⊙i, and i = ½ until the input comes
    np.testing.assert_allclose(candidate, ours.log10_dc[1:-1] + np.log10(0.5), rtol=1e-13)


def test_norms_of_inputs_whose_squares_leave_float64() -> None:
    weights, x = usual("lstm")
    states, dh = lstm.forward(weights, x), linear_loss("last", 12, 4)
    plain = bptt(lstm, states, weights, x, dh).log10_by_step
    for size in (1e-200, 1e200):
        ours = bptt(lstm, states, weights, size * x, dh).log10_by_step
        moved = ours.weight_ih - plain.weight_ih
        np.testing.assert_allclose(moved, np.log10(size), atol=1e-12)


def test_an_exploding_gradient_gives_no_nan() -> None:
    """h_t = 10 h_{t−1}: from the zero state the gradient at step 0 is 10^400."""
    weights = Weights(np.eye(1), np.full((1, 1), 10.0), np.zeros(1), np.zeros(1))
    ours = flow("rnn-identity", weights, np.zeros((400, 1)), np.vstack((np.zeros((399, 1)), 1.0)))
    assert ours.log10_dh[0] == pytest.approx(400.0, abs=1e-10)
    assert ours.dh[0] == np.inf and ours.dh[-1] == 1.0
    assert ours.weights.bias_ih == np.inf
    assert ours.weights.weight_hh == 0.0 and ours.weights.weight_ih == 0.0
    assert not any(np.isnan(array).any() for array in leaves(ours))


def test_sums_of_opposite_explosions_are_signed_infinities() -> None:
    weights = Weights(np.eye(1), np.full((1, 1), -10.0), np.zeros(1), np.zeros(1))
    ours = flow("rnn-identity", weights, np.zeros((401, 1)), np.vstack((np.zeros((400, 1)), 1.0)))
    assert ours.weights.bias_ih == np.inf  # 10^400 − 10^399 + …
    assert ours.gates["g"].before[:2, 0].tolist() == [np.inf, -np.inf]


@every_cell
def test_no_loss_is_no_gradient(name: str) -> None:
    ours = flow(name, *usual(name), np.zeros((12, 4)))
    assert not any(tensor.any() for tensor in ours.weights if tensor is not None)
    assert not ours.dx.any() and not ours.dc.any()
    assert (ours.log10_dc == -np.inf).all() and (ours.log10_by_step.bias_ih == -np.inf).all()


def test_dead_relus_pass_nothing_on() -> None:
    weights, x = usual("rnn-relu")
    weights = weights._replace(bias_ih=weights.bias_ih - 1e3)
    ours = flow("rnn-relu", weights, x, linear_loss("last", 12, 4))
    assert (ours.log10_dh[:-1] == -np.inf).all() and (ours.log10_by_step.weight_ih == -np.inf).all()
    assert ours.gates["g"].after[-1].any() and not ours.gates["g"].before.any()


def test_the_first_step_teaches_recurrent_weights_nothing() -> None:
    ours = flow("lstm", *usual("lstm"), linear_loss("last", 12, 4))
    assert ours.log10_by_step.weight_hh[0] == -np.inf  # h_0 = 0
    assert np.isfinite(ours.log10_by_step.weight_hh[1:]).all()
    assert np.isfinite(ours.log10_by_step.weight_ih).all()


def of_one_unit(f: tuple[float, ...], i: float = 0.5, g: float = 0.5) -> tuple[Weights, np.ndarray]:
    """An LSTM of one unit without recurrence, its gates set at will, its output gate open."""
    logit = np.log(f) - np.log1p(-np.array(f))
    x = np.column_stack((np.full(len(f), np.log(i / (1 - i))), logit))
    x = np.column_stack((x, np.full(len(f), np.arctanh(g)), np.full(len(f), 40.0)))
    return one_unit(lstm), x


def test_gradient_over_time_by_hand() -> None:
    """f = .9, .5, .8 and ∂L/∂c_3 = 1: ∂L/∂c_1 = .8·.5; a recurrent weight .5 alone keeps .25."""
    weights, x = of_one_unit((0.9, 0.5, 0.8))
    r_3 = lstm.slopes(lstm.forward(weights, x), weights, 1, 3).read_out[-1, 0]
    ours = flow("lstm", weights, x, np.array([[0.0], [0.0], [1.0 / r_3]]))
    np.testing.assert_allclose(ours.dc[:, 0], [0.36, 0.40, 0.8, 1.0], rtol=1e-12)
    alone = Weights(np.eye(1), np.full((1, 1), 0.5), np.zeros(1), np.zeros(1))
    ours = flow("rnn-identity", alone, np.zeros((3, 1)), np.array([[0.0], [0.0], [1.0]]))
    assert ours.dh[1, 0] == 0.25


def test_the_direct_path_is_the_gradient_where_nothing_recurs() -> None:
    weights, x = usual("lstm", gain=0.0)
    states = lstm.forward(weights, x)
    ours = bptt(lstm, states, weights, x, linear_loss("last", 12, 4))
    direct = cell_survival(lstm, states, weights).log10_direct
    np.testing.assert_allclose(np.abs(ours.dc), np.abs(ours.dc[-1]) * 10**direct, rtol=1e-12)


@pytest.mark.parametrize("b_f", [5.0, 20.0, 40.0, 300.0])
def test_a_saturated_forget_gate_carries_and_stops_learning(b_f: float) -> None:
    """f → 1: direct = 1^k, c a running sum of i⊙g, and ∂f/∂a = f(1−f) → 0 takes the gradient."""
    weights, x = of_one_unit((0.5,) * 50)
    x[:, 1] = b_f
    states = lstm.forward(weights, x)
    ours = bptt(lstm, states, weights, x, linear_loss("last", 50, 1))
    leak = np.exp(-b_f)
    np.testing.assert_allclose(ours.dc[1:], ours.dc[-1, 0], rtol=60 * leak + 1e-15)
    running = np.cumsum(states.i * states.g)
    np.testing.assert_allclose(states.c[1:, 0], running, rtol=60 * leak + 1e-14)
    forget = ours.gates["f"]
    np.testing.assert_allclose(forget.slope, leak / (1 + leak) ** 2, rtol=1e-12)
    np.testing.assert_allclose(forget.after, ours.dc[1:] * states.c[:-1], rtol=1e-12)
    np.testing.assert_allclose(forget.before, forget.after * forget.slope, rtol=1e-12)
    learnt = np.abs(ours.weights.bias_ih[1] / ours.weights.bias_ih[0])
    assert 0 < learnt < 60 * leak


@pytest.mark.parametrize("a", [-900.0, -720.0, 720.0, 800.0])
@pytest.mark.parametrize("gate", "ifgo")
def test_beyond_float64_a_slope_takes_its_logarithm(gate: str, a: float) -> None:
    """Before the nonlinearity 10^−391 is no zero, and after it nothing is divided by anything."""
    weights, x = of_one_unit((0.5,) * 3)
    x[1, "ifgo".index(gate)] = a
    states = lstm.forward(weights, x)
    dh = np.zeros((3, 1))
    dh[1] = 1.0  # also where the forget gate of step 2 is 0 and nothing comes from later
    ours = bptt(lstm, states, weights, x, dh)
    expected = {
        "i": ours.dc[2] * states.g[1],
        "f": ours.dc[2] * states.c[1],
        "g": ours.dc[2] * states.i[1],
        "o": ours.dh[2] * np.tanh(states.c[2]),
    }[gate]
    its, log_slope = ours.gates[gate], -2 * abs(a) + np.log(4) if gate == "g" else -abs(a)
    np.testing.assert_allclose(its.after[1], expected, rtol=1e-14)
    log10_before = np.log10(np.abs(expected[0])) + log_slope / np.log(10)
    assert its.log10_before[1] == pytest.approx(log10_before, rel=1e-14)


def test_a_saturated_candidate_has_its_whole_gradient() -> None:
    """dg = dc⊙i whatever the tanh: its slope underflows from |a| = 354 on."""
    weights, x = of_one_unit((0.5,) * 3)
    x[1, 2] = 500.0
    ours = flow("lstm", weights, x, linear_loss("last", 3, 1))
    np.testing.assert_allclose(ours.gates["g"].after[1], ours.dc[2] * 0.5, rtol=1e-14)
    assert ours.gates["g"].before[1] == 0.0 and ours.gates["g"].log10_before[1] < -430


def test_a_cell_beyond_354_still_passes_its_gradient_on() -> None:
    """r_T = o⊙(1 − tanh² c_T) = 10^−347: plain float64 has a zero there, and everywhere before."""
    weights, x = one_unit(CELLS["lstm-1997"]), np.full((500, 3), 40.0)
    x[:, 0] = np.log(4.0)  # i = 0.8, so that c grows to 400
    ours = flow("lstm-1997", weights, x, linear_loss("last", 500, 1))
    u = linear_loss("last", 500, 1)[-1, 0]
    log10_dc = np.log10(abs(u)) + (np.log(4.0) - 2 * 400.0) / np.log(10)
    np.testing.assert_allclose(ours.log10_dc, log10_dc, rtol=1e-12)
    np.testing.assert_allclose(ours.gates["i"].log10_after, log10_dc, rtol=1e-12)  # g is 1
    candidate = log10_dc + np.log10(0.8)
    np.testing.assert_allclose(ours.gates["g"].log10_after, candidate, rtol=1e-12)
    assert not ours.dc.any() and np.isfinite(ours.log10_by_step.bias_ih).all()


@pytest.mark.parametrize("a_f", [-800.0, -40_000.0])
def test_a_forget_gate_below_float64_is_no_wall(a_f: float) -> None:
    weights, x = of_one_unit((0.5,) * 4)
    x[2, 1] = a_f
    ours = flow("lstm", weights, x, linear_loss("last", 4, 1))
    lost = ours.log10_dc[2] - ours.log10_dc[3]
    assert lost == pytest.approx(a_f / np.log(10), rel=1e-14)
    assert np.isfinite([ours.gates[gate].log10_after[1] for gate in "ifg"]).all()


def test_a_unit_far_below_the_others_keeps_its_digits() -> None:
    """One unit keeps all and learns 10^−391 of it; the other has lost 10^347 and learns the rest.

    Beside the first unit's gradient the second's is nothing; before the forget gates it is all.
    """
    bias = np.array([0.0, 0.0, 900.0, -9.0, 1e-3, 1.0, 0.0, 0.0])  # i, f, g, o, two units each
    weights = Weights(np.zeros((8, 1)), np.zeros((8, 2)), bias, np.zeros(8))
    alone = Weights(np.zeros((4, 1)), np.zeros((4, 1)), bias[1::2], np.zeros(4))
    x, dh = np.zeros((90, 1)), linear_loss("last", 90, 2)
    ours, second = flow("lstm", weights, x, dh), flow("lstm", alone, x, dh[:, 1:])
    assert ours.log10_dc[2] > -2 and second.log10_dc[2] < -340
    kept = second.log10_dc[2] - second.log10_dc[-1]
    assert kept == pytest.approx(-88 * np.log1p(np.exp(9.0)) / np.log(10), rel=1e-14)
    assert ours.gates["f"].log10_before[1] == pytest.approx(
        second.gates["f"].log10_before[1], rel=1e-14
    )


def test_units_that_do_not_hear_each_other_may_lie_600_decades_apart() -> None:
    """h_t = diag(1, 10^-3) h_{t−1}, read by a loss that sees the second unit alone at the end."""
    weights = Weights(np.eye(2), np.diag([1.0, 1e-3]), np.zeros(2), np.zeros(2))
    dh = np.vstack((np.zeros((199, 2)), [[1.0, 1.0]]))
    states = Rnn("identity").forward(weights, np.zeros((200, 2)), np.array([0.0, 1e300]))
    ours = bptt(Rnn("identity"), states, weights, np.zeros((200, 2)), dh)
    np.testing.assert_allclose(ours.dh[120], [1.0, 1e-240], rtol=1e-12)
    # dW_hh[1, 1] = Σ δ_t h_{t−1}: each step adds 10^-3(T−t) · 10^(300−3(t−1)), 10^-297 together.
    assert ours.weights.weight_hh[1, 1] == pytest.approx(200e-297, rel=1e-12)


@every_cell
def test_the_derivatives_by_the_gates_are_those_of_a_step_back(name: str) -> None:
    """∂state/∂gate · ∂gate/∂a is what `slopes` has of each gate."""
    cell, (weights, x) = BY_NAME[name], usual(name)
    states = cell.forward(weights, x)
    slopes, gates = cell.slopes(states, weights, 1, 12), cell.gate_derivatives(states, weights, x)
    assert list(gates) == list(cell.GATES)
    of_c = [gate for gate, its in gates.items() if its.state == "c"]
    for n, gate in enumerate(of_c):
        its = gates[gate]
        k = times(its.by_gate, its.slope)
        np.testing.assert_allclose(k.value(), slopes.from_input[:, n], rtol=1e-14)
        if cell.RECURRENT:
            recurrent = k if its.by_recurrent is None else times(k, its.by_recurrent)
            np.testing.assert_allclose(recurrent.value(), slopes.into_cell[:, n], rtol=1e-14)
    assert set(gates) - set(of_c) == ({"o"} if slopes.past_cell is not None else set())
    if slopes.past_cell is not None:
        k_o = times(gates["o"].by_gate, gates["o"].slope)
        np.testing.assert_allclose(k_o.value(), slopes.past_cell, rtol=1e-14)


def test_a_minlstms_gates_are_the_normalized_ones() -> None:
    """By differences in f' itself, i' = 1 − f' moving along; one unit, one step."""
    cell, weights = CELLS["minlstm"], one_unit(CELLS["minlstm"])
    x, h_0, dh = np.array([[0.3, -0.7, 1.9]]), np.array([0.6]), np.array([[1.7]])
    states = cell.forward(weights, x, h_0)
    ours = bptt(cell, states, weights, x, dh).gates
    f, i = (1 / (1 + np.exp(-a)) for a in (-0.7, 0.3))
    f_normal = f / (f + i)
    of_f = 1.7 * (0.6 - 1.9)  # h = f'·h_0 + (1 − f')·g
    assert ours["f"].after.item() == pytest.approx(of_f, rel=1e-14)
    assert ours["i"].after.item() == pytest.approx(-of_f, rel=1e-14)
    a = -0.7 + 1e-30j  # ∂f'/∂a_f by a complex step in the quotient as the paper has it
    moved = (1 / (1 + np.exp(-a))) / (1 / (1 + np.exp(-a)) + i)
    assert moved.real == pytest.approx(f_normal)
    assert ours["f"].slope.item() == pytest.approx(moved.imag / 1e-30, rel=1e-13)
    assert ours["f"].before.item() == pytest.approx(of_f * moved.imag / 1e-30, rel=1e-13)
    a = 0.3 + 1e-30j
    moved = (1 / (1 + np.exp(-a))) / (1 / (1 + np.exp(-a)) + f)
    assert ours["i"].slope.item() == pytest.approx(moved.imag / 1e-30, rel=1e-13)


@every_cell
def test_a_batch_starts_each_experiment_from_its_own_states(name: str) -> None:
    cell, (weights, x) = BY_NAME[name], usual(name)
    h_0, c_0, dc_T = np.random.RandomState(5).standard_normal((3, 3, 4))
    start = (h_0, h_0 if name in oracle.H_IS_C else c_0)
    dh = linear_loss("every", 12, 4)
    together = flow(name, weights, x, dh, start, dc_T)
    for b in range(3):
        its = start[0][b], start[1][b]
        alone = flow(name, weights, x, dh, its, dc_T[b])
        for ours, whole in zip(leaves(alone), leaves(together), strict=True):
            np.testing.assert_allclose(ours, whole[b], rtol=1e-12, atol=1e-15)
        states = cell.forward(weights, x, its)
        np.testing.assert_array_equal(states.h[0], its[0])
        np.testing.assert_array_equal(states.c[0], its[1])


@pytest.mark.parametrize("name", sorted(oracle.H_IS_C))
def test_where_h_is_c_a_start_is_one_state(name: str) -> None:
    cell, (weights, x), h_0 = BY_NAME[name], usual(name), np.linspace(-1, 1, 4)
    alone, pair = cell.forward(weights, x, h_0), cell.forward(weights, x, (h_0, h_0))
    np.testing.assert_array_equal(alone.h, pair.h)
    with pytest.raises(ValueError, match="h_0 and c_0 differ"):
        cell.forward(weights, x, (h_0, 2 * h_0))


def test_a_start_or_a_gradient_of_another_shape_is_refused() -> None:
    weights, x = usual("lstm")
    with pytest.raises(ValueError, match=r"a pair \(h_0, c_0\), \(…, 4\)"):
        lstm.forward(weights, x, np.zeros(4))
    with pytest.raises(ValueError, match=r"c_0 is \(5,\), it must be \(…, 4\)"):
        lstm.forward(weights, x, (np.zeros(4), np.zeros(5)))
    with pytest.raises(ValueError, match=r"dc_T is \(5,\): it must be \(…, H\) = \(4,\)"):
        flow("lstm", weights, x, linear_loss("last", 12, 4), dc_T=np.zeros(5))


def test_a_linear_loss_reads_out_the_same_direction_at_every_step() -> None:
    last, every = (linear_loss(on, 5, 300, seed=3) for on in ("last", "every"))
    assert not last[:-1].any()
    np.testing.assert_array_equal(every, np.tile(last[-1], (5, 1)))
    assert np.linalg.norm(last[-1]) == pytest.approx(1.0, abs=0.1)
    assert not np.array_equal(last, linear_loss("last", 5, 300, seed=4))


def test_the_read_outs_draw_is_frozen() -> None:
    first = [0.7278874545376446, 0.6085107126189185, -0.24812037224487632, -0.41164611819814056]
    np.testing.assert_allclose(linear_loss("last", 1, 4, seed=0)[0], first, rtol=1e-14)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed are last, every"):
        linear_loss("first", 3, 2)


@pytest.mark.torch
@pytest.mark.parametrize("module", ["LSTM", "GRU", "RNN"])
def test_gradients_are_those_of_torch(module: str) -> None:
    torch = pytest.importorskip("torch")
    cell = Rnn("tanh") if module == "RNN" else CELLS[module.lower()]
    name = "rnn-tanh" if module == "RNN" else module.lower()
    weights, _ = usual(name, shape=(40, 7, 3))
    x = draw_inputs("noise", 40, 3, seed=2)
    dh = linear_loss("every", 40, 7)
    layer = getattr(torch.nn, module)(3, 7, dtype=torch.float64)
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), weights[:4], strict=True):
            parameter.copy_(torch.from_numpy(value))
    h_0, c_0, dc_T = np.random.RandomState(3).standard_normal((3, 7))
    inputs, of_h, of_c = (torch.from_numpy(a).requires_grad_() for a in (x, h_0[None], c_0[None]))
    if module == "LSTM":
        out, (_, c_T) = layer(inputs, (of_h, of_c))
    else:
        (out, c_T), c_0 = layer(inputs, of_h), h_0
    ((out * torch.from_numpy(dh)).sum() + (c_T * torch.from_numpy(dc_T)).sum()).backward()
    ours = bptt(cell, cell.forward(weights, x, (h_0, c_0)), weights, x, dh, dc_T)
    assert_close(ours.dh[0], of_h.grad[0].numpy())
    if module == "LSTM":
        assert_close(ours.dc[0], of_c.grad[0].numpy())
    for tensor, parameter in zip(ours.weights[:4], layer.parameters(), strict=True):
        assert_close(tensor, parameter.grad.numpy())
    assert_close(ours.dx, inputs.grad.numpy())
