"""Who may import whom: arrows point one way, and the engine knows nothing of the web."""

import ast
import re
import sys
from pathlib import Path

import pytest

from app.keys import kind
from app.knobs import Experiment

TOP = Path(__file__).resolve().parent.parent
FILES = sorted(path for folder in ("app", "lstm_engine") for path in (TOP / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


class WithoutTypes(ast.NodeTransformer):
    """A file as it runs: what is imported for its types alone is left out."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        types_only = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if types_only else self.generic_visit(node)


def imports_of(tree: ast.AST, path: Path) -> set[str]:
    """Every module that a file imports anywhere, ours by their full name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = names & MODULES.keys()
            found |= inner | ({node.module} if len(inner) < len(names) else set())
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


IMPORTS = {name: imports_of(parsed(path), path) for name, path in MODULES.items()}
LOADED = {
    name: imports_of(WithoutTypes().visit(parsed(path)), path) for name, path in MODULES.items()
}


def outside(name: str) -> set[str]:
    """The packages that a module imports beside ours and Python's own."""
    packages = {imported.split(".")[0] for imported in IMPORTS[name]}
    return packages - {"app", "lstm_engine"} - sys.stdlib_module_names


def ours(name: str) -> set[str]:
    return IMPORTS[name] & MODULES.keys()


def reachable(name: str, imports: dict[str, set[str]] = IMPORTS) -> set[str]:
    """Ours that a module brings in, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for imported in (imports[waiting.pop()] & MODULES.keys()) - found:
            found.add(imported)
            waiting.append(imported)
    return found


def within(folder: str) -> list[str]:
    return [name for name in MODULES if name == folder or name.startswith(f"{folder}.")]


def test_there_is_something_to_look_at() -> None:
    assert len(within("app")) > 10 and len(within("lstm_engine")) > 5
    assert "numpy" in outside("lstm_engine.cells.lstm") and "app.links" in ours("app.pages")
    assert "lstm_engine.cell" in IMPORTS["lstm_engine.weights"] - LOADED["lstm_engine.weights"]


@pytest.mark.parametrize("name", within("lstm_engine"))
def test_the_engine_imports_numpy_and_the_standard_library_alone(name: str) -> None:
    assert outside(name) <= {"numpy"}
    assert not [imported for imported in IMPORTS[name] if imported.split(".")[0] == "app"]


@pytest.mark.parametrize("name", within("lstm_engine"))
def test_the_engine_touches_no_file_no_terminal_no_network(name: str) -> None:
    used = {
        node.id
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.Name)
    }
    assert not used & {"open", "print", "input", "exec", "eval"}
    packages = {imported.split(".")[0] for imported in IMPORTS[name]}
    assert not packages & {"os", "sys", "io", "pathlib", "socket", "http", "urllib", "random"}


@pytest.mark.parametrize("name", within("lstm_engine"))
def test_the_engine_has_no_global_random_state(name: str) -> None:
    used = re.findall(r"np\.random\.(\w+)", MODULES[name].read_text())
    assert set(used) <= {"RandomState", "MT19937", "SeedSequence", "Generator"}


CELLS = [name for name in within("lstm_engine.cells") if name != "lstm_engine.cells"]
GATED = {name for name in CELLS if name != "lstm_engine.cells.rnn"}


BENEATH_CELLS = ("cell", "differences", "errors", "gates", "scaled", "scaled_array", "weights")


@pytest.mark.parametrize("name", ["lstm_engine.cell", *CELLS])
def test_a_cell_knows_what_a_cell_is_and_neither_the_others_nor_those_who_use_it(
    name: str,
) -> None:
    beneath = {f"lstm_engine.{layer}" for layer in BENEATH_CELLS}
    assert reachable(name) <= beneath | set(within("lstm_engine.validation"))


@pytest.mark.parametrize("name", sorted(set(within("lstm_engine")) - {*CELLS, "lstm_engine"}))
def test_the_list_of_cells_alone_names_a_gated_cell(name: str) -> None:
    """Walks, spectra and gradients know any of them by the names that all cells have."""
    assert ours(name) & GATED == (GATED if name == "lstm_engine.cells" else set())


def test_knobs_import_pydantic_and_the_list_of_cells_alone() -> None:
    assert outside("app.knobs") <= {"pydantic", "pydantic_core"}
    assert ours("app.knobs") <= {"app.grammar", "app.series", "lstm_engine.cells"}


def test_a_series_needs_to_know_how_numbers_are_written_alone() -> None:
    assert outside("app.series") == set()
    assert ours("app.series") <= {"app.grammar"}


@pytest.mark.parametrize(
    "name",
    [
        *("app.errors", "app.grammar", "app.machine", "app.pace", "app.worker"),
        *("app.cleaning", "app.trackers"),
    ],
)
def test_what_knows_nothing_of_experiments_imports_nothing(name: str) -> None:
    assert outside(name) == set()
    assert ours(name) == set()


def test_repairs_know_what_keys_take_and_nothing_of_the_web() -> None:
    of_keys = {"app.axes", "app.errors", "app.grammar", "app.keys", "app.knobs", "app.learning"}
    of_numbers = {"app.layouts", "app.series", "app.tables"}
    own = {"app.cleaning", "app.trackers", "app.link_parts", "app.value_repairs"}
    for name in ("app.repairs", "app.value_repairs", "app.nearest"):
        assert outside(name) == set()
        assert {
            n for n in reachable(name) if n.startswith("app.")
        } <= of_keys | of_numbers | own | {"app.view"}
    assert ours("app.addresses") == {"app.cleaning"} and not outside("app.addresses")


def test_settings_know_what_is_usual_and_how_numbers_are_written() -> None:
    assert outside("app.settings") == {"pydantic"}
    assert ours("app.settings") <= {"app.budget", "app.grammar", "app.machine"}


@pytest.mark.parametrize("name", within("app.lenses"))
def test_lenses_know_neither_workers_nor_the_web(name: str) -> None:
    later = {"app.answers", "app.compute", "app.pool", "app.worker", "app.main", "app.settings"}
    assert not reachable(name) & later
    assert not {"fastapi", "starlette", "uvicorn", "jinja2"} & outside(name)


@pytest.mark.parametrize("name", ["app.warm", "app.answers", "app.compute"])
def test_what_works_knows_nothing_of_the_web(name: str) -> None:
    assert not reachable(name) & {"app.door", "app.api", "app.pages", "app.main", "app.wire"}
    packages = set().union(*(outside(n) for n in reachable(name) | {name}))
    assert not {"fastapi", "starlette", "uvicorn"} & packages


def test_only_those_who_draw_import_their_pens() -> None:
    assert {n for n in MODULES if "plotly" in outside(n)} == {"app.drawing.plot"}
    with_pillow = {n for n in MODULES if "PIL" in outside(n)}
    assert with_pillow and with_pillow <= {"app.drawing.picture", "app.drawing.pen"}


def test_main_comes_last() -> None:
    assert [name for name in MODULES if "app.main" in ours(name)] == ["app.__main__"]
    assert not [name for name in MODULES if "app.__main__" in ours(name)]


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_itself_through_others(name: str) -> None:
    # A package's __init__ brings its modules together; they may name it for their parts.
    if MODULES[name].name != "__init__.py":
        through = {n for n in reachable(name, LOADED) if MODULES[n].name != "__init__.py"}
        assert name not in {imported for n in through for imported in LOADED[n]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_module_is_named_for_nothing(path: Path) -> None:
    parts = set(path.relative_to(TOP).with_suffix("").parts)
    assert not parts & {"utils", "util", "helpers", "common", "core", "services", "misc", "base"}


@pytest.mark.parametrize("path", sorted((TOP / "static").glob("*.js")), ids=lambda path: path.name)
def test_no_knob_is_named_in_a_script(path: Path) -> None:
    """The server declares them; a script may name kinds of fields, and the view one points at."""
    text = re.sub(r"//.*|/\*[\s\S]*?\*/", "", path.read_text(encoding="utf-8"))
    words = set(re.findall(r"""["'`](\w+)["'`]""", text))
    kinds = {kind(key) for key in Experiment.model_fields}
    assert not words & (Experiment.model_fields.keys() - kinds)
