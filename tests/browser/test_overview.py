"""Overview, Activity, System and Leaks in a real Chromium."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from servers.messaging.standstill import LATE
from servers.models import Account, Heartbeat, Instance
from servers.operations.fleet import freeze_destroys
from servers.records.ledger import database_now
from tests.support.browser import check_looks, poll_now
from tests.support.fleet import make_fleet, provision
from tests.support.people import make_person
from tests.support.trouble import (
    age_server,
    open_breaker,
    start_processes,
    write_history,
)

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def account(transactional_db: None, workshop: Any) -> Account:
    found = make_fleet()
    server = provision(name="one")
    workshop.run_to("running", server)
    start_processes()
    return found


def break_everything(account: Account) -> None:
    age_server(provision(name="x" * 63), 1, state="error", error="no such image " * 280)
    age_server(provision(name="slow"), 900, state="staging", waiting="w" * 300)
    open_breaker(account, note="n" * 400)
    freeze_destroys(frozen=True, note="looking " * 60)
    now = database_now()
    for number, verdict in enumerate(("orphan", "unexplained")):
        Instance.objects.create(
            account=account,
            instance_id=f"i-{'0' * 60}{number}",
            key=f"k{number}",
            first_seen=now - timedelta(hours=3),
            verdict=verdict,
        )
    Heartbeat.objects.update(broker_error="ConnectionError: " + "e" * 180)


@pytest.mark.parametrize("path", ["/?range=7d", "/activity/", "/system/", "/leaks/"])
def test_pages_hold_the_worst_night_in_every_look(
    visit: Visit, account: Account, path: str
) -> None:
    write_history(hours=30)
    break_everything(account)
    page = visit("admin")
    page.goto(path)
    check_looks(page)


def test_trouble_comes_into_sight_and_its_button_helps(
    visit: Visit, account: Account
) -> None:
    write_history(hours=20)
    page = visit("admin")
    page.goto("/?range=7d")
    page.get_by_text("Nothing needs attention.").wait_for()
    drawn = page.locator("#chart canvas")
    assert drawn.count() == 1
    page.evaluate("window.drawn = document.querySelector('#chart canvas')")
    open_breaker(account)
    assert poll_now(page) == 200
    page.get_by_role("button", name="Close breaker").click()
    page.get_by_text("The circuit breaker of sandbox is closed").wait_for()
    # A decision asks in a dialog over the page, and is carried out.
    break_everything(account)
    page.goto("/leaks/")
    page.get_by_role("link", name="Destroy i-").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Destroy").click()
    page.get_by_text("The instance will be destroyed.").wait_for()
    start_processes()
    # What no row tells, but time: a worker falls silent.
    page.goto("/?range=7d")
    page.evaluate("window.drawn = document.querySelector('#chart canvas')")
    silent = database_now() - LATE - timedelta(seconds=1)
    Heartbeat.objects.filter(kind="worker").update(seen_at=silent)
    assert poll_now(page) == 200
    page.get_by_text("No worker is online").wait_for()
    assert page.evaluate("drawn.isConnected")


def test_a_pause_by_keyboard_has_an_end_and_stands_in_the_activity(
    visit: Visit,
) -> None:
    page = visit("admin")
    page.goto("/")
    page.get_by_role("link", name="Set pause flag…").press("Enter")
    dialog = page.get_by_role("dialog", name="Set the pause flag?")
    dialog.get_by_label("Duration").select_option(label="1 hour")
    dialog.get_by_label("Note").fill("night <b>")
    dialog.get_by_label("Note").press("Enter")
    page.get_by_text("The pause flag is set by user:admin, until").wait_for()
    page.goto("/activity/?who=people")
    page.get_by_role("cell", name="night <b>").wait_for()
    page.get_by_role("link", name="user:admin").first.click()
    page.wait_for_url(lambda url: "actor=user" in url)
    page.get_by_role("combobox", name="Event").select_option("paused")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(lambda url: "kind=paused" in url)
    assert page.locator("tbody tr").count() == 1


def test_without_javascript_it_is_read_and_acted_on(
    visit: Visit, account: Account
) -> None:
    break_everything(account)
    page = visit(user=make_person("admin"), java_script_enabled=False)
    page.goto("/")
    page.get_by_role("link", name="30 days").click()
    page.get_by_text("Show as table").click()
    assert page.locator("#steps tbody tr").count() == 30
    page.get_by_role("button", name="Allow destroys again").click()
    page.get_by_text("Destroys are allowed again.").wait_for()
    page.get_by_role("link", name="View leaks").first.click()
    page.get_by_role("link", name="Destroy i-").first.click()
    page.get_by_role("button", name="Destroy").click()
    page.get_by_text("The instance will be destroyed.").wait_for()
