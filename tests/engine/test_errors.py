"""A refused experiment says which cell left float64, and when."""

import pickle

from lstm_engine import LeftFloat64


def test_error_carries_cell_and_step_and_says_both() -> None:
    error = LeftFloat64("rnn", 309)
    assert (error.cell, error.step) == ("rnn", 309)
    assert "rnn" in str(error) and "step 309" in str(error)
    assert isinstance(error, ArithmeticError)


def test_error_survives_the_way_back_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(LeftFloat64("lstm", 3)))
    assert (error.cell, error.step, str(error)) == ("lstm", 3, str(LeftFloat64("lstm", 3)))
