"""A whole drill, run in the copy's environment: start, strike, wait, count."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connections

from servers import tracing
from servers.access.tokens import SCOPES, issue_token
from servers.clouds.sandbox import World, world_path
from servers.drill.callers import Callers
from servers.drill.count import count_up
from servers.drill.killer import IN_FLIGHT, Killer
from servers.drill.log_lines import find_faults, list_secrets
from servers.drill.losses import WATCHED, fill_up, find_share, wait_for_loss
from servers.drill.plan import Wishes
from servers.drill.service import Service, wait_for
from servers.drill.surroundings import MARK
from servers.drill.verdict import STANDSTILL_SECONDS, Verdict, judge
from servers.errors import FleetError
from servers.lifecycle.states import State
from servers.machine.simulated import UNHEALTHY
from servers.models import (
    Account,
    Event,
    Location,
    Server,
    Template,
)
from servers.operations.accounts import close_breaker, save_account
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from servers.placing.locations import open_location, pace_of
from servers.records.ledger import database_now
from servers.reports.leaks.bounds import bound_of

DRAINS: Final = 3  # servers that drain at the end
# How long after a kill of the database the API may answer 503.
DATABASE_SECONDS: Final = 15.0
# How many times longer than requested the strikes may take.
PATIENCE: Final = 3.0


class DrillError(Exception):
    """Why the drill can't run, in one sentence."""


def run_drill(
    wishes: Wishes, *, postgres: Path | None, say: Callable[[str], None]
) -> Verdict:
    """Run a drill on the copy whose environment this process has; return its verdict.

    ``postgres`` is the folder of the copy's own PostgreSQL, and ``say`` prints
    progress. Raises DrillError if this is not a drill's folder or not a sandbox fleet.
    """
    folder = settings.DATA_DIR
    if folder is None or not (folder / MARK).exists():
        raise DrillError("This is not a drill's folder. Nothing was changed.")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("SERVERFLEET_") or name == "DATABASE_URL"
    }
    with tracing.bound(actor="drill"), Service(**inherited) as service:
        account = _prepare(service, wishes)
        drill = _Drill(service, wishes, account, postgres=postgres, say=say)
        return drill.run()


def require_sandbox() -> Account:
    """Return the copy's one account. Raise DrillError if it is not a sandbox."""
    accounts = list(Account.objects.all())
    if len(accounts) != 1 or accounts[0].kind != "sandbox":
        raise DrillError("A drill runs only against one sandbox account.")
    return accounts[0]


def _prepare(service: Service, wishes: Wishes) -> Account:
    account = require_sandbox()
    account.max_servers = 100_000
    account.creates_per_minute = 100_000
    account.options = wishes.options()
    save_account(account)
    template = Template.objects.get(is_default=True)
    template.on_health_lost = Template.HealthLost.REPLACE
    save_template(template)
    service.token = issue_token("drill", scopes=SCOPES)
    return account


