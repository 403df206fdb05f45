"""Old records are deleted, however much is written meanwhile."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from servers import reconciler
from servers.models import Account, Event, Fleet, Listing, Location, Server
from servers.operations.terminate import terminate_server
from servers.reconciler import purge
from servers.records.ledger import database_now
from tests.support.fleet import Workshop, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)


def write_listings(count: int, *, age: timedelta) -> None:
    """Write listings of each location, as old as ``age``."""
    now = database_now()
    Listing.objects.bulk_create(
        [
            Listing(location=location, started_at=now - age, finished_at=now - age)
            for location in Location.objects.all()
            for _ in range(count)
        ],
        batch_size=500,
    )


def test_a_purge_keeps_up_with_nine_busy_locations() -> None:
    account = make_fleet()
    Location.objects.bulk_create(
        Location(account=account, region=f"r-{number}") for number in range(8)
    )
    # Listed every second for twenty minutes: two purges' worth.
    write_listings(1200, age=timedelta(days=2))
    write_listings(1, age=timedelta(hours=1))
    Event.objects.bulk_create(
        [Event(kind="changed", at=database_now() - timedelta(days=40))] * 2500
    )
    assert Listing.objects.count() == 9 * 1201
    assert reconciler.purge_history()
    assert Listing.objects.count() == 9
    assert not Event.objects.filter(kind="changed").exists()


def test_what_does_not_fit_in_its_time_is_left_for_the_next_purge() -> None:
    make_fleet()
    write_listings(2500, age=timedelta(days=2))
    assert not reconciler.purge_history(seconds=0)
    assert Listing.objects.count() == 2500
    assert reconciler.purge_history()
    assert not Listing.objects.exists()


def test_it_ends_although_more_becomes_due_all_the_time() -> None:
    make_fleet()
    write_listings(1500, age=timedelta(days=2))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            write_listings(50, age=timedelta(days=2))
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reconciler.purge_history(seconds=3)
    finally:
        stop.set()
        writer.join()
    assert Listing.objects.filter(pk__lte=1500).count() < 1500


def test_only_one_of_two_purges_runs() -> None:
    make_fleet()
    write_listings(10, age=timedelta(days=2))
    later = database_now() + timedelta(minutes=1)
    Fleet.objects.update(purge_lease_until=later)
    assert not reconciler.purge_history()
    assert Listing.objects.count() == 10
    Fleet.objects.update(purge_lease_until=database_now())  # its process died
    assert reconciler.purge_history()
    assert not Listing.objects.exists()


def test_an_overtaken_purge_deletes_nothing_more() -> None:
    make_fleet()
    write_listings(10, age=timedelta(days=2))
    fence = purge._claim()
    assert fence is not None
    Fleet.objects.update(purge_lease_until=database_now())
    assert purge._claim() is not None
    with pytest.raises(purge._OvertakenError), transaction.atomic():
        purge._delete(Listing.objects.all(), fence=fence)
    assert Listing.objects.count() == 10


def test_listings_are_kept_as_long_as_a_proof_may_need_them() -> None:
    account = make_fleet()
    day = 86400.0
    timings = {**account.options["timings"], "lag": day, "settle": day, "grace": day}
    Account.objects.update(options={**account.options, "timings": timings})
    write_listings(1, age=timedelta(days=1.9))
    write_listings(1, age=timedelta(days=2.1))
    reconciler.purge_history()
    assert Listing.objects.count() == 1


def test_a_stopped_server_is_purged_before_its_history(
    workshop: Workshop,
) -> None:
    make_fleet()
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    reconciler.purge_history()
    assert Server.objects.exists()
    Server.objects.update(stopped_at=database_now() - timedelta(days=2))
    reconciler.purge_history()
    assert not Server.objects.exists()
    assert Event.objects.filter(server_uid=server.pk).exists()
