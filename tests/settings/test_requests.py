"""Each request has an id, and one line in the log."""

import logging

import pytest
from django.test import Client

from servers.access.tokens import issue_token

PATH = "/version"


@pytest.mark.parametrize("given", ["a", "req-1.2_3", "x" * 128])
def test_a_sane_request_id_is_echoed(client: Client, given: str, db: None) -> None:
    assert client.get(PATH, headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "é", "a;b", "a/b"])
def test_any_other_request_id_is_replaced(client: Client, given: str, db: None) -> None:
    made = client.get(PATH, headers={"X-Request-ID": given})["X-Request-ID"]
    assert made != given
    assert len(made) == 16


def test_two_requests_have_two_ids(client: Client, db: None) -> None:
    assert client.get(PATH)["X-Request-ID"] != client.get(PATH)["X-Request-ID"]


def line_of(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    (record,) = [each for each in caplog.records if each.name == "serverfleet.request"]
    return record


def test_a_request_is_one_line_without_its_query(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "serverfleet.request"):
        client.get(f"{PATH}?what=needle")
    record = line_of(caplog)
    assert record.getMessage() == f"GET {PATH} 200"
    assert "needle" not in str(vars(record))


def test_the_line_tells_route_status_time_and_the_tokens_public_id(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    token = issue_token("ci", scopes=["servers:read"])
    with caplog.at_level(logging.INFO, "serverfleet.request"):
        client.get("/api/servers/none", headers={"authorization": f"Bearer {token}"})
    record = vars(line_of(caplog))
    assert record["route"].startswith(r"\Aapi/servers/(?P<name>")
    assert record["status"] == 404
    assert record["ms"] > 0
    assert record["token_id"] == token.split("_")[1]
    assert token.split("_", 2)[2] not in str(record)


def test_a_token_that_was_refused_is_not_named(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"authorization": "Bearer sf_0123456789ab_needle"}
    with caplog.at_level(logging.INFO, "serverfleet.request"):
        assert client.get("/api/servers", headers=wrong).status_code == 401
    assert line_of(caplog).__dict__["token_id"] == ""


@pytest.mark.parametrize(
    "query",
    [
        "token=x",
        "a=1&access_token=x",
        "API_KEY=x",
        "search=sf_0123456789ab_0123456789",
        "x=%73f%5F0123456789ab_0123456789",
    ],
)
def test_a_token_in_the_address_is_refused_and_not_logged(
    client: Client, db: None, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    with caplog.at_level(logging.INFO, "serverfleet.request"):
        answer = client.get(f"/api/servers?{query}")
    assert answer.status_code == 400
    assert "Revoke this token" in answer.json()["message"]
    assert "0123456789ab" not in str(vars(line_of(caplog)))


def test_words_like_token_in_the_address_are_no_token(client: Client, db: None) -> None:
    for query in ("search=token", "search=sf_x_y", "my_token=1", "next=/tokens/"):
        assert client.get(f"{PATH}?{query}").status_code == 200, query
