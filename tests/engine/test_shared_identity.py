"""Two accounts that see the same cloud: each instance is recorded, judged and counted
once, by the account that it belongs to."""

import time
import uuid
from collections import Counter
from typing import Any

import pytest

from servers import reconciler
from servers.clouds.base import FLEET_TAG, KEY_TAG, SERVER_TAG
from servers.lifecycle.keys import make_key
from servers.models import (
    Account,
    Attempt,
    Event,
    Instance,
    Leftover,
    Location,
    Template,
)
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from servers.operations.unowned import adopt_unowned, destroy_unowned
from servers.placing.breaker import explain_hold
from servers.records.ledger import database_now
from servers.reports.leaks.load import report_leaks
from tests.exactly_once.clouds import MOTO_TIMINGS, REGION, make_moto
from tests.support.fleet import (
    QUICK,
    TIMINGS,
    Workshop,
    change_template,
    live_keys,
    make_fleet,
    provision,
    world_of,
)
from tests.support.moto import reset_moto
from tests.support.worlds import add_instance, set_identity

pytestmark = pytest.mark.django_db(transaction=True)


def make_two(**options: Any) -> tuple[Account, Account]:
    """Make a fleet on a sandbox, and a second account of it as the fallback."""
    world = uuid.uuid4().hex
    first = make_fleet(name="first", world=world, **options)
    second = save_account(
        Account(
            name="second",
            kind="sandbox",
            options={**QUICK, "world": world},
            max_servers=100_000,
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        )
    )
    change_template(fallbacks=[{"account": "second"}])
    return first, second


def list_both(times: int = 1) -> None:
    for _ in range(times):
        for location in Location.objects.order_by("pk"):
            reconciler.observe_location(location.pk)


def add(account: Account, key: str) -> str:
    server = key.split("-")[1]
    tags = {FLEET_TAG: "ci", SERVER_TAG: server, KEY_TAG: key}
    return add_instance(world_of(account), region="", tags=tags, now=time.time())


def count_live() -> dict[str, int]:
    report = report_leaks(now=database_now())
    return {entry.location.account.name: entry.live for entry in report.locations}


def test_nine_servers_of_the_first_account_never_open_the_fallbacks_breaker(
    workshop: Workshop, moto_url: str
) -> None:
    reset_moto(moto_url)
    first = make_moto(moto_url).account
    first.options = {"timings": MOTO_TIMINGS, "zone": f"{REGION}a"}
    save_account(first)
    second = save_account(
        Account(
            name="other-zone",
            kind="amazon",
            region=REGION,
            endpoint=moto_url,
            options={"timings": MOTO_TIMINGS, "zone": f"{REGION}b"},
        ),
        credentials={"access_key_id": "AKIATEST", "secret_access_key": "made-up"},
    )
    save_template(Template.objects.get(), user_data="")
    change_template(fallbacks=[{"account": second.name}])
    servers = [provision() for _ in range(9)]
    workshop.run_to("running", *servers, seconds=60)
    list_both(times=4)
    assert count_live() == {"amazon": 9, "other-zone": 0}
    assert Instance.objects.count() == 9
    assert set(Account.objects.values_list("breaker", flat=True)) == {"closed"}
    first.refresh_from_db()
    second.refresh_from_db()
    assert explain_hold(second, now=database_now()) == ""
    assert first.identity == second.identity != ""


def test_each_instance_belongs_to_the_account_of_its_attempt(
    workshop: Workshop,
) -> None:
    first, _ = make_two()
    one = [provision() for _ in range(2)]
    workshop.run_to("running", *one)
    Account.objects.filter(pk=first.pk).update(
        options={**first.options, "no_capacity": ["small"]}
    )
    two = [provision() for _ in range(2)]
    workshop.run_to("running", *two)
    list_both(times=3)
    assert count_live() == {"first": 2, "second": 2}
    owners = dict(Instance.objects.values_list("server_uid", "account__name"))
    assert owners == {row.pk: "first" for row in one} | {
        row.pk: "second" for row in two
    }
    for server in (*one, *two):
        terminate_server(server.name)
    workshop.run_to("stopped", *one, *two)
    assert not live_keys(first)
    asked = Counter(
        Event.objects.filter(kind="destroy_asked").values_list("server_uid")
    )
    assert set(asked.values()) == {1}
    assert report_leaks(now=database_now()).is_clean


def test_an_instance_seen_first_by_another_account_keeps_its_owner(
    workshop: Workshop,
) -> None:
    first, second = make_two()
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    late = add(first, Attempt.objects.get().key)
    reconciler.observe_location(Location.objects.get(account=second).pk)
    assert Instance.objects.get(instance_id=late).account == first
    workshop.run_until(lambda: not live_keys(first))
    assert Instance.objects.filter(instance_id=late).count() == 1
    assert Event.objects.filter(kind="condemned").count() == 1


