"""Weights and biases as frameworks draw them, after every knob; the same on every machine.

Each tensor has a stream of its own, `RandomState(MT19937(SeedSequence([seed, n])))`, which NumPy
keeps frozen. Only seed, shape and init change a draw. `docs/math.md`, section "Weights".
"""

from typing import NamedTuple

import numpy as np

from lstm_engine.gates import Array

# Append only: a tensor's place in this list is the n of its stream, so that draws never change.
STREAMS = (
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


class Weights(NamedTuple):
    """The four tensors of one recurrent layer; n gate blocks of H rows stacked (n = 1: an RNN)."""

    weight_ih: Array  # (nH, D)
    weight_hh: Array  # (nH, H)
    bias_ih: Array  # (nH,)
    bias_hh: Array  # (nH,)


def stream(seed: int, name: str, *key: int) -> np.random.RandomState:
    """The random stream of one tensor, frozen by NumPy's policy on RandomState."""
    sequence = np.random.SeedSequence([seed, STREAMS.index(name), *key])
    return np.random.RandomState(np.random.MT19937(sequence))


def draw_cell(
    init: str,
    D: int,
    H: int,
    *,
    seed: int,
    biases: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0),
    chrono: float = 0,
    gain: float = 1.0,
) -> Weights:
    """A gated cell's weights as a framework draws them, every knob applied.

    Args:
        init: "keras", "pytorch" or "normal".
        D: inputs.
        H: hidden units.
        seed: draws; 0 … 4294967295.
        biases: what the sliders add, one for each gate block, (b_i, b_f, b_g, b_o) for the LSTM;
            their number is the number of gate blocks.
        chrono: T_max of the chrono initialisation (≥ 3), or 0 for none: replaces the drawn biases
            of the first two blocks, i and f.
        gain: multiplies weight_hh.

    Returns:
        Weights with blocks in the order of `biases`; loading them into torch gives the same states.

    Source: `docs/math.md`, "Weights"; chrono: Tallec & Ollivier 2018.
    """
    drawn = _draw_layer("cell", init, D, H, blocks=len(biases), seed=seed)
    bias_ih, bias_hh = drawn.bias_ih.copy(), drawn.bias_hh.copy()
    if chrono:
        if chrono < 3:
            raise ValueError(f"chrono is {chrono}: allowed are 0 (off) and 3 or more")
        keep = np.log(stream(seed, "cell.chrono").uniform(1.0, chrono - 1.0, H))
        bias_ih[:H], bias_ih[H : 2 * H] = -keep, keep
        bias_hh[: 2 * H] = 0.0
    bias_ih += np.repeat(np.asarray(biases, dtype=np.float64), H)
    return Weights(drawn.weight_ih, drawn.weight_hh * gain, bias_ih, bias_hh)


def draw_rnn(
    init: str, D: int, H: int, *, seed: int, rnn_init: str = "same", gain: float = 1.0
) -> Weights:
    """The vanilla RNN's weights: one block drawn as the gated cell's are, or the identity.

    Args:
        init: "keras", "pytorch" or "normal".
        D: inputs.
        H: hidden units.
        seed: draws; 0 … 4294967295.
        rnn_init: "same" (as `init` says), or "identity" (Le, Jaitly & Hinton 2015): weight_hh = I,
            weight_ih normal with standard deviation 0.001, no bias.
        gain: multiplies weight_hh.

    Source: `docs/math.md`, "Weights".
    """
    if rnn_init == "identity":
        weight_ih = 0.001 * stream(seed, "rnn.weight_ih").standard_normal((H, D))
        return Weights(weight_ih, gain * np.eye(H), np.zeros(H), np.zeros(H))
    if rnn_init != "same":
        raise ValueError(f"rnn_init is {rnn_init!r}: allowed are 'same' and 'identity'")
    drawn = _draw_layer("rnn", init, D, H, blocks=1, seed=seed)
    return drawn._replace(weight_hh=drawn.weight_hh * gain)


def _draw_layer(layer: str, init: str, D: int, H: int, *, blocks: int, seed: int) -> Weights:
    rows = blocks * H
    ih, hh = stream(seed, f"{layer}.weight_ih"), stream(seed, f"{layer}.weight_hh")
    if init == "keras":
        limit = np.sqrt(6.0 / (D + rows))
        weight_hh = _semi_orthogonal(hh.standard_normal((rows, H)))
        return Weights(ih.uniform(-limit, limit, (rows, D)), weight_hh, *np.zeros((2, rows)))
    if init == "pytorch":
        k = 1.0 / np.sqrt(H)
        biases = (stream(seed, f"{layer}.{b}").uniform(-k, k, rows) for b in ("bias_ih", "bias_hh"))
        return Weights(ih.uniform(-k, k, (rows, D)), hh.uniform(-k, k, (rows, H)), *biases)
    if init == "normal":
        weight_ih = ih.standard_normal((rows, D)) / np.sqrt(D)
        weight_hh = hh.standard_normal((rows, H)) / np.sqrt(H)
        return Weights(weight_ih, weight_hh, *np.zeros((2, rows)))
    raise ValueError(f"init is {init!r}: allowed are 'keras', 'pytorch' and 'normal'")


def _semi_orthogonal(normal: Array) -> Array:
    """Q of a tall normal matrix, signs fixed by R's diagonal: uniform over orthonormal columns."""
    q, r = np.linalg.qr(normal)
    return np.ascontiguousarray(q * np.where(np.diagonal(r) < 0, -1.0, 1.0))
