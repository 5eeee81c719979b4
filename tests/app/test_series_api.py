"""`/api/series`: one reader for files, pages and programs."""

import random
import struct
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from app.errors import LARGEST_BODY


def full_precision() -> list[float]:
    """1,000 negative numbers of 17 digits with exponents of three."""
    source = random.Random(1)
    found: list[float] = []
    while len(found) < 1000:
        (value,) = struct.unpack("d", source.randbytes(8))
        if len(repr(value)) >= 23 and abs(value) < 1e308:
            found.append(-abs(value))
    return found


def test_a_file_becomes_the_series_of_a_link(client: TestClient) -> None:
    answer = client.post("/api/series", content="t;x\r\n1;0,5\r\n2;0,7\r\n".encode("utf-16"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found["series"] == "1,0.5;2,0.7" and found["text"] == "1, 0.5; 2, 0.7"
    assert (found["steps"], found["features"]) == (2, 2)
    link = f"/api/highway?H=1&signal=series&series={found['series']}"
    experiment = client.get(link).json()["experiment"]
    assert experiment["series"] == [[1, 0.5], [2, 0.7]]
    assert (experiment["T"], experiment["D"], experiment["standardize"]) == (2, 2, 1)


def test_columns_are_chosen_in_the_query(client: TestClient) -> None:
    found = client.post("/api/series?column=x&column=%233", content=b"t,x,y\n1,2,3\n4,5,6\n").json()
    assert found["series"] == "2,3;5,6"
    assert [column["chosen"] for column in found["columns"]] == [False, True, True]
    assert client.get("/api/series?text=t,x%0A1,2%0A3,4&column=x").json()["series"] == "2,4"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,,3", "Number 2 is missing"),
        ("1\n1'234", "Number 2 (line 2), “1'234”, has a thousands separator"),
        ("1,234.5", "Number 1, “1,234.5”, can be"),
        ("", "The text is empty"),
        ("1,2;3,4", "The text can be read in 2 ways"),
    ],
)
def test_what_is_refused_says_which_number(client: TestClient, text: str, words: str) -> None:
    for answer in (
        client.post("/api/series", content=text.encode()),
        client.get("/api/series", params={"text": text}),
    ):
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        document = answer.json()
        assert document["detail"].startswith(words)
        assert document["errors"][0]["key"] == "text"


def test_all_readings_are_offered(client: TestClient) -> None:
    document = client.post("/api/series", content=b"1,2;3,4").json()
    assert [choice["series"] for choice in document["choices"]] == ["1.2,3.4", "1,2;3,4"]


def test_bodies_have_a_limit_and_a_length(client: TestClient) -> None:
    fits = b"1\n" * 999 + b" " * (LARGEST_BODY - 1998)
    assert client.post("/api/series", content=fits).json()["steps"] == 999
    assert client.post("/api/series", content=fits + b" ").status_code == 413
    assert client.post("/api/series", content=iter([b"1\n2"])).status_code == 413
    assert client.put("/api/series", content=b"1\n2").status_code == 413
    assert client.put("/api/series").headers["allow"] == "GET, HEAD, POST"


def test_a_thousand_numbers_in_full_precision_fit_into_every_link(client: TestClient) -> None:
    numbers = full_precision()
    text = "\n".join(f"{number:.18e}" for number in numbers)
    series = client.post("/api/series", content=text.encode()).json()["series"]
    assert [float(number) for number in series.split(",")] == numbers
    link = f"H=1&signal=series&series={series}"
    assert client.get(f"/api/highway?{link}").json()["experiment"]["series"] == numbers
    encoded = f"/?H=1&signal=series&series={quote(series, safe='')}"
    moved = client.get(encoded, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, f"/?v=1&{link}")
    assert client.get(moved.headers["location"]).status_code == 200
    assert client.get(f"/preview.png?{link}").status_code == 200
    assert client.get(f"/api/compare?{link}&vs_b_f=3").status_code == 200


def test_what_no_link_has_room_for_is_refused_with_the_way_out(client: TestClient) -> None:
    rows = "\n".join(["0.12345678901234567 0.2345678901234567"] * 1000)
    answer = client.post("/api/series", content=rows.encode())
    assert answer.status_code == 422
    assert "take fewer steps, columns or digits" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("typed", "series"),
    [("2,6;2;2,2", "2.6,2,2.2"), ("0,5\n0,7", "0.5,0.7"), ("1.5E+03\r\n2E+03", "1500,2000")],
)
def test_pages_read_a_series_as_it_was_typed_and_programs_get_the_link(
    client: TestClient, typed: str, series: str
) -> None:
    query = {"signal": "series", "series": typed}
    moved = client.get("/", params=query, follow_redirects=False)
    link = f"/?v=1&signal=series&series={series}"
    to, _, note = moved.headers["location"].partition("#")
    assert (moved.status_code, to) == (308, link)
    assert note.startswith("read=series=") and "&as=series=" in note
    refused = client.get("/api/highway", params=query)
    assert refused.status_code == 422
    assert refused.json()["nearest"] == f"/api/highway?v=1&signal=series&series={series}"


@pytest.mark.parametrize("text", ["1,,3", "1,NA", "1'234,2", "x"])
@pytest.mark.parametrize("path", ["/", "/api/highway", "/preview.png"])
def test_what_cannot_be_read_is_refused_everywhere(
    client: TestClient, path: str, text: str
) -> None:
    answer = client.get(path, params={"signal": "series", "series": text})
    assert answer.status_code == 422 and "number " in answer.text
