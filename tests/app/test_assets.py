"""Files a browser keeps for ever: versioned, compressed, the same bytes in every encoding."""

import gzip
import hashlib
import re
from pathlib import Path

import brotli
import pytest
from starlette.testclient import TestClient

from app import assets as module
from app.assets import PLOTLY, STATIC, assets, build, compress_ahead, compressed, version

NAMES = sorted(assets())


def address(name: str) -> str:
    return f"/static/{version(name)}/{name}"


def raw(client: TestClient, name: str, offer: str) -> tuple[dict[str, str], bytes]:
    """Headers and the bytes as they came over the wire."""
    with client.stream("GET", address(name), headers={"Accept-Encoding": offer}) as answer:
        assert answer.status_code == 200
        return dict(answer.headers), b"".join(answer.iter_raw())


def test_every_file_is_served_and_plotly_among_them() -> None:
    there = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert set(NAMES) == there | {PLOTLY}
    assert b"plotly.js v" in assets()[PLOTLY].bodies["identity"][:500]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_the_same_in_every_encoding(client: TestClient, name: str) -> None:
    headers, plain = raw(client, name, "identity")
    assert "content-encoding" not in headers
    assert plain == assets()[name].bodies["identity"]
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress}
    for encoding, decompress in unpack.items():
        headers, body = raw(client, name, encoding)
        assert headers["content-encoding"] == encoding
        assert headers["vary"] == "Accept-Encoding"
        assert decompress(body) == plain
    assert raw(client, name, "gzip, br")[0]["content-encoding"] == "br"
    assert raw(client, name, "gzip, br;q=0")[0]["content-encoding"] == "gzip"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_kept_for_ever_with_its_media_type(client: TestClient, name: str) -> None:
    headers, _ = raw(client, name, "identity")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    ending = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[
        name.rsplit(".", 1)[-1]
    ]
    assert headers["content-type"].split(";")[0] == ending


@pytest.mark.parametrize(
    "path",
    [
        "/static/000000000000/page.js",
        "/static/page.js",
        f"/static/{version(PLOTLY)}/page.js",
        f"/static/{build()}/{PLOTLY}",
        f"/static/{build()}/nothing.js",
        f"/static/{build()}/",
        f"/static/{build()}/../app/main.py",
        f"/static/{build()}/%2e%2e/app/main.py",
        f"/static/{build()}/..%2fapp%2fmain.py",
    ],
)
def test_an_unknown_version_or_file_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=True)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


def test_scripts_of_the_page_import_only_each_other() -> None:
    for name in NAMES:
        if name.endswith(".js") and name != PLOTLY:
            text = assets()[name].bodies["identity"].decode()
            for imported in re.findall(r'(?:from|import)\s*\(?"([^"]+)"', text):
                assert imported.removeprefix("./") in NAMES


def test_the_build_is_named_by_code_templates_and_files() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", build())
    assert build.__wrapped__() == build()


def test_the_address_of_a_file_changes_with_it() -> None:
    content = assets()[PLOTLY].bodies["identity"]
    assert version(PLOTLY) == hashlib.sha256(content).hexdigest()[:12]
    assert {version(name) for name in NAMES if name != PLOTLY} == {build()}


def test_a_changed_file_changes_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = assets() | {"more.css": module.asset("more.css", b"p { color: red }")}
    monkeypatch.setattr(module, "assets", lambda: changed)
    assert build.__wrapped__() != build()


def test_large_files_are_compressed_ahead_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"gradient " * 2**16
    monkeypatch.setattr(module, "BUILD", tmp_path)
    monkeypatch.setattr(module, "sources", lambda: {"large.js": body, "small.js": b"1"})
    compress_ahead()
    kept = sorted(path.suffix for path in tmp_path.iterdir())
    assert kept == [".br", ".gzip"]
    for path in tmp_path.iterdir():
        encoding = path.suffix.removeprefix(".")
        assert compressed(body, encoding) == path.read_bytes()
        unpack = {"br": brotli.decompress, "gzip": gzip.decompress}[encoding]
        assert unpack(path.read_bytes()) == body
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    compress_ahead()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
