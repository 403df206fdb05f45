"""Requests that nobody would send get a sentence, and change nothing."""

from typing import Any

import pytest

from servers.models import Server
from tests.api.conftest import Call

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/api/servers", {"data": "{", "content_type": "application/json"}, 400),
    ("POST", "/api/servers", {"data": "[]", "content_type": "application/json"}, 400),
    ("POST", "/api/servers", {"data": b"\xff\xfe", "content_type": "text/json"}, 400),
    ("POST", "/api/servers", {"data": "a=b", "content_type": "text/html"}, 415),
    (
        "POST",
        "/api/servers",
        {"data": '{"name": "a\\u0000b"}', "content_type": "application/json"},
        400,
    ),
    (
        "POST",
        "/api/servers",
        {"data": '{"name": "' + "a" * 10_000 + '"}', "content_type": "text/json"},
        400,
    ),
    (
        "POST",
        "/api/servers",
        {"data": b" " * 10_000_000, "content_type": "application/json"},
        413,
    ),
    (
        "POST",
        "/api/servers",
        {"data": "[" * 100_000, "content_type": "application/json"},
        400,
    ),
    ("POST", "/api/servers", {"data": '{"nam": 1}', "content_type": "text/json"}, 400),
    (
        "POST",
        "/api/servers",
        {"data": '{"capacity": 0}', "content_type": "text/json"},
        400,
    ),
    (
        "POST",
        "/api/servers",
        {"data": '{"capacity": 1.5}', "content_type": "text/json"},
        400,
    ),
    (
        "POST",
        "/api/servers",
        {"data": '{"count": 100000}', "content_type": "text/json"},
        400,
    ),
    (
        "POST",
        "/api/servers",
        {"data": '{"template": "none"}', "content_type": "text/json"},
        400,
    ),
    (
        "POST",
        "/api/servers",
        {"data": '{"labels": {"a=": "b"}}', "content_type": "text/json"},
        400,
    ),
    ("GET", "/api/servers/", {}, 404),
    ("GET", "/api/nothing", {}, 404),
    ("GET", "/api/servers/a%00b", {}, 404),
    ("GET", "/api/servers/%2e%2e%2f", {}, 404),
    ("GET", "/api/servers/" + "x" * 10_000, {}, 404),
    ("GET", "/api/servers/%F0%9F%92%A5%0A", {}, 404),
    ("GET", "/api/servers/%ff", {}, 404),
    ("DELETE", "/api/servers/nobody", {}, 404),
    ("PUT", "/api/servers", {}, 405),
    ("BREW", "/api/servers", {}, 405),
    ("PATCH", "/api/pause", {}, 405),
    ("DELETE", "/healthz", {}, 405),
    ("POST", "/metrics", {}, 405),
]


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    HOSTILE,
    ids=[f"{n}-{case[0]}-{case[1][:20]}" for n, case in enumerate(HOSTILE)],
)
def test_hostile_requests_get_a_sentence(
    call: Call, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    answer = call(method, path, **more)
    assert answer.status_code == status, answer.content[:300]
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    message = answer.json()["message"]
    assert message.endswith((".", ":")) or message[-1] in ".'…"
    assert "Traceback" not in message
    assert not Server.objects.exists()
