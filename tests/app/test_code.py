"""The scripts that a visitor takes home: they run alone and print this project's numbers."""

import ast
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.code import ACTS, FRAMEWORKS, code, filename
from app.knobs import Experiment
from app.lenses import highway
from app.links import Asked, read
from app.view import Focus
from lstm_engine import CELLS
from lstm_engine.gates import NONLINEARITIES
from tests.app.samples import SAMPLES, bodies

HERE = "http://127.0.0.1:8000"
LIMIT_S = 300
EXPERIMENTS = {
    **{cell: f"T=8&H=3&D=2&cell={cell}&init=pytorch&b_f=2&seed=5" for cell in CELLS},
    "open": "T=12&H=3&D=2&b_f=14&b_i=9&b_g=9&act=relu&rnn_init=identity",
    "saturated": "T=3&H=1&D=1&signal=constant&amplitude=60",
    "saturated gate": "T=3&H=1&D=1&signal=constant&amplitude=60&seed=3&act=logistic",
    "closed": "T=25&H=2&D=1&b_f=-16&act=logistic",
    "no recurrence": "T=6&H=2&D=1&gain=0&rnn_gain=0",
    "one step": "T=1&H=1&D=1&act=identity",
    "own text": "H=2&D=2&signal=text&text=%22%22%22%27%5C%20%F0%9F%98%80",
}
# One interpreter for all of them: a framework takes longer to start than the scripts to run.
RUN_ALL = """
import runpy, sys
for script in sys.argv[1:]:
    sys.argv = [script, script.removesuffix(".py") + ".safetensors"]
    runpy.run_path(script)
    print()
"""


def experiment(query: str) -> Experiment:
    return read(query.encode(), with_view=False).experiment


def weights_of(experiment: Experiment) -> bytes:
    """The file of weights and inputs."""
    return bodies("highway", ("safetensors",), Asked(experiment))["safetensors"]


def printed_by_all(framework: str, names: Iterable[str], folder: Path) -> dict[str, np.ndarray]:
    """What each script prints, (rows, 4), run with its weights in a file."""
    scripts = {}
    for name in names:
        query = EXPERIMENTS[name]
        scripts[name] = folder / f"{name.replace(' ', '-')}.py"
        scripts[name].write_text(code(framework, Asked(experiment(query)), HERE), encoding="utf-8")
        weights = weights_of(experiment(query))
        scripts[name].with_suffix(".safetensors").write_bytes(weights)
    command = [sys.executable, "-c", RUN_ALL, *map(str, scripts.values())]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_S, cwd=folder, env=one_thread
    )
    assert run.returncode == 0, run.stderr
    tables = run.stdout.strip().split("\n\n")
    return {name: numbers(table) for name, table in zip(scripts, tables, strict=True)}


def numbers(table: str) -> np.ndarray:
    header, *rows = table.splitlines()
    assert header.split() == ["t", "cell_exact", "cell_direct", "rnn_exact"]
    return np.array([[float(value) for value in row.split()] for row in rows])


def check_against_the_engine(framework: str, names: Iterable[str], folder: Path) -> None:
    for name, table in printed_by_all(framework, names, folder).items():
        e = experiment(EXPERIMENTS[name])
        told = highway.answer(highway.compute(e, Focus()))
        steps, norms = table[:, 0].astype(int), told["norms"]
        assert steps[0] == 0 and steps[-1] == e.T
        for column, curve in enumerate(("cell_exact", "cell_direct", "rnn_exact"), 1):
            expected = norms[curve]["rms"][steps]
            np.testing.assert_allclose(
                table[:, column], expected, rtol=0, atol=1e-9, err_msg=f"{name}, {curve}"
            )


@pytest.mark.torch
@pytest.mark.slow
def test_the_torch_scripts_print_the_engines_numbers_for_every_cell(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    check_against_the_engine("torch", EXPERIMENTS, tmp_path)


@pytest.mark.slow
def test_the_jax_scripts_print_the_engines_numbers(tmp_path: Path) -> None:
    """The cells' lines are the same as torch's; compiling them takes JAX seconds each."""
    check_against_the_engine("jax", ("lstm", "peephole", "gru", "saturated"), tmp_path)


def test_both_scripts_hold_the_same_cells() -> None:
    for query in EXPERIMENTS.values():
        steps = {
            code(framework, Asked(experiment(query)), HERE)
            .partition("def sigmoid")[2]
            .partition("def rms")[0]
            for framework in FRAMEWORKS
        }
        assert len(steps) == 1 and "return" in steps.pop()


@pytest.fixture
def weights_server() -> Iterator[tuple[str, list[str]]]:
    """A host with the weights of the experiment that is asked for, and what it was asked."""
    asked: list[str] = []

    class Weights(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            e = experiment(self.path.partition("?")[2])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(weights_of(e))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Weights) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{host.server_port}", asked
        host.shutdown()
        thread.join()


def test_without_a_file_the_script_fetches_this_experiments_weights(
    weights_server: tuple[str, list[str]], tmp_path: Path
) -> None:
    host, asked = weights_server
    e = experiment("T=3&H=2&D=1&cell=mingru&seed=8")
    script = tmp_path / filename("jax")
    script.write_text(code("jax", Asked(e), host), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={"NO_PROXY": "*", "no_proxy": "*", "PATH": ""},
    )
    assert run.returncode == 0, run.stderr
    assert asked == ["/api/weights.safetensors?v=1&T=3&H=2&D=1&cell=mingru&seed=8"]
    told = highway.compute(e, Focus())
    assert numbers(run.stdout.strip())[0, 1] == pytest.approx(told.cell.exact_rms[0], abs=1e-9)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_a_script_is_python_that_a_person_can_read(framework: str, query: str) -> None:
    text = code(framework, Asked(experiment(query)), HERE)
    tree = ast.parse(text)
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported == {"math", "sys", "urllib", "safetensors", framework}
    assert 60 <= len(text.splitlines()) <= 120
    assert "\n\n\n\n" not in text and "{{" not in text and "{%" not in text
    assert text.endswith(")\n")
    assert all(len(line) <= 100 for line in text.splitlines() if "http" not in line)


@pytest.mark.parametrize(
    "here", ['http://evil/"""\nimport os\n', "http://x'y\\", 'http://"+exit()+"', "http://[::1]:80"]
)
def test_a_host_name_is_never_code(here: str) -> None:
    e = Experiment(signal="text", text='"""\n\'\\').in_force()
    trees = [ast.parse(code("torch", Asked(e), host)) for host in (here, HERE)]
    without_text = [
        ast.dump(tree).count("Call(") + len(tree.body) + ast.dump(tree).count("Import")
        for tree in trees
    ]
    assert without_text[0] == without_text[1]


def test_a_script_is_not_saved_under_its_frameworks_name() -> None:
    """A file torch.py would be imported in the place of torch."""
    assert filename("torch") == "highway_torch.py" and filename("jax") == "highway_jax.py"
    assert all(f"python {filename(f)} " in code(f, Asked(Experiment()), HERE) for f in FRAMEWORKS)


def test_every_nonlinearity_of_the_rnn_has_its_words() -> None:
    assert ACTS.keys() == NONLINEARITIES.keys()
    assert {experiment(query).act for query in EXPERIMENTS.values()} == ACTS.keys()
