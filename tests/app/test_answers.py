"""Answers as bytes: every form tells the engine's own numbers, and the same ones."""

import io
import math
import re
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from starlette.testclient import TestClient

from app.knobs import Experiment
from app.lenses import highway
from app.links import Asked, read, write
from lstm_engine import CELLS, Rnn
from tests.app.samples import SAMPLES, asked, bodies, by_the_engine, drawn, numbers_of

# JSON --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_json_has_the_promised_shape(client: TestClient, query: str) -> None:
    answer = asked(client, f"/api/highway?{query}")
    assert list(answer) == [
        "version",
        "experiment",
        "link",
        "t",
        "cell",
        "rnn",
        "norms",
        "highway_share",
        "reading",
    ]
    assert answer["version"] == 1
    experiment, *_ = read(query.encode(), with_view=False)
    assert set(answer["experiment"]) | {"v"} == set(type(experiment).model_fields)
    H, steps = experiment.H, len(answer["t"])
    assert list(answer["cell"]) == ["name", "log10_direct", "log10_exact"]
    assert answer["cell"]["name"] == experiment.cell
    assert list(answer["rnn"]) == ["log10_exact"]
    for rows in (
        answer["cell"]["log10_direct"],
        answer["cell"]["log10_exact"],
        answer["rnn"]["log10_exact"],
    ):
        assert len(rows) == steps and {len(row) for row in rows} == {H}
    assert list(answer["norms"]) == ["cell_direct", "cell_exact", "cell_detours", "rnn_exact"]
    for norm in answer["norms"].values():
        assert list(norm) == ["rms"] and len(norm["rms"]) == steps
    assert len(answer["highway_share"]) == steps
    assert {"headline", "facts"} <= set(answer["reading"])
    assert answer["reading"]["headline"]
    for fact in answer["reading"]["facts"]:
        assert list(fact) == ["label", "value", "unit"]
        assert fact["value"] is None or isinstance(fact["value"], float | int)


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_experiment_told_is_the_one_asked_for(client: TestClient, query: str) -> None:
    answer = asked(client, f"/api/highway?{query}")
    experiment, *_ = read(query.encode(), with_view=False)
    told = answer["experiment"] | {"series": tuple(answer["experiment"]["series"]), "v": 1}
    assert type(experiment)(**told) == experiment
    assert answer["link"] == "/" + (f"?{write(experiment)}" if write(experiment) else "")


def test_the_link_names_the_same_numbers(client: TestClient) -> None:
    answer = client.get("/api/highway?b_f=2.0&H=3&T=07")
    again = client.get("/api/highway" + answer.json()["link"].removeprefix("/"))
    assert again.content == answer.content


@pytest.mark.parametrize("T", [1, 2, 999, 1000])
def test_every_step_is_told_up_to_a_thousand(client: TestClient, T: int) -> None:
    assert asked(client, f"/api/highway?H=1&D=1&T={T}")["t"] == list(range(T + 1))


