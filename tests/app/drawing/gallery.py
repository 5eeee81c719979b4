"""A figure with a panel of every kind, and one panel alone: what tests of drawing draw."""

import numpy as np

from app.drawing.figure import (
    EXACT,
    RNN,
    Box,
    Curves,
    Figure,
    Line,
    Map,
    Panel,
    Sheet,
    TimeAxis,
    Units,
    Values,
    kept,
    share,
    signed,
)

T, H = 24, 6
STEPS, UNITS = np.arange(T + 1), np.arange(H)
TIME = TimeAxis(STEPS, T)
TO = TimeAxis(STEPS, T, name="to step t")
FROM = TimeAxis(STEPS, T, name="from step s")
ORDER = np.array([3, 0, 5, 1, 4, 2])
TURN = np.linspace(0.0, 2 * np.pi, 91)

LAG = STEPS[:, None] - STEPS[None, :]  # t − s
LOG10_TIMES_UNITS = -0.6 * (T - STEPS)[:, None] + 0.5 * np.cos(UNITS)[None, :]
LOG10_TO_FROM = np.where(LAG < 0, np.nan, -0.3 * LAG)
SHARES = np.where(STEPS > 0, 0.5 + 0.5 * np.sin(STEPS / 4), np.nan)[:, None] * np.ones(H)
WEIGHTS = np.cos(UNITS[:, None] * 1.3 + UNITS[None, :] * 2.1) * 1.8
EIGENVALUES = 0.8 * np.exp(1j * (UNITS + 0.4))

MAPS: tuple[Map, ...] = (
    Map("unit map", "Time and units", LOG10_TIMES_UNITS, TIME, Units(ORDER)),
    Map("pair map", "From one step to another", LOG10_TO_FROM, TO, FROM, picks=("t", "s")),
    Map("gate map", "A gate", SHARES, TIME, Units(UNITS), "share", "share"),
    Map(
        "weight map",
        "From unit to unit",
        WEIGHTS,
        Units(UNITS, "from unit"),
        Units(ORDER, "to unit"),
        "signed",
        "number",
        ("", "unit"),
    ),
)
CURVES: tuple[Curves, ...] = (
    Curves(
        "norms",
        "Over time",
        (
            Line("RNN", -0.6 * (T - STEPS), RNN),
            Line("exact", -0.2 * (T - STEPS), EXACT, "dash"),
            Line("marked", -0.4 * (T - STEPS)[::6], "#ffffff", width=6.0, at=STEPS[::6], dots=True),
        ),
        TIME,
        Values(-16.0, 3.0, "log10"),
        "bottom right",
    ),
    Curves(
        "plane",
        "Eigenvalues",
        (
            Line("unit circle", np.sin(TURN), "#a9aeb8", width=1.0, named=False, at=np.cos(TURN)),
            Line(
                "eigenvalues",
                EIGENVALUES.imag,
                EXACT,
                width=7.0,
                at=EIGENVALUES.real,
                dots=True,
                units=UNITS,
            ),
        ),
        Values(-1.25, 1.25, name="real part"),
        Values(-1.25, 1.25, name="imaginary part"),
        "top left",
    ),
    Curves(
        "lives",
        "Half-life of each unit",
        (Line("half-life", 10.0 ** (UNITS / 2), RNN, named=False),),
        Units(ORDER),
        Values(1.0, 1000.0, name="steps", scale="log"),
    ),
)
PANELS: tuple[Panel, ...] = (*MAPS, *CURVES)
SCALES = {
    "kept": kept(-12.0),
    "share": share("closed", "open"),
    "signed": signed(2.0, ((-2.0, "−2"), (0.0, "0"), (2.0, "2"))),
}


def cells(columns: int, rows: int, width: float, height: float, top: float) -> list[Box]:
    """Boxes on a grid, with room for titles above and numbers at the left and below."""
    return [
        Box(
            56 + column * width,
            top + row * height,
            (column + 1) * width - 20,
            top + row * height + height - 76,
        )
        for row in range(rows)
        for column in range(columns)
    ]


def placed(boxes: list[Box], names: list[str]) -> dict[str, Box]:
    return dict(zip(names, boxes, strict=False))


NAMES = [panel.name for panel in PANELS]
BARS = {
    "kept": Box(1110, 34, 1126, 300),
    "share": Box(1110, 334, 1126, 560),
    "signed": Box(780, 650, 1040, 664),
}
SHEETS = {
    "wide": Sheet(1200, 800, placed(cells(3, 3, 360, 262, 34), NAMES), BARS, frozenset(NAMES)),
    # Without the weights, and without their scale.
    "narrow": Sheet(
        360,
        2000,
        placed(cells(1, 6, 360, 320, 80), [name for name in NAMES if name != "weight map"]),
        {"kept": Box(30, 20, 336, 34)},
        frozenset(NAMES) - {"weight map"},
    ),
    "preview": Sheet(
        1200, 630, placed(cells(2, 1, 520, 440, 160), ["unit map", "plane"]), {}, frozenset()
    ),
}


def gallery(**more: object) -> Figure:
    """All panels; `more` pins a unit and marks a step."""
    return Figure(PANELS, SHEETS, SCALES, TIME, **more)  # type: ignore[arg-type]


def alone(panel: Panel, width: int = 300, height: int = 200, **more: object) -> Figure:
    """One panel on a sheet of its own, 40 pixels from the left and 30 from the top."""
    sheet = Sheet(
        width + 140,
        height + 60,
        {panel.name: Box(40, 30, 40 + width, 30 + height)},
        {name: Box(60 + width, 30, 70 + width, 30 + height) for name in ("kept",)},
        frozenset({panel.name}),
    )
    return Figure((panel,), {"wide": sheet}, SCALES, **more)  # type: ignore[arg-type]