def test_credentials_that_see_less_prove_no_absence_for_the_others(
    workshop: Workshop,
) -> None:
    first, second = make_two()
    server = provision()
    workshop.run_to("running", server)
    list_both()
    # From now on the second account's credentials show an empty cloud.
    empty = {**QUICK, "world": uuid.uuid4().hex}
    Account.objects.filter(pk=second.pk).update(options=empty)
    second.refresh_from_db()
    set_identity(world_of(second), world_of(first).identity())
    list_both(times=5)
    server.refresh_from_db()
    row = Instance.objects.get()
    assert (server.state, row.live, row.missed_from) == ("running", True, None)
    assert not Location.objects.exclude(error="").exists()


def test_an_account_takes_over_an_instance_that_its_owner_does_not_see(
    workshop: Workshop,
) -> None:
    first, second = make_two()
    server = provision()
    workshop.run_to("running", server)
    list_both()
    # From now on the first account's credentials show an empty cloud.
    identity = world_of(first).identity()
    Account.objects.filter(pk=first.pk).update(
        options={**first.options, "world": uuid.uuid4().hex}
    )
    first.refresh_from_db()
    set_identity(world_of(first), identity)
    workshop.run_until(lambda: Instance.objects.filter(account=second).exists())
    terminate_server(server.name, force=True)
    workshop.run_to("stopped", server)
    assert not live_keys(second)


def test_the_oldest_enabled_account_owns_an_unknown_instance(
    workshop: Workshop,
) -> None:
    first, second = make_two()
    list_both()
    key = make_key("ci", Attempt().pk, 1)
    unowned = add(second, str(key))
    reconciler.observe_location(Location.objects.get(account=second).pk)
    assert Instance.objects.get().account == second  # who has seen it
    list_both(times=2)
    assert Instance.objects.get().account == first
    assert count_live() == {"first": 1, "second": 0}
    assert Event.objects.filter(kind="unexplained").count() == 1

    # Either account may have created it, so creation is blocked in both.
    waiting = provision()
    workshop.run_for(0.5)
    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert "1 unknown instance with this fleet's tag" in waiting.waiting
    Account.objects.filter(pk=first.pk).update(enabled=False)
    list_both(times=2)
    assert Instance.objects.get(instance_id=unowned).account == second
    workshop.run_for(0.5)
    waiting.refresh_from_db()
    assert waiting.state == "pending"
    destroy_unowned(Instance.objects.get(instance_id=unowned).pk)
    workshop.run_to("running", waiting)
    assert Counter(live_keys(first)) == Counter([Attempt.objects.get().key])


def test_a_person_adopts_it_into_the_account_that_owns_it(workshop: Workshop) -> None:
    first, second = make_two()
    list_both()
    add(second, str(make_key("ci", Attempt().pk, 1)))
    list_both(times=2)
    server = adopt_unowned(Instance.objects.get().pk)
    assert server.account == first
    workshop.run_to("running", server)
    list_both(times=2)
    assert count_live() == {"first": 1, "second": 0}


def test_an_identity_learned_late_merges_two_rows(workshop: Workshop) -> None:
    first, second = make_two()
    server = provision()
    workshop.run_to("running", server)
    # As if the first account's identity were not known yet.
    Account.objects.filter(pk=first.pk).update(identity="")
    Instance.objects.update(identity=None)
    reconciler.observe_location(Location.objects.get(account=second).pk)
    assert Instance.objects.count() == 2
    list_both(times=2)
    row = Instance.objects.get()
    assert row.account == first
    assert row.identity == Account.objects.get(pk=first.pk).cloud_identity
    assert (row.verdict, row.live) == ("ours", True)
    server.refresh_from_db()
    assert server.state == "running"
    assert count_live() == {"first": 1, "second": 0}


def test_a_leftover_volume_has_one_row_and_one_owner(
    workshop: Workshop,
) -> None:
    # Long enough that it still exists once both accounts have looked.
    timings = {**TIMINGS, "grace": 4.0}
    first, second = make_two(faults={"leaves_volume": 1.0}, timings=timings)
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    Location.objects.update(leftovers_at=None)
    reconciler.observe_location(Location.objects.get(account=second).pk)
    Location.objects.update(leftovers_at=None)
    list_both()
    left = Leftover.objects.get()
    assert left.account == first
    workshop.run_until(lambda: not Leftover.objects.exists(), seconds=20)
