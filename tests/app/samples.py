"""Addresses and experiments that tests ask for, and the same numbers from the engine itself."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from app.answers import answers
from app.knobs import Experiment
from app.lenses import IN_CHUNKS, LENSES
from app.links import Asked, path_of, read
from lstm_engine import (
    CELLS,
    Rnn,
    Weights,
    cell_survival,
    draw_cell,
    draw_inputs,
    draw_rnn,
    rnn_survival,
)


def lens_of(path: str) -> str:
    """The lens that an address belongs to."""
    return next((lens for lens in LENSES if lens in path), "highway")


NUMBERS = [f"/api/{lens}{ending}" for lens in LENSES for ending in ("", ".csv", ".npz")]
PICTURES = [
    *(f"/picture/{lens}-{width}.png" for lens in LENSES for width in ("wide", "narrow")),
    *(f"/preview/{lens}.png" for lens in LENSES),
    "/preview.png",
]
SVGS = [f"/picture/{lens}{w}.svg" for lens in LENSES for w in ("", "-wide", "-narrow")]
EXPORTS = [f"/export/{lens}.html" for lens in LENSES]
PLOTS = [f"/plot/{lens}" for lens in LENSES]
CODE = ["/api/code/highway_torch.py", "/api/code/highway_jax.py"]
WITHOUT_VIEW = [*NUMBERS, *CODE, "/api/weights.safetensors"]
WITH_VIEW = [*PICTURES, *SVGS, *EXPORTS, *PLOTS]
COMPUTED = [*WITHOUT_VIEW, *WITH_VIEW]
# Every sort of address, and every lens: for what holds of all of them alike.
OF_EVERY_SORT = [path for path in COMPUTED if lens_of(path) == "highway"]
OF_EVERY_SORT += [f"/api/{lens}" for lens in LENSES if lens != "highway"]
SKETCHES = ["/sketch/highway-wide", "/sketch/highway-narrow"]  # for the page's script alone
# Where no state of the vanilla RNN is needed, or of this experiment at all.
# (Work in chunks goes on without those that fail.)
OF_THEIR_OWN = ("claims", "gates", *IN_CHUNKS)
WITHOUT_STATES = [p for p in COMPUTED if lens_of(p) in OF_THEIR_OWN or "/api/code" in p]
WITHOUT_STATES += ["/api/weights.safetensors"]
PAGES = [path_of(lens) for lens in LENSES]
OF_NO_EXPERIMENT = [path for path in (*PICTURES, *SVGS, "/api/claims.csv") if "claims" in path]
TEXT = [*NUMBERS[::3], *NUMBERS[1::3], *PLOTS, *SVGS, *EXPORTS, *CODE]


SMALL = "T=12&H=3&D=2"
ALL_KNOBS = f"{SMALL}&b_i=0.5&b_f=2&b_g=-1&b_o=3&init=pytorch&chrono=40&gain=1.5&seed=7"
SAMPLES: dict[str, str] = {
    "defaults": "",
    "small": SMALL,
    "one step, one unit": "T=1&H=1&D=1",
    "no recurrence": f"{SMALL}&gain=0&rnn_gain=0",
    "another start": f"{SMALL}&init=pytorch&seed=7&b_f=-2&b_i=0.5&b_g=-1&b_o=3&chrono=40",
    "other nonlinearity": f"{SMALL}&init=normal&act=relu&rnn_init=identity&gain=2&rnn_gain=1.5",
    "adding": f"{SMALL}&signal=adding&amplitude=3",
    "copy": "T=40&H=3&signal=copy",
    "text": "H=3&signal=text&text=to%20be%20%F0%9F%98%80",
    "series": "H=3&signal=series&series=3,1,4,1,5,9,2.5",
    "features": "H=3&signal=series&series=3,1;4,1;5,9;2.5,6",
    "as they are": "H=3&signal=series&series=3,1;4,1;5,9&standardize=0",
    "above a thousand": "T=1003&H=2&D=1",
    **{cell: f"cell={cell}&{SMALL}" for cell in CELLS},
    **{f"{cell}, all knobs": f"cell={cell}&{ALL_KNOBS}" for cell in CELLS},
}


def bodies(lens: str, forms: Sequence[str], asked: Asked) -> dict[str, bytes]:
    """A lens's answer in several forms, as a worker tells it."""
    found = answers(lens, forms, asked, "http://here").bodies
    return {form: body.plain for form, body in found.items()}


def asked(client: TestClient, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


def drawn(e: Experiment) -> tuple[Weights, Weights, np.ndarray]:
    """Weights of both networks and the inputs, from the engine itself."""
    biases = {"i": e.b_i, "f": e.b_f, "g": e.b_g, "o": e.b_o}
    cell = draw_cell(
        CELLS[e.cell], e.init, e.D, e.H, seed=e.seed, biases=biases, chrono=e.chrono, gain=e.gain
    )
    rival = draw_rnn(e.init, e.D, e.H, seed=e.seed, rnn_init=e.rnn_init, gain=e.rnn_gain)
    x = draw_inputs(
        e.signal,
        e.T,
        e.D,
        amplitude=e.amplitude,
        seed=e.seed,
        text=e.text,
        series=e.series,
        standardize=e.standardize == 1,
    )
    return cell, rival, x


def by_the_engine(query: str) -> dict[str, np.ndarray]:
    """The numbers of an experiment from the engine itself, without the app's lens."""
    e, *_ = read(query.encode(), with_view=False)
    cell, rival, x = drawn(e)
    steps = range(e.T + 1) if e.T <= 1000 else [(k * e.T + 500) // 1000 for k in range(1001)]
    gated, rnn = CELLS[e.cell], Rnn(e.act)
    ours = cell_survival(gated, gated.forward(cell, x), cell, steps)
    theirs = rnn_survival(rnn, rnn.forward(rival, x), rival, steps)
    return {
        "cell_log10_direct": ours.log10_direct,
        "cell_log10_exact": ours.log10_exact,
        "rnn_log10_exact": theirs.log10_exact,
        "norms_cell_direct_rms": ours.direct_rms,
        "norms_cell_exact_rms": ours.exact_rms,
        "norms_cell_detours_rms": ours.detours_rms,
        "norms_rnn_exact_rms": theirs.exact_rms,
        "highway_share": ours.share,
    }


def numbers_of(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a JSON answer under the names that its NPZ has; null as −inf, as a log10."""
    cell, rival, norms = answer["cell"], answer["rnn"], answer["norms"]
    return {
        "cell_log10_direct": filled(cell["log10_direct"]),
        "cell_log10_exact": filled(cell["log10_exact"]),
        "rnn_log10_exact": filled(rival["log10_exact"]),
        "norms_cell_direct_rms": filled(norms["cell_direct"]["rms"]),
        "norms_cell_exact_rms": filled(norms["cell_exact"]["rms"]),
        "norms_cell_detours_rms": filled(norms["cell_detours"]["rms"]),
        "norms_rnn_exact_rms": filled(norms["rnn_exact"]["rms"]),
        "highway_share": filled(answer["highway_share"], math.nan),
    }


def filled(rows: list[Any], nothing: float = -math.inf) -> np.ndarray:
    """Nested lists as an array, `nothing` in the place of null."""
    array = np.array(rows, dtype=object)
    return np.where(np.equal(array, None), nothing, array).astype(np.float64)
