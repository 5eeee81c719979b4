"""Pages: what a person gets without a script, and that nothing comes from anywhere else."""

import io
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit
from xml.etree import ElementTree

import pytest
from PIL import Image
from starlette.testclient import TestClient

from app.keys import FIELDS, bounds, choices, control, default, kind, words
from app.knobs import GATE_OF, Experiment, without_effect
from app.lenses import IN_CHUNKS, LENSES
from app.lenses.highway import compute
from app.lenses.highway import reading as lens_reading
from app.links import address, path_of, plain, read, write
from app.reading import told, unit_told
from app.view import Focus, View
from lstm_engine import CELLS
from tests.app.markup import Element, parsed
from tests.app.samples import SMALL, asked

pytestmark = pytest.mark.slow

ADDRESSES = {"href", "src", "srcset", "action", "data-plot", "data-plotly", "poster", "formaction"}


def opened(client: TestClient, address: str) -> Element:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return parsed(answer.text)


TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
FORMS = [lens for lens in LENSES if "'lab.html'" in (TEMPLATES / f"{lens}.html").read_text()]
QUERIES = {
    "defaults": "",
    "small": "v=1&T=12&H=3&D=2",
    "every knob": "v=1&T=12&H=3&D=4&b_i=0.5&b_f=-2&b_g=-1e-5&b_o=3&init=pytorch&chrono=40&gain=0.7"
    "&rnn_gain=1.5&rnn_init=identity&act=logistic&signal=sine&amplitude=2.5&seed=7",
    "text": "v=1&H=3&signal=text&text=%3Cb%3E%26amp%3B%20%22a%22%20%27%2B%25%23%20%F0%9F%98%80",
    "series": "v=1&H=3&signal=series&series=3,1,4,1.5,-9e-7",
    "features": "v=1&H=3&signal=series&series=1,234.5;100,200;-3,1e-7&standardize=0",
    "a GRU": "v=1&T=12&H=3&cell=gru&b_i=2&b_f=3",
    "no forget gate": "v=1&T=12&H=3&cell=lstm-1997",
    "nothing recurs": "v=1&T=12&H=3&cell=minlstm&b_f=3&unit=1",
    "view": "v=1&T=12&H=3&unit=2&step=0&order=survival&lag=log&floor=-300",
    "hidden": "v=1&H=3&b_f=3&signal=text&text=%20a%20&unit=1&lag=log"
    "&hide=T,H,D,cell,b_f,signal,text,unit,lag,presets,reading",
}


# Links -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("v=1", "/"),
        ("T=100", "/"),
        ("b_f=2.0&T=50", "/?v=1&T=50&b_f=2"),
        ("lag=log&b_f=2", "/?v=1&b_f=2&lag=log"),
        ("unit=3&hide=T,H&floor=-30&T=50", "/?v=1&T=50&unit=3&floor=-30&hide=T,H"),
        ("signal=text&text=a+b", "/?v=1&signal=text&text=a%20b"),
        ("text=unused", "/"),
        ("v=1&b_f=2&", "/?v=1&b_f=2"),
        ("signal=text&text=//evil.example", "/?v=1&signal=text&text=%2F%2Fevil.example"),
    ],
)
def test_a_link_that_is_not_canonical_is_redirected_with_its_view(
    client: TestClient, query: str, canonical: str
) -> None:
    for ask in (client.get, client.head):
        answer = ask(f"/?{query}")
        assert answer.status_code == 308
        assert answer.headers["location"] == canonical
    assert client.get(canonical).status_code == 200


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_canonical_link_is_answered_at_once(client: TestClient, query: str) -> None:
    assert write(*read(query.encode(), with_view=True)) == query
    assert client.get(f"/?{query}").status_code == 200


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.slow
def test_every_link_of_a_page_works(client: TestClient, query: str) -> None:
    page = opened(client, f"/?{query}")
    links = {a.attributes["href"] for a in page.all("a")} - {"#main"}
    assert len(links) > 3
    for link in links:
        assert client.get(link).status_code == 200, link


