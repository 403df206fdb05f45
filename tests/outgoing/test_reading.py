"""What is read from answers, whatever they hold."""

from typing import Any

import pytest

from servers.outgoing import reading
from servers.outgoing.http import Answer
from servers.outgoing.reply import Reply

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02T00:00:00Z", 86400),
        ("1970-01-02T01:00:00.500+01:00", 86400.5),
        ("1970-01-02 00:00:00", 86400),
        ("soon", None),
        ("", None),
        (86400, None),
        (None, None),
        ("9999-99-99T00:00:00Z", None),
    ],
)
def test_a_time_is_read_in_its_zone(text: Any, seconds: float | None) -> None:
    assert reading.instant({"at": text}, "at") == seconds


@pytest.mark.parametrize(
    "body", [b"1e999", b"-1e999", b"NaN", b"Infinity", b"[" * 9999]
)
def test_what_no_json_can_hold_is_nothing(body: bytes) -> None:
    assert reading.parse_json(body) is None


@pytest.mark.parametrize(
    ("link", "target"),
    [
        (
            '<https://a/1>; rel="prev", <https://a/3?x=1,2>; rel="next"',
            "https://a/3?x=1,2",
        ),
        ('<https://a/3>; rel="next"; title="n"', "https://a/3"),
        ("<https://a/3>;rel=next", "https://a/3"),
        ("<https://a/3> ; title=n ; rel=next", "https://a/3"),
        ('<https://a/3>; rel="nextish"', ""),
        ('<https://a/3>; title="no rel=next here"', ""),
        ("https://a/3; rel=next", ""),
        ("", ""),
    ],
)
def test_a_link_is_found_by_its_relation(link: str, target: str) -> None:
    reply = Reply("x", Answer(200, "", {"Link": link}, b""), None)
    assert reply.find_link("next") == target
