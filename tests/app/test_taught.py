"""Networks that have learnt, looked at through other lenses and taken away."""

import re
from html import unescape

import numpy as np
import orjson
import pytest
import safetensors.numpy
from starlette.testclient import TestClient

from app.lenses import IN_CHUNKS, LENSES
from app.links import path_of
from lstm_engine import CELLS, Rnn, cell_survival, draw_cell, draw_rnn, rnn_survival
from lstm_engine.tasks import draw_examples
from lstm_engine.training import Setting, begin, parameters, train

KNOBS = "T=12&H=5&seed=3&cell=gru&batch=4&rate=0.01"
SETTING = Setting("adding", T=12, batch=4, optimiser="adam", rate=0.01, clip=1.0, seed=3)
UPDATES = 7


def by_the_engine(network: str) -> dict[str, np.ndarray]:
    """A network after so many updates, and what survives in it, from the engine itself."""
    if network == "cell":
        cell = CELLS["gru"]
        drawn = draw_cell(cell, "keras", 2, 5, seed=3, biases={"i": 0.0, "f": 1.0, "g": 0.0})
    else:
        cell, drawn = Rnn(), draw_rnn("keras", 2, 5, seed=3)
    learner, _ = train(cell, begin(cell, drawn, SETTING), SETTING, UPDATES)
    learnt = parameters(cell, learner, SETTING)
    x = draw_examples("adding", 0, 1, 12, seed=3).x[0]
    survival = cell_survival if network == "cell" else rnn_survival
    exact = survival(cell, cell.forward(learnt.weights, x), learnt.weights).log10_exact
    return {"weight_hh": learnt.weights.weight_hh, "weight_ho": learnt.weight_ho, "exact": exact}


@pytest.mark.parametrize("network", ["cell", "rnn"])
def test_what_is_looked_at_is_what_the_engine_trains(client: TestClient, network: str) -> None:
    expected = by_the_engine(network)
    answer = orjson.loads(client.get(f"/api/highway?{KNOBS}&trained={UPDATES}").content)
    assert np.allclose(answer[network]["log10_exact"], expected["exact"], rtol=0, atol=1e-9)
    file = client.get(f"/api/weights.safetensors?{KNOBS}&trained={UPDATES}")
    tensors = safetensors.numpy.load(file.content)
    assert np.array_equal(tensors[f"{network}.weight_hh_l0"], expected["weight_hh"])
    assert np.array_equal(tensors[f"{network}.read_out.weight"], expected["weight_ho"])
    assert tensors["inputs"].shape == (12, 2)


def test_untrained_is_as_drawn_and_trained_for_nothing_too(client: TestClient) -> None:
    drawn = safetensors.numpy.load(client.get(f"/api/weights.safetensors?{KNOBS}&D=2").content)
    zero = safetensors.numpy.load(client.get(f"/api/weights.safetensors?{KNOBS}&trained=0").content)
    assert np.array_equal(zero["cell.weight_hh_l0"], drawn["cell.weight_hh_l0"])
    assert "cell.read_out.weight" not in drawn


@pytest.mark.parametrize("lens", [lens for lens in LENSES if lens not in {"claims", *IN_CHUNKS}])
@pytest.mark.parametrize("task", ["copy", "text"])
def test_every_lens_shows_what_was_learnt_and_says_so(
    client: TestClient, lens: str, task: str
) -> None:
    link = f"T=12&H=5&task={task}&words=abcab&batch=2&updates=2&trained=2"
    answer = client.get(f"{path_of(lens)}?{link}", follow_redirects=True)
    assert answer.status_code == 200
    assert "networks have learnt" in answer.text and "2 updates" in answer.text
    assert client.get(f"/api/{lens}?{link}").status_code == 200


@pytest.mark.parametrize("lens", ["highway", "compare"])
@pytest.mark.parametrize(
    "trained, verb, moment",
    [
        (0, "are about to learn", "before the first update"),
        (1, "have learnt", "after 1 update"),
        (2, "have learnt", "after 2 updates"),
    ],
)
def test_how_much_was_learnt_is_said_in_words_that_fit(
    client: TestClient, lens: str, trained: int, verb: str, moment: str
) -> None:
    link = f"{path_of(lens)}?{KNOBS}&updates=2&trained={trained}"
    page = client.get(link, follow_redirects=True).text
    whose = "A’s" if lens == "compare" and trained else "These"
    assert f"{whose} networks {verb}" in page
    assert f"as they were {moment} on the adding problem, and read one of" in page


def test_a_training_that_costs_too_much_is_refused_wherever_it_is_looked_at(
    client: TestClient,
) -> None:
    answer = client.get("/api/highway?H=200&T=1000&batch=256&trained=20000")
    assert answer.status_code == 422
    assert "lower" in answer.json()["detail"] and answer.json()["nearest"]


@pytest.mark.slow
def test_a_sequence_may_be_wider_and_longer_than_a_links_own(client: TestClient) -> None:
    letters = "".join(map(chr, range(0x4E00, 0x4E50)))
    wide = f"/api/compare?T=5&H=2&task=text&words={letters}&batch=1&trained=1&vs_signal=copy"
    assert client.get(wide).status_code == 200
    assert client.get("/api/compare?T=19990&H=1&task=copy&batch=1&trained=1").status_code == 200


def test_claims_wait_for_no_training(client: TestClient) -> None:
    assert client.get("/api/claims?H=200&T=1000&batch=256&trained=20000").status_code == 200


def test_beside_networks_that_have_learnt_stand_those_that_have_not(client: TestClient) -> None:
    answer = client.get(f"/api/compare?{KNOBS}&trained={UPDATES}").json()
    assert answer["differs"] == ["trained"]
    headline = answer["reading"]["headline"]
    assert headline.startswith("With networks as they were drawn in the place of trained ones, ")
    drawn = client.get(f"/api/highway?{KNOBS}&trained=0").json()["cell"]["log10_exact"]
    learnt = client.get(f"/api/highway?{KNOBS}&trained={UPDATES}").json()["cell"]["log10_exact"]
    assert answer["a"]["cell"]["log10_exact"] == learnt
    assert answer["b"]["cell"]["log10_exact"] == drawn


def test_before_the_first_update_nothing_differs_from_what_was_drawn(client: TestClient) -> None:
    link = f"{KNOBS}&trained=0"
    answer = client.get(f"/api/compare?{link}").json()
    assert answer["differs"] == [] and answer["a"]["cell"] == answer["b"]["cell"]
    assert answer["reading"]["headline"].startswith("Nothing differs yet")
    # Another knob of B's is told alone.
    other = client.get(f"/api/compare?{link}&vs_b_f=3").json()
    assert other["differs"] == ["b_f"]


def test_what_was_drawn_is_adopted_with_the_links_own_length(client: TestClient) -> None:
    link = "v=1&T=12&H=5&task=copy&batch=2&updates=2"
    page = client.get(f"/compare?{link}&trained=2&vs_b_f=3", follow_redirects=True).text
    adopt = re.search(r'id="adopt" href="([^"]*)"', page)
    assert adopt and unescape(adopt[1]) == "/compare?v=1&T=12&H=5&b_f=3&task=copy&batch=2&updates=2"
