"""For programs: the headers of an answer, what a client may ask for, and its description."""

import gzip
import re

import orjson
import pytest
from starlette.testclient import TestClient

from app.keys import FIELDS
from app.knobs import Experiment
from app.lenses import IN_CHUNKS, LENSES
from app.links import read, write
from app.view import Focus, View
from lstm_engine import CELLS
from tests.app.samples import (
    COMPUTED,
    OF_EVERY_SORT,
    OF_NO_EXPERIMENT,
    PAGES,
    PICTURES,
    SKETCHES,
    SMALL,
    TEXT,
    WITH_VIEW,
    WITHOUT_VIEW,
    asked,
    bodies,
    lens_of,
)


@pytest.mark.parametrize(
    ("link", "disposition"),
    [
        ("/api/highway.csv", "attachment; highway.csv"),
        (f"/api/paths.npz?{SMALL}&s=4", "attachment; paths-T=12-H=3-D=2-s=4.npz"),
        ("/api/weights.safetensors?H=3&b_f=-2", "attachment; weights-H=3-b_f=-2.safetensors"),
        ("/picture/gates-wide.png?T=9", "inline; gates-wide-T=9.png"),
        ("/picture/gates.svg?T=9&unit=2", "inline; gates-T=9.svg"),
        ("/api/highway?T=9&cell=gru", "inline; highway-T=9-cell=gru.json"),
        (
            "/api/highway.csv?signal=text&text=a%22/b",
            "attachment; highway-signal=text-text=a__b.csv",
        ),
        ("/api/code/highway_jax.py?T=9", "attachment; highway_jax.py"),
    ],
)
def test_a_file_is_named_after_its_experiment(
    client: TestClient, link: str, disposition: str
) -> None:
    kept, file = disposition.split(" ")
    answer = client.get(link)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'{kept} filename="{file}"'


def test_a_name_of_a_file_ends_somewhere(client: TestClient) -> None:
    series = ",".join(["0.123"] * 100)
    name = client.get(f"/api/highway.csv?signal=series&series={series}").headers[
        "content-disposition"
    ]
    assert len(name) < 130 and name.endswith('.csv"')


