"""What is written is complete and true: every knob, address, citation, cell and example."""

import ast
import doctest
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import lstm_engine
from app import api, pages
from app.keys import FIELDS, allowed
from app.lenses import LENSES
from app.links import plain
from app.settings import Settings
from lstm_engine import CELLS, Cell
from lstm_engine.weights import STREAMS

TOP = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for folder in ("app", "lstm_engine") for path in (TOP / folder).rglob("*.py"))


PAGES = ("docs/math.md", "docs/library.md")


def text_of(name: str) -> str:
    return (TOP / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def api_page(client: TestClient) -> str:
    return client.get("/api").text


@pytest.mark.parametrize("key", FIELDS)
def test_every_key_is_on_the_api_page_with_meaning_default_and_what_is_allowed(
    api_page: str, key: str
) -> None:
    (row,) = re.findall(rf"<tr><th[^>]*><code>{key}</code></th>.*?</tr>", api_page)
    cells = [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall("<td>.*?</td>", row)]
    field = FIELDS[key]
    empty = field.default in (None, ())
    assert cells == [field.description, "none" if empty else plain(field.default), allowed(key)]


def test_the_api_page_names_no_key_that_is_not_there(api_page: str) -> None:
    rows = re.findall(r'<tr><th scope="row"[^>]*><code>(\w+)</code></th>', api_page)
    assert rows == [*FIELDS]


def addresses(app: FastAPI) -> set[str]:
    """Every address that the app answers, a file's version and name left out."""
    routes = [*app.routes, *api.router.routes, *pages.router.routes]
    return {path for route in routes if (path := getattr(route, "path", None))}


# What only pages ask for, and nobody else need know.
OF_THE_PAGE = {"/static/{version_}/{name:path}"} | {
    f"/{form}/{lens}-{width}"
    for form in ("page", "sketch")
    for lens in LENSES
    for width in ("wide", "narrow")
}


def test_every_address_is_explained(app: FastAPI, api_page: str) -> None:
    explained = unescape(api_page) + text_of("README.md")
    found = addresses(app)
    assert {"/", "/api", "/api/highway", "/preview.png", "/healthz", "/openapi.json"} <= found
    missing = {path for path in found - OF_THE_PAGE if path not in explained}
    assert not missing


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_explained_to_operators(name: str) -> None:
    assert f"`{name.upper()}`" in text_of("docs/operations.md")


def test_every_metric_is_explained_to_operators(app: FastAPI) -> None:
    explained = text_of("docs/operations.md")
    ours = [
        metric.name.removeprefix("gradient_highways_")
        for metric in app.state.compute.watch.registry.collect()
        if metric.name.startswith("gradient_highways_")
    ]
    assert len(ours) > 10
    assert not [name for name in ours if f"`{name}" not in explained]


@pytest.mark.parametrize("lens", LENSES)
def test_every_lens_has_its_numbers_on_the_api_page(api_page: str, lens: str) -> None:
    for ending in ("", ".csv", ".npz"):
        assert f"<code>/api/{lens}{ending}" in api_page


def test_the_readme_says_how_to_run_and_test_and_where_to_read_on() -> None:
    text = text_of("README.md")
    for words in (
        "make run",
        "make quick",
        "make test",
        "docker build",
        "docker run",
        "docs/math.md",
    ):
        assert words in text, words


def test_the_readmes_links_lead_somewhere() -> None:
    for name in ("README.md", "CHANGELOG.md", *PAGES):
        for link in re.findall(r"\]\(([^)#\s]+)", text_of(name)):
            if "://" not in link:
                assert ((TOP / name).parent / link).exists(), f"{name}: {link}"


def test_the_readmes_example_links_are_valid(client: TestClient) -> None:
    links = re.findall(r"(?:127\.0\.0\.1:8000|[\s`(])(/[\w./]*\?[\w=&.,%-]+)", text_of("README.md"))
    assert links
    for link in links:
        answer = client.get(link)
        assert answer.status_code == 200, f"{link}: {answer.status_code}"


def test_the_changelog_lists_changed_numbers() -> None:
    assert re.search(r"^#+ Changed numbers$", text_of("CHANGELOG.md"), re.MULTILINE)


def citations() -> list[tuple[str, str]]:
    """Each section of docs/math.md that a docstring cites, with the file that does."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = " ".join((ast.get_docstring(node) or "").split())
                for cited in re.findall(
                    r'docs/math\.md`?, (?:sections? )?((?:"[^"]+"(?:, | and )?)+)', words
                ):
                    where = path.relative_to(TOP).as_posix()
                    found += [(where, title) for title in re.findall(r'"([^"]+)"', cited)]
    return found


def test_every_citation_of_the_mathematics_finds_its_section() -> None:
    titles = set(re.findall(r"^#+ (.+)$", text_of("docs/math.md"), re.MULTILINE))
    assert citations()
    assert not [f"{where}: {title}" for where, title in citations() if title not in titles]


def test_every_public_function_of_the_engine_is_documented() -> None:
    for path in sorted((TOP / "lstm_engine").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


@pytest.mark.parametrize("name", PAGES)
def test_the_contents_list_every_section(name: str) -> None:
    titles = re.findall(r"^## (.+)$", text_of(name), re.MULTILINE)
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", text_of(name), re.MULTILINE)
    assert listed == [(t, re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-")) for t in titles]


def section_of(name: str, title: str) -> str:
    (text,) = re.findall(rf"^## {title}$(.*?)(?=^## |\Z)", text_of(name), re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))
def test_every_cell_is_explained_with_its_equations_and_its_direct_path(cell: Cell) -> None:
    text = section_of("docs/math.md", "The cells")
    opening = rf"^\*\*{re.escape(cell.TITLE)}\*\* \(`{cell.NAME}`; .*?\d{{4}}.*?```\n(.*?)```"
    (equations,) = re.findall(opening, text, re.MULTILINE | re.DOTALL)
    assert re.search(r"[ch]_t +=", equations)
    assert re.search(rf"^\| `{cell.NAME}` \| \S", text, re.MULTILINE)
    assert f"`{cell.NAME}`" in section_of("docs/math.md", "One step back")


def test_every_random_stream_is_in_the_table_under_its_number() -> None:
    text = section_of("docs/math.md", "Weights")
    numbers = re.findall(r"(?<=\| )(\d+)(?= \| \w)", text)
    assert sorted(map(int, numbers)) == list(range(len(STREAMS)))


def complaints(text: str, name: str) -> tuple[int, str]:
    """How many examples a text has, and what doctest says of those that are not true."""
    found: list[str] = []
    examples = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        doctest.DocTestRunner(verbose=False).run(examples, out=found.append)
    return len(examples.examples), "".join(found)


def test_the_examples_of_the_engine_run_and_say_what_is_written() -> None:
    assert complaints(lstm_engine.__doc__ or "", "lstm_engine") == (6, "")
    number, wrong = complaints(text_of("docs/library.md"), "docs/library.md")
    assert number > 50
    assert not wrong, wrong


def test_a_wrong_example_is_noticed() -> None:
    number, wrong = complaints(">>> 1 + 1\n3\n>>> 2\n2\n", "sums")
    assert number == 2
    assert "Expected:\n    3\nGot:\n    2" in wrong


@pytest.mark.torch
def test_the_example_with_torch_runs_torchs_own_layer() -> None:
    torch = pytest.importorskip("torch")
    (code,) = re.findall(
        r"```python\n(import torch\n.*?)```", text_of("docs/library.md"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(code, names)
    with torch.no_grad():
        h = names["layer"].double()(names["sequence"].double())[0][0]
    np.testing.assert_allclose(names["run"].h[1:], h.numpy(), rtol=0, atol=1e-12)
    assert names["own_survival"].log10_exact.shape == (101, 32)


@pytest.mark.parametrize("name", lstm_engine.__all__)
def test_what_the_engine_offers_says_what_it_is(name: str) -> None:
    offered = getattr(lstm_engine, name)
    assert name.isupper() or (offered.__doc__ or "").strip()
