"""What locations offer: kept as a copy, searched, and compared with templates."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from servers.models import Account, Catalogue, Template
from servers.operations.catalogue import (
    follow_hint,
    hint_catalogues,
    refresh_catalogue,
)
from servers.placing.locations import ensure_location
from servers.reports.attention.offers import describe_missing
from tests.api.conftest import Call
from tests.support.fleet import change_template

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/accounts/sandbox/catalogue"


def offer(**options: Any) -> Account:
    """Change what the sandbox offers, and ask for it."""
    account = Account.objects.get(name="sandbox")
    account.options |= options
    account.save()
    refresh_catalogue(account, account.region, seconds=5)
    return account


def test_a_catalogue_is_asked_for_kept_and_searched(send: Call) -> None:
    empty = send("GET", PATH).json()
    assert (empty["taken"], empty["stale"], empty["images"]) == (0, True, [])
    told = send("POST", PATH)
    assert told.status_code == 200, told.content
    assert told.json()["total_images"] == 2
    found = send("GET", f"{PATH}?search=DEBIAN&limit=1").json()
    assert found["stale"] is False
    assert found["taken"] > 0
    assert [each["id"] for each in found["images"]] == ["debian-12"]
    assert found["total_sizes"] == 0
    sizes = send("GET", f"{PATH}?search=l&limit=2").json()
    assert (len(sizes["sizes"]), sizes["total_sizes"]) == (2, 2)  # large and small
    for wrong in ("limit=0", "limit=501", "limit=x"):
        assert send("GET", f"{PATH}?{wrong}").status_code == 400
    assert send("GET", "/api/accounts/nobody/catalogue").status_code == 404


def test_what_is_known_stays_while_the_cloud_does_not_answer(send: Call) -> None:
    send("POST", PATH)
    offer(faults={"server_error": 1})
    found = send("GET", PATH).json()
    assert (found["total_images"], found["stale"]) == (2, True)
    assert "503" in found["error"]
    offer(faults={})
    assert send("GET", PATH).json()["error"] == ""


def test_an_image_that_is_gone_is_told_with_the_newest_that_looks_alike(
    send: Call, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    images = ["debian-11-20260101", "debian-11-20260301", "debian-12", "ubuntu-24.04"]
    offer(images=images)
    change_template("default", image="debian-11-20260101", size="small")
    offer()
    assert send("GET", "/api/templates/default").json()["warnings"] == []
    newer = ["debian-11-20260201", "debian-11-20260301", "debian-12"]
    offer(images=newer, sizes=["large"])
    image, size = send("GET", "/api/templates/default").json()["warnings"]
    assert image == (
        "sandbox no longer has the image debian-11-20260101. The newest image that "
        "looks alike is debian-11-20260301."
    )
    assert size == "sandbox no longer has the size small. Choose another one."
    told = send("GET", PATH).json()["missing"]
    assert [(each["what"], each["like"]) for each in told] == [
        ("image", "debian-11-20260301"),
        ("size", ""),
    ]
    items = list(describe_missing())
    assert {item.template for item in items} == {"default"}
    assert image in items[0].sentence
    with django_assert_num_queries(2):
        list(describe_missing())
    # Nothing changes by itself, and what comes back is no longer told.
    assert Template.objects.get(name="default").version == 2
    offer(images=images, sizes=["small"])
    assert send("GET", "/api/templates/default").json()["warnings"] == []


def test_an_image_by_rule_is_never_missing(send: Call) -> None:
    change_template("default", image="newest:sandbox/nothing-*")
    offer()
    assert send("GET", "/api/templates/default").json()["warnings"] == []


@pytest.mark.usefixtures("send")
def test_workers_renew_what_is_due_and_only_that() -> None:
    account = Account.objects.get(name="sandbox")
    ensure_location(account, account.region)
    assert hint_catalogues() == 1
    follow_hint(f"{account.pk}/{account.region}")
    first = Catalogue.objects.get()
    assert first.taken_at is not None
    follow_hint(f"{account.pk}/{account.region}")  # a second hint does nothing
    assert Catalogue.objects.get().asked_at == first.asked_at
    assert hint_catalogues() == 0
    Account.objects.update(enabled=False)
    Catalogue.objects.all().delete()
    assert hint_catalogues() == 0


def test_an_account_has_a_limited_number_of_catalogues(send: Call) -> None:
    account = Account.objects.get(name="sandbox")
    for number in range(50):
        refresh_catalogue(account, f"r{number}", seconds=5)
    refused = send("POST", f"{PATH}?region=one-more")
    assert refused.status_code == 400
    assert "At most 50 regions" in refused.json()["message"]
