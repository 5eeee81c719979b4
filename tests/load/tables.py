"""How the programs tell what they saw: small tables, and whether what must hold does."""

import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Columns side by side: the first one from the left, figures from the right."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return "\n".join(
        "  "
        + "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 … 1) of the values do not exceed; nan where there are none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def goal(told: str, held: bool) -> str:
    """A goal and what became of it: told, not required, for it is a matter of the machine too."""
    return f"  {told}: {'held' if held else 'NOT HELD'}"


def leave(broken: Sequence[str]) -> NoReturn:
    """End the program: 0 where all that must hold did, else 1 and the first things that did not."""
    for one in broken[:20]:
        print(f"BROKEN: {one}")
    if len(broken) > 20:
        print(f"… and {len(broken) - 20} more")
    print("all that must hold held" if not broken else f"{len(broken)} did not hold")
    sys.exit(1 if broken else 0)
