"""The numbers of three links, kept: a number that changes shows here, in the difference.

After a change of numbers that is meant (and listed in CHANGELOG.md under *Changed numbers*), renew
them with

    RENEW_SNAPSHOTS=1 make test ARGS=tests/app/test_snapshots.py
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.app.samples import asked

SNAPSHOTS = Path(__file__).parent / "snapshots"
LINKS = {
    "defaults": "/",
    "text-pytorch": "/?v=1&H=5&D=3&b_i=-0.5&b_f=2&init=pytorch&rnn_init=identity&act=relu"
    "&signal=text&text=na%C3%AFve%20%F0%9F%98%80&seed=11",
    "long-chrono": "/?v=1&T=3000&H=3&D=2&b_g=0.25&b_o=-1&init=normal&chrono=500&gain=0.5"
    "&rnn_gain=1.1&signal=adding&amplitude=2",
}
STEPS_KEPT = 9
DIGITS = 10


def excerpt(answer: dict[str, Any]) -> dict[str, Any]:
    """The link, its facts, and all numbers of every unit at nine steps out of all."""
    last = len(answer["t"]) - 1
    rows = sorted({round(n * last / (STEPS_KEPT - 1)) for n in range(STEPS_KEPT)})

    def kept(values: list[Any]) -> list[Any]:
        return [values[row] for row in rows]

    norms = {f"{name}_rms": kept(norm["rms"]) for name, norm in answer["norms"].items()}
    return rounded(
        {
            "link": answer["link"],
            "t": kept(answer["t"]),
            "cell_log10_direct": kept(answer["cell"]["log10_direct"]),
            "cell_log10_exact": kept(answer["cell"]["log10_exact"]),
            "rnn_log10_exact": kept(answer["rnn"]["log10_exact"]),
            **norms,
            "highway_share": kept(answer["highway_share"]),
            "facts": {fact["label"]: fact["value"] for fact in answer["reading"]["facts"]},
        }
    )


def rounded(value: Any) -> Any:
    """Floats rounded to ten significant digits."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def lines(value: dict[str, Any]) -> str:
    """JSON with a row of numbers a line."""
    parts = []
    for key, inner in value.items():
        text = json.dumps(inner, ensure_ascii=False)
        if isinstance(inner, list) and isinstance(inner[0], list):
            text = "[\n    " + ",\n    ".join(json.dumps(row) for row in inner) + "\n  ]"
        if isinstance(inner, dict):
            text = json.dumps(inner, ensure_ascii=False, indent=4).replace("\n}", "\n  }")
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


@pytest.mark.parametrize("name", LINKS)
def test_the_numbers_of_a_link_are_what_they_were(client: TestClient, name: str) -> None:
    link = LINKS[name]
    now = excerpt(asked(client, "/api/highway" + link.removeprefix("/")))
    assert now["link"] == link
    path = SNAPSHOTS / f"{name}.json"
    if os.environ.get("RENEW_SNAPSHOTS"):
        path.write_text(lines(now), encoding="utf-8")
    then = json.loads(path.read_text(encoding="utf-8"))
    assert list(now) == list(then)
    for key, values in then.items():
        assert_close(now[key], values, key)


def assert_close(now: Any, then: Any, place: str) -> None:
    """Equal, numbers to 1e-9; the message says where they are not."""
    if isinstance(then, dict):
        assert list(now) == list(then), place
        for key in then:
            assert_close(now[key], then[key], f"{place}: {key}")
    elif isinstance(then, list):
        assert len(now) == len(then), place
        for n, (one, other) in enumerate(zip(now, then, strict=True)):
            assert_close(one, other, f"{place}[{n}]")
    elif isinstance(then, float | int) and isinstance(now, float | int):
        assert abs(now - then) <= 1e-9 * max(1.0, abs(then)), f"{place}: {then} became {now}"
    else:
        assert now == then, place