def test_presets_keep_sizes_input_and_view(client: TestClient) -> None:
    presets = preset_links(
        client, "/?v=1&T=12&H=3&b_f=2&init=normal&gain=3&rnn_gain=2&amplitude=2&seed=5&lag=log"
    )
    assert presets == {
        "Keras": "/?v=1&T=12&H=3&amplitude=2&seed=5&lag=log",
        "PyTorch": "/?v=1&T=12&H=3&b_f=0&init=pytorch&amplitude=2&seed=5&lag=log",
        "Chrono": "/?v=1&T=12&H=3&b_f=0&chrono=12&amplitude=2&seed=5&lag=log",
        "Forget bias 5": "/?v=1&T=12&H=3&b_f=5&amplitude=2&seed=5&lag=log",
        "No recurrence": "/?v=1&T=12&H=3&gain=0&amplitude=2&seed=5&lag=log",
        "1997": "/?v=1&T=12&H=3&cell=lstm-1997&amplitude=2&seed=5&lag=log",
        "IRNN": "/?v=1&T=12&H=3&rnn_init=identity&act=relu&amplitude=2&seed=5&lag=log",
    }


def preset_links(client: TestClient, address: str) -> dict[str, str]:
    return {
        a.attributes["data-link"].removeprefix("presets/"): a.attributes["href"]
        for a in opened(client, address).all("a")
        if a.attributes.get("data-link", "").startswith("presets/")
    }


def test_a_preset_keeps_the_cell_unless_it_has_no_use_for_what_the_preset_sets(
    client: TestClient,
) -> None:
    assert preset_links(client, "/?v=1&cell=gru&b_f=3") == {
        "Keras": "/?v=1&cell=gru&b_f=0",
        "PyTorch": "/?v=1&cell=gru&b_f=0&init=pytorch",
        "Chrono": "/?v=1&cell=gru&b_f=0&chrono=100",
        "Forget bias 5": "/?v=1&cell=gru&b_f=5",
        "No recurrence": "/?v=1&cell=gru&gain=0",
        "1997": "/?v=1&cell=lstm-1997",
        "IRNN": "/?v=1&cell=gru&rnn_init=identity&act=relu",
    }
    of_1997 = preset_links(client, "/?v=1&cell=lstm-1997&init=pytorch")
    assert of_1997["Chrono"] == "/?v=1&b_f=0&chrono=100"
    assert of_1997["No recurrence"] == "/?v=1&cell=lstm-1997&gain=0"
    assert preset_links(client, "/?v=1&cell=minlstm")["No recurrence"] == "/?v=1&gain=0"
    assert len(set(of_1997.values())) == len(of_1997)


def test_a_preset_leaves_nothing_of_the_one_before(client: TestClient) -> None:
    for link in preset_links(client, "/").values():
        assert preset_links(client, link)["Chrono"].split("cell=")[0] == "/?v=1&b_f=0&chrono=100"


@pytest.mark.parametrize("cell", [name for name in CELLS if name not in ("lstm", "gru")])
def test_a_frameworks_preset_is_absent_where_the_framework_has_no_such_cell(
    client: TestClient, cell: str
) -> None:
    assert not {"Keras", "PyTorch"} & preset_links(client, f"/?v=1&cell={cell}").keys()
    (starts,) = (
        " ".join(element.text for element in opened(client, f"/compare?v=1&cell={cell}").all("dl")),
    )
    assert "Keras" not in starts and "PyTorch" not in starts


@pytest.mark.parametrize(
    ("query", "following"),
    [("v=1&T=12&H=3", "/?v=1&T=12&H=3&seed=1"), ("v=1&T=12&H=3&seed=4294967295", "/?v=1&T=12&H=3")],
)
def test_another_seed_is_the_next_one(client: TestClient, query: str, following: str) -> None:
    page = opened(client, f"/?{query}")
    assert page.one("a", data_link="another_seed").attributes["href"] == following


# Wrong links -------------------------------------------------------------------------------------


def test_a_wrong_link_is_a_page_that_names_each_key_and_offers_the_nearest(
    client: TestClient,
) -> None:
    answer = client.get("/?T=0&tau=%3Cscript%3E&b_f=&H=3&lag=loud&act=" + "s" * 200)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = parsed(answer.text)
    rows = [[cell.text for cell in row.all("th", "td")] for row in page.one("tbody").all("tr")]
    assert {row[0]: row[1] for row in rows} == {
        "T": "0",
        "tau": "<script>",
        "b_f": "empty",
        "lag": "loud",
        "act": "s" * 99 + "…",
    }
    messages = {row[0]: row[2] for row in rows}
    assert "from 1 to 20000" in messages["T"]
    assert "from -20 to 20" in messages["b_f"]
    assert "linear, log" in messages["lag"]
    nearest = page.one("a", id="nearest")
    assert nearest.attributes["href"] == nearest.text == "/?v=1&T=1&H=3"
    assert client.get(nearest.text).status_code == 200
    assert all(script.attributes["src"].startswith("/static/") for script in page.all("script"))


