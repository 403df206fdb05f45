"""What clients expect from the Drone Autoscaler: bare tokens, empty bodies, text."""

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from servers.access.tokens import SCOPES, issue_token
from servers.api.shared import limits
from servers.models import Server
from tests.api.conftest import Call

pytestmark = [pytest.mark.django_db, pytest.mark.pure]


@pytest.mark.parametrize("header", ["{}", " {} ", "Bearer {}", "bEARER  {}"])
def test_a_token_is_accepted_with_and_without_a_scheme(header: str) -> None:
    token = issue_token("drone", scopes=SCOPES)
    headers = {"authorization": header.format(token)}
    assert Client().get("/api/me", headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["", "Basic {}", "Token {}", "{} x", "Bearer"])
def test_no_other_form_of_a_token_is_accepted(header: str) -> None:
    token = issue_token("drone", scopes=SCOPES)
    headers = {"authorization": header.format(token)}
    assert Client().get("/api/me", headers=headers).status_code == 401


@override_settings(METRICS_TOKEN="long-and-random", METRICS_OPEN=False)
@pytest.mark.parametrize("header", ["long-and-random", "Bearer long-and-random"])
def test_the_metrics_accept_their_token_in_both_forms(call: Call, header: str) -> None:
    headers = {"authorization": header}
    assert call("GET", "/metrics", headers=headers).status_code == 200
    assert call("GET", "/metrics", headers={"authorization": "x"}).status_code == 401


@pytest.mark.parametrize("body", ["", " ", "{}", " { }\n"])
@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",  # curl -d
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/octet-stream",
        "application/json",
        "",
    ],
)
def test_an_empty_body_is_no_body_whatever_its_content_type(
    call: Call, kind: str, body: str
) -> None:
    answer = call("POST", "/api/servers", data=body, content_type=kind)
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    assert call("POST", "/api/pause", data=body, content_type=kind).status_code == 204


def test_any_other_body_that_is_not_json_gets_a_helpful_error(call: Call) -> None:
    kind = "application/x-www-form-urlencoded"
    answer = call("POST", "/api/servers", data='{"count": 2}', content_type=kind)
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["message"]
    assert not Server.objects.exists()


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html,*/*;q=0.8"])
def test_health_is_ok_as_text(call: Call, accept: str) -> None:
    headers = {"accept": accept} if accept else {}
    answer = call("GET", "/healthz", scopes=None, headers=headers)
    assert answer.content == b"OK"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["application/json", "application/json, text/plain, */*"]
)
def test_health_is_json_on_request(call: Call, accept: str) -> None:
    answer = call("GET", "/healthz", scopes=None, headers={"accept": accept})
    assert answer.json() == {"status": "ok"}
    assert answer["Content-Type"] == "application/json; charset=utf-8"


@override_settings(RATE_TOKEN=1000, RATE_ADDRESS=100)
@pytest.mark.parametrize(
    "path", ["/version", "/varz", "/api/schema", "/api/docs", "/api/me"]
)
def test_open_routes_count_for_the_token_that_was_sent(call: Call, path: str) -> None:
    cache.clear()
    for counter in (limits.callers, limits.strangers, limits.refusals):
        counter.forget()
    assert call("GET", path)["RateLimit-Limit"] == "1000"
    assert call("GET", path)["RateLimit-Remaining"] == "998"
    if path == "/api/me":
        return
    alone = call("GET", path, scopes=None)
    assert (alone["RateLimit-Limit"], alone["RateLimit-Remaining"]) == ("100", "99")
    # A wrong token is no reason not to answer, but it is counted as one.
    wrong = call("GET", path, headers={"authorization": "Bearer sf_a_b"})
    assert (wrong.status_code, wrong["RateLimit-Limit"]) == (200, "10")
