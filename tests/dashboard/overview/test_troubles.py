"""The overview names each trouble, with the button that helps."""

from typing import Any

import pytest

from servers.models import Account, Fleet, Heartbeat, Instance, Location
from servers.operations.accounts import save_account
from servers.operations.fleet import freeze_destroys, pause_fleet
from servers.placing.locations import ensure_location
from servers.reconciler.observe import observe_location
from servers.records.ledger import database_now
from servers.reports.attention.items import Concern
from tests.clouds.test_amazon import SECRETS, answering, error_of
from tests.dashboard.overview.reading import ago, kinds, read
from tests.support.fleet import provision
from tests.support.people import log_in, make_person
from tests.support.trouble import age_server, open_breaker

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_many_errors_are_a_few_lines_and_a_link(account: Account) -> None:
    for _ in range(30):
        age_server(provision(), 5, state="error", error="e" * 4000)
    text = read()
    assert "30 servers in sandbox failed for the same reason." in text
    assert len(text) < 60_000
