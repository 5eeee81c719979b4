"""Clipping shortens a gradient or turns it; it brings nothing back."""

import numpy as np
import pytest

from lstm_engine import batch
from lstm_engine.bptt import Gradients, bptt, linear_loss
from lstm_engine.clip import clip_by_norm, clip_by_value, clip_coefficient
from lstm_engine.weights import Weights
from tests.engine.cells.test_every_cell import BY_NAME, every_cell, usual


def flow(name: str, seed: int = 0, times: float = 1.0) -> Gradients:
    weights, x = usual(name, seed, shape=(60, 4, 3), biases={"f": -1.0})
    cell = BY_NAME[name]
    return bptt(cell, cell.forward(weights, x), weights, x, times * linear_loss("last", 60, 4))


def entries(gradient: Weights) -> np.ndarray:
    return np.concatenate([d.ravel() for d in gradient if d is not None])


@every_cell
def test_a_clipped_gradient_has_the_limits_norm_and_its_old_direction(name: str) -> None:
    gradient = flow(name).weights
    norm = np.linalg.norm(entries(gradient))
    clipped = entries(clip_by_norm(gradient, norm / 3))
    np.testing.assert_allclose(clipped, entries(gradient) / 3, rtol=1e-14)
    unclipped = clip_by_norm(gradient, norm * 1.01)
    np.testing.assert_array_equal(entries(unclipped), entries(gradient))


@every_cell
def test_clipping_by_value_cuts_entry_by_entry(name: str) -> None:
    gradient = flow(name).weights
    limit = float(np.median(np.abs(entries(gradient)))) + 1e-6
    clipped = entries(clip_by_value(gradient, limit))
    within = np.abs(entries(gradient)) <= limit
    np.testing.assert_array_equal(clipped[within], entries(gradient)[within])
    assert (np.abs(clipped[~within]) == limit).all() and not within.all()


def test_clipping_cannot_repair_a_vanished_path() -> None:
    """It is the gradient of the loss times one number: early beside late stays what it was."""
    exploded = flow("lstm", times=1e6)
    coefficient = clip_coefficient(exploded.weights, 1.0)
    assert coefficient < 1e-3
    clipped = flow("lstm", times=1e6 * float(coefficient))
    ours = entries(clip_by_norm(exploded.weights, 1.0))
    np.testing.assert_allclose(ours, entries(clipped.weights), rtol=1e-12)
    before, after = (g.log10_by_step.weight_ih for g in (exploded, clipped))
    assert before[0] - before[-1] < -12
    np.testing.assert_allclose(after - after[-1], before - before[-1], atol=1e-9)


def test_each_experiment_is_clipped_by_its_own_norm() -> None:
    pairs = [usual("peephole", seed) for seed in (0, 1)]
    weights, x = batch([w for w, _ in pairs]), np.stack([x for _, x in pairs])
    states = BY_NAME["peephole"].forward(weights, x)
    dh = linear_loss("last", 12, 4) * np.array([1.0, 100.0])[:, None, None]
    gradient = bptt(BY_NAME["peephole"], states, weights, x, dh).weights
    clipped = clip_by_norm(gradient, 1.0)
    coefficient = clip_coefficient(gradient, 1.0)
    assert coefficient.shape == (2,) and coefficient[1] < coefficient[0]
    for b in range(2):
        one = Weights._make(d[b] for d in gradient)
        alone = clip_by_norm(one, 1.0)
        np.testing.assert_array_equal(entries(alone), entries(Weights._make(d[b] for d in clipped)))


def test_entries_whose_squares_leave_float64_are_clipped_too() -> None:
    for size in (1e200, 1e-200):
        gradient = Weights(np.full((4, 1), size), np.zeros((4, 1)), np.zeros(4), np.zeros(4))
        clipped = clip_by_norm(gradient, size)
        np.testing.assert_allclose(clipped.weight_ih, size / 2, rtol=1e-14)
    assert clip_coefficient(Weights(*(0.0 * d for d in gradient[:4])), 1.0) == 1.0


def test_an_infinite_gradient_is_refused() -> None:
    gradient = Weights(np.full((4, 1), np.inf), np.zeros((4, 1)), np.zeros(4), np.zeros(4))
    with pytest.raises(OverflowError, match="leaves float64"):
        clip_by_norm(gradient, 1.0)
    assert (clip_by_value(gradient, 1.0).weight_ih == 1.0).all()


@pytest.mark.torch
def test_clipping_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    gradient = flow("lstm", times=1e4).weights

    def parameters() -> list:
        made = [torch.nn.Parameter(torch.zeros(d.shape, dtype=torch.float64)) for d in gradient[:4]]
        for parameter, d in zip(made, gradient[:4], strict=True):
            parameter.grad = torch.from_numpy(d.copy())
        return made

    by_norm, by_value = parameters(), parameters()
    norm = torch.nn.utils.clip_grad_norm_(by_norm, 0.5)
    assert float(norm) == pytest.approx(np.linalg.norm(entries(gradient)), rel=1e-12)
    torch.nn.utils.clip_grad_value_(by_value, 0.5)
    ours = (clip_by_norm(gradient, 0.5), clip_by_value(gradient, 0.5))
    for mine, theirs in zip(ours, (by_norm, by_value), strict=True):
        for d, parameter in zip(mine[:4], theirs, strict=True):
            np.testing.assert_allclose(d, parameter.grad.numpy(), rtol=1e-6 / float(norm) + 1e-12)
