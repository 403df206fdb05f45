"""Under which names and schemes requests are answered, and what the others are told."""

import logging
from typing import Any

import pytest
from django.test import Client

from servers.access.tokens import SCOPES, issue_token
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db

PROBED = ["/healthz", "/varz", "/version", "/metrics"]
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def named(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".example.com"]


@pytest.fixture
def secure(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True


@pytest.fixture
def client(workshop: Any) -> Client:
    make_fleet()
    return Client(raise_request_exception=False)


@pytest.mark.usefixtures("named", "secure")
@pytest.mark.parametrize("host", ["10.42.8.201:8000", "127.0.0.1", "evil", "a b", ""])
@pytest.mark.parametrize("path", PROBED)
def test_probes_are_answered_under_any_name(
    client: Client, path: str, host: str
) -> None:
    assert client.get(path, headers={"host": host}).status_code == 200


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("path", ["/", "/login/", "/servers/", "/nothing/", "/admin/"])
def test_a_browser_under_a_wrong_name_is_told_the_setting(
    client: Client, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get(path, headers={**BROWSER, "host": "192.168.1.7:8000"})
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("text/html")
    assert "SERVERFLEET_ALLOWED_HOSTS" in answer.content.decode()
    # One line, without a trace, that says which name it was.
    assert len(caplog.records) == 1
    assert caplog.records[0].refused_host == "192.168.1.7:8000"  # type: ignore[attr-defined]
    assert caplog.records[0].exc_info is None


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("path", ["/api/servers", "/", "/servers/", "/nothing"])
def test_a_client_under_a_wrong_name_is_told_in_json(client: Client, path: str) -> None:
    answer = client.post(path, headers={"host": "evil"})
    assert answer.status_code == 400
    assert "SERVERFLEET_ALLOWED_HOSTS" in answer.json()["message"]


@pytest.mark.usefixtures("secure")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PATCH", "PUT"])
def test_the_api_refuses_plain_http_and_redirects_nothing(
    client: Client, method: str
) -> None:
    answer = client.generic(method, "/api/servers")
    assert answer.status_code == 403
    assert "Location" not in answer
    if method != "HEAD":
        assert "Use https://" in answer.json()["message"]
        assert "token" not in answer.json()["message"]


@pytest.mark.usefixtures("secure")
def test_a_token_that_was_sent_openly_is_to_be_revoked(client: Client) -> None:
    headers = {"authorization": f"Bearer {issue_token('x', scopes=SCOPES)}"}
    answer = client.post("/api/servers", headers=headers)
    assert "Revoke it" in answer.json()["message"]


@pytest.mark.usefixtures("secure")
def test_a_page_is_redirected_to_https_but_no_form_is(client: Client) -> None:
    answer = client.get("/servers/?a=b", headers=BROWSER)
    assert (answer.status_code, answer["Location"]) == (
        301,
        "https://testserver/servers/?a=b",
    )
    answer = client.post("/login/", headers=BROWSER)
    assert answer.status_code == 403
    assert "Use https://" in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/admin/nothing/", 404),
        ("POST", "/login/", 403),
        ("PUT", "/login/", 403),
    ],
)
def test_errors_are_json_for_whoever_asks_for_no_page(
    workshop: Any, method: str, path: str, status: int
) -> None:
    make_fleet()
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for accept in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
        answer = strict.generic(method, path, headers=accept)
        if answer.status_code != 302:  # to the log-in
            assert answer.status_code == status
            assert answer.json()["message"].endswith(".")
        page = strict.generic(method, path, headers=BROWSER)
        assert page.status_code == answer.status_code
        assert page["Content-Type"].startswith("text/html")


def test_a_page_that_a_view_refuses_is_json_for_clients(workshop: Any) -> None:
    make_fleet()
    lax = Client(raise_request_exception=False)
    for method, path, status in (
        ("DELETE", "/login/", 405),
        ("POST", "/admin/login/", 405),
    ):
        answer = lax.generic(method, path)
        assert answer.status_code == status
        assert answer.json()["message"].endswith(".")
        assert "GET" in answer["Allow"]
