"""Weights and biases as frameworks draw them, after every knob; the same on every machine.

Each tensor has a stream of its own, `RandomState(MT19937(SeedSequence([seed, n])))`, which NumPy
keeps frozen. Only seed, shape and init change a draw. `docs/math.md`, section "Weights".
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lstm_engine import validation
from lstm_engine.gates import Array

if TYPE_CHECKING:
    from lstm_engine.cell import Cell

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
    "cell.peephole",
    "loss.read_out",
    "check.directions",
    "task.adding",
    "task.copy",
    "task.order",
    "task.text",
    "training.read_out",
)


INITS = ("keras", "pytorch", "normal")
DEFAULT_BIASES = {"f": 1.0}


class _Tensors(NamedTuple):
    weight_ih: Array  # (…, nH, D)
    weight_hh: Array  # (…, nH, H); (…, 0, H) for a cell that does not recur
    bias_ih: Array  # (…, nH)
    bias_hh: Array  # (…, nH); (…, 0) for a cell that does not recur
    peephole: Array | None = None  # (…, 3, H), what i, f and o see of the cell


class Weights(_Tensors):
    """The tensors of one recurrent layer: n gate blocks of H rows stacked (n = 1: an RNN).

        weight_ih (…, nH, D)   weight_hh (…, nH, H)   bias_ih, bias_hh (…, nH)   peephole (…, 3, H)

    "…" is nothing, or a leading axis that holds several experiments of one shape (`batch`). A cell
    that does not recur has weight_hh (…, 0, H) and bias_hh (…, 0); only a cell with peepholes has
    `peephole`, else it is None. What takes weights converts other real numbers to float64.

    Raises:
        ValueError: where there are not four or five arrays.
    """

    __slots__ = ()

    def __new__(cls, *tensors: Any, **named: Any) -> "Weights":
        """A named tuple of the arrays as they are."""
        try:
            return super().__new__(cls, *tensors, **named)
        except TypeError:
            validation.refuse_count(tensors, named)
            raise


def batch(layers: Sequence[Weights]) -> Weights:
    """Layers of one shape side by side, along a new leading axis."""
    validation.alike(layers)
    stacked = (None if t[0] is None else np.stack(t) for t in zip(*layers, strict=True))
    return Weights._make(stacked)


def stream(seed: int, name: str, *key: int) -> np.random.RandomState:
    """The random stream of one tensor, frozen by NumPy's policy on RandomState."""
    sequence = np.random.SeedSequence([validation.seed(seed), STREAMS.index(name), *key])
    return np.random.RandomState(np.random.MT19937(sequence))


def draw_cell(
    cell: "Cell",
    init: str,
    D: int,
    H: int,
    *,
    seed: int,
    biases: Mapping[str, float] = DEFAULT_BIASES,
    chrono: float = 0,
    gain: float = 1.0,
) -> Weights:
    """A gated cell's weights, drawn as a framework draws those of its layers, every knob applied.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        init: "keras", "pytorch" or "normal".
        D: inputs.
        H: hidden units.
        seed: draws; 0 … 4294967295.
        biases: what is added to each gate's bias, under i, f, g, o; a missing one adds nothing, one
            of a gate that the cell lacks is not used. By default f gets 1 in every cell: that is
            Keras' own for its LSTM (`unit_forget_bias`) and for no other cell. Keras' GRU, and
            torch's LSTM and GRU, take `biases={}`; neither framework has any other gated cell.
        chrono: T_max of the chrono initialisation (≥ 3), or 0 for none: replaces the drawn biases
            of the forget gate by `log U(1, T_max − 1)`, of the input gate by its negative.
        gain: multiplies weight_hh.

    Returns:
        Weights with blocks in the order of `cell.GATES`; loading them into a torch module of the
        same shapes gives the same states.

    Source: `docs/math.md`, "Weights"; chrono: Tallec & Ollivier 2018.
    """
    validation.cell_named(cell)
    gain, biases = validation.number("gain", gain), validation.biases(biases)
    drawn = _draw_layer("cell", init, D, H, blocks=len(cell.GATES), seed=seed)
    bias_ih, bias_hh = (bias.reshape(-1, H).copy() for bias in (drawn.bias_ih, drawn.bias_hh))
    if 0 != validation.number("chrono", chrono) < 3:
        raise ValueError(f"chrono is {chrono}: allowed are 0 (off) and 3 or more")
    for block, gate in enumerate(cell.GATES):
        if chrono and gate in cell.CHRONO:
            keep = np.log(stream(seed, "cell.chrono").uniform(1.0, chrono - 1.0, H))
            bias_ih[block], bias_hh[block] = cell.CHRONO[gate] * keep, 0.0
        bias_ih[block] += biases.get(gate, 0.0)
    weight_hh = drawn.weight_hh * gain
    if not cell.RECURRENT:
        weight_hh, bias_hh = weight_hh[:0], bias_hh[:0]
    peephole = _draw_peepholes(init, H, seed) if cell.PEEPHOLES else None
    return Weights(drawn.weight_ih, weight_hh, bias_ih.ravel(), bias_hh.ravel(), peephole)


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
    gain = validation.number("gain", gain)
    if validation.one_of("rnn_init", rnn_init, ("same", "identity")) == "identity":
        D, H = validation.integer("D", D, 1), validation.integer("H", H, 1)
        weight_ih = 0.001 * stream(seed, "rnn.weight_ih").standard_normal((H, D))
        return Weights(weight_ih, gain * np.eye(H), np.zeros(H), np.zeros(H))
    drawn = _draw_layer("rnn", init, D, H, blocks=1, seed=seed)
    return drawn._replace(weight_hh=drawn.weight_hh * gain)


def _draw_layer(layer: str, init: str, D: int, H: int, *, blocks: int, seed: int) -> Weights:
    validation.one_of("init", init, INITS)
    D, H = validation.integer("D", D, 1), validation.integer("H", H, 1)
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
    weight_ih = ih.standard_normal((rows, D)) / np.sqrt(D)
    weight_hh = hh.standard_normal((rows, H)) / np.sqrt(H)
    return Weights(weight_ih, weight_hh, *np.zeros((2, rows)))


def _draw_peepholes(init: str, H: int, seed: int) -> Array:
    """p_i, p_f, p_o, (3, H): of weight_hh's size; for `keras`, which has none, Glorot's for H."""
    draws = stream(seed, "cell.peephole")
    if init == "normal":
        return np.asarray(draws.standard_normal((3, H)) / np.sqrt(H))
    limit = np.sqrt(3.0 / H) if init == "keras" else 1.0 / np.sqrt(H)
    return draws.uniform(-limit, limit, (3, H))


def _semi_orthogonal(normal: Array) -> Array:
    """Q of a tall normal matrix, signs fixed by R's diagonal: uniform over orthonormal columns."""
    q, r = np.linalg.qr(normal)
    return np.ascontiguousarray(q * np.where(np.diagonal(r) < 0, -1.0, 1.0))