@pytest.mark.parametrize("T", [1001, 1999, 2500, 20000])
def test_above_a_thousand_steps_a_thousand_and_one_are_told(client: TestClient, T: int) -> None:
    steps = asked(client, f"/api/highway?H=1&D=1&T={T}")["t"]
    assert steps == [(k * T + 500) // 1000 for k in range(1001)]
    assert (steps[0], steps[-1]) == (0, T)
    assert len(set(steps)) == 1001


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_json_is_the_engines_own_numbers(client: TestClient, query: str) -> None:
    told, direct = numbers_of(asked(client, f"/api/highway?{query}")), by_the_engine(query)
    for name, numbers in direct.items():
        # Full precision: the same machine gives the same bits, or nearly where BLAS is threaded.
        np.testing.assert_allclose(told[name], numbers, rtol=1e-12, atol=1e-12, err_msg=name)


def test_no_recurrence_leaves_the_closed_form(client: TestClient) -> None:
    answer = asked(client, "/api/highway?gain=0&signal=zeros&T=20000&H=2&b_f=-20")
    expected = [-(20000 - t) * (20 + math.log1p(math.exp(-20))) / math.log(10) for t in answer["t"]]
    for rows in (answer["cell"]["log10_direct"], answer["cell"]["log10_exact"]):
        np.testing.assert_allclose([row[1] for row in rows], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_null_stands_for_zero_alone(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/highway?{query}")
    assert not re.search(rb"NaN|Infinity", answer.content)
    told, direct = numbers_of(answer.json()), by_the_engine(query)
    for name, numbers in direct.items():
        assert not np.isposinf(numbers).any()
        nothing = np.isnan(numbers) if name == "highway_share" else np.isneginf(numbers)
        null = np.isnan(told[name]) if name == "highway_share" else np.isneginf(told[name])
        assert (null == nothing).all(), name
    if "gain=0" in query:
        assert np.isneginf(told["rnn_log10_exact"][:-1]).all()


def test_an_endless_half_life_is_not_told_as_zero(client: TestClient) -> None:
    """Forget gates so far open that nothing is lost: null, the sign for zero, would be wrong."""
    query = "T=5&H=1&D=64&b_f=20&init=pytorch&signal=constant&amplitude=100"
    assert by_the_engine(query)["cell_log10_direct"][0] == 0
    facts = asked(client, f"/api/highway?{query}")["reading"]["facts"]
    assert not [fact for fact in facts if "alf-life" in fact["label"] and fact["value"] is None]


# Other forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_csv_is_the_same_as_the_json(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/highway.csv?{query}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *lines = answer.text.removesuffix("\r\n").split("\r\n")
    assert head == "t,unit,cell_log10_direct,cell_log10_exact,rnn_log10_exact"
    told = asked(client, f"/api/highway?{query}")
    columns = (
        told["cell"]["log10_direct"],
        told["cell"]["log10_exact"],
        told["rnn"]["log10_exact"],
    )
    expected = [
        [t, unit, *(column[row][unit] for column in columns)]
        for row, t in enumerate(told["t"])
        for unit in range(told["experiment"]["H"])
    ]
    found = [line.split(",") for line in lines]
    read_back = [
        [int(t), int(unit), *(float(value) if value else None for value in values)]
        for t, unit, *values in found
    ]
    assert read_back == expected


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_npz_is_the_same_as_the_json(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/highway.npz?{query}")
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as file:
        arrays = dict(file)
    told = asked(client, f"/api/highway?{query}")
    for name, numbers in numbers_of(told).items():
        assert arrays[name].dtype == np.float64
        np.testing.assert_array_equal(arrays[name], numbers, err_msg=name)
    assert arrays["t"].tolist() == told["t"]
    assert arrays["link"] == told["link"]
    assert arrays["cell_name"] == told["experiment"]["cell"]
    assert arrays["reading_headline"] == told["reading"]["headline"]
    for key, value in told["experiment"].items():
        assert arrays[f"experiment_{key}"].tolist() == value
    expected = flattened_names(told)
    assert set(arrays) == expected


def flattened_names(value: Any, prefix: str = "") -> set[str]:
    """The keys of a JSON answer joined by _; a list of facts is a name for each of their keys."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {f"{prefix}_{key}" for key in value[0]}
    if not isinstance(value, dict):
        return {prefix}
    return {
        name
        for key, inner in value.items()
        for name in flattened_names(inner, f"{prefix}_{key}" if prefix else key)
    }


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_weights_have_the_shapes_that_the_cells_gates_give_them(
    client: TestClient, query: str
) -> None:
    answer = client.get(f"/api/weights.safetensors?{query}")
    assert answer.headers["content-type"] == "application/octet-stream"
    tensors = load(answer.content)
    e, *_ = read(query.encode(), with_view=False)
    cell = CELLS[e.cell]
    rows = len(cell.GATES) * e.H
    expected = {
        "cell.weight_ih_l0": (rows, e.D),
        "cell.bias_ih_l0": (rows,),
        "rnn.weight_ih_l0": (e.H, e.D),
        "rnn.weight_hh_l0": (e.H, e.H),
        "rnn.bias_ih_l0": (e.H,),
        "rnn.bias_hh_l0": (e.H,),
        "inputs": (e.T, e.D),
    }
    if cell.RECURRENT:
        expected |= {"cell.weight_hh_l0": (rows, e.H), "cell.bias_hh_l0": (rows,)}
    if cell.PEEPHOLES:
        expected |= {"cell.weight_ch_l0": (3, e.H)}
    assert {name: tensor.shape for name, tensor in tensors.items()} == expected
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float64)}


def test_every_cell_has_the_gates_that_its_weights_were_promised() -> None:
    """4H rows for an LSTM, 3H for a GRU, and so on."""
    assert {name: len(cell.GATES) for name, cell in CELLS.items()} == {
        "lstm": 4,
        "lstm-1997": 3,
        "peephole": 4,
        "coupled": 3,
        "gru": 3,
        "minlstm": 3,
        "mingru": 2,
    }


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_weights_are_those_the_numbers_came_from(client: TestClient, query: str) -> None:
    tensors = load(client.get(f"/api/weights.safetensors?{query}").content)
    told = numbers_of(asked(client, f"/api/highway?{query}"))
    e, *_ = read(query.encode(), with_view=False)
    np.testing.assert_allclose(
        TEXTBOOK[e.cell](tensors), told["cell_log10_direct"][0], rtol=1e-9, atol=1e-9
    )


def blocks(tensors: dict[str, np.ndarray], x: np.ndarray, h: np.ndarray, n: int) -> Any:
    """W_ih x + b_ih + W_hh h + b_hh, gate by gate."""
    seen = tensors["cell.weight_ih_l0"] @ x + tensors["cell.bias_ih_l0"]
    heard = tensors["cell.weight_hh_l0"] @ h + tensors["cell.bias_hh_l0"]
    return np.split(seen, n), np.split(heard, n)


def lstm_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Σ log10 f over a textbook LSTM's steps, from the tensors alone."""
    h = c = kept = np.zeros(tensors["cell.weight_hh_l0"].shape[1])
    for x in tensors["inputs"]:
        i, f, g, o = np.add(*blocks(tensors, x, h, 4))
        kept = kept + np.log10(sigmoid(f))
        c = c * sigmoid(f) + np.tanh(g) * sigmoid(i)
        h = np.tanh(c) * sigmoid(o)
    return kept


# The same for the other cells, each as its paper writes it.


def lstm_1997_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    return np.zeros(tensors["cell.weight_hh_l0"].shape[1])


def peephole_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    p_i, p_f, p_o = tensors["cell.weight_ch_l0"]
    h = c = kept = np.zeros(len(p_i))
    for x in tensors["inputs"]:
        i, f, g, o = np.add(*blocks(tensors, x, h, 4))
        i, f, g = sigmoid(i + p_i * c), sigmoid(f + p_f * c), np.tanh(g)
        kept = kept + np.log10(np.abs(f + c * f * (1 - f) * p_f + g * i * (1 - i) * p_i))
        c = f * c + i * g
        h = np.tanh(c) * sigmoid(o + p_o * c)
    return kept


def coupled_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    h = c = kept = np.zeros(tensors["cell.weight_hh_l0"].shape[1])
    for x in tensors["inputs"]:
        f, g, o = np.add(*blocks(tensors, x, h, 3))
        kept = kept + np.log10(sigmoid(f))
        c = c * sigmoid(f) + np.tanh(g) * (1 - sigmoid(f))
        h = np.tanh(c) * sigmoid(o)
    return kept


def gru_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    h = kept = np.zeros(tensors["cell.weight_hh_l0"].shape[1])
    for x in tensors["inputs"]:
        (r, z, n), (heard_r, heard_z, heard_n) = blocks(tensors, x, h, 3)
        z = sigmoid(z + heard_z)
        kept = kept + np.log10(z)
        h = (1 - z) * np.tanh(n + sigmoid(r + heard_r) * heard_n) + z * h
    return kept


def minlstm_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    seen = tensors["inputs"] @ tensors["cell.weight_ih_l0"].T + tensors["cell.bias_ih_l0"]
    i, f, _ = np.split(sigmoid(seen), 3, axis=1)
    return np.log10(f / (f + i)).sum(0)


def mingru_direct(tensors: dict[str, np.ndarray]) -> np.ndarray:
    seen = tensors["inputs"] @ tensors["cell.weight_ih_l0"].T + tensors["cell.bias_ih_l0"]
    keep, _ = np.split(sigmoid(seen), 2, axis=1)
    return np.log10(keep).sum(0)


TEXTBOOK = {
    "lstm": lstm_direct,
    "lstm-1997": lstm_1997_direct,
    "peephole": peephole_direct,
    "coupled": coupled_direct,
    "gru": gru_direct,
    "minlstm": minlstm_direct,
    "mingru": mingru_direct,
}


@pytest.mark.torch
@pytest.mark.parametrize("query", [SAMPLES["another start"], SAMPLES["text"]])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_torch_reaches_the_same_states_from_the_weights(
    client: TestClient, query: str, cell: str
) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load as load_torch

    query = f"{query}&cell={cell}"
    tensors = load_torch(client.get(f"/api/weights.safetensors?{query}").content)
    e, *_ = read(query.encode(), with_view=False)
    weights, rival, x = drawn(e)
    ours = {"cell": CELLS[cell].forward(weights, x).h, "rnn": Rnn(e.act).forward(rival, x).h}
    gated = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    modules = {"cell": gated(e.D, e.H), "rnn": torch.nn.RNN(e.D, e.H)}
    for name, module in modules.items():
        own = {key: tensors[f"{name}.{key}"] for key in module.state_dict()}
        module.double().load_state_dict(own)
        with torch.no_grad():
            h, _ = module(tensors["inputs"])
        np.testing.assert_allclose(h.numpy(), ours[name][1:], rtol=0, atol=1e-12)


# Work -------------------------------------------------------------------------------------------


def test_what_several_forms_need_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(name: str) -> Any:
        make = getattr(highway, name)

        def act(*arguments: Any) -> Any:
            made.append(name)
            return make(*arguments)

        return act

    for name in ("compute", "figure", "reading", "numbers"):
        monkeypatch.setattr(highway, name, counted(name))
    small = Asked(Experiment(T=9, H=2))
    told = bodies("highway", ("plot", "plot", "wide-svg", "json", "html"), small)
    assert sorted(made) == ["compute", "figure", "numbers", "reading"]
    assert set(told) == {"plot", "wide-svg", "json", "html"}
