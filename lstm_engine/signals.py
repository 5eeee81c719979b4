"""The input sequences: what enters at each step.

Random signals have streams of their own (`lstm_engine.weights.STREAMS`), so that weights and
inputs never disturb each other. `docs/math.md`, section "Signals".
"""

from collections.abc import Sequence

import numpy as np

from lstm_engine.gates import Array
from lstm_engine.validation import array, integer, number, one_of
from lstm_engine.weights import stream

SIGNALS = (
    "noise",
    "zeros",
    "constant",
    "sine",
    "impulse",
    "adding",
    "copy",
    "text",
    "series",
)


def draw_inputs(
    signal: str,
    T: int,
    D: int,
    *,
    amplitude: float = 1.0,
    seed: int = 0,
    text: str = "",
    series: Sequence[float] | Sequence[Sequence[float]] = (),
    standardize: bool = True,
) -> Array:
    """The inputs x, shaped (T, D); row t−1 enters at step t.

    Args:
        signal: one of SIGNALS.
        T: steps; a text's and a series' own length replaces it.
        D: inputs; a series' own number of features replaces it.
        amplitude: multiplies the signal.
        seed: draws noise, adding, copy and the letters of a text; 0 … 4294967295.
        text: with signal="text", one step a code point.
        series: with signal="series", (T,) numbers, or (T, D) for several features.
        standardize: whether each feature of a series is shifted and scaled to mean 0 and standard
            deviation 1 (the population's); otherwise the numbers are taken as they are.

    Raises:
        ValueError: an unknown signal, too few inputs for it, no text, no series.
    """
    one_of("signal", signal, SIGNALS)
    amplitude = number("amplitude", amplitude)
    T = integer("T", T, 0 if signal in ("text", "series") else 1)  # theirs replaces it
    D = integer("D", D, 1)
    if signal == "noise":
        x = stream(seed, "inputs.noise").standard_normal((T, D))
    elif signal == "zeros":
        x = np.zeros((T, D))
    elif signal == "constant":
        x = np.ones((T, D))
    elif signal == "sine":
        x = np.sin(2 * np.pi * (np.arange(T)[:, None] / 25 + np.arange(D) / D))
    elif signal == "impulse":
        x = np.zeros((T, D))
        x[0] = 1.0
    elif signal == "adding":
        x = _adding(T, D, seed)
    elif signal == "copy":
        x = _copy(T, D, seed)
    elif signal == "text":
        x = _letters(text, D, seed)
    else:
        x = _series(series)
        if standardize:
            x = np.stack([_standardised(feature) for feature in x.T], axis=-1)
    with np.errstate(over="ignore"):  # a cell refuses an infinite input where it enters
        return np.asarray(x * amplitude)


def _adding(T: int, D: int, seed: int) -> Array:
    """Numbers U(0,1) beside two markers, one in each half; further inputs stay 0.

    Source: Hochreiter & Schmidhuber 1997, experiment 4. At T=1 both markers fall on the same step.
    """
    if D < 2:
        raise ValueError(f"the adding signal needs D of at least 2 (numbers, markers), not {D}")
    x = np.zeros((T, D))
    x[:, 0] = stream(seed, "inputs.adding.values").random_sample(T)
    first, second = stream(seed, "inputs.adding.markers").random_sample(2)
    half = T // 2
    x[int(first * half), 1] = 1.0
    x[half + int(second * (T - half)), 1] = 1.0
    return x


def _copy(T: int, D: int, seed: int) -> Array:
    """S symbols to remember, blanks, a delimiter, and S blanks in which to repeat them; one-hot.

    S = min(10, max(1, T//3)) random symbols enter at steps 1 … S, the delimiter at step T−S. Inputs
    0 … n−1 are the n = min(8, D−2) symbols, n the blank, n+1 the delimiter, further ones stay 0.
    For T below 3 there is one symbol and no room for a delimiter.

    Source: Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016.
    """
    if D < 3:
        raise ValueError(f"the copy signal needs D of at least 3 (symbol, blank, end), not {D}")
    symbols = min(8, D - 2)
    S = min(10, max(1, T // 3))
    channel = np.full(T, symbols)
    channel[:S] = (stream(seed, "inputs.copy").random_sample(S) * symbols).astype(int)
    if T >= 3:
        channel[T - S - 1] = symbols + 1
    x = np.zeros((T, D))
    x[np.arange(T), channel] = 1.0
    return x


def _letters(text: str, D: int, seed: int) -> Array:
    """One step a code point; equal code points are equal N(0,1) vectors, keyed by (seed, code)."""
    if not isinstance(text, str) or not text:
        raise ValueError("the text signal needs a text of at least one character")
    vectors = {
        letter: stream(seed, "inputs.text", ord(letter)).standard_normal(D) for letter in set(text)
    }
    return np.array([vectors[letter] for letter in text])


def _series(series: Sequence[float] | Sequence[Sequence[float]]) -> Array:
    """One's own numbers, (T, D).

    Raises:
        ValueError: no numbers, rows of different lengths, not finite.
    """
    x = array("series", series)
    if x.ndim not in (1, 2) or not x.size:
        raise ValueError(
            f"series is {x.shape}: the series signal needs finite numbers, (T,) or (T, D)"
        )
    return x if x.ndim == 2 else x[:, None]


def _standardised(x: Array) -> Array:
    """(x − mean)/std of one feature, the population's; all equal gives zeros."""
    if (x == x[0]).all():  # asked before the mean is taken: it may round off the common value
        return np.zeros(x.size)
    x = x / np.abs(x).max()  # neither sum nor square can leave float64 now
    x = x - x.mean()
    x = x / np.abs(x).max()
    return np.asarray(x / np.sqrt(np.mean(np.square(x))))
