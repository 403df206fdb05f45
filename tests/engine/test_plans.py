"""The hot queries use an index on both databases, however large the tables are.

The queries are those that the code really sends. If a path has to read a whole table,
for example to count all servers, the table is named with it.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from servers import engine, reconciler
from servers.access.tokens import check_token, issue_token
from servers.models import (
    Account,
    Attempt,
    Event,
    Fleet,
    Instance,
    Listing,
    Location,
    Server,
    Template,
    TemplateVersion,
)
from servers.operations.accounts import save_account
from servers.operations.terminate import terminate_server
from servers.placing import breaker
from servers.reconciler import purge_history
from servers.records.ledger import database_now
from servers.reports.attention.load import list_attention
from servers.reports.feed import read_events
from servers.reports.leaks.load import list_history, report_leaks
from servers.reports.why import explain_server
from tests.support.fleet import QUICK, Workshop, make_fleet, provision, world_of
from tests.support.plans import find_scans

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(580),
    pytest.mark.slow,
]

# Tables that grow with the fleet and with its last 30 days.
GROWING = {f"servers_{name}" for name in ("server", "attempt", "instance", "event")}
GROWING.add("servers_listing")
# PostgreSQL plans by the number of rows. SQLite never counts them.
SERVERS, ATTEMPTS, EVENTS, LISTINGS = (
    (1200, 30_000, 30_000, 4000)
    if connection.vendor == "postgresql"
    else (120, 3000, 3000, 400)
)
_BATCH = 500


def fill() -> Account:
    """Write a fleet of three accounts that has run for a month."""
    account = make_fleet()
    others = [
        save_account(Account(name=name, kind="sandbox", options=QUICK))
        for name in ("second", "third")
    ]
    accounts = [account, *others]
    Location.objects.bulk_create(Location(account=row) for row in others)
    template, now = Template.objects.get(), database_now()
    recipe = TemplateVersion.objects.get()
    day = timedelta(days=1)
    servers = [
        Server(
            name=f"agent-{number}", provider="sandbox", image="i", size="s", capacity=1,
            account=accounts[number % 3], template=template, recipe=recipe,
            state="running" if number % 4 else "stopped", attempt_number=1,
            instance_id=f"i-{number}", stopped_at=None if number % 4 else now,
            ca_cert="c" * 1200, tls_cert="t" * 1200,
        )
        for number in range(SERVERS)
    ]  # fmt: skip
    Server.objects.bulk_create(servers, batch_size=_BATCH)
    attempts = [
        Attempt(
            server=servers[number] if number < SERVERS else None,
            server_uid=servers[number].pk if number < SERVERS else uuid.uuid4(),
            server_name="x", number=1, account=accounts[number % 3], key=f"k-{number}",
            token="t", asked_at=now - number / ATTEMPTS * 29 * day, lease_end=now,
            outcome="accepted" if number < SERVERS and number % 4 else "abandoned",
            closed_at=now - number / ATTEMPTS * 29 * day, instance_id=f"i-{number}",
        )
        for number in range(ATTEMPTS)
    ]  # fmt: skip
    Attempt.objects.bulk_create(attempts, batch_size=_BATCH)
    Instance.objects.bulk_create(
        [
            Instance(
                account=attempt.account, instance_id=attempt.instance_id,
                key=attempt.key, server_uid=attempt.server_uid, attempt=attempt,
                live=attempt.outcome == "accepted", first_seen=attempt.asked_at,
                listed_from=attempt.asked_at,
                gone_at=None if attempt.outcome == "accepted" else attempt.asked_at,
                verdict="ours" if attempt.outcome == "accepted" else "gone",
            )
            for attempt in attempts[: ATTEMPTS // 2]
        ],
        batch_size=_BATCH,
    )  # fmt: skip
    Event.objects.bulk_create(
        [
            Event(
                kind=("ready", "requested", "instance_known")[number % 3],
                server_uid=servers[number % SERVERS].pk, reason="r" * 100,
                at=now - (EVENTS - number) / EVENTS * 29 * day,
            )
            for number in range(EVENTS)
        ],
        batch_size=_BATCH,
    )  # fmt: skip
    Listing.objects.bulk_create(
        [
            Listing(
                location=location, started_at=now - number * timedelta(seconds=5),
                finished_at=now,
            )
            for location in Location.objects.all()
            for number in range(LISTINGS)
        ],
        batch_size=_BATCH,
    )  # fmt: skip
    world = world_of(account)
    with world.writing() as file:
        for server in servers[::3]:
            if server.state == "running":
                world.insert(
                    file, id=server.instance_id, region="", name=server.name,
                    image="i", size="s", key="", sent_at=0, made_at=0, visible_at=0,
                    active_at=0,
                    tags={"serverfleet-fleet": "ci", "serverfleet-key": ""},
                )  # fmt: skip
    if connection.vendor == "postgresql":  # which does so by itself; SQLite does not
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            # The value for current disks; the default is for spinning ones.
            cursor.execute("SET random_page_cost = 1.1")
    return account


def test_no_hot_query_reads_a_growing_table_from_end_to_end(
    workshop: Workshop,
) -> None:
    account = fill()
    token = issue_token("ci", scopes=["servers:read"])
    location = Location.objects.get(account=account)
    ending = Server.objects.filter(account=account, state="running").first()
    assert ending is not None
    terminate_server(ending.name)
    new = provision()
    reconciler.observe_location(location.pk)  # the first one writes down what it shows
    now = database_now()
    fleet = Fleet.objects.get()
    hot: dict[str, tuple[Callable[[], object], set[str]]] = {
        "POST": (provision, set()),
        "a tick": (reconciler.tick, set()),
        "a step of a new server": (lambda: engine.advance(new.pk), set()),
        "a step of an ending server": (lambda: engine.advance(ending.pk), set()),
        "a listing": (lambda: reconciler.observe_location(location.pk), set()),
        "what a listing asks for the breaker": (
            lambda: breaker.watch_creations(account, now=now),
            set(),
        ),
        "the leaks": (lambda: report_leaks(now=now), set()),
        "their history": (list_history, set()),
        "why": (lambda: explain_server(new, now=now), set()),
        # It counts all running servers by location, which are most of them here.
        "what needs attention": (
            lambda: list_attention(fleet, now=now),
            {"servers_server"},
        ),
        "a token": (lambda: check_token(token, now=now), set()),
        "the feed": (lambda: read_events(after=EVENTS, limit=100), set()),
        # Every ten minutes: which recipes and locations the servers need, and which
        # attempts a batch of ended instances has. None of these is in the sums yet, so
        # PostgreSQL may read them all, and hash the attempts.
        "the purge": (
            purge_history,
            {"servers_server", "servers_attempt", "servers_instance"},
        ),
    }
    found = {
        name: [scan for scan in find_scans(act, GROWING) if scan[0] not in whole]
        for name, (act, whole) in hot.items()
    }
    scans = {name: found[name] for name in found if found[name]}
    print(scans)  # whole, where pytest cuts
    assert not scans
    assert Instance.objects.filter(account=account, missed_from=None).exists()