@pytest.mark.parametrize("query", ["T=20000&H=256", "act=relu&rnn_gain=10&T=1000&H=4"])
def test_what_is_too_large_is_a_page_too(client: TestClient, query: str) -> None:
    answer = client.get(f"/?{query}", follow_redirects=True)
    assert answer.status_code == 422
    page = parsed(answer.text)
    # The link is sound; it is told in a sentence why this server does not follow it.
    assert "lower" in page.one("section").text and not page.having("table")
    if "H=256" not in query:  # that one takes its time; the API's tests ask for it
        assert client.get(page.one("a", id="nearest").attributes["href"]).status_code == 200


def test_a_frame_that_cannot_be_shown_says_so_without_the_site_around_it(
    client: TestClient,
) -> None:
    answer = client.get("/embed/gates?T=0&H=2")
    assert answer.status_code == 422
    page = parsed(answer.text)
    assert not page.having("nav") and page.one("base").attributes["target"] == "_blank"
    assert "T=0" in page.having("p")[0].text
    assert page.one("a", id="nearest").attributes["href"] == "/embed/gates?v=1&T=1&H=2"


def test_a_wrong_link_is_not_kept(client: TestClient) -> None:
    assert client.get("/?T=0").headers["cache-control"] == "no-store"


def test_a_wrong_link_keeps_its_good_view_keys(client: TestClient) -> None:
    page = parsed(client.get("/?T=0&lag=log&unit=x").text)
    assert page.one("a", id="nearest").attributes["href"] == "/?v=1&T=1&lag=log"


# The form ----------------------------------------------------------------------------------------


def submitted(page: Element) -> str:
    """What a browser sends for the page's form without any script."""
    pairs = []
    for field in page.one("form", id="lab").all("input", "select", "textarea"):
        name = field.attributes.get("name")
        if not name or "disabled" in field.attributes:
            continue
        if field.tag == "select":
            chosen = [o for o in field.all("option") if "selected" in o.attributes]
            assert len(chosen) == 1 and "disabled" not in chosen[0].attributes
            value = chosen[0].attributes["value"]
        elif field.tag == "textarea":
            value = field.text.removeprefix("\n")  # HTML drops a first line end
        else:
            value = field.attributes["value"]
        pairs.append(f"{quote_plus(name)}={quote_plus(value)}")
    return "&".join(pairs)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_submitting_the_form_without_a_script_lands_on_the_same_page(
    client: TestClient, query: str
) -> None:
    page = opened(client, f"/?{query}")
    form = page.one("form", id="lab")
    assert (form.attributes["method"], form.attributes["action"]) == ("get", "/")
    answer = client.get(f"/?{submitted(page)}")
    assert answer.status_code == 308
    assert answer.headers["location"] == ("/?" + query if query else "/")


@pytest.mark.parametrize(
    ("query", "idle"),
    [
        (
            "v=1&T=12&H=3&D=4&signal=sine&amplitude=2&update=9",
            {"words", "D", "signal", "amplitude"},
        ),
        ("v=1&T=12&H=3&D=4&amplitude=2&task=text", {"D", "signal", "amplitude"}),
        ("v=1&H=3&D=4&signal=text&text=ab&amplitude=2&task=text", {"D", "amplitude"}),
        # Which sets D as well.
        ("v=1&H=3&signal=series&series=3,1,4&task=text", {"amplitude", "standardize"}),
    ],
)
def test_what_plays_no_part_in_training_is_greyed_and_sent_all_the_same(
    client: TestClient, query: str, idle: set[str]
) -> None:
    page = opened(client, f"/training?{query}")
    knobs = {d.attributes["data-knob"]: d for d in page.all("div") if "data-knob" in d.attributes}
    classes = {key: knob.attributes["class"].split() for key, knob in knobs.items()}
    assert {key for key, names in classes.items() if "idle" in names} == idle
    assert not {key for key in idle if "unused" in classes[key]}
    sent = client.get(f"/training?{submitted(page)}")
    assert (sent.status_code, sent.headers["location"]) == (308, f"/training?{query}")


