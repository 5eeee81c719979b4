"""Damaged links and guessed addresses, as the server answers them."""

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from app.addresses import meant_address
from app.lenses import LENSES
from app.links import address, path_of
from tests.app.markup import parsed

TINY = "v=1&T=5&H=2&D=1"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/paths", "/steps", "/api"])
def test_a_page_redirects_to_the_canonical_link_with_what_was_read(
    client: TestClient, path: str
) -> None:
    for ask in (client.get, client.head):
        answer = ask(f"{path}?{TINY}&b_f=3)&cell=GRU")
        assert answer.status_code == 308
        to = urlsplit(answer.headers["location"])
        assert (to.path, to.query) == (path, "v=1&T=5&H=2&D=1&cell=gru&b_f=3")
        read = parse_qs(to.fragment)
        assert read == {"read": ["b_f=3)", "cell=GRU"], "as": ["b_f=3", "cell=gru"]}


def test_what_is_not_damaged_has_no_note(client: TestClient) -> None:
    for query in ("b_f=3.0&T=5", "T=5&b_f=3&utm_source=x&fbclid=y"):
        assert client.get(f"/?{query}").headers["location"] == "/?v=1&T=5&b_f=3"


def test_a_note_is_short_and_within_the_fragment(client: TestClient) -> None:
    many = "&".join(f"b_{gate}=1)" for gate in "ifgo") + "&T=5)&H=2)&D=1)"
    location = client.get(f"/?{many}").headers["location"]
    read = parse_qs(urlsplit(location).fragment)
    assert len(read["read"]) == len(read["as"]) == 5 and read["more"] == ["2"]
    damaged = "T=5&init=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&b_f=3)"
    assert client.get(f"/?{damaged}").status_code == 422
    location = client.get("/?T=5&b_f=%22%3C(3)%3E%22&H=2").headers["location"]
    assert location == "/?v=1&T=5&H=2&b_f=3#read=b_f=%22%3C(3)%3E%22&as=b_f=3"


def test_a_frame_keeps_its_own_fragment(client: TestClient) -> None:
    answer = client.get(f"/embed/highway?{TINY}&b_f=3)")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"/embed/highway?{TINY}&b_f=3"


@pytest.mark.parametrize(
    "path",
    [
        *("/preview.png", "/preview/paths.png", "/picture/highway.svg", "/sketch/highway-wide"),
        *("/picture/highway-wide.png", "/picture/highway-narrow.svg", "/page/highway-wide"),
    ],
)
def test_pictures_of_a_damaged_link_are_those_of_the_link_that_is_meant(
    client: TestClient, path: str
) -> None:
    answer = client.get(f"{path}?{TINY}&amp;b_f=3)")
    assert answer.status_code == 200
    meant = client.get(f"{path}?{TINY}&b_f=3")
    assert answer.content == meant.content and answer.headers["etag"] == meant.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        *("/api/highway", "/api/highway.csv", "/api/weights.safetensors", "/plot/highway"),
        *("/export/highway.html", "/api/code/highway_torch.py", "/stream/phase"),
    ],
)
def test_programs_are_shown_the_repaired_link_instead(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?{TINY}&b_f=3)")
    assert answer.status_code == 422
    document = answer.json()
    assert document["nearest"] == f"{path}?{TINY}&b_f=3"
    assert [(error["key"], error["value"]) for error in document["errors"]] == [("b_f", "3)")]


@pytest.mark.parametrize(
    "path",
    [
        *("/api/highway", "/api/highway.csv", "/api/weights.safetensors", "/plot/highway"),
        *("/export/highway.html", "/api/code/highway_jax.py", "/preview.png", "/picture/paths.svg"),
    ],
)
def test_keys_of_trackers_change_no_answer(client: TestClient, path: str) -> None:
    tracked = client.get(f"{path}?utm_source=a&{TINY}&fbclid=b%FF?utm_medium=c")
    plain = client.get(f"{path}?{TINY}")
    assert tracked.status_code == 200
    assert tracked.content == plain.content and tracked.headers["etag"] == plain.headers["etag"]


def test_both_readings_are_on_the_page(client: TestClient) -> None:
    answer = client.get("/?T=1,234&H=2&b_f=3)")
    assert answer.status_code == 422
    page = parsed(answer.text)
    (row,) = page.one("tbody").all("tr")
    assert [cell.text for cell in row.all("th", "td")] == [
        "T",
        "1,234",
        "can be read as 1.234 or as 1234; it takes a whole number from 1 to 20000",
    ]
    assert page.one("a", id="nearest").text == "/?v=1&H=2&b_f=3"
    links = {a.text: a.attributes["href"] for a in page.one("nav").all("a")}
    assert links["Paths"] == "/paths?v=1&H=2&b_f=3"


# Addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guessed", "meant"),
    [
        *(("/paths/", "/paths"), ("/Paths", "/paths"), ("/PATHS//", "/paths")),
        *(("/highway", "/"), ("/highway/", "/"), ("/Highway", "/"), ("/highway.html", "/")),
        *(("/index.html", "/"), ("/index.php", "/"), ("/home", "/"), ("/paths.html", "/paths")),
        *(("/phase-map", "/phase"), ("/phasemap", "/phase"), ("/phase_map/", "/phase")),
        *(("/train", "/training"), ("/path", "/paths"), ("/glossary", "/learn")),
        *(("/api/", "/api"), ("/api/highway/", "/api/highway"), ("/api/Highway", "/api/highway")),
        *(("/API/highway.CSV", "/api/highway.csv"), ("/api/highway.json", "/api/highway")),
        *(("/api/path.csv", "/api/paths.csv"), ("/Preview.png", "/preview.png")),
        *(("/embed", "/embed/highway"), ("/embed/Paths/", "/embed/paths"), ("/paths)", "/paths")),
        *(
            ("/paths%E2%80%8B", "/paths"),
            ("/paths%20", "/paths"),
            ("/openapi.json/", "/openapi.json"),
        ),
        *(("/healthz/", "/healthz"), ("/picture/Highway-wide.png", "/picture/highway-wide.png")),
    ],
)
def test_a_guessed_address_leads_to_the_one_that_is_meant(
    client: TestClient, guessed: str, meant: str
) -> None:
    for query in ("", "v=1&T=5&b_f=3", "b_f=3)&text=%C3%A9%20+%26x=1"):
        answer = client.get(address(guessed, query))
        assert answer.status_code == 308
        assert answer.headers["location"] == address(meant, query)
    assert client.post(guessed).status_code == 404


def test_a_query_that_became_part_of_the_path_is_one_again(client: TestClient) -> None:
    for damaged, to in (
        ("/%3Fv=1&b_f=3", "/?v=1&b_f=3"),
        ("/paths%3Fv%3D1%26b_f%3D3", "/paths?v%3D1%26b_f%3D3"),
        ("/paths&v=1&b_f=3", "/paths?v=1&b_f=3"),
        ("/paths%3fT=5?utm_source=x", "/paths?T=5&utm_source=x"),
    ):
        answer = client.get(damaged)
        assert (answer.status_code, answer.headers["location"]) == (308, to)


@pytest.mark.parametrize(
    "path",
    [
        *("/nowhere", "/docs", "/redoc", "/api/nowhere", "/api/highway.xml", "/highway.csv"),
        "/lstm",
    ],
)
def test_other_addresses_lead_nowhere(client: TestClient, path: str) -> None:
    document = client.get(path).json()
    assert document["status"] == 404
    assert "/paths" in document["detail"]
    for known in document["known"]:
        assert meant_address(known, {known}) == known
    if path.startswith("/api"):
        assert {"/api", "/api/highway", "/api/paths.csv"} <= set(document["known"])
    else:
        assert {path_of(lens) for lens in LENSES} <= set(document["known"])


def test_nothing_outside_can_be_redirected_to(client: TestClient) -> None:
    for path in ("/%2F%2Fevil.example", "/\\evil.example", "/https://evil.example", "/a//b.c"):
        assert client.get(path).status_code == 404
    known = client.app.state.addresses  # type: ignore[attr-defined]
    for path in ("//evil.example/", "///", "//paths", "/./paths", "/" * 90, "/" * 200, "", "?"):
        assert meant_address(path, known) in (None, "/", "/paths")


@pytest.mark.parametrize(
    ("query", "carried"),
    [
        (TINY + "&b_f=3", TINY + "&b_f=3"),
        (TINY + "&b_f=3)&utm_source=x", TINY + "&b_f=3"),
        ("T=nothing", ""),
        ("", ""),
    ],
)
def test_a_page_that_is_not_there_keeps_the_settings(
    client: TestClient, query: str, carried: str
) -> None:
    answer = client.get(f"/nowhere?{query}", headers=BROWSER)
    assert answer.status_code == 404
    page = parsed(answer.text)
    for place in (page.one("nav"), page.one("main")):
        links = [a.attributes["href"] for a in place.all("a")]
        for lens in LENSES:
            assert address(path_of(lens), carried) in links
