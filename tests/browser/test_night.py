"""Three in the morning, at a whole running service: all goes wrong at once.

Overview names each thing within ten seconds of the database knowing it, in a sentence,
with the button that helps; and each button helps.
"""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Any, Final
from uuid import UUID

import pytest

from servers.clouds.base import FLEET_TAG, KEY_TAG
from servers.clouds.sandbox import World, world_path
from servers.drill.service import Service, wait_for
from servers.placing.breaker import OPENS_AFTER
from tests.support.fleet import TIMINGS
from tests.support.worlds import add_instance

pytestmark = [pytest.mark.pure, pytest.mark.slow]

NAMED_MS: Final = 10_000
# Quick, but with a lease that is still young when a busy machine comes to the call.
PACE: Final = {**TIMINGS, "lease": 8.0, "grace": 20.0}
OPTIONS: Final = {"boot": 0.2, "hang": 0.1, "timings": PACE}
TROUBLES: Final[dict[str, dict[str, Any]]] = {
    "full": {"images": ["ubuntu-24.04"]},
    "mute": {"faults": {"timeout_before": 1}},
    "broken": {"faults": {"server_error": 1}},
}


class Night:
    """A service in trouble, and what its database knows of that."""

    def __init__(self, service: Service, page: Any) -> None:
        self.service, self.page = service, page

    def ask(self, query: str) -> Any:
        """Return the first value of what a query finds, or None."""
        path = self.service.data / "serverfleet.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            row = database.execute(query).fetchone()
        return row and row[0]

    def is_writable(self) -> bool:
        """Tell whether no process holds the database for itself."""
        path = self.service.data / "serverfleet.sqlite3"
        with closing(sqlite3.connect(path, timeout=2, isolation_level=None)) as found:
            try:
                found.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            found.execute("ROLLBACK")
        return True

    def send(self, method: str, path: str, body: Any) -> Any:
        status, answer = self.service.call(method, path, body)
        assert status < 300, answer
        return answer

    def find(self, query: str, sentence: str) -> Any:
        """Return the line of Overview that names what the query finds by now."""
        wait_for(lambda: self.ask(query), 90, what=self.service.log)
        line = self.page.locator(".attention li").filter(has_text=sentence)
        line.wait_for(timeout=NAMED_MS)
        return line

    def plant(self, account: str, key: str) -> None:
        """Let an instance live at a cloud that no server owns."""
        hex_id = self.ask(f"SELECT id FROM servers_account WHERE name = '{account}'")
        folder = self.service.data / "sandbox"
        world = World(world_path(folder, str(UUID(hex_id))))
        fleet = self.ask("SELECT fleet_id FROM servers_fleet")
        tags = {FLEET_TAG: fleet, KEY_TAG: key}
        add_instance(world, region="", tags=tags, now=time.time())
        world.close()

    def mend(self, account: str) -> None:
        """Let a cloud work from now on."""
        self.send("PATCH", f"/api/accounts/{account}", {"options": OPTIONS})


@contextmanager
def stopped(pid: int, night: Night) -> Iterator[None]:
    """Have a process hang; not in the midst of a write, which would stop all others."""
    os.kill(pid, signal.SIGSTOP)
    while not night.is_writable():
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_overview_names_each_trouble_of_a_night_with_the_button_that_helps(
    enter: Callable[[Service], AbstractContextManager[Any]],
) -> None:
    env = {
        "SERVERFLEET_WORKERS": "2",
        "SERVERFLEET_CREATE_TRIES": "1",
        "SERVERFLEET_HANG_SECONDS": "0",  # what is stopped stays so
    }
    with Service(**env) as service, enter(service) as page:
        night = Night(service, page)
        page.get_by_text("Nothing needs attention.").wait_for()
        wait_for(lambda: night.ask(BOTH), 60)
        with stopped(int(night.ask(BOTH).rpartition(":")[2]), night):
            make_trouble(night)
            mend_server(night)
            orphan = find_orphan(night)
            mend_clouds(night)
            decide_leaks(night)
            orphan.wait_for(state="detached")
            silent = night.find(LOST, "stopped responding")
            silent.get_by_role("link", name="View system").click()
            page.get_by_text("not responding", exact=True).wait_for()
        (broker,) = service.processes("valkey")
        with stopped(broker, night):
            page.goto("/")
            mute = night.find(BROKERLESS, "The broker does not respond")
            mute.get_by_role("link", name="View system").click()
            page.get_by_text("not responding").first.wait_for()
        page.goto("/")
        page.get_by_text("Nothing needs attention.").wait_for()


