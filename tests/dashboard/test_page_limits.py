"""Pages have a limit of requests, too: of each person, and else of each address."""

import time
from typing import Any

import pytest
from django.test import Client

from serverfleet.web import page_middleware
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]
MAX_SECONDS = 12.0  # of a test here, on a busy machine


@pytest.fixture(autouse=True)
def fleet(workshop: Any) -> Any:
    make_fleet()
    forget()
    # Requests are counted in whole minutes, so none may end in the middle of a test.
    left = 60 - time.time() % 60
    if left < MAX_SECONDS:
        time.sleep(left)
    yield
    forget()


def forget() -> None:
    page_middleware.readers.forget()
    page_middleware.passers_by.forget()


def test_a_stranger_is_told_to_wait_and_costs_no_query(
    settings: Any, django_assert_num_queries: Any
) -> None:
    settings.RATE_ADDRESS = 3
    client = Client()
    for path in ("/login/", "/", "/no-such-page/"):
        assert client.get(path).status_code != 429
    with django_assert_num_queries(0):
        answer = client.get("/login/")
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert b"You sent too many requests." in answer.content
    # A made-up session is a stranger's.
    client.cookies["sessionid"] = "x" * 32
    assert client.get("/login/").status_code == 429
    assert Client().get("/login/", REMOTE_ADDR="10.9.9.9").status_code == 200
    # Probes are asked often, and the API counts for itself.
    assert client.get("/healthz").status_code == 200


def test_a_person_has_a_limit_of_their_own(settings: Any) -> None:
    settings.RATE_ADDRESS, settings.RATE_TOKEN = 1, 4
    ada, tomek = log_in(make_person("admin")), log_in(make_person("viewer"))
    for _ in range(4):
        assert ada.get("/servers/").status_code == 200
    assert ada.get("/servers/").status_code == 429
    assert tomek.get("/servers/").status_code == 200
    settings.RATE_TOKEN = 0
    assert ada.get("/servers/").status_code == 200
