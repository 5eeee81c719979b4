"""Exact gradient flow through recurrent cells, in NumPy alone.

    >>> from lstm_engine import cell_survival, draw_cell, draw_inputs, lstm
    >>> weights = draw_cell(lstm, "keras", 8, 32, seed=0)
    >>> x = draw_inputs("noise", 100, 8, seed=0)
    >>> states = lstm.forward(weights, x)
    >>> survival = cell_survival(lstm, states, weights)
    >>> survival.log10_exact.shape  # one number for each of the steps 0 … T and each unit
    (101, 32)

Everything is float64; logarithms are to base 10 unless a name says otherwise. No files, no prints,
no global random state. A tour with examples: `docs/library.md`. What the numbers mean:
`docs/math.md`.
"""

from lstm_engine import chaos, gates, horizon
from lstm_engine.between import Entries, jacobian_between
from lstm_engine.blocks import CellBlocks, cell_blocks
from lstm_engine.bounds import (
    largest_singular_value,
    log10_spectral_norms,
    pascanu_bound,
    spectral_radius,
    verdict,
)
from lstm_engine.bptt import GateGradient, Gradients, bptt, linear_loss
from lstm_engine.cell import Cell, GateDerivative, Slopes
from lstm_engine.cells import CELLS, lstm
from lstm_engine.cells.rnn import Rnn
from lstm_engine.check import Check, Estimate, check_states, check_weights
from lstm_engine.clip import clip_by_norm, clip_by_value, clip_coefficient
from lstm_engine.cost import peak_bytes
from lstm_engine.directions import log10_directions
from lstm_engine.errors import Diverged, LeftFloat64, NotFinite
from lstm_engine.from_to import CellFromTo, RnnFromTo, cell_from_to, rnn_from_to, steps_walked
from lstm_engine.one_step import jacobian, pull_back, recurrence
from lstm_engine.signals import SIGNALS, draw_inputs
from lstm_engine.spectrum import (
    Lyapunov,
    largest_lyapunov,
    log10_singular_values,
    lyapunov,
    lyapunov_exponents,
    step_eigenvalues,
)
from lstm_engine.stretches import NearTheEnds, direct_between, exact_between
from lstm_engine.survival import CellSurvival, RnnSurvival, cell_survival, rnn_survival
from lstm_engine.tasks import TASKS, Examples, Task, draw_examples
from lstm_engine.training import (
    Learner,
    Parameters,
    Record,
    Setting,
    begin,
    loss_and_gradients,
    parameters,
    train,
)
from lstm_engine.weights import Weights, batch, draw_cell, draw_rnn

__all__ = [
    "CELLS",
    "SIGNALS",
    "TASKS",
    "Cell",
    "CellBlocks",
    "CellFromTo",
    "CellSurvival",
    "Check",
    "Diverged",
    "Entries",
    "Estimate",
    "Examples",
    "GateDerivative",
    "GateGradient",
    "Gradients",
    "Learner",
    "LeftFloat64",
    "Lyapunov",
    "NearTheEnds",
    "NotFinite",
    "Parameters",
    "Record",
    "Rnn",
    "RnnFromTo",
    "RnnSurvival",
    "Setting",
    "Slopes",
    "Task",
    "Weights",
    "batch",
    "begin",
    "bptt",
    "cell_blocks",
    "cell_from_to",
    "cell_survival",
    "chaos",
    "check_states",
    "check_weights",
    "clip_by_norm",
    "clip_by_value",
    "clip_coefficient",
    "direct_between",
    "draw_cell",
    "draw_examples",
    "draw_inputs",
    "draw_rnn",
    "exact_between",
    "gates",
    "horizon",
    "jacobian",
    "jacobian_between",
    "largest_lyapunov",
    "largest_singular_value",
    "linear_loss",
    "log10_directions",
    "log10_singular_values",
    "log10_spectral_norms",
    "loss_and_gradients",
    "lstm",
    "lyapunov",
    "lyapunov_exponents",
    "parameters",
    "pascanu_bound",
    "peak_bytes",
    "pull_back",
    "recurrence",
    "rnn_from_to",
    "rnn_survival",
    "spectral_radius",
    "step_eigenvalues",
    "steps_walked",
    "train",
    "verdict",
]