# A worker that fell silent before another began would count as replaced by it.
BOTH: Final = (
    "SELECT name FROM servers_heartbeat WHERE kind = 'worker' AND julianday(seen_at) > "
    "(SELECT max(julianday(started_at)) + 2.0 / 86400 FROM servers_heartbeat "
    "WHERE kind = 'worker' HAVING count(*) = 2)"
)
LOST: Final = (
    "SELECT name FROM servers_heartbeat WHERE kind = 'worker' "
    "AND seen_at < datetime('now', '-15 seconds')"
)
BROKERLESS: Final = "SELECT name FROM servers_heartbeat WHERE broker_error != ''"
FAILED: Final = "SELECT name FROM servers_server WHERE state = 'error' AND name = '{}'"


def make_trouble(night: Night) -> None:
    """Have clouds that refuse, that do not answer, and that hold strangers."""
    for name, fault in TROUBLES.items():
        account = {"name": name, "kind": "sandbox", "options": OPTIONS}
        night.send("POST", "/api/accounts", account)
        template = {"name": name, "account": name, "image": "debian-12"}
        night.send("POST", "/api/templates", {**template, "size": "small"})
        # The template was right as long as the cloud was.
        options = {"options": {**OPTIONS, **fault}}
        night.send("PATCH", f"/api/accounts/{name}", options)
    night.send("POST", "/api/servers", {"template": "full", "name": "full-0"})
    for number in range(OPENS_AFTER):
        body = {"template": "mute", "name": f"mute-{number}"}
        night.send("POST", "/api/servers", body)
        # One after the other: of calls that run together one failure counts.
        asked = partial(night.ask, MUTE.format(number))
        wait_for(asked, 90, what=night.service.log)
    night.plant("sandbox", "a-key-of-nobody")


def mend_server(night: Night) -> None:
    """Retry what was refused, once it would not be any more."""
    failed = night.find(FAILED.format("full-0"), "full-0 failed.")
    failed.get_by_text("There is no image debian-12").wait_for()
    night.mend("full")
    failed.get_by_role("button", name="Retry").click()
    night.service.wait_state("running", "full-0")
    failed.wait_for(state="detached")


def find_orphan(night: Night) -> Any:
    """Let the refused call have made something after all; it goes by itself."""
    night.plant("full", night.ask(REFUSED))
    orphan = night.find(UNOWNED.format("orphan"), "full has 1 orphan")
    orphan.get_by_role("link", name="View leaks").wait_for()
    return orphan


def mend_clouds(night: Night) -> None:
    """Press what Overview offers for a cloud that is silent, and one that fails."""
    page = night.page
    query = "SELECT name FROM servers_account WHERE breaker = 'open'"
    breaker = night.find(query, "The circuit breaker of mute is open")
    breaker.get_by_role("button", name="Close breaker").click()
    page.get_by_text("The circuit breaker of mute is closed").wait_for()
    together = night.find(
        MUTED, f"{OPENS_AFTER} servers in mute failed for the same reason"
    )
    together.get_by_text("got no answer").wait_for()
    for number in range(1, OPENS_AFTER):
        night.send("DELETE", f"/api/servers/mute-{number}", None)
    timed_out = night.find(FAILED.format("mute-0"), "mute-0 failed.")
    timed_out.get_by_role("link", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("mute-0 was removed from the list.").wait_for()
    timed_out.wait_for(state="detached")
    query = (
        "SELECT name FROM servers_account a "
        "JOIN servers_location s ON s.account_id = a.id WHERE s.health = 'failing'"
    )
    broken = night.find(query, "broken can't be reached")
    night.mend("broken")
    broken.get_by_role("button", name="Try again now").click()
    broken.wait_for(state="detached")


def decide_leaks(night: Night) -> None:
    """Look at what lives unowned; have what nobody knows destroyed."""
    page = night.page
    query = UNOWNED.format("unexplained")
    stranger = night.find(query, "sandbox has 1 unknown instance")
    stranger.get_by_role("link", name="View leaks").click()
    page.get_by_role("link", name="Destroy sb-").click()
    page.get_by_role("dialog").get_by_role("button", name="Destroy").click()
    page.get_by_text("The instance will be destroyed.", exact=True).wait_for()
    page.goto("/")
    stranger.wait_for(state="detached")


MUTE: Final = (
    "SELECT count(*) FROM servers_attempt WHERE answer_class = 'UnknownOutcome' "
    "HAVING count(*) > {}"
)
MUTED: Final = (
    "SELECT count(*) FROM servers_server WHERE state = 'error' AND name LIKE 'mute-%' "
    f"HAVING count(*) = {OPENS_AFTER}"
)
REFUSED: Final = "SELECT key FROM servers_attempt WHERE outcome = 'refused'"
UNOWNED: Final = "SELECT key FROM servers_instance WHERE live AND verdict = '{}'"