def test_an_empty_field_of_a_map_shows_what_is_in_force(client: TestClient) -> None:
    page = opened(client, "/phase?v=1&T=12&H=3&x=T&x_from=5&y=b_o")
    held = {key: page.one("input", id=key).attributes for key in ("x_from", "x_to", "y_to", "back")}
    assert held["x_from"]["value"] == "5"
    standing = {key: attributes["placeholder"] for key, attributes in held.items()}
    assert standing == {"x_from": "10", "x_to": "300", "y_to": "5", "back": "all of T"}
    spacing = {axis: page.one("select", id=f"{axis}_scale").all("option")[0].text for axis in "xy"}
    assert spacing == {"x": "(log)", "y": "(linear)"}
    training = opened(client, "/training?v=1&T=12&H=3")
    assert training.one("input", id="update").attributes["placeholder"] == "last"


@pytest.mark.parametrize(
    ("query", "T", "D"),
    [
        ("v=1&signal=text&text=abc", "3", "8"),
        ("v=1&D=5&signal=text&text=abc", "3", "5"),
        ("v=1&signal=series", "12", "1"),
        ("v=1&signal=series&series=1,2,3", "3", "1"),
        ("v=1&signal=series&series=1,2;3,4;5,6;7,9", "4", "2"),
    ],
)
def test_greyed_fields_show_the_value_in_force(
    client: TestClient, query: str, T: str, D: str
) -> None:
    for path in ("/", "/gates", "/compare"):
        page = opened(client, f"{path}?{query}")
        fields = {key: page.one("input", id=key).attributes for key in ("T", "D")}
        assert {key: field["value"] for key, field in fields.items()} == {"T": T, "D": D}
        assert "disabled" in fields["T"] and "data-unused" in fields["T"]
    values = client.get(f"/plot/highway?{query}").json()["state"]["values"]
    assert (values["T"], values["D"]) == (T, D)


def test_there_is_a_button_to_submit_with(client: TestClient) -> None:
    assert opened(client, "/").one("button", type="submit").text.strip()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_field_stands_once_and_holds_its_value(client: TestClient, query: str) -> None:
    page = opened(client, f"/?{query}")
    fields = [e for e in page.all("input", "select", "textarea") if "name" in e.attributes]
    names = [field.attributes["name"] for field in fields]
    expected = [key for key in FIELDS if key not in ("v", "hide")]
    assert sorted(names) == sorted(expected + (["hide"] if "hide=" in query else []))
    asked = read(query.encode(), with_view=True)
    experiment = asked.experiment
    for name, value in [pair for part in asked for pair in part]:
        if name == "v" or (name == "hide" and not value):
            continue
        unused = name in experiment.unused()
        held = plain(experiment.unused().get(name, value))  # what is in force
        if name == "series":
            held = held.replace(",", ", ").replace(";", "; ")
        (field,) = [field for field in fields if field.attributes["name"] == name]
        assert field.attributes["data-default"] == plain(default(name))
        if field.tag == "select":
            (chosen,) = [o for o in field.all("option") if "selected" in o.attributes]
            assert chosen.attributes["value"] == held
        else:
            text = field.text.removeprefix("\n") if field.tag == "textarea" else None
            assert (field.attributes["value"] if text is None else text) == held
        travels = name not in Experiment.model_fields and name not in LENSES["highway"].KEYS
        still = travels and name != "hide" and held == plain(default(name))
        assert ("disabled" in field.attributes) == (unused or held == "" or still)


@pytest.mark.parametrize("key", [key for key in FIELDS if control(key)])
def test_every_control_has_a_label_and_says_what_its_knob_says(
    client: TestClient, key: str
) -> None:
    offering = [lens for lens in FORMS if key in (*Experiment.model_fields, *LENSES[lens].KEYS)]
    page, declared = opened(client, path_of(offering[0])), control(key)
    assert declared is not None
    (field,) = [
        e for e in page.all("input", "select", "textarea") if e.attributes.get("name") == key
    ]
    assert field.attributes["id"] == key
    assert page.one("label", **{"for": key}).text == declared.label
    described = page.one("small", id=field.attributes["aria-describedby"])
    assert described.text == FIELDS[key].description
    match kind(key):
        case "choice":
            absent = [""] if default(key) is None else []
            offered = [o.attributes["value"] for o in field.all("option")]
            assert offered == [*absent, *choices(key)]
        case "text" | "numbers":
            assert field.tag == "textarea"
        case sort:
            span = bounds(key)
            assert span is not None
            assert tuple(float(field.attributes[f"data-{end}"]) for end in ("min", "max")) == span
            if declared.names:
                offered = [o.attributes["value"] for o in field.all("option")]
                assert offered[-len(declared.names) :] == list(declared.names)
            else:
                modes = ("numeric" if sort == "integer" else "decimal", None)
                assert field.attributes.get("inputmode") == modes[span[0] < 0]  # with a minus sign
    sliders = page.having("input", type="range", data_for=key)
    assert len(sliders) == (1 if declared.slider else 0)
    for slider in sliders:
        assert declared.slider is not None
        low, high = (float(slider.attributes[f"data-{end}"]) for end in ("low", "high"))
        assert (low, high) == declared.slider
        assert float(slider.attributes["data-step"]) == declared.step
        assert slider.attributes["data-scale"] == declared.scale
        assert declared.label in slider.attributes["aria-label"]


