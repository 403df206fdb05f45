"""The price that a cloud lists is shown where a template has none of its own."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client

from servers.models import Account, Catalogue
from servers.placing import prices
from servers.placing.prices import find_prices
from servers.records.ledger import database_now
from tests.support.fleet import change_template, make_fleet, make_template
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db

SIZES = [["small", 2, 4096, "0.0425", "EUR"], ["large", 8, 16384, "0.34", "EUR"]]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forget what this process keeps for a minute."""
    prices._kept.clear()
    yield
    prices._kept.clear()


@pytest.fixture
def client() -> Client:
    return log_in(make_person("operator"))


@pytest.fixture
def account() -> Account:
    """A sandbox whose catalogue lists prices."""
    made = make_fleet()
    now = database_now()
    Catalogue.objects.update_or_create(
        account=made,
        region="",
        defaults={
            "content": json.dumps({"sizes": SIZES}),
            "taken_at": now,
            "asked_at": now,
        },
    )
    return made


def read(client: Client, path: str) -> str:
    return " ".join(client.get(path).content.decode().split())


def test_the_pages_show_the_listed_price(client: Client, account: Account) -> None:
    for path in ("/templates/", "/templates/default/", "/servers/new/"):
        assert "0.0425 EUR" in read(client, path), path


def test_a_price_of_its_own_comes_first(client: Client, account: Account) -> None:
    change_template(price_per_hour=Decimal("0.5"), currency="USD")
    for path in ("/templates/", "/templates/default/", "/servers/new/"):
        page = read(client, path)
        assert "0.5 USD" in page, path
        assert "0.0425" not in page, path


def test_a_spot_placement_has_no_listed_price_and_the_form_says_so(
    client: Client, account: Account
) -> None:
    change_template(spot=True)
    for path in ("/templates/", "/templates/default/", "/servers/new/"):
        assert "0.0425" not in read(client, path), path
    person = log_in(make_person("admin"))
    assert "No price is listed for spot instances" in read(person, "/templates/new/")


def test_each_placement_has_its_own_price(client: Client, account: Account) -> None:
    change_template(fallbacks=[{"size": "large"}, {"size": "unheard-of"}])
    page = read(client, "/templates/default/")
    assert page.count("0.34 EUR") == 1
    assert ">–</td></tr>" in page


def test_any_number_of_prices_takes_one_query(
    account: Account, django_assert_num_queries: object
) -> None:
    others = [make_template(account, f"t{number}") for number in range(3)]
    placements = [each.first_placement.freeze() for each in others]
    assert callable(django_assert_num_queries)
    with django_assert_num_queries(1):
        found = find_prices(placements)
    assert {str(each.per_hour) for each in found} == {"0.0425"}
    with django_assert_num_queries(0):
        find_prices(placements)
