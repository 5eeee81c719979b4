"""The lenses: each one a way of looking at the same experiment. One file a lens, one line here."""

from types import ModuleType

from app.lenses import claims, compare, gates, highway, horizon, learn, paths, spectrum, steps

LENSES: dict[str, ModuleType] = {
    "highway": highway,
    "paths": paths,
    "gates": gates,
    "horizon": horizon,
    "spectrum": spectrum,
    "steps": steps,
    "compare": compare,
    "claims": claims,
    "learn": learn,
}
