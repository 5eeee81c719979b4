"""Autodiff as the judge: JAX in float64, with slopes that keep their digits in saturation.

Every state c_t (h_t for the RNN) gets a nudge of zero; one Jacobian of the last state with respect
to all nudges is the exact map. For the detours an extra state s_t is carried whose value is always
zero and whose derivative is what has crossed weight_hh: no D is ever subtracted.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from lstm_engine.weights import Weights

jax.config.update("jax_enable_x64", True)


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


ACTS = {
    "tanh": tanh,
    "relu": lambda a: jnp.where(a > 0, a, 0.0),
    "identity": lambda a: a,
    "logistic": sigmoid,
}


def _update(weights, x, h, c):
    a = weights.weight_ih @ x + weights.weight_hh @ h + weights.bias_ih + weights.bias_hh
    i, f, g, o = jnp.split(a, 4)
    return sigmoid(f) * c + sigmoid(i) * tanh(g), sigmoid(f), sigmoid(o)


def _last_states(nudges, weights, x):
    def step(carry, now):
        h, c, direct, crossed = carry
        x_t, nudge = now
        still = jax.lax.stop_gradient
        c_new, f, o = _update(weights, x_t, h, c)
        through_h = _update(weights, x_t, h, still(c))[0]
        crossed = still(f) * crossed + (through_h - still(through_h))
        direct = still(f) * direct + nudge
        c = c_new + nudge
        return (o * tanh(c), c, direct, crossed), None

    zero = jnp.zeros_like(nudges[0])
    start = (zero, zero + nudges[0], zero + nudges[0], zero)
    (_, c, direct, crossed), _ = jax.lax.scan(step, start, (x, nudges[1:]))
    return direct, c, crossed


def _norms(jacobian):
    """Column norms whose squares cannot underflow."""
    peak = jnp.abs(jacobian).max(axis=0)
    return peak * jnp.linalg.norm(jacobian / jnp.where(peak > 0, peak, 1.0), axis=0)


@jax.jit
def _cell_norms(weights, x):
    nudges = jnp.zeros((len(x) + 1, weights.weight_hh.shape[1]))
    return [_norms(J) for J in jax.jacrev(_last_states)(nudges, weights, x)]


@partial(jax.jit, static_argnames="act")
def _rnn_norms(weights, x, act):
    def last_state(nudges):
        def step(h, now):
            x_t, nudge = now
            bias = weights.bias_ih + weights.bias_hh
            return ACTS[act](weights.weight_ih @ x_t + weights.weight_hh @ h + bias) + nudge, None

        return jax.lax.scan(step, nudges[0], (x, nudges[1:]))[0]

    nudges = jnp.zeros((len(x) + 1, weights.weight_hh.shape[1]))
    return _norms(jax.jacrev(last_state)(nudges))


def log10(norms) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.asarray(norms))


def cell_maps(weights: Weights, x: np.ndarray) -> list[np.ndarray]:
    """log10 direct, exact, detours, each (T+1, H)."""
    return [log10(norms) for norms in _cell_norms(weights, x)]


def rnn_map(weights: Weights, x: np.ndarray, act: str) -> np.ndarray:
    """log10 exact, (T+1, H)."""
    return log10(_rnn_norms(weights, x, act))


def nudged(weights: Weights) -> Weights:
    """The weights after a relative change of 1e-15, up or down."""
    up = np.random.RandomState(0)
    return Weights(*(w * (1 + 1e-15 * up.choice((-1.0, 1.0), w.shape)) for w in weights))
