"""Each request has an id, and one line in the log."""

import logging

import pytest
from django.test import Client

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


def test_a_request_is_one_line_without_its_query(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "serverfleet.request"):
        client.get(f"{PATH}?token=needle")
    (record,) = [each for each in caplog.records if each.name == "serverfleet.request"]
    assert record.getMessage() == f"GET {PATH} 200"
    assert "needle" not in str(vars(record))
