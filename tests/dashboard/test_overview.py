"""The overview: it names what needs attention, with the button that helps."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.models import Account, Event, Fleet, Heartbeat, Instance, Location
from servers.operations.accounts import save_account
from servers.operations.fleet import freeze_destroys, pause_fleet
from servers.placing.locations import ensure_location
from servers.reconciler.observe import observe_location
from servers.reconciler.tick import tick
from servers.records.ledger import database_now
from servers.reports import costs, overview
from servers.reports.attention.items import Concern
from servers.reports.attention.load import list_attention
from servers.reports.selectors import is_paused
from tests.clouds.test_amazon import SECRETS, answering, error_of
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person
from tests.support.trouble import age_server, open_breaker, start_processes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(workshop: Workshop) -> Account:
    overview._kept.clear()
    found = make_fleet()
    workshop.run_until(lambda: bool(Location.objects.get().compared_at))
    start_processes()
    return found


def kinds() -> set[Concern]:
    return {
        item.kind for item in list_attention(Fleet.objects.get(), now=database_now())
    }


def read(path: str = "/", role: str = "admin") -> str:
    return log_in(make_person(role)).get(path).content.decode()


def test_where_all_is_well_nothing_needs_attention(account: Account) -> None:
    assert kinds() == set()
    assert "Nothing needs attention" in read()


def strand(verdict: str, account: Account, **more: Any) -> None:
    Instance.objects.create(
        account=account,
        instance_id="i-1",
        key="k",
        first_seen=database_now(),
        verdict=verdict,
        **more,
    )


def change(model: Any, **changes: Any) -> None:
    model.objects.update(**changes)


def ago(seconds: float) -> Any:
    return database_now() - timedelta(seconds=seconds)


TROUBLES: list[tuple[Concern, str, str, Any]] = [
    (
        Concern.UNCONFIRMED,
        "Confirm fleet…",
        "not where the fleet was confirmed",
        lambda _: change(Fleet, fingerprint="another"),
    ),
    (
        Concern.BROKER,
        "View system",
        "The broker does not respond, so no worker receives new work.",
        lambda _: change(Heartbeat, broker_error="refused"),
    ),
    (
        Concern.BROKER,
        "View system",
        "The broker does not respond to build-1:1, but does to others.",
        lambda _: Heartbeat.objects.filter(kind="worker").update(
            name="build-1:1", broker_error="refused"
        ),
    ),
    (
        Concern.NO_WORKER,
        "View system",
        "No worker is online",
        lambda _: Heartbeat.objects.filter(kind="worker").delete(),
    ),
    (
        Concern.NO_BEAT,
        "View system",
        "The scheduler is offline",
        lambda _: Heartbeat.objects.filter(kind="beat").update(seen_at=ago(60)),
    ),
    (
        Concern.HANGING,
        "View system",
        "The worker hangs, so nothing is created",
        lambda _: Heartbeat.objects.filter(kind="worker").update(
            trouble="its loop has been stuck for 9 s"
        ),
    ),
    (
        Concern.SLOW_DATABASE,
        "View system",
        "The database is slow",
        lambda _: change(Heartbeat, database_seconds=7.0),
    ),
    (
        Concern.NO_TICK,
        "View system",
        "no tick has run",
        lambda _: change(Fleet, ticked_at=ago(60)),
    ),
    (
        Concern.LOST_WORKER,
        "View system",
        "build-2:7 stopped responding",
        lambda _: Heartbeat.objects.create(
            name="build-2:7", kind="worker", started_at=ago(900), seen_at=ago(60)
        ),
    ),
    (
        Concern.FROZEN,
        "Allow destroys again",
        "Destroying is frozen",
        lambda _: freeze_destroys(frozen=True),
    ),
    (
        Concern.PAUSED,
        "",  # the banner has the button
        "pause flag is set",
        lambda _: pause_fleet(note="x"),
    ),
    (
        Concern.REFUSED,
        "Edit account",
        "refuses the credentials of sandbox",
        lambda _: change(Location, health="refused", error="AuthFailure"),
    ),
    (
        Concern.FAILING,
        "Try again now",
        "sandbox can&#x27;t be reached",
        lambda _: change(Location, health="failing"),
    ),
    (
        Concern.BREAKER,
        "Close breaker",
        "The circuit breaker of sandbox is open",
        open_breaker,
    ),
    (
        Concern.UNLISTED,
        "Scan now",
        "sandbox has no fresh listing",
        lambda _: change(Location, compared_at=ago(4000)),
    ),
    (
        Concern.HELD,
        "View leaks",
        "9 instances in sandbox belong to no server",
        lambda _: change(Location, held=9),
    ),
    (
        Concern.UNEXPLAINED,
        "View leaks",
        "sandbox has 1 unknown instance",
        lambda account: strand("unexplained", account),
    ),
    (
        Concern.ORPHANS,
        "View leaks",
        "sandbox has 1 orphan",
        lambda account: strand("orphan", account),
    ),
    (
        Concern.ERROR,
        "Retry",
        "one failed.",
        lambda _: age_server(provision(name="one"), 1, state="error", error="no image"),
    ),
    (
        Concern.STUCK,
        "Terminate…",
        "one has been staging for longer than usual",
        lambda _: age_server(provision(name="one"), 400, state="staging"),
    ),
]


@pytest.mark.parametrize(
    ("kind", "button", "sentence", "happen"),
    TROUBLES,
    ids=[str(trouble[0]) for trouble in TROUBLES],
)
def test_each_trouble_is_named_alone_with_the_button_that_helps(
    account: Account, kind: Concern, button: str, sentence: str, happen: Any
) -> None:
    client = log_in(make_person("admin"))
    etag = client.get("/")["ETag"]
    # On a busy machine, the page took so long that the processes look late.
    Heartbeat.objects.update(seen_at=database_now())
    happen(account)
    assert kinds() == {kind}
    # A tab that polls is told, although time alone may have changed it.
    page = client.get("/", headers={"if-none-match": etag, "x-live": "1"})
    assert page.status_code == 200
    text = page.content.decode()
    assert sentence in text
    assert button in text.partition('class="attention"')[2]
    viewer = read(role="viewer")
    assert sentence in viewer
    assert "<form" not in viewer.partition('<main id="main"')[2]


def test_a_wrong_clock_is_named_and_not_the_credentials(account: Account) -> None:
    said = error_of("RequestExpired").replace(
        "The words of RequestExpired.", "Timestamp date is 1. Current date is 2."
    )
    with answering(400, said) as (url, _):
        amazon = Account(name="aws", kind="amazon", region="eu-central-1", endpoint=url)
        save_account(amazon, credentials=SECRETS)
        observe_location(ensure_location(amazon, "eu-central-1").pk)
    location = Location.objects.get(account=amazon)
    assert location.health == Location.Health.WRONG_CLOCK
    assert "Set this machine's clock (" in location.error
    text = read()
    assert "This machine&#x27;s clock is wrong, so aws refuses its calls." in text
    assert "Set this machine&#x27;s clock (" in text
    assert "aws can&#x27;t be reached" not in text
    assert "The cloud refuses the credentials of aws" not in text


def test_a_worker_that_another_replaced_needs_no_attention(account: Account) -> None:
    Heartbeat.objects.create(
        name="build-1:7", kind="worker", started_at=ago(900), seen_at=ago(60)
    )
    assert kinds() == {Concern.LOST_WORKER}
    Heartbeat.objects.create(
        name="build-1:8", kind="worker", started_at=ago(55), seen_at=ago(0)
    )
    assert kinds() == set()


def test_a_worker_killed_thrice_and_replaced_each_time_needs_no_attention(
    account: Account,
) -> None:
    for number, (begun, seen) in enumerate(((900, 120), (110, 80), (70, 40), (35, 0))):
        Heartbeat.objects.create(
            name=f"build-1:{number}",
            kind="worker",
            started_at=ago(begun),
            seen_at=ago(seen),
        )
    assert kinds() == set()


def test_one_worker_that_lives_excuses_no_other_that_died(account: Account) -> None:
    # Both fell silent at once, and one has begun since.
    for number, (begun, seen) in enumerate(((900, 60), (800, 60), (55, 0))):
        Heartbeat.objects.create(
            name=f"build-2:{number}",
            kind="worker",
            started_at=ago(begun),
            seen_at=ago(seen),
        )
    assert kinds() == {Concern.LOST_WORKER}
    assert "stopped responding, and no worker has taken its place" in read()


def test_while_one_worker_hangs_and_another_works_only_that_is_said(
    account: Account,
) -> None:
    Heartbeat.objects.create(
        name="build-2:7",
        kind="worker",
        started_at=ago(900),
        seen_at=ago(0),
        trouble="its loop has been stuck for 9 s",
    )
    assert kinds() == {Concern.HANGING}
    assert "build-2:7 hangs." in read()


def test_many_errors_are_a_few_lines_and_a_link(account: Account) -> None:
    for _ in range(30):
        age_server(provision(), 5, state="error", error="e" * 4000)
    text = read()
    assert "30 servers in sandbox failed for the same reason." in text
    assert len(text) < 60_000


def test_every_button_works_once_and_says_so(account: Account) -> None:
    client = log_in(make_person("admin"))
    open_breaker(account)
    page = client.get("/").content.decode()
    assert page.count("The circuit breaker of sandbox is open") == 1
    assert "7 failed creates in a row: no capacity for small" in page
    assert re.search(r"next try <time [^>]*>in 4 min</time>", page)
    for path, form, said in (
        ("/reclose/", {"account": "sandbox"}, "Creates are sent again"),
        ("/reclose/", {"account": "sandbox"}, "already closed"),
        ("/scan/", {"account": "sandbox"}, "1 location is being listed"),
        ("/scan/", {}, "1 location is being listed"),
        ("/freeze/", {"note": "<b>"}, "Destroys are frozen."),
        ("/unfreeze/", {}, "Destroys are allowed again"),
        ("/pause/", {"note": "<b>night", "minutes": "60"}, "&lt;b&gt;night"),
        ("/resume/", {}, "The pause flag is cleared."),
        ("/confirm/", {}, "Nothing was done"),
        ("/confirm/", {"sure": "on"}, "already confirmed"),
    ):
        answer = client.post(path, form, follow=True)
        assert said in answer.content.decode(), path
    account.refresh_from_db()
    assert account.breaker == "closed"
    asked = Event.objects.filter(kind="scan_asked", actor="user:admin")
    assert asked.count() == 2


def test_what_is_sent_wrongly_stands_at_its_field_and_does_nothing(
    account: Account,
) -> None:
    client = log_in(make_person("admin"))
    for form in ({"minutes": "5"}, {"note": "n" * 501}, {"note": "a\0b"}):
        page = client.post("/pause/", form)
        assert 'class="error"' in page.content.decode()
        assert ">Cancel</a>" in page.content.decode()
    assert client.post("/reclose/", {"account": "no\0ne"}).status_code == 404
    page = client.post("/scan/", {"account": "none"}, follow=True)
    assert "There is no account named" in page.content.decode()
    assert not is_paused()
    assert not Fleet.objects.get().paused


def test_a_viewer_and_an_operator_may_switch_nothing(account: Account) -> None:
    for role in ("viewer", "operator"):
        client = log_in(make_person(role))
        paths = ("pause", "resume", "freeze", "unfreeze", "scan", "reclose", "confirm")
        for path in paths:
            assert client.post(f"/{path}/", {"account": "sandbox"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_person("admin"))
    assert strict.post("/resume/").status_code == 403


def test_a_pause_ends_at_its_last_moment_by_itself(account: Account) -> None:
    log_in(make_person("admin")).post("/pause/", {"minutes": "30", "note": "n"})
    assert is_paused()
    Fleet.objects.update(paused_until=database_now() - timedelta(milliseconds=5))
    assert not is_paused()  # at once, although no tick has run
    assert kinds() == set()
    Fleet.objects.update(ticked_at=None)
    tick()
    fleet = Fleet.objects.get()
    assert (fleet.paused, fleet.paused_until, fleet.paused_note) == (False, None, "")
    assert Event.objects.order_by("-id")[0].kind == "resumed"


def test_the_queries_are_the_same_for_any_fleet(account: Account) -> None:
    client = log_in(make_person("admin"))
    client.get("/")
    counts = []
    for number in (1, 30):
        for _ in range(number):
            age_server(provision(), 90, state="error", error="x")
        overview._kept.clear()
        costs._kept.clear()
        with CaptureQueriesContext(connection) as cold:
            client.get("/")
        with CaptureQueriesContext(connection) as warm:
            client.get("/")
        counts.append((len(cold), len(warm)))
    assert counts == [(17, 15), (17, 15)]
