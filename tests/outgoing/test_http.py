"""What the HTTP client sends, refuses, and makes of answers without words."""

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from libcloud.common.digitalocean import DigitalOcean_v2_Connection
from libcloud.common.vultr import VultrConnectionV2
from libcloud.compute.drivers.scaleway import ScalewayConnection

from servers.clouds.amazon.api import read_answer
from servers.clouds.driver import put_on_http, send_by
from servers.drill.service import free_port
from servers.outgoing import deadline, http
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.http import Answer, explain_answer, send
from tests.support.serving import serve_http

pytestmark = pytest.mark.pure


@contextmanager
def answering(
    status: int, body: bytes = b"", **headers: str
) -> Iterator[tuple[str, list[Any]]]:
    """Serve one answer, and note the headers of each request."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with serve_http(Handler) as url:
        yield url, seen


def test_an_answer_is_whole_whatever_its_status() -> None:
    packed = gzip.compress(b"said")
    told = {"Content_Encoding": "gzip", "X_Told": "yes"}
    with answering(418, packed, **told) as (url, seen), Deadline(5, "It"):
        answer = send("GET", f"{url}/a?b=c", headers={"X-Own": "1"})
    assert (answer.status, answer.body) == (418, b"said")
    assert answer.headers["x-told"] == "yes"
    assert (seen[0]["X-Own"], seen[0]["Connection"]) == ("1", "close")


def test_a_redirect_is_not_followed() -> None:
    with (
        answering(200) as (other, there),
        answering(302, Location=other) as (url, _),
        Deadline(5, "It"),
    ):
        assert send("GET", url).status == 302
    assert there == []


def test_an_answer_that_is_too_large_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 10)
    packed = gzip.compress(b"a" * 11)  # counted as it is unpacked
    with (
        answering(200, packed, Content_Encoding="gzip") as (url, _),
        Deadline(5, "It"),
        pytest.raises(UnknownOutcomeError, match="it is too large"),
    ):
        send("GET", url)


def test_the_answers_of_a_call_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "MAX_RECEIVED", 10)
    with answering(200, b"a" * 6) as (url, _):
        with Deadline(5, "It") as first:
            assert send("GET", url).body == b"a" * 6
        # Such as in another of its threads.
        with (
            Deadline(5, "It", first.received),
            pytest.raises(UnknownOutcomeError, match="it is too large"),
        ):
            send("GET", url)
        with Deadline(5, "It"):
            assert send("GET", url).body == b"a" * 6


def test_what_was_sent_is_decided_for_each_request_alone() -> None:
    with answering(200) as (url, _), Deadline(5, "It"):
        send("GET", url)
        with pytest.raises(UnreachableError, match="It can't be reached"):
            send("GET", f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (401, CredentialsError),
        (403, UnknownOutcomeError),
        (404, UnknownOutcomeError),
        (408, UnknownOutcomeError),
        (429, ThrottledError),
        (500, UnknownOutcomeError),
        (504, UnknownOutcomeError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"\xff\x00"])
def test_an_error_without_words_means_what_its_status_alone_makes_certain(
    status: int, wanted: type[CallError], body: bytes
) -> None:
    answer = Answer(status, "", {}, body)
    assert type(explain_answer(answer, "It")) is wanted
    with pytest.raises(CallError) as raised:
        read_answer(answer)
    assert type(raised.value) is wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("7", 7.0), ("1.5", 1.5), ("999999", 3600.0), ("", None), ("-1", None)],
)
def test_a_throttled_call_says_when_to_repeat_it(
    given: str, wanted: float | None
) -> None:
    answer = Answer(429, "", {"Retry-After": given}, b"")
    assert explain_answer(answer, "It").retry_after == wanted


def test_a_throttled_call_may_name_a_time_of_day() -> None:
    later = {"Retry-After": formatdate(time() + 60, usegmt=True)}
    said = explain_answer(Answer(429, "", later, b""), "It").retry_after
    assert said == pytest.approx(60, abs=3)


CONNECTIONS = [ScalewayConnection, VultrConnectionV2, DigitalOcean_v2_Connection]


def ask(url: str, kind: Any) -> Answer:
    parts = urlsplit(url)
    keys = ("me", "a-key") if kind is ScalewayConnection else ("a-key",)
    plain = type("Plain", (kind,), {"allow_insecure": True})
    connection = plain(*keys, secure=False, host=parts.hostname, port=parts.port)
    connection.driver = SimpleNamespace(name="it", ex_per_page=1)
    put_on_http(connection)
    return send_by(connection, "/servers")


@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize("status", [200, 404, 429, 502])
@pytest.mark.parametrize("body", [b"", b"<html>"])
def test_libcloud_signs_and_parses_nothing(kind: Any, status: int, body: bytes) -> None:
    with answering(status, body, Retry_After="3") as (url, seen), Deadline(5, "It"):
        answer = ask(url, kind)
    assert (answer.status, answer.body, answer.retry_after) == (status, body, 3.0)
    assert "a-key" in str(seen[0])


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_libclouds_connection_is_bounded_too(kind: Any) -> None:
    with Deadline(5, "It"), pytest.raises(UnreachableError):
        ask(f"http://127.0.0.1:{free_port()}", kind)


def test_what_fails_in_libcloud_itself_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise TypeError

    monkeypatch.setattr(ScalewayConnection, "add_default_headers", fail)
    with (
        answering(200) as (url, seen),
        Deadline(5, "It"),
        pytest.raises(UnreachableError),
    ):
        ask(url, ScalewayConnection)
    assert seen == []


def list_recorded_errors() -> list[Any]:
    """Return each recorded answer of any cloud with an error status and no body."""
    named = os.environ.get("CLOUD_MATERIAL")
    found = []
    for path in sorted(Path(named).glob("*/recordings/*.json")) if named else []:
        material = json.loads(path.read_text(encoding="utf-8"))
        for each in material.get("interactions", ()) if material else ():
            answer = each.get("response", {})
            if answer.get("status", 0) >= 400 and not answer.get("body"):
                found.append(pytest.param(answer, id=path.stem))
    return found


@pytest.mark.parametrize("recorded", list_recorded_errors())
def test_a_recorded_empty_error_is_certain_or_unknown(recorded: Any) -> None:
    status = recorded["status"]
    wanted = {429: ThrottledError, 401: CredentialsError}.get(
        status, UnknownOutcomeError
    )
    with answering(status) as (url, _), Deadline(5, "It"):
        assert type(explain_answer(ask(url, ScalewayConnection), "It")) is wanted
