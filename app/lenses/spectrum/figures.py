"""The drawing of the spectrum lens: norms and their bound, directions, eigenvalues, exponents."""

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    ABOVE_SCALE,
    EXACT,
    FAINT_INK,
    INK,
    RNN,
    Box,
    Corner,
    Curves,
    Figure,
    Line,
    Sheet,
    TimeAxis,
    Values,
    Width,
    powers,
    rung,
)
from app.lenses.highway import read
from app.lenses.spectrum.computed import Directions, Spectrum
from app.reading import heading
from app.view import View

FRAME = 1.6  # the plane of eigenvalues is drawn to here, in every direction
BOUND_SHOWN = 6.0  # log10; above it, the bound leaves the drawing


def figure(spectrum: Spectrum, view: View) -> Figure:
    """Norms with their bound, directions of both networks, one step's eigenvalues, exponents."""
    experiment, floor = spectrum.experiment, float(view.floor)
    cell, rnn = spectrum.cell, spectrum.rnn
    time = TimeAxis(spectrum.steps, experiment.T, view.lag, read(experiment))
    fans = fan(cell, EXACT), fan(rnn, RNN)
    shown = Line("", np.minimum(spectrum.log10_bound, BOUND_SHOWN), FAINT_INK)
    name = heading(cell.title)
    norms = (
        Line("bound on the RNN", spectrum.log10_bound, FAINT_INK, "dash", 1.5),
        Line("RNN", rnn.log10_kept[:, 0], RNN),
        Line(name, cell.log10_kept[:, 0], EXACT),
    )
    size = powers((*norms[1:], shown), floor)
    depth = powers((*fans[0], *fans[1]), floor)
    corner: Corner = "bottom right" if -size.low >= size.high else "top right"
    if view.lag == "linear" and spectrum.lag < experiment.T / 2:
        corner = "bottom left"  # where the walk did not come
    return Figure(
        (
            Curves("norms", "The most that any direction keeps", norms, time, size, corner),
            Curves("cell", f"{name}: best, 2nd, 4th, 8th …", fans[0], time, depth),
            Curves("RNN", "Vanilla RNN: best, 2nd, 4th, 8th …", fans[1], time, depth),
            plane(spectrum),
            settling(spectrum),
        ),
        SHEETS,
        {},
        time,
        None,
        view.step,
    )


def fan(found: Directions, colour: str) -> tuple[Line, ...]:
    """One line for the best direction, the 2nd, the 4th … and the last."""
    H = found.log10_kept.shape[1]
    ranks = sorted({*(2**n for n in range(9) if 2**n <= H), H}, reverse=True)
    return tuple(
        Line(
            f"direction {rank}",
            found.log10_kept[:, rank - 1],
            colour,
            width=2.0 if rank == 1 else 1.0,
            named=False,
        )
        for rank in ranks
    )


def plane(spectrum: Spectrum) -> Curves:
    """Eigenvalues of one step in the complex plane; those outside the frame lie on its border."""
    turn = np.linspace(0.0, 2 * np.pi, 181)
    lines = [Line("unit circle", np.sin(turn), INK, "solid", 1.0, False, np.cos(turn))]
    for name, found, colour in (
        ("RNN", spectrum.rnn, RNN),
        (heading(spectrum.cell.title), spectrum.cell, EXACT),
    ):
        within = framed(found.eigenvalues)
        inside, outside = found.eigenvalues[within], found.eigenvalues[~within]
        lines.append(dots(name, inside, colour))
        if outside.size:
            border = np.maximum(np.abs(outside.real), np.abs(outside.imag))
            lines.append(dots(f"{name}, beyond", outside * (FRAME / border), ABOVE_SCALE))
    axes = Values(-FRAME, FRAME, name="real part"), Values(-FRAME, FRAME, name="imaginary part")
    title = f"Eigenvalues of step {spectrum.step:,}"
    return Curves("eigenvalues", title, tuple(lines), *axes, "top left")


def dots(name: str, values: NDArray[np.complex128], colour: str) -> Line:
    """Complex numbers as dots."""
    return Line(name, values.imag, colour, width=5.0, at=values.real, dots=True)


def settling(spectrum: Spectrum) -> Curves:
    """The exponents that the run would have if it ended after each step."""
    time = TimeAxis(spectrum.settled, spectrum.experiment.T, "linear")
    lines = tuple(
        Line(
            f"{found.title}, exponent {n + 1}", found.settling[:, n], colour, "solid", width, False
        )
        for found, colour in ((spectrum.rnn, RNN), (spectrum.cell, EXACT))
        for n, width in reversed(list(enumerate((2.0, 1.0, 1.0, 1.0))))
        if n < found.settling.shape[1]
    )
    late = [line.values[len(line.values) // 8 :] for line in lines]
    drawn = np.concatenate([values[np.isfinite(values)] for values in late])
    low, high = (drawn.min(), drawn.max()) if drawn.size else (0.0, 0.0)
    rates = Values(-rung(max(10 * -low, 5.0)) / 10, rung(max(10 * high, 1.0)) / 10)
    return Curves("exponents", "Lyapunov exponents, ln a step", lines, time, rates)


def framed(values: NDArray[np.complex128]) -> NDArray[np.bool_]:
    """Which eigenvalues lie within the drawing."""
    return np.maximum(np.abs(values.real), np.abs(values.imag)) <= FRAME


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        740,
        {
            "norms": Box(62, 34, 790, 334),
            "eigenvalues": Box(880, 34, 1180, 334),
            "cell": Box(62, 424, 402, 684),
            "RNN": Box(472, 424, 790, 684),
            "exponents": Box(880, 424, 1180, 684),
        },
        {},
        frozenset({"norms", "eigenvalues", "cell", "RNN", "exponents"}),
    ),
    "narrow": Sheet(
        360,
        1450,
        {
            "norms": Box(50, 34, 342, 254),
            "cell": Box(50, 296, 342, 476),
            "RNN": Box(50, 518, 342, 698),
            "eigenvalues": Box(50, 780, 342, 1072),
            "exponents": Box(50, 1160, 342, 1390),
        },
        {},
        frozenset({"RNN", "eigenvalues", "exponents"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {"norms": Box(66, 150, 640, 574), "eigenvalues": Box(744, 150, 1168, 574)},
        {},
        frozenset({"norms", "eigenvalues"}),
    ),
}