def test_the_cells_are_offered_under_the_names_one_knows_them_by(client: TestClient) -> None:
    select = opened(client, "/").one("select", id="cell")
    offered = {option.attributes["value"]: option.text for option in select.all("option")}
    assert offered == {name: cell.TITLE for name, cell in CELLS.items()}
    assert not [option for option in select.all("option") if "disabled" in option.attributes]


@pytest.mark.parametrize("cell", CELLS)
def test_a_page_greys_out_what_its_cell_lacks_and_names_what_each_bias_moves(
    client: TestClient, cell: str
) -> None:
    page = opened(client, "/" if cell == default("cell") else f"/?v=1&cell={cell}")
    for key in (*GATE_OF, "gain", "chrono"):
        lacks = key in without_effect(cell)
        (knob,) = [d for d in page.all("div") if d.attributes.get("data-knob") == key]
        assert ("unused" in knob.attributes["class"]) == lacks
        for field in knob.all("input"):
            assert ("disabled" in field.attributes) == lacks
        label, meaning = words(key, cell)
        assert knob.one("label").text == label
        assert knob.one("small").text == meaning
        for slider in knob.having("input", type="range"):
            assert slider.attributes["aria-label"] == f"{label}, slider"


def test_a_script_is_told_the_same_words_as_the_page(client: TestClient) -> None:
    state = asked(client, "/plot/highway?cell=gru&H=3&T=5")["state"]
    assert state["words"]["b_i"] == list(words("b_i", "gru"))
    assert state["words"]["b_o"][1] == "without effect in the GRU"
    of_the_lstm = asked(client, "/plot/highway?H=3&T=5")["state"]["words"]
    assert of_the_lstm["b_o"] == list(words("b_o", "lstm"))
    assert of_the_lstm.keys() == state["words"].keys()
    assert "b_o" in state["unused"] and state["values"]["b_o"] == "0"


def test_the_api_page_lists_every_cell_with_its_gates(client: TestClient) -> None:
    table = opened(client, "/api").one("table", id="cells-table")
    rows = [[cell.text for cell in row.all("th", "td")] for row in table.one("tbody").all("tr")]
    assert [row[:2] for row in rows] == [[f"cell={n}", cell.TITLE] for n, cell in CELLS.items()]
    for (name, cell), (_, _, gates, idle) in zip(CELLS.items(), rows, strict=True):
        told_gates = dict(part.split(" ", 1) for part in gates.split("; "))
        assert told_gates == {f"b_{gate}": what for gate, what in cell.GATES.items()}
        assert idle == (", ".join(without_effect(name)) or "none")


def test_hidden_controls_are_not_there_but_keep_their_values(client: TestClient) -> None:
    page = opened(client, f"/?{QUERIES['hidden']}")
    shown = {e.attributes["for"] for e in page.all("label") if "for" in e.attributes}
    assert not shown & {"T", "H", "D", "cell", "b_f", "signal", "text", "unit", "lag"}
    assert {"b_i", "seed", "floor"} <= shown
    assert not page.having("nav", aria_label="Presets")
    assert not [p for p in page.all("p") if p.attributes.get("id") == "reading"]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_ids_stand_once_and_what_refers_to_them_finds_them(client: TestClient, query: str) -> None:
    page = opened(client, f"/?{query}")
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name in ("for", "aria-describedby", "aria-labelledby", "data-for"):
            for target in element.attributes.get(name, "").split():
                assert target in ids, f"{name}={target}"


