"""The loop of one step: decide and act until the server has to wait."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from servers.engine import calls, uptime
from servers.engine.create import create_instance
from servers.engine.finish import finish_instance
from servers.engine.moves import apply_move
from servers.lifecycle.backoff import back_off
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import (
    Adopt,
    CloseAttempt,
    ConfirmVanished,
    Decision,
    Destroy,
    Finish,
    LookUp,
    Move,
    Probe,
    Wait,
    WriteIntent,
)
from servers.lifecycle.guards import find_send_limit
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import State
from servers.messaging import dispatch
from servers.models import Account, Fleet, Server
from servers.placing.locations import BusyError, check_call_slot, open_location, pace_of
from servers.placing.placements import choose_all
from servers.placing.snapshots import Loader, jitter_of
from servers.records import leases, ledger
from servers.records.counters import count_fault

logger = logging.getLogger(__name__)

# How many moves one step can make in a row. The longest path has five.
MOST_MOVES = 8
PROBE_AGAIN = timedelta(seconds=2)
AFTER_FAULT = timedelta(seconds=10)


def advance(server_id: UUID) -> None:
    """Take one step of a server, if its lease is free. Safe to call at any time."""
    started = uptime.read()
    server = (
        Server.objects.select_related("account", "recipe")
        .exclude(state=State.STOPPED)
        .filter(pk=server_id)
        .first()
    )
    if server is None:
        return
    now = ledger.database_now()
    try:
        check_call_slot(server.account)
    except BusyError as busy:
        # Before the claim: if a cloud hangs, many of its rows are turned away here.
        leases.postpone(server, until=now + busy.wait)
        return
    length = find_lease_length(server)
    lease = leases.claim(server, now=now, lease=length)
    if lease is not None:
        limit = find_send_limit(claimed=started, lease=length.total_seconds())
        _Step(server, lease, send_before=limit).run()


def find_lease_length(server: Server) -> timedelta:
    """Return the longest lease of the locations that the step may call.

    A pending server may fall back to a slower cloud than its first. There, too, the
    call's deadline must be less than half the lease.
    """
    accounts = {server.account_id: server.account}
    locations = [(server.account, server.region)]
    if server.state == State.PENDING:
        placements = choose_all([server])[server.pk]
        if others := {each.account for each in placements} - accounts.keys():
            accounts |= Account.objects.in_bulk(others)
        locations += [(accounts[each.account], each.region) for each in placements]
    return max(
        pace_of(open_location(account, region)).lease for account, region in locations
    )


@dataclass(frozen=True, slots=True)
class _Rest:
    """The result of a step: when the next one is due, and what the server waits for."""

    until: datetime | None
    because: str = ""


class _Step:
    """One step of one server, under its lease."""

    def __init__(
        self, server: Server, lease: leases.Lease, *, send_before: float
    ) -> None:
        self.server = server
        self.lease = lease
        self.send_before = send_before

    def run(self) -> None:
        """Take the step and release the lease, even if the step fails.

        If the release fails too (the database is down), the lease expires.
        """
        try:
            rest = self._take()
        except BusyError as busy:
            now = ledger.database_now()
            self._stop_clock(now)
            rest = _Rest(
                now + busy.wait,
                f"Too many calls to {self.server.account.name} are in progress.",
            )
        except Exception:
            logger.exception("A step of %s failed.", self.server.name)
            count_fault()
            now = ledger.database_now()
            self._stop_clock(now)
            rest = _Rest(
                now + AFTER_FAULT,
                "A step failed because of a bug in ServerFleet. See the worker's log.",
            )
        leases.release(
            self.lease,
            seen=self.server,
            next_step_at=rest.until,
            waiting=rest.because,
        )
        if rest.until is not None and rest.until <= ledger.database_now():
            dispatch.hint(dispatch.ADVANCE, self.server.pk)

    def _take(self) -> _Rest:
        for _ in range(MOST_MOVES):
            now = ledger.database_now()
            loader = Loader([self.server], fleet=Fleet.objects.get(), now=now)
            snapshot = loader.snapshot(self.server)
            if snapshot.state is State.PENDING:
                # The deadline did not run while no worker took the server.
                self.server.deadline_at = snapshot.deadline_at
                self.server.planned_at = now
            decision = decide(snapshot, now)
            rest = self._act(decision, snapshot, now)
            if rest is not None:
                return rest
        return _Rest(ledger.database_now())

    def _act(
        self, decision: Decision, snapshot: Snapshot, now: datetime
    ) -> _Rest | None:
        """Apply a decision. Return None if the next one can follow at once."""
        server = self.server
        match decision:
            case Wait():
                return self._rest(decision, snapshot, now)
            case Move() | Adopt():
                moved = apply_move(
                    server, decision, snapshot, now=now, fence=self.lease.fence
                )
                return None if moved else _Rest(now)
            case CloseAttempt():
                calls.close_absent(server, decision, now=now)
                return None
            case WriteIntent():
                sent = create_instance(
                    server,
                    self.lease,
                    decision,
                    snapshot,
                    now=now,
                    send_before=self.send_before,
                )
                return None if sent else _Rest(now)
            case LookUp() | Finish() | ConfirmVanished():
                return self._call(decision, snapshot, now)
            case Destroy():
                calls.destroy_instances(server, decision)
                return None
            case Probe():
                left = calls.probe(server, decision, now=now, lease=self.lease)
                if left is None:
                    return None
                return _Rest(left.until or now + PROBE_AGAIN, left.because)
            case _:
                assert_never(decision)

    def _call(
        self,
        decision: LookUp | Finish | ConfirmVanished,
        snapshot: Snapshot,
        now: datetime,
    ) -> _Rest | None:
        match decision:
            case LookUp():
                error = calls.look_up(self.server, decision, now=now)
            case ConfirmVanished():
                error = calls.confirm_vanished(decision, now=now)
            case Finish():
                if uptime.read() >= self.send_before:
                    return _Rest(now)  # a new lease is long enough for the call
                error = finish_instance(
                    self.server, decision, snapshot, now=now, lease=self.lease
                )
        return self._after_call(error, now)

    def _after_call(self, error: str, now: datetime) -> _Rest | None:
        """Continue after a call that succeeded; back off after one that failed."""
        if not error:
            self.server.failures = 0
            return None
        self.server.failures += 1
        wait = back_off(self.server.failures, jitter_of(self.server))
        return _Rest(now + wait, f"The call to the cloud failed: {error}")

    def _rest(self, wait: Wait, snapshot: Snapshot, now: datetime) -> _Rest:
        """Plan the next step. While a wait is held, the pending deadline stops."""
        server = self.server
        if wait.held:
            self._stop_clock(now)
        elif snapshot.state is State.PENDING and server.deadline_at is None:
            left = server.pending_left
            server.deadline_at = now + (
                snapshot.limits.pending if left is None else left
            )
        due = [time for time in (wait.until, server.deadline_at) if time is not None]
        return _Rest(min(due, default=None), wait.because)

    def _stop_clock(self, now: datetime) -> None:
        """Stop the pending deadline: ServerFleet itself holds the server back."""
        server = self.server
        if server.state == State.PENDING and server.deadline_at is not None:
            server.pending_left = max(timedelta(0), server.deadline_at - now)
            server.deadline_at = None
