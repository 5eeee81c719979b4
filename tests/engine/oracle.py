"""Autodiff as the judge: JAX in float64, with slopes that keep their digits in saturation.

`STEPS` has every cell's equations as its paper gives them; nothing of the engine is used. A step
takes h and c apart even where h is c: c is what the carry keeps, h is what the gates see.

Every state c_t gets a nudge of zero, which h_t follows through the read-out; one Jacobian of the
last state with respect to all nudges is the exact map. For the detours an extra state is carried
whose value is always zero and whose derivative is what has crossed weight_hh: no D is ever
subtracted.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from lstm_engine.weights import Weights

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)


@jax.custom_jvp
def sigmoid(a):
    e = jnp.exp(-jnp.abs(a))
    return jnp.where(a >= 0, 1.0, e) / (1.0 + e)


@sigmoid.defjvp
def _(primals, tangents):
    e = jnp.exp(-jnp.abs(primals[0]))
    return sigmoid(primals[0]), tangents[0] * (e / (1.0 + e) ** 2)


@jax.custom_jvp
def tanh(a):
    return jnp.tanh(a)


@tanh.defjvp
def _(primals, tangents):
    return jnp.tanh(primals[0]), tangents[0] / jnp.cosh(jnp.clip(primals[0], -350, 350)) ** 2


@jax.custom_jvp
def softplus(a):
    return jnp.maximum(a, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(a)))


@softplus.defjvp
def _(primals, tangents):
    return softplus(primals[0]), tangents[0] * sigmoid(primals[0])


ACTS = {
    "tanh": tanh,
    "relu": lambda a: jnp.where(a > 0, a, 0.0),
    "identity": lambda a: a,
    "logistic": sigmoid,
}


def _gates(weights, x, h, blocks):
    a = weights.weight_ih @ x + weights.weight_hh @ h + weights.bias_ih + weights.bias_hh
    return jnp.split(a, blocks)


def lstm(weights, x, h, c, nudge=0.0):
    """Gers, Schmidhuber & Cummins 2000."""
    i, f, g, o = _gates(weights, x, h, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g) + nudge
    return sigmoid(o) * tanh(c), c


def lstm_1997(weights, x, h, c, nudge=0.0):
    """Hochreiter & Schmidhuber 1997: what the cell has, it keeps."""
    i, g, o = _gates(weights, x, h, 3)
    c = c + sigmoid(i) * tanh(g) + nudge
    return sigmoid(o) * tanh(c), c


def peephole(weights, x, h, c, nudge=0.0):
    """Gers, Schraudolph & Schmidhuber 2002: i and f see the old cell, o sees the new one."""
    i, f, g, o = _gates(weights, x, h, 4)
    p_i, p_f, p_o = weights.peephole
    c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g) + nudge
    return sigmoid(o + p_o * c) * tanh(c), c


def coupled(weights, x, h, c, nudge=0.0):
    """Greff et al. 2015, CIFG: what is forgotten is what is written."""
    f, g, o = _gates(weights, x, h, 3)
    c = sigmoid(f) * c + sigmoid(-f) * tanh(g) + nudge
    return sigmoid(o) * tanh(c), c


def gru(weights, x, h, c, nudge=0.0):
    """Cho et al. 2014, with the reset after the product, as torch has it."""
    seen = jnp.split(weights.weight_ih @ x + weights.bias_ih, 3)
    heard = jnp.split(weights.weight_hh @ h + weights.bias_hh, 3)
    r, z = (sigmoid(seen[n] + heard[n]) for n in (0, 1))
    n = tanh(seen[2] + r * heard[2])
    c = sigmoid(-(seen[1] + heard[1])) * n + z * c + nudge
    return c, c


def minlstm(weights, x, h, c, nudge=0.0):
    """Feng et al. 2024, the gates as their log-space form has them."""
    i, f, candidate = jnp.split(weights.weight_ih @ x + weights.bias_ih, 3)
    difference = softplus(-f) - softplus(-i)
    c = jnp.exp(-softplus(difference)) * c + jnp.exp(-softplus(-difference)) * candidate + nudge
    return c, c


def mingru(weights, x, h, c, nudge=0.0):
    """Feng et al. 2024, with 1 − z in the place of z: the gate says what is kept."""
    keep, candidate = jnp.split(weights.weight_ih @ x + weights.bias_ih, 2)
    c = sigmoid(keep) * c + sigmoid(-keep) * candidate + nudge
    return c, c


def rnn(act, weights, x, h, c, nudge=0.0):
    (a,) = _gates(weights, x, h, 1)
    c = ACTS[act](a) + nudge
    return c, c


STEPS: dict[str, Callable] = {
    "lstm": lstm,
    "lstm-1997": lstm_1997,
    "peephole": peephole,
    "coupled": coupled,
    "gru": gru,
    "minlstm": minlstm,
    "mingru": mingru,
    **{f"rnn-{act}": partial(rnn, act) for act in ACTS},
}
H_IS_C = {"gru", "minlstm", "mingru", *(f"rnn-{act}" for act in ACTS)}


def _last_states(nudges, weights, x, name):
    still = jax.lax.stop_gradient

    def step(before, now):
        h, c, direct, crossed = before
        x_t, nudge = now
        # Diagonal: a derivative along (1, …, 1) is the diagonal itself.
        kept = still(
            jax.jvp(
                lambda c: STEPS[name](weights, x_t, still(h), c)[1],
                (still(c),),
                (jnp.ones_like(c),),
            )[1]
        )
        through_h = STEPS[name](weights, x_t, h, still(c))[1]
        crossed = kept * crossed + (through_h - still(through_h))
        h, c = STEPS[name](weights, x_t, h, c, nudge)
        return (h, c, kept * direct + nudge, crossed), None

    zero = jnp.zeros_like(nudges[0])
    h = nudges[0] if name in H_IS_C else zero
    (_, c, direct, crossed), _ = jax.lax.scan(
        step, (h, nudges[0], nudges[0], zero), (x, nudges[1:])
    )
    return direct, c, crossed


def _norms(jacobian):
    """Column norms whose squares cannot underflow."""
    peak = jnp.abs(jacobian).max(axis=0)
    return peak * jnp.linalg.norm(jacobian / jnp.where(peak > 0, peak, 1.0), axis=0)


@partial(jax.jit, static_argnames="name")
def _cell_norms(weights, x, name):
    nudges = jnp.zeros((len(x) + 1, weights.weight_hh.shape[1]))
    return [_norms(J) for J in jax.jacrev(_last_states)(nudges, weights, x, name)]


def log10(norms) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.asarray(norms))


def cell_maps(weights: Weights, x: np.ndarray, name: str = "lstm") -> list[np.ndarray]:
    """log10 direct, exact, detours, each (T+1, H)."""
    return [log10(norms) for norms in _cell_norms(weights, x, name)]


def rnn_map(weights: Weights, x: np.ndarray, act: str) -> np.ndarray:
    """log10 exact, (T+1, H)."""
    return cell_maps(weights, x, f"rnn-{act}")[1]


def nudged(weights: Weights) -> Weights:
    """The weights after a relative change of 1e-15, up or down."""
    up = np.random.RandomState(0)
    return Weights(
        *(None if w is None else w * (1 + 1e-15 * up.choice((-1.0, 1.0), w.shape)) for w in weights)
    )
