"""The lenses: each one a way of looking at the same experiment. One file a lens, one line here."""

from types import ModuleType

from app.lenses import highway

LENSES: dict[str, ModuleType] = {"highway": highway}
