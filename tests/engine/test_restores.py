"""Backups, clones and other people's accounts never cause a destroy.

The rows of a database are saved and restored while the simulated cloud keeps running.
That is what happens with a restored backup, a clone or a second fleet.
"""

import io
import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from servers.clouds.base import FLEET_TAG
from servers.errors import ConflictError
from servers.lifecycle.states import Verdict
from servers.models import Account, Attempt, Event, Fleet, Instance, Location, Server
from servers.operations.accounts import save_account
from servers.operations.fleet import (
    close_gates,
    confirm_fleet,
    initialise_fleet,
    split_fleet,
)
from servers.operations.provision import Request, provision_servers
from servers.operations.terminate import terminate_server
from servers.operations.unowned import adopt_unowned
from tests.support.ageing import wipe
from tests.support.fleet import Workshop, live_keys, make_fleet, provision, world_of
from tests.support.worlds import add_instance

pytestmark = pytest.mark.django_db(transaction=True)

# In the order in which they can be restored: referenced tables come first.
TABLES = [
    f"servers_{name}"
    for name in (
        "fleet",
        "account",
        "template",
        "templateplacement",
        "templateversion",
        "versionplacement",
        "location",
        "listing",
        "server",
        "attempt",
        "instance",
        "leftover",
        "event",
    )
]


