"""Networks that learn: full backpropagation through time over batches, and an optimiser."""

from lstm_engine.training.learner import Learner, Record, Setting, begin, parameters, train
from lstm_engine.training.network import Parameters
from lstm_engine.training.unrolled import Found, loss_and_gradients

__all__ = [
    "Found",
    "Learner",
    "Parameters",
    "Record",
    "Setting",
    "begin",
    "loss_and_gradients",
    "parameters",
    "train",
]
