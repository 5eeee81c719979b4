"""Compare what two versions of the app answer.

``python -m bench.snapshots take FOLDER`` starts this version and saves its answers: the JSON of
every lens for 60 links, every other format for a few of them. ``python -m bench.snapshots compare
BEFORE AFTER`` reports every difference between two such folders: of numbers beyond a relative
1e-12, of texts, of bytes. It exits with 1 if there is any but in the words of pages.
"""

import argparse
import csv
import io
import json
import math
import random
import re
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import numpy as np

from bench.service import serving

TOLERANCE = 1e-12
CHOSEN = (
    "",
    "v=1&T=40&H=4&D=2&b_f=3",
    "v=1&T=60&H=3&D=2&cell=gru&b_f=0&init=pytorch",
    "v=1&T=30&H=5&D=2&cell=minlstm&unit=1&step=7",
    "v=1&T=30&H=5&D=2&cell=lstm-1997&gain=0",
    "v=1&H=4&signal=text&text=so%20it%20goes",
    "v=1&H=4&signal=series&series=1,2;3,5;4,8&standardize=0",
    "v=1&T=200&H=1&D=3&init=normal&seed=1",
)
RANDOM_LINKS = 52
CELLS = ("lstm", "lstm-1997", "peephole", "coupled", "gru", "minlstm", "mingru")
SMALL_MAP = "x_points=4&y_points=3&seeds=2"
SMALL_TRAINING = "batch=4&updates=40"


def links() -> list[str]:
    """The queries: a few chosen, the others at random but always the same."""
    draw = random.Random(0)
    found = list(CHOSEN)
    for _ in range(RANDOM_LINKS):
        pairs = {
            "v": 1,
            "T": draw.randint(1, 150),
            "H": draw.randint(1, 12),
            "D": draw.randint(2, 5),
            "cell": draw.choice(CELLS),
            "b_i": draw.choice([0, 0, -2, 3.5]),
            "b_f": draw.choice([1, 0, -4, 2, 5, 12]),
            "b_g": draw.choice([0, 0, 1, -0.5]),
            "init": draw.choice(["keras", "pytorch", "normal"]),
            "chrono": draw.choice([0, 0, 40]),
            "gain": draw.choice([1, 1, 0, 0.5, 3]),
            "rnn_gain": draw.choice([1, 1, 2, 0]),
            "rnn_init": draw.choice(["same", "same", "identity"]),
            "act": draw.choice(["tanh", "relu", "identity", "logistic"]),
            "signal": draw.choice(
                ["noise", "zeros", "constant", "sine", "impulse", "adding", "copy"]
            ),
            "amplitude": draw.choice([1, 1, 0.1, 20]),
            "seed": draw.randint(0, 2**32 - 1),
        }
        found.append("&".join(f"{key}={value}" for key, value in pairs.items()))
    return found


def addresses(lenses: list[str]) -> Iterator[str]:
    """Every address to ask, in order."""
    for number, query in enumerate(links()):
        for lens in lenses:
            small = {"phase": SMALL_MAP, "training": SMALL_TRAINING}.get(lens)
            if small and number >= len(CHOSEN):
                continue
            parts = [part for part in (query, small) if part]
            full = "?" + "&".join(parts) if parts else ""
            yield f"/api/{lens}{full}"
            if number >= len(CHOSEN):
                continue
            for path in (
                f"/api/{lens}.csv",
                f"/api/{lens}.npz",
                f"/plot/{lens}",
                f"/sketch/{lens}-wide",
                f"/picture/{lens}-wide.png",
                f"/picture/{lens}-narrow.svg",
                f"/picture/{lens}.svg",
                f"/export/{lens}.html",
                f"/embed/{lens}",
                "/" if lens == "highway" else f"/{lens}",
            ):
                yield path + full
        if number < len(CHOSEN):
            full = f"?{query}" if query else ""
            yield f"/preview.png{full}"
            yield f"/api/weights.safetensors{full}"
            yield f"/api/code/highway_torch.py{full}"
            yield f"/api/code/highway_jax.py{full}"
            yield f"/api{full}"
    yield "/api/highway?v=1&T=0"
    yield "/?v=1&T=0&colour=red"
    yield "/nowhere"
    yield "/openapi.json"