@dataclass(frozen=True)
class Backup:
    """All tables, sealed secrets as they are, at one moment."""

    rows: dict[str, tuple[list[str], list[tuple[Any, ...]]]]

    @classmethod
    def take(cls) -> "Backup":
        rows = {}
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"SELECT * FROM {table}")
                names = [column[0] for column in cursor.description]
                rows[table] = (names, cursor.fetchall())
        return cls(rows)

    def restore(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            wipe()
            for table, (names, rows) in self.rows.items():
                places = ", ".join(["%s"] * len(names))
                columns = ", ".join(map(connection.ops.quote_name, names))
                line = f"INSERT INTO {table} ({columns}) VALUES ({places})"
                cursor.executemany(line, rows)
        # Every start does this.
        close_gates()


def live_ids(account: Account) -> set[str]:
    return {row.id for row in world_of(account).live(time.time())}


def test_a_restored_backup_destroys_nothing_and_can_be_put_to_work(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    kept, ended = provision(name="kept"), provision(name="ended")
    workshop.run_to("running", kept, ended)
    later = provision(name="later")
    backup = Backup.take()

    # Unknown to the backup: a termination, a new server, another server's attempt.
    terminate_server("ended")
    workshop.run_to("stopped", ended)
    new = provision(name="new")
    workshop.run_to("running", new, later)
    before = live_ids(account)
    assert len(before) == 3
    backup.restore()

    workshop.run_until(
        lambda: Instance.objects.filter(verdict=Verdict.UNEXPLAINED).count() == 2
    )
    workshop.run_to("error", ended)
    workshop.run_for(1.5)
    assert live_ids(account) == before
    assert not Instance.objects.filter(condemned_at__isnull=False).exists()
    states = dict(Server.objects.values_list("name", "state"))
    assert states == {"kept": "running", "ended": "error", "later": "pending"}

    adopted = [
        adopt_unowned(Instance.objects.get(instance_id=row.instance_id).pk)
        for row in (new, later)
    ]
    workshop.run_to("running", *adopted)
    # And the row that had to wait creates its own, with another attempt.
    row = Server.objects.get(name="later")
    workshop.run_to("running", row)
    assert live_ids(account) == before | {row.instance_id}
    assert row.instance_id not in before


def test_a_start_closes_every_gate_until_the_account_was_listed() -> None:
    make_fleet()
    Location.objects.update(compared_at=Fleet.objects.get().created_at)
    close_gates()
    assert Location.objects.get().compared_at is None


def test_a_clone_becomes_its_own_fleet_and_leaves_the_original_servers_alone(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    origins = [provision() for _ in range(3)]
    workshop.run_to("running", *origins)
    late = provision()
    before = live_ids(account)

    Fleet.objects.update(fingerprint="where the origin runs")
    terminate_server(origins[0].name)  # asked of the clone, by mistake
    workshop.run_for(1.0)
    assert live_ids(account) == before
    said = io.StringIO()
    call_command("fleet", "confirm", "--new-id", stdout=said)
    assert "Servers left to the original fleet: 4" in said.getvalue()

    assert Fleet.objects.get().fleet_id != "ci"
    rows = Server.objects.filter(pk__in=[row.pk for row in [*origins, late]])
    assert set(rows.values_list("state", "hidden")) == {("stopped", True)}
    assert not Attempt.objects.exclude(outcome="abandoned").exists()
    assert Event.objects.filter(kind="disowned").count() == 4
    own = provision()
    workshop.run_to("running", own)
    terminate_server(own.name)
    workshop.run_to("stopped", own)
    workshop.run_for(1.5)
    assert live_ids(account) == before
    assert not Instance.objects.filter(live=True).exists()


def test_a_database_that_is_not_in_doubt_is_neither_confirmed_nor_split() -> None:
    make_fleet()
    for act in (confirm_fleet, split_fleet):
        with pytest.raises(ConflictError, match="already confirmed"):
            act()
    with pytest.raises(CommandError, match="needs confirm"):
        call_command("fleet", "show", "--new-id")


def test_repointed_credentials_destroy_nothing_at_the_other_account(
    workshop: Workshop,
) -> None:
    account = make_fleet(world="first")
    ended, kept = provision(), provision()
    workshop.run_to("running", ended, kept)
    terminate_server(ended.name)
    workshop.run_to("stopped", ended)
    first = live_ids(account)
    closed = Attempt.objects.get(server=ended)

    account.refresh_from_db()
    account.options = {**account.options, "world": "second"}
    save_account(account)
    other = world_of(account)
    # A twin of what the sweep would destroy at the right account.
    twin = add_instance(
        other,
        region="",
        tags={FLEET_TAG: "ci", "serverfleet-key": closed.key},
        now=time.time(),
    )
    terminate_server(kept.name)
    workshop.run_for(2.0)
    assert live_ids(account) == {twin}
    kept.refresh_from_db()
    assert kept.state == "stopping"
    assert "another account" in Location.objects.get().error

    account.options = {**account.options, "world": "first"}
    save_account(account)
    assert live_ids(account) == first
    workshop.run_to("stopped", kept)
    assert live_ids(account) == set()


def test_two_fleets_and_a_bystander_share_an_account_and_never_touch_each_other(
    workshop: Workshop,
) -> None:
    account = make_fleet(world="shared")
    bystander = add_instance(world_of(account), region="", tags={}, now=time.time())
    one = [provision() for _ in range(2)]
    workshop.run_to("running", *one)
    ones = {row.instance_id for row in one}
    first = Backup.take()

    wipe()
    initialise_fleet(fleet_id="ci-two")  # whose id begins as the other's
    make_fleet(world="shared")
    assert Fleet.objects.get().fleet_id == "ci-two"
    two = provision_servers(Request(count=3))
    workshop.run_to("running", *two)
    terminate_server(two[0].name)
    workshop.run_to("stopped", two[0])
    workshop.run_for(1.0)
    twos = {row.instance_id for row in two[1:]}
    shared = Account.objects.get()
    assert live_ids(shared) == {bystander} | ones | twos
    second = Backup.take()

    first.restore()
    terminate_server(one[0].name)
    workshop.run_to("stopped", one[0])
    workshop.run_for(1.0)
    assert live_ids(shared) == {bystander, one[1].instance_id} | twos
    assert not Instance.objects.filter(instance_id__in=twos | {bystander}).exists()

    second.restore()
    for row in two[1:]:
        terminate_server(row.name)
    workshop.run_to("stopped", *two[1:])
    workshop.run_for(1.0)
    assert live_ids(shared) == {bystander, one[1].instance_id}
    assert len(live_keys(shared)) == 2
