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


class NotFinite(LeftFloat64, ValueError):
    """An input is nan or infinite, and so is every state from its step on.

    Attributes:
        cell: whose input it is, "lstm", "rnn", ….
        step: the step t (1 … T) at which it enters.
    """

    def __init__(self, cell: str, step: int, message: str) -> None:
        super().__init__(cell, step)
        self.args = (message,)

    def __reduce__(self) -> tuple[type["NotFinite"], tuple[str, int, str]]:  # type: ignore[override]
        """Survive the trip back from a worker process with both attributes."""
        return type(self), (self.cell, self.step, self.args[0])


class Diverged(ArithmeticError):
    """Training left float64: a state, the loss, its gradient or a parameter is not finite.

    Attributes:
        cell: what was trained, "lstm", "rnn", ….
        update: the first update (1, 2, …) that could not be made.
    """

    def __init__(self, cell: str, update: int) -> None:
        super().__init__(f"the training of the {cell} leaves float64 at update {update}")
        self.cell = cell
        self.update = update

    def __reduce__(self) -> tuple[type["Diverged"], tuple[str, int]]:
        """Survive the trip back from a worker process with both attributes."""
        return type(self), (self.cell, self.update)