def take(folder: Path) -> None:
    """Ask a server of this version for everything, and save what it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server:
        described = json.loads(fetch(server, "/openapi.json")[1])
        lenses = [
            path.removeprefix("/api/")
            for path in described["paths"]
            if re.fullmatch(r"/api/[a-z]+", path) and path + ".csv" in described["paths"]
        ]
        if not lenses:  # one route with a parameter
            pages = fetch(server, "/api")[1].decode()
            lenses = sorted(set(re.findall(r"/api/([a-z]+)\.csv", pages)))
        for address in addresses(lenses):
            status, body = fetch(server, address)
            body = re.sub(rb"127\.0\.0\.1:\d+", b"127.0.0.1:0", body)
            name = quote(address, safe="")
            if len(name) > 200:
                name = f"{name[:180]}-{zlib.crc32(name.encode()):08x}"
            (folder / name).write_bytes(b"%d\n" % status + body)


def fetch(server: str, address: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    try:
        with urllib.request.urlopen(server + address, timeout=600) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class Words(HTMLParser):
    """The text of a page, and its elements without it."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(" ".join(data.split()))


def compare(before: Path, after: Path) -> int:
    """Report what differs; the number of differences that are more than words of a page."""
    names = {path.name for folder in (before, after) for path in folder.iterdir()}
    serious = worded = 0
    for name in sorted(names):
        there = [(folder / name).exists() for folder in (before, after)]
        if not all(there):
            print(f"only {'before' if there[0] else 'after'}: {name}")
            serious += 1
            continue
        old, new = ((folder / name).read_bytes() for folder in (before, after))
        if old == new:
            continue
        found = list(differences(name, old, new))
        serious += any(not text for text, _ in found)
        worded += all(text for text, _ in found) and bool(found)
        for text, difference in found[:5]:
            print(f"{'words' if text else 'DIFFERS'} {name}: {difference}")
    print(f"{len(names)} answers: {serious} differ, {worded} more in words alone")
    return serious


def differences(name: str, old: bytes, new: bytes) -> Iterator[tuple[bool, str]]:
    """What differs between two answers, and whether that is no more than words."""
    (old_status, old_body), (new_status, new_body) = (body.split(b"\n", 1) for body in (old, new))
    if old_status != new_status:
        yield False, f"status {old_status.decode()} is now {new_status.decode()}"
        return
    for parse in (parsed_json, parsed_csv, parsed_npz, parsed_page):
        try:
            pair = parse(old_body), parse(new_body)
        except (ValueError, OSError, KeyError):
            continue
        yield from unlike(*pair)
        return
    yield False, f"{len(old_body)} bytes are now {len(new_body)} others"


def parsed_json(body: bytes) -> object:
    return json.loads(body)


def parsed_csv(body: bytes) -> object:
    if not re.match(rb"[\w,]+\r\n", body):
        raise ValueError("not CSV")
    return [[number(field) for field in row] for row in csv.reader(io.StringIO(body.decode()))]


def parsed_npz(body: bytes) -> object:
    arrays = np.load(io.BytesIO(body), allow_pickle=False)
    return {key: arrays[key].tolist() for key in arrays.files}


def parsed_page(body: bytes) -> object:
    if b"<html" not in body[:500]:
        raise ValueError("not HTML")
    text = re.sub(r"/static/\w+/", "/static/", body.decode())
    page = Words()
    page.feed(re.sub(r"<script[\s\S]*?</script>|<style[\s\S]*?</style>", "", text))
    return {"words": page.words, "elements": page.elements}


def number(field: str) -> float | str:
    try:
        return float(field)
    except ValueError:
        return field


def unlike(old: object, new: object, at: str = "") -> Iterator[tuple[bool, str]]:
    """Where two structures differ beyond rounding."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in old or key not in new:
                yield False, f"{at}.{key} is there only {'before' if key in old else 'after'}"
            else:
                yield from unlike(old[key], new[key], f"{at}.{key}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield at == ".words", f"{at}: {len(old)} entries are now {len(new)}"
        else:
            for index, pair in enumerate(zip(old, new, strict=True)):
                yield from unlike(*pair, at if at == ".words" else f"{at}[{index}]")
    elif isinstance(old, int | float) and isinstance(new, int | float):
        if not math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE) and old == old:
            yield False, f"{at}: {old!r} is now {new!r}"
    elif old != new:
        words = isinstance(old, str) and isinstance(new, str) and " " in old
        yield words, f"{at}: {str(old)[:100]!r} is now {str(new)[:100]!r}"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    steps = options.add_subparsers(dest="step", required=True)
    steps.add_parser("take").add_argument("folder", type=Path)
    two = steps.add_parser("compare")
    two.add_argument("before", type=Path)
    two.add_argument("after", type=Path)
    asked = options.parse_args()
    if asked.step == "take":
        take(asked.folder)
    else:
        sys.exit(bool(compare(asked.before, asked.after)))