@pytest.mark.parametrize("path", PICTURES)
def test_pictures_are_png(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?{SMALL}")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("path", [*COMPUTED, *PAGES, "/api"])
@pytest.mark.slow
def test_every_cell_is_answered_at_every_address(client: TestClient, path: str) -> None:
    bodies = set()
    for cell in CELLS:
        # Where nothing recurs the highway's share, the phase map's usual quantity, is always 1.
        link = write(Experiment(cell=cell, T=12, H=3, D=2), Focus(quantity="exact"))
        answer = client.get(f"{path}?{link}")
        assert answer.status_code == 200 and answer.content
        bodies.add(answer.content)
    assert len(bodies) == (len(CELLS) if path not in OF_NO_EXPERIMENT else 1)


# View keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WITHOUT_VIEW)
def test_view_keys_change_no_number_even_malformed_ones(client: TestClient, path: str) -> None:
    plain = client.get(f"{path}?{SMALL}")
    for extra in (
        "unit=2&step=3&order=survival&lag=log&floor=-30&hide=T",
        "unit=-7&step=nonsense&order=&lag=LOG&floor=0&hide=nonsense",
        "unit=%FF&unit=1&unit=2",
    ):
        answer = client.get(f"{path}?{extra}&{SMALL}")
        assert answer.status_code == 200
        assert answer.content == plain.content
        assert answer.headers["etag"] == plain.headers["etag"]


SEEN = {"unit": "1", "step": "3", "order": "survival", "lag": "log", "floor": "-300"}


@pytest.mark.parametrize("path", WITH_VIEW)
@pytest.mark.slow
def test_view_keys_count_where_there_is_something_to_see(client: TestClient, path: str) -> None:
    keys = [key for key in LENSES[lens_of(path)].KEYS if key in SEEN]
    seen = "".join(f"&{key}={value}" for key, value in SEEN.items() if key in keys)
    link = f"{path}?{SMALL}&quantity=exact"
    plain, changed = client.get(link), client.get(link + seen)
    assert (plain.content != changed.content) == bool(keys)
    assert (plain.headers["etag"] != changed.headers["etag"]) == bool(keys)
    assert client.get(f"{path}?{SMALL}&floor=-13").status_code == 422


# Headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*OF_EVERY_SORT, *SKETCHES])
def test_computed_answers_are_kept_for_an_hour_and_known_by_their_mark(
    client: TestClient, path: str
) -> None:
    answer = client.get(f"{path}?{SMALL}")
    assert "max-age=3600" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"
    mark = answer.headers["etag"]
    assert re.fullmatch(r'(W/)?"[\w-]+"', mark)
    for held in (mark, f'"other", {mark}', "*"):
        again = client.get(f"{path}?{SMALL}", headers={"If-None-Match": held})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == mark
        assert again.headers["vary"] == "Accept-Encoding"
        assert again.headers["cache-control"] == answer.headers["cache-control"]
    assert client.get(f"{path}?{SMALL}", headers={"If-None-Match": '"other"'}).status_code == 200
    same = client.get(f"{path}?D=2&T=12&H=03")
    assert same.headers["etag"] == mark
    assert client.get(f"{path}?{SMALL}&seed=1").headers["etag"] != mark


def test_marks_differ_between_forms_of_one_experiment(client: TestClient) -> None:
    others = [path for path in COMPUTED if path != "/preview.png"]  # that of the highway
    marks = [client.get(f"{path}?{SMALL}").headers["etag"] for path in others]
    assert len(set(marks)) == len(marks)


def test_what_a_client_holds_does_not_hide_that_its_link_is_wrong(client: TestClient) -> None:
    answer = client.get("/api/highway?T=0", headers={"If-None-Match": "*"})
    assert answer.status_code == 422


@pytest.mark.parametrize("path", [*OF_EVERY_SORT, *SKETCHES, "/"])
def test_every_computed_answer_says_where_its_time_went(client: TestClient, path: str) -> None:
    timing = client.get(f"{path}?v=1&T=12&H=3&D=2").headers["server-timing"]
    found = re.fullmatch(
        r"engine;dur=(\d+\.\d+), figures;dur=(\d+\.\d+), total;dur=(\d+\.\d+)", timing
    )
    assert found, timing
    engine_ms, figures_ms, total_ms = map(float, found.groups())
    assert 0 <= engine_ms + figures_ms <= total_ms + 0.02


@pytest.mark.parametrize("path", TEXT)
@pytest.mark.slow
def test_text_is_compressed_for_clients_that_take_it(client: TestClient, path: str) -> None:
    plain = client.get(f"{path}?{SMALL}", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for offer in ("gzip", "br, gzip;q=0.5", "GZIP", "deflate, gzip;q=1.0, *;q=0"):
        with client.stream("GET", f"{path}?{SMALL}", headers={"Accept-Encoding": offer}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip", offer
        assert int(answer.headers["content-length"]) == len(raw) < len(plain.content)
        assert gzip.decompress(raw) == plain.content
    for offer in ("", "gzip;q=0", "gzip; q=0.000", "br", "identity"):
        answer = client.get(f"{path}?{SMALL}", headers={"Accept-Encoding": offer})
        assert "content-encoding" not in answer.headers, offer
        assert answer.content == plain.content


@pytest.mark.parametrize("path", ["/api/highway.npz", "/preview.png", "/api/weights.safetensors"])
def test_what_is_dense_already_is_not_compressed(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?{SMALL}", headers={"Accept-Encoding": "gzip, br"})
    assert "content-encoding" not in answer.headers


OF_EACH_ANSWER = {"server-timing", "x-request-id"}


@pytest.mark.parametrize("path", [*OF_EVERY_SORT, "/openapi.json", "/healthz", "/readyz"])
def test_head_answers_as_get_without_the_body(client: TestClient, path: str) -> None:
    plain = {"Accept-Encoding": "identity"}
    got, head = client.get(path, headers=plain), client.head(path, headers=plain)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    for name in (got.headers.keys() | head.headers.keys()) - OF_EACH_ANSWER:
        assert head.headers[name] == got.headers[name], name
    assert int(head.headers["content-length"]) == len(got.content)


# The description for machines --------------------------------------------------------------------


def test_the_description_lists_every_address_with_its_keys(client: TestClient) -> None:
    paths = asked(client, "/openapi.json")["paths"]
    assert set(COMPUTED) <= set(paths)
    for path in COMPUTED:
        get = paths[path]["get"]
        keys = [parameter["name"] for parameter in get["parameters"]]
        view = set(View.model_fields)
        assert keys == [key for key in FIELDS if path in WITH_VIEW or key not in view]
        assert all(parameter["description"] for parameter in get["parameters"])
        assert {"200", "304", "414", "422", "503"} <= set(get["responses"])


def test_the_description_refers_only_to_what_it_holds(client: TestClient) -> None:
    document = asked(client, "/openapi.json")
    text = orjson.dumps(document).decode()
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        place = document
        for part in reference.split("/"):
            assert part in place, f"#/{reference} leads nowhere"
            place = place[part]


def test_defaults_in_the_description_are_of_the_type_that_it_names(client: TestClient) -> None:
    types = {"integer": int, "number": float | int, "string": str}
    paths = asked(client, "/openapi.json")["paths"]
    for parameter in paths["/plot/highway"]["get"]["parameters"]:
        schema = parameter["schema"]
        if schema.get("default") is not None:
            assert isinstance(schema["default"], types[schema["type"]]), parameter["name"]


# Work in chunks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lens", sorted(IN_CHUNKS))
def test_a_picture_is_that_of_the_end_whatever_was_known_before(
    client: TestClient, lens: str
) -> None:
    query = "v=1&T=12&H=3&seed=77&batch=2&updates=3&seeds=2&x_points=4&y_points=3"
    picture = f"/picture/{lens}-wide.svg?{query}"
    page = client.get(f"/{lens}?{query}")
    assert page.status_code == 200 and page.headers["cache-control"] == "no-cache"
    early = client.get(f"/plot/{lens}?{query}")
    assert early.headers["cache-control"] == "no-cache"
    late = client.get(picture)
    at_once = bodies(lens, ["wide-svg"], read(query.encode(), with_view=True))
    assert late.content == at_once["wide-svg"]
    assert client.get(f"/plot/{lens}?{query}").headers["etag"] != early.headers["etag"]
