"""The cards from which people choose the kind of a queue."""

import re

import pytest

from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


def test_each_kind_says_what_a_queue_of_it_needs() -> None:
    make_fleet()
    page = log_in(make_person("admin")).get("/queues/new/").text
    cards = dict(re.findall(r"<b>([^<]+)</b> <span>([^<]+)</span>", page))
    for name in ("JSON at a URL", "Prometheus"):
        assert cards.pop(name) == "Needs the URL. Credentials are optional."
    assert cards["GitHub Actions"] == "Needs credentials."  # one of two sorts
    assert "API" in cards.pop("Push over the API")
    assert "Made-up" in cards.pop("Example queue")
    needed = {"Needs the URL and credentials.", "Needs credentials."}
    assert set(cards.values()) == needed
