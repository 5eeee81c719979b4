"""The forget bias that belongs to an initialization, and what the page says of another one."""

import numpy as np
import pytest

from app.initialization import FRAMEWORKS, combined_with_another, own_bias, own_biases, sentence
from app.knobs import Experiment
from app.lenses import LENSES
from app.links import read
from app.presets import PRESETS
from app.reading import Reading
from app.templating import biases_of_others, words
from app.view import Focus
from lstm_engine import CELLS
from tests.app.markup import parsed

torch = pytest.importorskip("torch")
KERAS = PRESETS[0]


def warned(query: str) -> dict[str, str]:
    """The sentences on forget biases that the first page shows, each with where its link leads."""
    asked = read(query.encode(), with_view=True)
    page = parsed(words("highway", Reading("", ()), {}, asked)["warnings"])
    return {p.text: p.one("a").attributes["href"] for p in page.all("p")}


def test_the_frameworks_cells_are_those_that_torch_has() -> None:
    """torch.nn has an LSTM and a GRU, and what it draws for a forget gate has mean 0."""
    gated = {name for name in CELLS if hasattr(torch.nn, name.upper())}
    assert set(FRAMEWORKS["pytorch"].forget_biases) == gated == {"lstm", "gru"}
    torch.manual_seed(0)
    for name in gated:
        layer = getattr(torch.nn, name.upper())(4, 400)
        assert abs(float(layer.bias_ih_l0.detach()[400:800].mean())) < 0.01
        assert FRAMEWORKS["pytorch"].forget_biases[name] == 0.0


def test_keras_gru_is_as_keras_has_it() -> None:
    """The values were computed from Keras' own start, outside this project."""
    experiment = KERAS.of(Experiment(cell="gru"))
    found = LENSES["highway"].compute(experiment, Focus())
    np.testing.assert_allclose(found.cell.direct_rms[0], -30.32, atol=0.005)
    np.testing.assert_allclose(found.cell.exact_rms[0], -20.34, atol=0.005)


def test_a_link_to_a_gru_keeps_its_meaning() -> None:
    experiment = read(b"v=1&cell=gru", with_view=False).experiment
    assert experiment.b_f == 1.0
    found = LENSES["highway"].compute(experiment, Focus())
    np.testing.assert_allclose(found.cell.direct_rms[0], -13.93, atol=0.005)
    np.testing.assert_allclose(found.cell.exact_rms[0], -10.36, atol=0.005)


@pytest.mark.parametrize("cell", CELLS)
def test_a_preset_has_the_bias_that_belongs_to_its_initialization(cell: str) -> None:
    for preset in PRESETS[:3]:
        assert preset.applies(cell) == (preset.name == "Chrono" or cell in ("lstm", "gru"))
        if preset.applies(cell):
            its = preset.of(Experiment(cell=cell, b_f=7, gain=3))
            own = own_bias(its)
            assert own is not None and own.b_f == its.b_f


@pytest.mark.parametrize(
    ("experiment", "b_f"),
    [
        (Experiment(), 1.0),
        (Experiment(cell="gru"), 0.0),
        (Experiment(init="pytorch"), 0.0),
        (Experiment(init="pytorch", cell="coupled"), 0.0),
        (Experiment(chrono=100), 0.0),
        (Experiment(chrono=100, cell="mingru", init="normal"), 0.0),
        (Experiment(init="normal"), None),
        (Experiment(cell="peephole"), None),
        (Experiment(cell="mingru"), None),
        (Experiment(cell="lstm-1997", init="pytorch"), None),
    ],
)
def test_what_belongs_to_an_initialization(experiment: Experiment, b_f: float | None) -> None:
    own = own_bias(experiment)
    assert (own and own.b_f) == b_f


@pytest.mark.parametrize("cell", CELLS)
def test_no_words_give_a_framework_a_cell_that_it_lacks(cell: str) -> None:
    for own in own_biases(cell).values():
        assert ("own" in own.whose) == (cell in ("lstm", "gru") and "chrono" not in own.whose)


@pytest.mark.parametrize(
    ("query", "said", "link"),
    [
        (
            "v=1&init=pytorch",
            "PyTorch’s own LSTM has b_f = 0; this experiment has b_f = 1.",
            "/?v=1&b_f=0&init=pytorch",
        ),
        (
            "v=1&b_f=-2.5&init=pytorch",
            "PyTorch’s own LSTM has b_f = 0; this experiment has b_f = −2.5.",
            "/?v=1&b_f=0&init=pytorch",
        ),
        (
            "v=1&cell=gru",
            "Keras’ own GRU has b_f = 0; this experiment has b_f = 1.",
            "/?v=1&cell=gru&b_f=0",
        ),
        (
            "v=1&chrono=100",
            "The chrono initialization has b_f = 0; this experiment has b_f = 1.",
            "/?v=1&b_f=0&chrono=100",
        ),
    ],
)
def test_a_link_with_another_bias_is_answered_with_a_sentence(
    query: str, said: str, link: str
) -> None:
    ((text, href),) = warned(query).items()
    assert text.startswith(said) and href == link


@pytest.mark.parametrize(
    "query",
    [
        "",
        "v=1&b_f=5",
        "v=1&b_f=0&init=pytorch",
        "v=1&init=normal",
        "v=1&cell=coupled",
        "v=1&gain=0",
    ],
)
def test_where_nothing_is_combined_nothing_is_said(query: str) -> None:
    assert warned(query) == {}


def test_a_chosen_bias_with_the_default_weights_is_no_accident() -> None:
    assert combined_with_another(Experiment(b_f=5)) is None
    assert combined_with_another(Experiment(cell="gru", b_f=5)) is None
    own = combined_with_another(Experiment(cell="gru"))
    assert own is not None and "Keras’ own GRU" in sentence(own, 1.0)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("v=1&vs_init=pytorch", ["PyTorch’s own LSTM has b_f = 0; B has b_f = 1."]),
        ("v=1&vs_init=pytorch&vs_b_f=0", []),
        ("v=1&init=pytorch&vs_gain=2", ["PyTorch’s own LSTM has b_f = 0; A has b_f = 1."]),
        ("v=1&vs_cell=gru", ["Keras’ own GRU has b_f = 0; B has b_f = 1."]),
    ],
)
def test_of_two_experiments_each_has_its_own(query: str, said: list[str]) -> None:
    asked = read(query.encode(), with_view=True)
    assert [text for text, _, _ in biases_of_others("compare", asked)] == said


def test_a_map_over_every_forget_bias_and_the_claims_say_nothing_of_it() -> None:
    asked = read(b"v=1&init=pytorch", with_view=True)
    assert list(biases_of_others("phase", asked)) == []  # b_f is one of its axes
    assert list(biases_of_others("claims", asked)) == []
    along = read(b"v=1&init=pytorch&x=gain&y=T", with_view=True)
    assert len(list(biases_of_others("phase", along))) == 1
