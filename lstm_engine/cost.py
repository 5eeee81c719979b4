"""How much memory an experiment takes, known before any work.

Counted are the arrays that are alive together at the peak: while a gated cell is walked back and
its vanilla RNN waits, with the states of both, and of both once more with weights changed by one
part in 10¹⁰ (`lstm_engine.chaos`), and every step of 0 … T asked for.
"""

from dataclasses import fields

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.validation import cell_named, integer
from lstm_engine.walk import BLOCK_STEPS, SLOPES_BYTES, WHOLE_STEPS, chunk_steps, together

FLOAT_BYTES = 8
VIEW_BYTES = 144  # a NumPy array beside its numbers


def peak_bytes(cell: Cell, T: int, D: int, H: int, B: int = 1) -> int:
    """The most memory that B experiments of one shape take at once, within a factor of 1.5.

        8·B·(T+1)·(2D + 2nH + 4H + 8H)  +  8·B·(weights)  +  the walk's own

    with n arrays in `cell.States`. The floats of a step are, in this order: the inputs, and the
    LSTM's copy of them; the cell's states, of two runs; the RNN's h and a, of two runs; log10 of
    the carry and of the direct path, the three maps, and three more while norms are taken.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        T: steps.
        D: inputs.
        H: hidden units.
        B: experiments side by side.

    Returns:
        Bytes. Neither Python and NumPy themselves are counted nor what an answer is written into.

    Source: measured by `tests/engine/test_cost.py`.
    """
    cell_named(cell)
    T, D = integer("T", T, 0), integer("D", D, 1)
    H, B = integer("H", H, 1), integer("B", B, 1)
    of_a_step = 2 * D + (2 * len(fields(cell.States)) + 4 + 8) * H
    floats = B * ((T + 1) * of_a_step + weights_floats(cell, D, H))
    return FLOAT_BYTES * (floats + walk_floats(cell, T, H, B)) + overhead_bytes(cell, H)


def weights_floats(cell: Cell, D: int, H: int) -> int:
    """What an experiment's weights take beside themselves.

    Both networks' are nudged. A walk keeps weight_hh by unit, the output gate's block with an empty
    companion, and E_t, Ph_t and R_t where it stands between two blocks.
    """
    gates = len(cell.GATES)
    if not cell.RECURRENT:
        return (gates + 1) * H * D + 3 * H**2
    return (gates + 1) * H * (D + H) + (gates + 1) * H**2 + 3 * H**2


def walk_floats(cell: Cell, T: int, H: int, B: int) -> int:
    """A walk's slots, step matrices, slopes and vectors of a block: the same for any long T.

    A slot is a stack of one or two H×H matrices, and so is a step's matrix, which is twice as wide
    where H is at most `lstm_engine.walk.WHOLE_STEPS`. Without recurrence the RNN's walk is all.
    """
    steps = chunk_steps(H)
    group = min(B, together(H))
    slot = (2 if cell.RECURRENT else 1) * H**2
    step = (2 if "o" in cell.GATES else 1) * H**2
    if cell.RECURRENT and H <= WHOLE_STEPS:
        step *= 2
    # Ten arrays of slopes, those on the way to them included; sixteen vectors of a block.
    sloped = B * min(T, max(BLOCK_STEPS, SLOPES_BYTES // (FLOAT_BYTES * H * B)))
    vectors = (10 * sloped + 16 * group * min(T, BLOCK_STEPS)) * H
    return group * steps * (slot + step) + (vectors if cell.RECURRENT else vectors // 2)


def overhead_bytes(cell: Cell, H: int) -> int:
    """What goes beside a walk's numbers, at small H as much as they: lists of views, a view a step.

    Filling the twice as wide matrices, NumPy takes a buffer for each of three arrays.
    """
    if not cell.RECURRENT:
        return 2 * VIEW_BYTES * chunk_steps(H)
    buffers = 3 * FLOAT_BYTES * np.getbufsize() if H <= WHOLE_STEPS else 0
    return 5 * VIEW_BYTES * chunk_steps(H) + buffers
