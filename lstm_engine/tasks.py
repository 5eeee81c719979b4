"""The tasks that networks learn: sequences without end, and what is asked of them.

    adding   the sum of two marked numbers among T
    copy     ten symbols, said again after T steps
    order    which of two symbols came first, and which second
    text     the next character of a text, at every step

Batch n is a pure function of the seed, n and its shape, from a stream of its own, so that every
network meets the same examples and no example depends on how training was cut into calls.
`docs/math.md`, section "Training".
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine.gates import Array
from lstm_engine.validation import integer, one_of
from lstm_engine.weights import stream

Labels = NDArray[np.int64]

SYMBOLS, COPIED = 8, 10  # of the copy task: how many there are, how many are to be copied
BLANK, DELIMITER = SYMBOLS, SYMBOLS + 1
KINDS = 8  # of the order task: a, b, c, d, X, Y, and
BEGIN, END, X = 6, 7, 4
SOLVED = 1 / 20  # of what guessing loses


class Examples(NamedTuple):
    """B sequences and what is asked of each, at every step that the loss reads."""

    x: Array  # (B, steps, D)
    target: Array | Labels  # (B, steps read): numbers, or which output should be the largest


class Task(NamedTuple):
    """What a network is asked to learn."""

    title: str
    least: int  # the least T
    more_steps: int  # beyond T
    every: bool  # whether the loss reads every step, or the last alone
    labels: bool  # whether targets are labels (softmax cross entropy) or numbers (mean square)
    sizes: Callable[[str], tuple[int, int]]  # of the text: inputs D, outputs
    guessing: Callable[[int, str], float]  # of T and the text: what a guess from nothing loses
    draw: Callable[[np.random.RandomState, int, int, str], Examples]  # of the stream, B, T, text

    def steps(self, T: int) -> int:
        """How many steps an example has."""
        return T + self.more_steps

    def steps_read(self, T: int) -> int:
        """How many of them the loss reads: the last alone, or all."""
        return self.steps(T) if self.every else 1


def draw_examples(
    task: str, n: int, size: int, T: int, *, seed: int = 0, text: str = ""
) -> Examples:
    """Batch n of a task: the same on every machine, for every network.

    Args:
        task: one of TASKS.
        n: which batch; training's update n learns from batch n.
        size: examples in the batch, B.
        T: steps; in the copy task the steps between a symbol and its copy, less ten.
        seed: draws; 0 … 4294967295.
        text: with task="text", what is to be learnt.

    Raises:
        ValueError: an unknown task, too few steps for it, a text of one letter.

    Source: `docs/math.md`, section "Training".
    """
    asked = task_of(task, T, text)
    n, size = integer("n", n, 0), integer("size", size, 1)
    return asked.draw(stream(seed, f"task.{task}", n), size, T, text)


def task_of(name: str, T: int, text: str = "") -> Task:
    """The task of that name; ValueError where there is none, or where T or the text is too short.

    Args:
        name: one of TASKS.
        T: steps.
        text: of the text task.
    """
    task = TASKS[one_of("task", name, TASKS)]
    T = integer("T", T)
    if task.least > T:
        raise ValueError(f"T is {T}: the {name} task needs at least {task.least} steps")
    if not isinstance(text, str):
        raise ValueError(f"text is {text!r}: it must be a str")
    if name == "text" and len(set(text)) < 2:
        raise ValueError("the text task needs a text of at least two different characters")
    return task


def _adding(draws: np.random.RandomState, size: int, T: int, text: str) -> Examples:
    """Numbers U(0,1) beside two markers, one in each half; asked is the sum of the marked two.

    Source: Hochreiter & Schmidhuber 1997, experiment 4; simplified as in Le, Jaitly & Hinton 2015.
    """
    marked, values = draws.random_sample((size, 2)), draws.random_sample((size, T))
    half = T // 2
    places = np.array([0, half]) + (marked * (half, T - half)).astype(np.int64)
    x = np.zeros((size, T, 2))
    x[..., 0] = values
    np.put_along_axis(x[..., 1], places, 1.0, axis=1)
    return Examples(x, np.take_along_axis(values, places, axis=1).sum(axis=1, keepdims=True))


def _copy(draws: np.random.RandomState, size: int, T: int, text: str) -> Examples:
    """Ten symbols of eight, T−1 blanks, a delimiter, ten blanks in which to say them again.

    Asked are blanks until then, so nine outputs suffice: nobody is to say the delimiter.

    Source: Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016.
    """
    symbols = _integers(draws, SYMBOLS, (size, COPIED))
    blanks = np.full((size, T + COPIED), BLANK)
    shown = np.concatenate((symbols, blanks), axis=1)
    shown[:, COPIED + T - 1] = DELIMITER
    return Examples(_one_hot(shown, SYMBOLS + 2), np.concatenate((blanks, symbols), axis=1))


def _order(draws: np.random.RandomState, size: int, T: int, text: str) -> Examples:
    """E, distractors a … d, B; at two steps X or Y stands: XX, XY, YX or YY is asked at the end.

    t₁ lies in T/10 … T/5 and t₂ in T/2 … 3T/5, as in the paper; in a short sequence they are moved
    to where there is room.

    Source: Hochreiter & Schmidhuber 1997, experiment 6a.
    """
    shown = _integers(draws, 4, (size, T))
    shown[:, 0], shown[:, -1] = BEGIN, END
    which = _integers(draws, 2, (size, 2))
    first = np.array([max(2, T // 10), max(3, T // 2)])
    last = np.array([max(2, T // 5), max(3, 3 * T // 5)])
    places = first + (draws.random_sample((size, 2)) * (last - first + 1)).astype(np.int64)
    np.put_along_axis(shown, places - 1, X + which, axis=1)
    return Examples(_one_hot(shown, KINDS), which @ np.array([[2], [1]]))


def _text(draws: np.random.RandomState, size: int, T: int, text: str) -> Examples:
    """Windows of a text whose end is joined to its beginning; asked is always the next letter."""
    alphabet = {letter: k for k, letter in enumerate(sorted(set(text)))}
    letters = np.array([alphabet[letter] for letter in text])
    start = _integers(draws, len(text), (size, 1))
    window = letters[(start + np.arange(T + 1)) % len(text)]
    return Examples(_one_hot(window[:, :-1], len(alphabet)), window[:, 1:])


def _integers(draws: np.random.RandomState, below: int, shape: tuple[int, int]) -> Labels:
    """0 … below − 1, by the one kind of draw that is frozen for all."""
    return (draws.random_sample(shape) * below).astype(np.int64)


def _one_hot(which: Labels, kinds: int) -> Array:
    return np.asarray(np.eye(kinds)[which])


def _letters(text: str) -> tuple[int, int]:
    return len(set(text)), len(set(text))


def _entropy(text: str) -> float:
    """Of the letters' frequencies, in nats a letter: what is lost by who knows only them."""
    p = np.array([text.count(letter) for letter in set(text)]) / len(text)
    return float(-np.sum(p * np.log(p)))


TASKS: dict[str, Task] = {
    "adding": Task(
        title="adding problem",
        least=2,
        more_steps=0,
        every=False,
        labels=False,
        sizes=lambda text: (2, 1),
        guessing=lambda T, text: 1 / 6,
        draw=_adding,
    ),
    "copy": Task(
        title="copy memory",
        least=1,
        more_steps=2 * COPIED,
        every=True,
        labels=True,
        sizes=lambda text: (SYMBOLS + 2, SYMBOLS + 1),
        guessing=lambda T, text: float(COPIED * np.log(SYMBOLS)) / (T + 2 * COPIED),
        draw=_copy,
    ),
    "order": Task(
        title="temporal order",
        least=4,
        more_steps=0,
        every=False,
        labels=True,
        sizes=lambda text: (KINDS, 4),
        guessing=lambda T, text: float(np.log(4)),
        draw=_order,
    ),
    "text": Task(
        title="next character",
        least=1,
        more_steps=0,
        every=True,
        labels=True,
        sizes=_letters,
        guessing=lambda T, text: _entropy(text),
        draw=_text,
    ),
}