class _Drill:
    """One drill under way."""

    def __init__(
        self,
        service: Service,
        wishes: Wishes,
        account: Account,
        *,
        postgres: Path | None,
        say: Callable[[str], None],
    ) -> None:
        self.service = service
        self.wishes = wishes
        self.account = account
        self.say = say
        self.callers = Callers(service, wishes)
        self.killer = Killer(service, wishes, postgres=postgres)
        self.world = World(world_path(settings.SANDBOX_DIR, str(account.pk)))

    def run(self) -> Verdict:
        began = time.monotonic()
        self.callers.start()
        self.killer.start()
        try:
            self._watch(began)
        finally:
            self.killer.stop()
            self.callers.stop()
        self.say("Ending the faults: suspending all workers for good.")
        self.killer.stop_workers_for_good()
        ended = time.monotonic()
        first_step = self._wait_for_step()
        self._calm(sick=WATCHED)
        fill_up(self.callers)
        self._calm(sick=find_share())
        wait_for_loss()
        self._calm()
        self._drain_some()
        bound = bound_of(pace_of(open_location(self.account, ""))).total_seconds()
        self._rest(seconds=bound + 60)
        verdict = count_up(
            self.world, self.wishes, self.killer, self.callers, bound=bound
        )
        verdict.seconds = ended - began
        verdict.rest_after_seconds = time.monotonic() - ended
        verdict.first_step_after_seconds = first_step
        judge(
            verdict,
            wished_kills=self.wishes.kills,
            wished_stranded=self.wishes.stranded,
            bad_answers=self._list_bad_answers(),
            bad_lines=find_faults(self.service.log(), list_secrets(self.service)),
        )
        return verdict

    def _watch(self, began: float) -> None:
        """Wait until the time is up and enough was killed, and report progress."""
        least = began + self.wishes.seconds
        most = began + self.wishes.seconds * PATIENCE + 30
        said = began
        while (now := time.monotonic()) < most:
            if now >= least and self.killer.is_done:
                return
            if now > said + 15:
                said = now
                self.say(
                    f"{now - began:4.0f} s: {self.killer.total} killed, "
                    f"{self.killer.steps[IN_FLIGHT]} between intent and answer, "
                    f"{len(self.callers.accepted)} servers accepted"
                )
            self._tend()
            time.sleep(1)

    def _tend(self) -> None:
        """Close a breaker that opened, as the person on call would."""
        with contextlib.suppress(DatabaseError):
            account = require_sandbox()
            if account.breaker == Account.Breaker.OPEN:
                close_breaker(account)
            return
        connections.close_all()

    def _wait_for_step(self) -> float:
        """Return the seconds until a worker took a step. A listing counts as one."""
        began, since = time.monotonic(), None
        while (waited := time.monotonic() - began) < STANDSTILL_SECONDS * 3:
            try:
                since = since or database_now()
                took = Event.objects.filter(at__gt=since, actor="worker")
                listed = Location.objects.filter(compared_at__gt=since)
                if took.exists() or listed.exists():
                    return waited
            except DatabaseError:
                connections.close_all()
            time.sleep(0.2)
        return waited

    def _calm(self, *, sick: float = 0.0) -> None:
        """Switch off the cloud's faults, and close the breaker that they opened.

        ``sick`` is the share of the servers that lose their health.
        """

        def done() -> bool:
            try:
                account = require_sandbox()
                account.options = self.wishes.options(calm=True)
                if sick:
                    account.options["faults"] = {UNHEALTHY: sick}
                save_account(account)
                close_breaker(account)
            except DatabaseError:
                connections.close_all()
                return False
            return self.service.answers()

        wait_for(done, 60, what=lambda: self.service.log()[-3000:])

    def _drain_some(self) -> None:
        """Terminate servers that run: most ended before they were ready for builds."""
        running = Server.objects.filter(state=State.RUNNING).order_by("pk")
        for name in list(running.values_list("name", flat=True)[:DRAINS]):
            terminate_server(name)

    def _rest(self, *, seconds: float) -> None:
        """Wait until nothing changes any more, or the time is up."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                if self._rests():
                    return
            except DatabaseError:
                connections.close_all()
            time.sleep(0.3)

    def _rests(self) -> bool:
        failed = Server.objects.filter(state=State.ERROR, hidden=False)
        for name in failed.values_list("name", flat=True):
            # It may keep its instance for an hour, longer than a drill can wait.
            try:
                terminate_server(name, force=True)
            except FleetError:
                continue
        if Server.objects.exclude(state__in=[State.RUNNING, State.STOPPED]).exists():
            return False
        running = Server.objects.filter(state=State.RUNNING)
        live = {row.id for row in self.world.live(time.time())}
        return live == set(running.values_list("instance_id", flat=True))

    def _list_bad_answers(self) -> list[str]:
        """Return the answers of 500 or above that no kill of the database explains."""
        deaths = self.killer.database_deaths
        bad = []
        for at, status, message in self.callers.failures:
            excused = status == 503 and any(
                0 <= at - death <= DATABASE_SECONDS for death in deaths
            )
            if not excused:
                bad.append(f"{status}: {message}")
        return bad
