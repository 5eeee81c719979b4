"""What holds for every cell: its equations, its derivatives, its maps, alone and in company."""

import pkgutil
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("jax")

import jax

from lstm_engine import (
    CELLS,
    LeftFloat64,
    Rnn,
    Weights,
    batch,
    cell_survival,
    cells,
    draw_cell,
    draw_inputs,
    draw_rnn,
    jacobian,
    pull_back,
    rnn_survival,
)
from lstm_engine.cell import Cell
from tests.engine import oracle

BY_NAME: dict[str, Cell] = {**CELLS, **{f"rnn-{act}": Rnn(act) for act in oracle.ACTS}}
every_cell = pytest.mark.parametrize("name", BY_NAME)
SHAPES = [(1, 1, 1), (9, 1, 2), (14, 4, 1), (30, 5, 3)]  # T, H, D
CERTAIN = 1e-10  # an entry that moves by more when weights move by 1e-15 proves nothing
TINY = 1e-200  # of a complex step; nothing is subtracted, so it may be as small as one likes

experiments = st.fixed_dictionaries(
    {
        "shape": st.sampled_from(SHAPES),
        "seed": st.integers(0, 2**32 - 1),
        "init": st.sampled_from(["keras", "pytorch", "normal"]),
        "biases": st.fixed_dictionaries(
            {gate: st.sampled_from([-6.0, -1.0, 0.0, 0.5, 2.0, 5.0]) for gate in "ifgo"}
        ),
        "chrono": st.sampled_from([0, 0, 30]),
        "gain": st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0]),
        "amplitude": st.sampled_from([0.1, 1.0, 1.0, 10.0]),
    }
)


def drawn(name: str, e: dict[str, Any]) -> tuple[Weights, np.ndarray]:
    T, H, D = e["shape"]
    x = draw_inputs("noise", T, D, amplitude=e["amplitude"], seed=e["seed"])
    if name.startswith("rnn"):
        return draw_rnn(e["init"], D, H, seed=e["seed"], gain=e["gain"]), x
    knobs = {key: e[key] for key in ("seed", "biases", "chrono", "gain")}
    return draw_cell(BY_NAME[name], e["init"], D, H, **knobs), x


def usual(name: str, seed: int = 0, **other: Any) -> tuple[Weights, np.ndarray]:
    """An experiment of 12 steps, 4 units and 3 inputs, every knob in use."""
    biases = {"i": 0.3, "f": 1.5, "g": -0.4, "o": 0.2}
    e = {"shape": (12, 4, 3), "init": "pytorch", "biases": biases, "chrono": 0, "gain": 2.0}
    return drawn(name, e | {"amplitude": 1.0, "seed": seed} | other)


def test_every_file_of_a_gated_cell_is_registered_under_its_name() -> None:
    files = {module.name for module in pkgutil.iter_modules(cells.__path__)} - {"rnn"}
    assert {name.replace("-", "_") for name in CELLS} == files
    assert all(name == CELLS[name].NAME for name in CELLS)


def step_of(name: str, weights: Weights, x_t: np.ndarray, h: Any, c: Any) -> tuple[Any, ...]:
    """The engine's step from any real or complex h and c."""
    seen = weights.weight_ih @ x_t + weights.bias_ih
    heard = h @ weights.weight_hh.T + weights.bias_hh
    return BY_NAME[name].step(weights, seen, heard, h, c)