# Words and pictures ------------------------------------------------------------------------------


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_pasted_link_shows_its_own_picture(client: TestClient, query: str) -> None:
    page = opened(client, f"/?{query}")
    graph = {
        meta.attributes["property"].removeprefix("og:"): meta.attributes["content"]
        for meta in page.all("meta")
        if meta.attributes.get("property", "").startswith("og:")
    }
    address = f"?{query}" if query else ""
    assert graph["url"] == f"http://testserver/{address}"
    assert graph["image"] == f"http://testserver/preview.png{address}"
    assert graph["title"] and graph["type"] == "website"
    assert graph["description"] == graph["image:alt"]
    assert (graph["image:width"], graph["image:height"]) == ("1200", "630")
    assert page.one("meta", name="twitter:card").attributes["content"] == "summary_large_image"
    answer = client.get(graph["image"])
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (1200, 630))


@pytest.mark.parametrize("query", ["", "v=1&T=12&H=3", "v=1&T=12&H=3&lag=log&floor=-30"])
@pytest.mark.parametrize("lens", LENSES)
def test_the_first_picture_is_there_without_a_script(
    client: TestClient, lens: str, query: str
) -> None:
    picture = opened(client, address(path_of(lens), query)).one("picture")
    image, source = picture.one("img"), picture.one("source")
    for link, shown in (
        (image.attributes["src"], image),
        (source.attributes["srcset"], source),
    ):
        answer = client.get(link)
        assert answer.headers["content-type"] == "image/svg+xml"
        drawn = ElementTree.fromstring(answer.content)
        assert [drawn.get(side) for side in ("width", "height")] == [
            shown.attributes[side] for side in ("width", "height")
        ]


PICTURE = re.compile(
    r"(?:<noscript>)?<picture>.*?</picture>(?:</noscript>)?"
    r"|<div class=\"sketch\"[^>]*>.*?</svg>\s*</div>",
    re.S,
)


@pytest.mark.parametrize("query", [QUERIES["small"], QUERIES["text"], QUERIES["hidden"]])
@pytest.mark.parametrize("width", ["wide", "narrow"])
@pytest.mark.parametrize("lens", LENSES)
def test_a_page_that_opens_in_anothers_place_is_that_page_with_its_picture_in_it(
    client: TestClient, lens: str, width: str, query: str
) -> None:
    whole = client.get(address(path_of(lens), query)).text
    turned = client.get(address(f"/page/{lens}-{width}", query)).text
    assert PICTURE.sub("", turned) == PICTURE.sub("", whole)
    assert len(PICTURE.findall(turned)) == len(PICTURE.findall(whole)) > 0
    if lens not in IN_CHUNKS:  # there, the page has what is known as yet, and the file all
        assert client.get(address(f"/picture/{lens}-{width}.svg", query)).text.strip() in turned
    assert parsed(turned).one("nav", **{"class": "lenses"}).one("a", **{"aria-current": "page"})


