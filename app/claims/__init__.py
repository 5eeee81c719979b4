"""Claims about gradients, each declared once with the code that measures it.

The page, its programs' answer and the tests go through the same list.
"""

from collections.abc import Iterator
from functools import cache

from app.claims import by_hand, measured, often_said, theorems
from app.claims.claim import Claim, Judged, Number, Verdict

__all__ = ["GROUPS", "Claim", "Judged", "Number", "Verdict", "every_claim", "judged"]

GROUPS: dict[str, tuple[Claim, ...]] = {
    "Often said": (
        often_said.cell_line,
        often_said.product_of_forget_gates,
        often_said.bias_one_remembers,
        often_said.solves_vanishing,
        often_said.cannot_explode,
        often_said.forget_gates_amplify,
        often_said.one_closed_gate,
        often_said.sigma_above_one,
        often_said.orthogonal_keeps,
        often_said.relu_keeps,
        often_said.clipping_cures,
    ),
    "Measured": (
        measured.frameworks,
        measured.direct_over_exact,
        measured.lyapunov_full,
        measured.edge_of_chaos,
    ),
    "From papers": (
        theorems.carousel_1997,
        theorems.sigmoid_quarter,
        theorems.bengio_1994,
        theorems.pascanu,
        theorems.irnn,
        theorems.orthogonal_linear,
        theorems.gru_stability,
    ),
    "Worked by hand": (
        by_hand.track_one_cell,
        by_hand.gradient_over_time,
        by_hand.hundred_steps,
        by_hand.bias_one,
        by_hand.needed_bias,
        by_hand.saturation,
        by_hand.forget_everything,
        by_hand.input_gate,
        by_hand.shapes,
        by_hand.parameters,
    ),
}


def every_claim() -> Iterator[Claim]:
    """All claims, in the order of the page."""
    for claims in GROUPS.values():
        yield from claims


@cache
def judged() -> dict[str, tuple[Judged, ...]]:
    """Every claim with its numbers, by group; computed once a process: settings are fixed."""
    return {name: tuple(claim.judged() for claim in claims) for name, claims in GROUPS.items()}
