"""Jump to anything: what is found by a part of its name, and by whom."""

import re
from typing import Any

import pytest
from django.test import Client

from servers.models import Server
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fleet(workshop: Workshop) -> None:
    make_fleet()


def jump(client: Client, words: str) -> list[tuple[str, str]]:
    """Return the address and the name of each hit."""
    text = client.get("/jump/", {"q": words}).content.decode()
    hits = text[text.index("data-hits") :]
    return re.findall(
        r'<a href="([^"]+)"><span[^>]*>[^<]*</span> <strong>([^<]*)', hits
    )


def test_servers_templates_accounts_pages_and_acts_are_found(
    workshop: Workshop,
) -> None:
    for name in ("one-more", "one", "two"):
        provision(name=name)
    Server.objects.filter(name="two").update(address="10.9.8.7")
    operator = log_in(make_person("operator"))
    found = jump(operator, "One")
    assert found[:2] == [("/servers/one/", "one"), ("/servers/one-more/", "one-more")]
    assert found[-1] == ("/servers/?search=One&amp;state=all", "Servers matching One")
    assert ("/servers/two/", "two") in jump(operator, "9.8.7")
    assert ("/templates/default/", "default") in jump(operator, "defau")
    assert ("/accounts/sandbox/", "sandbox") in jump(operator, "SAND")
    assert ("/leaks/", "Leaks") in jump(operator, "leak")
    assert ("/servers/new/", "New server") in jump(operator, "new")


def test_nothing_is_found_that_the_reader_may_not_open() -> None:
    viewer = log_in(make_person("viewer"))
    addresses = {address for address, _ in jump(viewer, "")}
    assert "/servers/" in addresses
    assert addresses.isdisjoint({"/tokens/", "/servers/new/", "/admin/"})
    assert "/admin/" in {
        address for address, _ in jump(log_in(make_person("root")), "")
    }
    assert Client().get("/jump/?q=one").status_code == 302


@pytest.mark.parametrize("words", ["<script>", "\0", "%", "'", "x" * 9000, "\u202e"])
def test_hostile_words_find_nothing_and_do_nothing(words: str) -> None:
    client = log_in(make_person("viewer"))
    answer = client.get("/jump/", {"q": words})
    assert answer.status_code == 200
    assert b"<script>" not in answer.content


def test_its_queries_do_not_grow_with_the_fleet(
    django_assert_max_num_queries: Any,
) -> None:
    client = log_in(make_person("admin"))
    for number in range(30):
        provision(name=f"s-{number}")
    with django_assert_max_num_queries(10):
        assert len(jump(client, "s-")) >= 9
