"""Locations: each has its own health, and exists as long as something needs it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from servers import reconciler
from servers.access.tokens import issue_token
from servers.models import (
    Account,
    Attempt,
    Fleet,
    Instance,
    Listing,
    Location,
    Server,
    Template,
)
from servers.operations.scans import scan_now
from servers.operations.templates import delete_template, save_template
from servers.operations.terminate import terminate_server
from servers.reconciler.locations import tidy_locations
from servers.records.ledger import database_now
from tests.support.ageing import jump
from tests.support.fleet import (
    Workshop,
    change_template,
    make_fleet,
    make_template,
    provision,
)

pytestmark = pytest.mark.django_db(transaction=True)

YEAR = 366 * 86400.0


def call(method: str, path: str, body: Any = None) -> Any:
    token = issue_token(f"t {database_now()}", scopes=["fleet:admin", "servers:write"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    return client.generic(method, path, body or "", content_type="application/json")


def list_regions() -> list[str]:
    return list(Location.objects.order_by("region").values_list("region", flat=True))


def list_series() -> set[str]:
    text = Client().get("/metrics").content.decode()
    return {part.split('"')[1] for part in text.split("region=")[1:]}


def make_any_fleet(**options: Any) -> Account:
    """Make a fleet whose template lets people name any region."""
    account = make_fleet(**options)
    template = Template.objects.get()
    template.overrides = Template.Overrides.ANY
    save_template(template)
    return account


def make_two_regions(**options: Any) -> Account:
    account = make_any_fleet(**options)
    change_template(fallbacks=[{"region": "west"}], region="east")
    return account


def test_if_one_region_refuses_the_others_continue(workshop: Workshop) -> None:
    make_two_regions(denied=["east/list"])
    server = provision()
    workshop.run_to("running", server)
    assert server.region == "west"
    health = dict(Location.objects.exclude(region="").values_list("region", "health"))
    assert health == {"east": "refused", "west": "ok"}
    shown = call("GET", "/api/accounts/sandbox").json()
    assert shown["health"] == "refused"
    assert shown["health_note"].startswith("east: ")
    assert "may not list" in shown["health_note"]
    by_region = {row["region"]: row["health"] for row in shown["locations"]}
    assert by_region == {"": by_region[""], "east": "refused", "west": "ok"}
    (listed,) = call("GET", "/api/accounts").json()
    assert listed == shown

    admin = Client()
    admin.force_login(User.objects.create_superuser("ada"))
    for path in ("/accounts/", "/accounts/sandbox/"):
        page = admin.get(path).content.decode()
        assert "refused" in page
        assert "east: " in page
    overview = admin.get("/").content.decode()
    assert "refuses the credentials in sandbox east" in overview
    assert "refuses the credentials of sandbox." not in overview
    assert admin.get("/admin/servers/account/").status_code == 200


def test_a_refusal_by_all_regions_is_reported_once(workshop: Workshop) -> None:
    make_two_regions(denied=["list"])
    Location.objects.filter(region="").delete()
    provision()
    workshop.run_until(lambda: not Location.objects.exclude(health="refused").exists())
    admin = Client()
    admin.force_login(User.objects.create_superuser("ada"))
    overview = admin.get("/").content.decode()
    assert overview.count("refuses the credentials of sandbox. ") == 1


def test_new_credentials_make_every_location_unknown_and_due_at_once(
    workshop: Workshop,
) -> None:
    make_two_regions(expected_token="right")
    workshop.run_until(lambda: not Location.objects.exclude(health="refused").exists())
    body = '{"credentials": {"token": "right"}}'
    assert call("PATCH", "/api/accounts/sandbox", body).status_code == 200
    assert set(Location.objects.values_list("health", "error")) == {("unknown", "")}
    workshop.run_until(lambda: not Location.objects.exclude(health="ok").exists())
    assert call("GET", "/api/accounts/sandbox").json()["health"] == "ok"


def test_150_refused_requests_for_invented_regions_leave_nothing(
    workshop: Workshop,
) -> None:
    make_any_fleet()
    Account.objects.update(max_servers=1)
    workshop.run_to("running", provision())
    before = list_series()
    for number in range(150):
        answer = call("POST", "/api/servers", f'{{"region": "made-up-{number}"}}')
        assert answer.status_code == 409  # the cap
    assert list_regions() == [""]
    assert list_series() == before


def test_a_location_exists_from_the_first_server_to_the_last_record(
    workshop: Workshop,
) -> None:
    make_two_regions()
    delete_location("")
    server = provision(region="north")
    assert list_regions() == ["east", "north", "west"]
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert "north" in list_series()
    # Its row stays for a day, its attempt and its location for 30.
    reconciler.purge_history()
    assert "north" in list_regions()
    jump(2 * 86400.0)
    reconciler.purge_history()
    assert not Server.objects.exists()
    assert "north" in list_regions()
    jump(YEAR)
    reconciler.purge_history()
    reconciler.purge_history()
    assert not Attempt.objects.exists()
    assert list_regions() == ["east", "west"]
    assert "north" not in list_series()
    assert not Listing.objects.filter(location__region="north").exists()


def delete_location(region: str) -> None:
    Location.objects.filter(region=region).delete()


def test_an_unneeded_location_is_retired_once_it_was_listed(
    workshop: Workshop,
) -> None:
    make_fleet()
    template = Template.objects.get()
    account = template.placements.get().account
    other = make_template(account, "other", region="south")
    delete_template(other)
    tidy_locations()
    assert list_regions() == ["", "south"]  # not listed yet
    workshop.run_until(
        lambda: not Location.objects.filter(compared_at__isnull=True).exists()
    )
    tidy_locations()
    assert list_regions() == [""]


@pytest.mark.parametrize("needs", ["row", "attempt", "instance", "recipe", "lease"])
def test_a_needed_location_is_kept(workshop: Workshop, needs: str) -> None:
    account = make_two_regions()
    workshop.run_until(
        lambda: not Location.objects.filter(compared_at__isnull=True).exists()
    )
    server = provision()
    template = change_template(fallbacks=[], region="")
    if needs == "recipe":  # it may still fall back to the west
        Server.objects.update(region="")
    else:
        region = "west" if needs == "row" else ""
        Server.objects.update(region=region, wanted_region="")
        Server.objects.update(recipe=template.versions.get(number=template.version))
    if needs == "attempt":
        now = database_now()
        Attempt.objects.create(
            server_uid=server.pk, server_name="x", number=1, account=account, key="k",
            region="west", token="t", asked_at=now, lease_end=now, outcome="refused",
        )  # fmt: skip
    if needs == "instance":
        Instance.objects.create(
            account=account, region="west", instance_id="i", first_seen=database_now()
        )
    if needs == "lease":
        later = database_now() + timedelta(minutes=1)
        Location.objects.filter(region="west").update(lease_until=later)
    tidy_locations()
    assert "west" in list_regions()
    assert ("east" in list_regions()) == (needs == "recipe")


def test_a_missing_location_that_a_server_needs_is_created_again() -> None:
    make_any_fleet()
    server = provision(region="north")
    delete_location("north")
    assert Fleet.objects.exists()
    tidy_locations()
    assert list_regions() == ["", "north"]
    assert server.region == "north"


def test_a_scan_of_an_unused_account_leaves_no_location_behind(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    spare = Account.objects.create(
        name="spare", kind="sandbox", options=account.options, credentials="{}"
    )
    assert scan_now(spare) == 1
    workshop.run_until(
        lambda: Location.objects.filter(
            account=spare, compared_at__isnull=False
        ).exists()
    )
    tidy_locations()
    assert not Location.objects.filter(account=spare).exists()
