"""What every request passes: limits, names, counts, logs; what every answer carries."""

import asyncio
import json
import logging
import re
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app import logs
from app.compute import Compute
from app.door import SENT_AT_ONCE, Door
from app.main import create_app
from app.settings import Settings
from app.watch import Watch
from tests.app.samples import OF_EVERY_SORT, PAGES
from tests.waiting import until

EVERYWHERE = [*PAGES, *OF_EVERY_SORT, "/embed/highway", "/api", "/healthz", "/nowhere", "/?T=0"]


def number(app: FastAPI, name: str, **labels: str) -> float:
    registry = app.state.compute.watch.registry
    return registry.get_sample_value(f"gradient_highways_{name}", labels) or 0.0


# Headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_carries_the_headers_that_keep_a_visitor_safe(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["x-permitted-cross-domain-policies"] == "none"
    assert "camera=()" in headers["permissions-policy"]
    framed = path.startswith("/embed/")
    policy = headers["content-security-policy"]
    assert ("frame-ancestors *" in policy) is framed
    assert (headers.get("x-frame-options") == "DENY") is not framed
    scripts = re.search(r"script-src[^;]*|default-src[^;]*", policy)
    styles = re.search(r"style-src [^;]*", policy)
    assert scripts and styles
    assert "unsafe" not in scripts[0] + styles[0]
    taken = framed or path.startswith(("/api/", "/picture/", "/preview", "/export/"))
    assert headers["cross-origin-resource-policy"] == ("cross-origin" if taken else "same-origin")
    for told in ("server", "x-powered-by", "set-cookie", "strict-transport-security"):
        assert told not in headers


def test_browsers_stay_with_https_where_the_world_calls_it_so() -> None:
    chosen = Settings(workers=1, public_url="https://lab.example")
    answer = TestClient(create_app(chosen)).get("/healthz")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("given", ["abc-1.2_3", "x" * 64])
def test_a_request_keeps_the_name_that_a_proxy_gave_it(client: TestClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", '"', "é", "<script>"])
def test_a_name_that_may_not_stand_in_a_log_is_replaced(client: TestClient, given: str) -> None:
    answers = [client.get("/healthz", headers={"X-Request-ID": given.encode()}) for _ in range(2)]
    first, second = (answer.headers["x-request-id"] for answer in answers)
    assert re.fullmatch("[0-9a-f]{32}", first) and first != second


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere"])
def test_headers_that_are_too_long_are_refused(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"X-Large": "x" * 32_000})
    assert answer.status_code == 431
    assert "32000 are the limit" in answer.text


# Slow and gone -----------------------------------------------------------------------------------


def test_a_large_answer_goes_out_in_pieces() -> None:
    body = bytes(range(256)) * 1000
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body[:5], "more_body": True})
        await send({"type": "http.response.body", "body": body[5:]})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    door = Door(app, Settings(workers=1), Watch())
    asyncio.run(door(scope, None, send))  # type: ignore[arg-type]
    pieces = [message["body"] for message in sent[1:]]
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) == SENT_AT_ONCE
    assert [message["more_body"] for message in sent[1:]] == [True] * (len(pieces) - 1) + [False]


def test_a_client_that_hangs_up_takes_its_work_along(app: FastAPI, client: TestClient) -> None:
    """Asked without a client between, which would wait for the answer."""
    compute: Compute = app.state.compute
    before = number(app, "jobs_total", outcome="stopped")
    gone = threading.Event()
    statuses: list[int] = []

    async def receive() -> Any:
        if not gone.is_set() and compute.pool.busy == 0:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"", "more_body": False}
        gone.set()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/highway",
        "raw_path": b"/api/highway",
        "query_string": b"T=20000&H=64&seed=77",
        "headers": [(b"host", b"here")],
        "server": ("here", 80),
        "scheme": "http",
        "client": ("192.0.2.1", 1),
        "http_version": "1.1",
        "root_path": "",
    }
    assert client.portal is not None
    client.portal.call(app, scope, receive, send)
    assert statuses[0] == 499
    until(lambda: number(app, "jobs_total", outcome="stopped") == before + 1)
    until(lambda: number(app, "workers_busy") == 0)


# Counts ------------------------------------------------------------------------------------------


def test_what_happens_is_counted(app: FastAPI, client: TestClient) -> None:
    def counted() -> dict[str, float]:
        return {
            "answers": number(app, "requests_total", route="/api/highway", code="200"),
            "seconds": number(app, "request_seconds_count", route="/api/highway"),
            "kept": number(app, "kept_answers_total", found="yes"),
            "new": number(app, "kept_answers_total", found="no"),
            "jobs": number(app, "jobs_total", outcome="done"),
            "wrong": number(app, "requests_total", route="/api/highway", code="422"),
            "nowhere": number(app, "requests_total", route="other", code="404"),
        }

    before = counted()
    for query in ("T=8&H=2&seed=91", "T=8&H=2&seed=91", "T=0"):
        client.get(f"/api/highway?{query}")
    client.get("/no/such/address")
    grown = {name: value - before[name] for name, value in counted().items()}
    assert grown == {
        "answers": 2,
        "seconds": 3,
        "kept": 1,
        "new": 1,
        "jobs": 1,
        "wrong": 1,
        "nowhere": 1,
    }
    assert number(app, "engine_seconds_total") > 0
    assert number(app, "refused_total", title="This link does not name an experiment") > 0


def test_the_counts_are_told_to_prometheus(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for name in ("requests_total", "request_seconds_bucket", "queue_length", "workers_busy"):
        assert f"gradient_highways_{name}" in answer.text
    assert "process_resident_memory_bytes" in answer.text


# Logs --------------------------------------------------------------------------------------------


@pytest.fixture
def logged(
    client: TestClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """What the app logs in a format while addresses are asked for."""
    monkeypatch.setattr(logging.getLogger("httpx2"), "disabled", True)  # the test's own client
    root, before = logging.getLogger(), (logging.getLogger().handlers, logging.getLogger().level)

    def ask(form: str, level: str, *addresses: str) -> str:
        logs.configure(Settings(log_format=form, log_level=level))  # type: ignore[arg-type]
        for address in addresses:
            client.get(address, headers={"X-Request-ID": "one-request"})
        return capsys.readouterr().err

    yield ask
    root.handlers, root.level = before


PRIVATE = "/api/highway?T=4&H=2&signal=text&text=my%20secret%20words"


def test_logs_as_json_are_one_object_a_line_with_the_requests_name(logged: Any) -> None:
    (line,) = logged("json", "info", PRIVATE).splitlines()
    told = json.loads(line)
    assert told["request_id"] == "one-request" and told["level"] == "INFO" and told["time"]
    assert (told["method"], told["route"], told["status"]) == ("GET", "/api/highway", 200)
    assert told["ms"] >= 0


def test_logs_for_people_say_the_same(logged: Any) -> None:
    line = logged("text", "info", PRIVATE)
    assert re.search(r"INFO one-request GET /api/highway 200 [\d.]+ ms$", line.strip())


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_log_tells_what_a_visitor_wrote_or_where_they_are(logged: Any, form: str) -> None:
    line = logged(form, "debug", PRIVATE, "/no/secret/place", "/api/highway?secret=1")
    assert line
    for private in ("secret", "words", "testclient", "127.0.0.1"):
        assert private not in line


def test_a_higher_level_leaves_requests_out(logged: Any) -> None:
    assert logged("text", "warning", PRIVATE) == ""