@every_cell
def test_states_follow_the_equations(name: str) -> None:
    for shape in SHAPES:
        weights, x = usual(name, shape=shape)
        states = BY_NAME[name].forward(weights, x)
        h = c = np.zeros(shape[1])
        for t, x_t in enumerate(x, 1):
            h, c = oracle.STEPS[name](weights, x_t, h, c)
            np.testing.assert_allclose(states.h[t], h, rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(states.c[t], c, rtol=1e-12, atol=1e-14)
        assert (states.h[0] == 0).all() and (states.c[0] == 0).all()
        for field in fields(states)[2:]:
            assert getattr(states, field.name).shape == (shape[0], shape[1])


@every_cell
def test_forward_is_its_step_over_and_over(name: str) -> None:
    weights, x = usual(name)
    states = BY_NAME[name].forward(weights, x)
    for t in range(1, len(x) + 1):
        row = step_of(name, weights, x[t - 1], states.h[t - 1], states.c[t - 1])
        for field, value in zip(fields(states), row, strict=True):
            kept = getattr(states, field.name)[t if field.name in ("h", "c") else t - 1]
            np.testing.assert_allclose(value, kept, rtol=1e-12, atol=1e-14)


def maps_of(name: str, weights: Weights, x: np.ndarray) -> tuple[np.ndarray, ...]:
    cell = BY_NAME[name]
    if isinstance(cell, Rnn):
        return (rnn_survival(cell, cell.forward(weights, x), weights).log10_exact,)
    survival = cell_survival(cell, cell.forward(weights, x), weights)
    return survival.log10_direct, survival.log10_exact, survival.log10_detours


@every_cell
@pytest.mark.slow
def test_every_entry_of_the_maps_agrees_with_autodiff(name: str) -> None:
    compared, left_out = 0, 0

    @settings(max_examples=40)
    @given(experiments)
    def agrees(e: dict[str, Any]) -> None:
        nonlocal compared, left_out
        weights, x = drawn(name, e)
        ours = maps_of(name, weights, x)
        theirs = oracle.cell_maps(weights, x, name)
        moved = oracle.cell_maps(oracle.nudged(weights), x, name)
        if name.startswith("rnn"):
            theirs, moved = theirs[1:2], moved[1:2]
        for ours_of_one, one, other in zip(ours, theirs, moved, strict=True):
            zero = np.isneginf(one) & np.isneginf(other)
            with np.errstate(invalid="ignore"):
                certain = (np.abs(one - other) < CERTAIN) & (one > -290)
            np.testing.assert_allclose(ours_of_one[certain], one[certain], rtol=0, atol=1e-9)
            assert (ours_of_one[zero] < -290).all()
            compared += int((certain | zero).sum())
            left_out += int((~(certain | zero)).sum())

    agrees()
    assert left_out < 0.05 * compared


@every_cell
def test_jacobian_and_pull_back_are_those_of_autodiff(name: str) -> None:
    weights, x = usual(name)
    cell, step = BY_NAME[name], oracle.STEPS[name]
    states = cell.forward(weights, x)
    dc, dh = np.random.RandomState(0).standard_normal((2, 4))
    for t in (1, 7, 12):
        h, c = states.h[t - 1], states.c[t - 1]
        (h_h, h_c), (c_h, c_c) = jax.jacobian(step, argnums=(2, 3))(weights, x[t - 1], h, c)
        whole = c_h + c_c if name in oracle.H_IS_C else np.block([[c_c, c_h], [h_c, h_h]])
        np.testing.assert_allclose(
            jacobian(cell, states, weights, t), whole, rtol=1e-11, atol=1e-15
        )
        back_c, back_h = pull_back(cell, states, weights, t, dc, dh)
        np.testing.assert_allclose(back_c, dh @ h_c + dc @ c_c, rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(back_h, dh @ h_h + dc @ c_h, rtol=1e-11, atol=1e-15)


@every_cell
def test_a_complex_step_gives_the_jacobians_columns(name: str) -> None:
    weights, x = usual(name, seed=3)
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    nudge, none = TINY * 1j * np.eye(4), np.zeros((4, 4))
    for t in (1, 6, 12):
        h, c = states.h[t - 1], states.c[t - 1]
        if name in oracle.H_IS_C:
            columns = step_of(name, weights, x[t - 1], h + nudge, c + nudge)[1]
        else:
            before = (h + np.vstack((none, nudge)), c + np.vstack((nudge, none)))
            h_t, c_t, *_ = step_of(name, weights, x[t - 1], *before)
            columns = np.hstack((c_t, h_t))
        matrix = jacobian(cell, states, weights, t)
        np.testing.assert_allclose(columns.imag.T / TINY, matrix, rtol=1e-12, atol=1e-15)


@every_cell
def test_slopes_are_the_derivatives_by_each_gate(name: str) -> None:
    """Each block of what is seen and of what is heard is nudged by itself."""
    weights, x = usual(name, seed=5)
    cell, t, H = BY_NAME[name], 8, 4
    states = cell.forward(weights, x)
    now = cell.slopes(states, weights, t, t)
    seen = weights.weight_ih @ x[t - 1] + weights.bias_ih
    heard = weights.weight_hh @ states.h[t - 1] + weights.bias_hh
    nudges = TINY * 1j * np.kron(np.eye(len(seen) // H), np.ones(H))
    before = (states.h[t - 1], states.c[t - 1])

    h_t, c_t, *_ = cell.step(
        weights, seen + nudges, np.broadcast_to(heard, (len(nudges), len(heard))), *before
    )
    feeding = now.from_input.shape[-2]
    np.testing.assert_allclose(c_t.imag[:feeding] / TINY, now.from_input[0], rtol=1e-12)
    through = now.from_input[0] * now.read_out[-1]
    np.testing.assert_allclose(h_t.imag[:feeding] / TINY, through, rtol=1e-12)
    if now.past_cell is None:
        assert feeding == len(nudges)
    else:
        assert feeding == len(nudges) - 1 and (c_t.imag[-1] == 0).all()
        np.testing.assert_allclose(h_t.imag[-1] / TINY, now.past_cell[0], rtol=1e-12)

    nudges = nudges[: len(heard) // H]
    _, c_t, *_ = cell.step(
        weights, seen[None] + 0 * nudges[:, :1], heard + nudges[:, : len(heard)], *before
    )
    recurring = now.into_cell.shape[-2]
    assert recurring == (feeding if cell.RECURRENT else 0)
    np.testing.assert_allclose(c_t.imag[:recurring] / TINY, now.into_cell[0], rtol=1e-12)


@every_cell
def test_logarithms_are_those_of_the_slopes(name: str) -> None:
    weights, x = usual(name)
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    slopes = cell.slopes(states, weights, 1, len(x))
    carry = 10.0 ** cell.log10_carry(states, weights)
    np.testing.assert_allclose(carry, np.abs(slopes.carry), rtol=1e-12)
    for t in range(len(x) + 1):
        read_out = 10.0 ** cell.log10_read_out(states, weights, t)
        np.testing.assert_allclose(read_out, np.abs(slopes.read_out[t]), rtol=1e-12)


@every_cell
def test_h_0_is_free_where_h_is_not_c(name: str) -> None:
    weights, x = usual(name)
    states = BY_NAME[name].forward(weights, x)
    free = name not in oracle.H_IS_C
    assert (BY_NAME[name].slopes(states, weights, 1, 2).read_out[0] == (0 if free else 1)).all()
    log10_read_out = BY_NAME[name].log10_read_out(states, weights, 0)
    assert (log10_read_out == (-np.inf if free else 0.0)).all()


@every_cell
def test_slopes_of_some_steps_are_rows_of_the_whole(name: str) -> None:
    weights, x = usual(name)
    states = BY_NAME[name].forward(weights, x)
    whole = BY_NAME[name].slopes(states, weights, 1, 12)
    for first, last in ((1, 1), (1, 5), (2, 2), (2, 9), (7, 12), (12, 12)):
        part = BY_NAME[name].slopes(states, weights, first, last)
        for field in part._fields:
            of_part, of_whole = getattr(part, field), getattr(whole, field)
            if of_whole is not None:
                end = last + 1 if field == "read_out" else last
                np.testing.assert_array_equal(of_part, of_whole[first - 1 : end])


def everything(name: str, weights: Weights, x: np.ndarray) -> dict[str, np.ndarray]:
    cell = BY_NAME[name]
    states = cell.forward(weights, x)
    slopes = cell.slopes(states, weights, 2, x.shape[-2])._asdict()
    return {
        **{field.name: getattr(states, field.name) for field in fields(states)},
        **{key: array for key, array in slopes.items() if array is not None},
        "log10_carry": cell.log10_carry(states, weights),
        "log10_read_out 0": cell.log10_read_out(states, weights, 0),
        "log10_read_out 2": cell.log10_read_out(states, weights, 2),
        **{str(n): log10 for n, log10 in enumerate(maps_of(name, weights, x))},
    }


@every_cell
@pytest.mark.parametrize("shape", [(2, 1, 1), (20, 3, 2), (20, 20, 4)])
def test_a_batch_of_two_holds_the_bits_of_the_two_alone(name: str, shape: tuple) -> None:
    two = [usual(name, seed, shape=shape) for seed in (0, 1)]
    weights, x = batch([w for w, _ in two]), np.stack([x for _, x in two])
    together = everything(name, weights, x)
    for b in range(2):
        for key, array in everything(name, *two[b]).items():
            np.testing.assert_array_equal(together[key][b], array, err_msg=key)


@pytest.mark.parametrize("name", CELLS)
def test_biases_move_the_gates_they_are_named_for(name: str) -> None:
    plain = usual(name, biases={})[0].bias_ih.reshape(-1, 4)
    for block, gate in enumerate(CELLS[name].GATES):
        moved = usual(name, biases={gate: 2.0})[0].bias_ih.reshape(-1, 4) - plain
        own = (np.arange(len(plain)) == block)[:, None]
        np.testing.assert_allclose(moved, np.where(own, 2.0, 0.0) + np.zeros(4), atol=1e-15)


@pytest.mark.parametrize("name", CELLS)
def test_a_bias_raises_the_gate_of_its_letter(name: str) -> None:
    cell = CELLS[name]
    for letter in cell.GATES:
        field = {"i": "r", "f": "z", "g": "n"}[letter] if name == "gru" else letter
        low, high = (
            getattr(cell.forward(*usual(name, biases={letter: bias})), field)[0]
            for bias in (0.0, 2.0)
        )
        assert (high > low).all()


@pytest.mark.parametrize("name", [name for name in CELLS if "f" in CELLS[name].GATES])
def test_b_f_opens_the_carry(name: str) -> None:
    carry = []
    for b_f in (0.0, 2.0, 4.0):
        weights, x = usual(name, biases={"f": b_f})
        carry.append(CELLS[name].log10_carry(CELLS[name].forward(weights, x), weights)[0])
    assert (np.diff(carry, axis=0) > 0).all()


@pytest.mark.parametrize("name", CELLS)
def test_chrono_biases_forget_or_write_once_in_1_plus_k_steps(name: str) -> None:
    """b_f = log k and b_i = −log k, where there are such gates, without input or recurrence."""
    cell = CELLS[name]
    weights, x = usual(name, biases={}, chrono=1000, amplitude=0.0, gain=0.0)
    bias = dict(zip(cell.GATES, weights.bias_ih.reshape(-1, 4), strict=True))
    slopes = cell.slopes(cell.forward(weights, x), weights, 1, 1)
    if "f" in cell.CHRONO:
        k = np.exp(bias["f"])
        if not cell.PEEPHOLES:
            np.testing.assert_allclose(1.0 - slopes.carry[0], 1.0 / (1.0 + k), rtol=1e-9)
    if "i" in cell.CHRONO:
        k = np.exp(-bias["i"])
    assert cell.CHRONO and ((k >= 1.0) & (k <= 999.0)).all()


@pytest.mark.parametrize("name", CELLS)
def test_states_that_are_no_numbers_are_refused_with_their_step(name: str) -> None:
    weights, x = usual(name, shape=(6, 2, 2))
    x[3] = np.nan
    with pytest.raises(LeftFloat64) as refused:
        CELLS[name].forward(weights, x)
    assert (refused.value.cell, refused.value.step) == (name, 4)


@pytest.mark.parametrize("name", CELLS)
def test_huge_pre_activations_leave_finite_states_and_slopes(name: str) -> None:
    weights, x = usual(name)
    states = CELLS[name].forward(weights, 1e6 * x)
    slopes = CELLS[name].slopes(states, weights, 1, len(x))
    assert all(np.isfinite(part).all() for part in slopes if part is not None)
    assert (
        np.isfinite(states.h).all() and np.isfinite(CELLS[name].log10_carry(states, weights)).all()
    )
