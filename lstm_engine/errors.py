"""What the engine refuses, with the data a caller needs to say why."""


class LeftFloat64(ArithmeticError):
    """A state grew beyond the largest float64: every later number would be meaningless.

    Attributes:
        cell: which cell left, "lstm", "rnn", ….
        step: the first step t (1 … T) whose state is not finite.
    """

    def __init__(self, cell: str, step: int) -> None:
        super().__init__(f"the state of the {cell} leaves float64 at step {step}")
        self.cell = cell
        self.step = step

    def __reduce__(self) -> tuple[type["LeftFloat64"], tuple[str, int]]:
        """Survive the trip back from a worker process with both attributes."""
        return type(self), (self.cell, self.step)
