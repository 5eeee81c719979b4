"""The lenses: each one a way of looking at the same experiment. One file a lens, one line here.

A lens may say which keys play no part through it (`idle`: greyed on its page, kept in its link) and
what stands where a link says nothing (`in_force`). What else work in chunks needs: `app.stages`.
"""

from types import ModuleType

from app.lenses import (
    claims,
    compare,
    gates,
    highway,
    horizon,
    learn,
    paths,
    phase,
    spectrum,
    steps,
    training,
)

LENSES: dict[str, ModuleType] = {
    "highway": highway,
    "paths": paths,
    "gates": gates,
    "horizon": horizon,
    "spectrum": spectrum,
    "phase": phase,
    "training": training,
    "steps": steps,
    "compare": compare,
    "claims": claims,
    "learn": learn,
}

# Those whose work takes longer than an answer may: see `app.stages`.
IN_CHUNKS = frozenset(name for name, lens in LENSES.items() if hasattr(lens, "run"))
# Whose numbers no link's experiment changes.
OF_NO_EXPERIMENT = frozenset({"claims"})
