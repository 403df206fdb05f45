"""Answers that are small on their way and take much memory once they are read."""

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from servers.outgoing import deadline, http, reading, rest
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import UnknownOutcomeError
from servers.outgoing.rest import RestClient
from tests.outgoing.test_http import answering

pytestmark = pytest.mark.pure

MIB = 1024 * 1024


@pytest.mark.parametrize(
    "value", [None, 1, "a", [], {}, [[], {}, [1, [2]]], {"a": {"b": 1, "c": [None]}}]
)
def test_values_are_counted_without_reading_them(value: Any) -> None:
    def count(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value
        return 1 + sum(map(count, inner)) if isinstance(value, dict | list) else 1

    found = reading.count_values(json.dumps(value).encode())
    assert count(value) <= found <= 2 * count(value)


@pytest.mark.parametrize("part", [b"[],", b"{},", b'"",', b'{"a":0},'])
def test_a_bomb_is_refused_before_it_takes_memory(part: bytes) -> None:
    size = http.MAX_BODY_BYTES // len(part) - 1
    packed = gzip.compress(b"[" + part * size + b"0]", 1)
    assert len(packed) < MIB
    with answering(200, packed, Content_Encoding="gzip") as (url, _):
        tracemalloc.start()
        try:
            with (
                Deadline(20, "It"),
                pytest.raises(UnknownOutcomeError, match="it is too large"),
            ):
                RestClient("It", url).ask("GET", "/")
            assert tracemalloc.get_traced_memory()[1] < 120 * MIB
        finally:
            tracemalloc.stop()


def test_the_values_of_a_call_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "MAX_ALL_VALUES", 6)
    with answering(200, b"[1, 2, 3]") as (url, _):
        client = RestClient("It", url)
        with Deadline(5, "It") as first:
            assert client.ask("GET", "/").data == [1, 2, 3]
        with (
            Deadline(5, "It", first.received),
            pytest.raises(UnknownOutcomeError, match="it is too large"),
        ):
            client.ask("GET", "/")


def test_answers_that_come_at_once_share_what_one_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = b'["' + b"x" * 96 + b'"]'
    for module, name, most in ((http, "MAX_BODY_BYTES", 300), (rest, "MAX_VALUES", 6)):
        with monkeypatch.context() as patch, answering(200, body) as (url, _):
            patch.setattr(module, name, most)
            client = RestClient("It", url)
            with Deadline(5, "It", at_once=3):
                client.ask("GET", "/")
            with (
                Deadline(5, "It", at_once=4),
                pytest.raises(UnknownOutcomeError, match="it is too large"),
            ):
                client.ask("GET", "/")


def test_what_comes_after_a_million_characters_is_left_out() -> None:
    assert len(reading.text("\n" * 3_000_000)) == reading.MAX_TEXT
    assert reading.text("a\nb") == "a?b"