@pytest.mark.parametrize("query", ["b_f=99", "nokey=1", "T=20000&H=256"])
def test_a_page_that_cannot_open_says_so_to_the_script(client: TestClient, query: str) -> None:
    answer = client.get(f"/page/gates-wide?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["", SMALL, QUERIES["text"], QUERIES["series"]])
def test_the_reading_of_the_page_is_the_apis(client: TestClient, query: str) -> None:
    reading = asked(client, f"/api/highway?{query}")["reading"]
    answer = client.get(f"/?{query}", follow_redirects=True)
    page = parsed(answer.text)
    assert on_the_line(page.one("p", id="reading").text) == on_the_line(reading["headline"])
    rows = [
        [cell.text for cell in row.all("th", "td")]
        for row in page.one("table", id="facts").one("tbody").all("tr")
    ]
    experiment, *_ = read(query.encode(), with_view=True)
    for row, fact in zip(rows, lens_reading(compute(experiment, Focus())).facts, strict=True):
        assert row == [fact.label, on_the_line(told(fact)), unit_told(fact)]


def on_the_line(text: str) -> str:
    """Exponents as plain digits, as the page has them within <sup>."""
    return text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789"))


def test_chaos_is_said_aloud(client: TestClient) -> None:
    page = parsed(client.get("/?v=1&T=300&H=16&init=normal&gain=10").text)
    (warnings,) = [d for d in page.all("div") if d.attributes.get("id") == "warnings"]
    assert "chaotic" in warnings.text
    quiet = parsed(client.get("/").text)
    (warnings,) = [d for d in quiet.all("div") if d.attributes.get("id") == "warnings"]
    assert "chaotic" not in warnings.text


def test_ones_own_text_cannot_become_markup(client: TestClient) -> None:
    text = '</textarea><script>alert(1)</script>">'
    page = opened(client, f"/?v=1&H=3&signal=text&text={quote(text, safe='')}")
    assert not [script for script in page.all("script") if "alert" in script.text]
    assert page.one("textarea", id="text").text.removeprefix("\n") == text


@pytest.mark.parametrize("lens", LENSES)
def test_ones_own_text_cannot_become_markup_in_a_picture(client: TestClient, lens: str) -> None:
    text = "</text></svg><img src=x onerror=alert(1)><script>alert(1)</script>]]>"
    query = f"v=1&H=3&signal=text&text={quote(text, safe='')}&lag=linear"
    sketch = asked(client, f"/sketch/{lens}-wide?{query}")["picture"]
    for html in (sketch, client.get(f"/page/{lens}-wide?{query}").text):
        page = parsed(html)
        assert not [script for script in page.all("script") if "alert" in script.text]
        assert not [image for image in page.all("img") if "onerror" in image.attributes]


# Nothing from elsewhere --------------------------------------------------------------------------

PAGES = ["/", "/?v=1&T=12&H=3&signal=text&text=http:%2F%2Fevil.example", "/api", "/?T=0"]


@pytest.mark.parametrize("address", PAGES)
def test_no_page_refers_to_another_host(client: TestClient, address: str) -> None:
    page = parsed(client.get(address, follow_redirects=True).text)
    seen = 0
    for element in page.all():
        assert "style" not in element.attributes or "url(" not in element.attributes["style"]
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ADDRESSES & element.attributes.keys():
            for part in element.attributes[name].split(","):
                parts = urlsplit(part.strip())
                assert not parts.netloc and parts.scheme in ("",), element.attributes[name]
                seen += 1
    assert seen > 5
    assert not [script for script in page.all("script") if script.text.strip()]
    assert not page.all("style", "iframe", "object", "embed", "base")


def test_no_file_of_ours_refers_to_another_host(client: TestClient) -> None:
    from app.assets import PLOTLY, assets

    for name, asset in assets().items():
        if name == PLOTLY:
            continue
        text = asset.bodies["identity"].decode()
        text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"(https?:)?//[\w-]+\.\w", re.sub(r"(?m)^\s*//.*$", "", text)), name


@pytest.mark.parametrize(
    "address",
    [
        *PAGES,
        "/api/highway?T=5&H=2",
        "/nowhere",
        "/healthz",
        "/?T=20000&H=256",
        "/?T=100",
        "/preview.png?T=5&H=2",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_carries_the_security_headers(
    client: TestClient, method: str, address: str
) -> None:
    headers = client.request(method, address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "permissions-policy" in headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "script-src" not in policy and "unsafe-inline" not in policy["style-src"]
    assert not re.search(r"https?:|\*|unsafe-eval", headers["content-security-policy"])


# How pages are kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/?v=1&T=12&H=3", "/api"])
def test_pages_are_asked_for_anew_and_known_by_their_mark(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == answer.headers["etag"]


def test_head_answers_as_get_on_pages(client: TestClient) -> None:
    for place in ("/", "/api", "/?T=0", "/?T=100", "/nowhere"):
        got, head = client.get(place), client.head(place)
        assert (head.status_code, head.content) == (got.status_code, b"")
        differing = {"server-timing", "x-request-id"}
        for name in set(got.headers) - differing:
            assert head.headers[name] == got.headers[name]


@pytest.mark.slow
def test_the_api_pages_examples_work(client: TestClient) -> None:
    page = opened(client, "/api")
    addresses = [a.attributes["href"] for a in page.one("main").all("a")]
    assert len(addresses) >= 7
    for link in addresses:
        assert client.get(link).status_code == 200, link
    for shown in re.findall(r'"http://testserver(/[^"]+)"', page.text):
        assert client.get(shown).status_code == 200, shown
        assert dict(parse_qsl(urlsplit(shown).query))["v"] == "1"


def test_all_keys_of_both_models_are_in_the_form_or_said_to_have_no_control() -> None:
    without = {key for key in [*Experiment.model_fields, *View.model_fields] if not control(key)}
    assert without == {"v", "hide"}
