"""One step of one server: decide and act until the server has to wait.

A step is a row of calls with a transaction between them. Each transaction records what
the last call answered, moves the row as far as it goes without another call, and ends
by taking the lease for the next call, or by releasing the row. So a create costs one
commit before its call and one after it.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from servers.engine import calls, uptime
from servers.engine.create import record_create, send_create
from servers.engine.finish import find_wait, record_finish, send_finish
from servers.engine.look_slots import CrowdedError, await_look, look_slot
from servers.engine.looks import await_turn, make_look, weigh_follow, weigh_look
from servers.engine.moves import apply
from servers.engine.reading import AFTER_FAULT, FAULT, Reading
from servers.engine.replace import replace_server
from servers.engine.waits import Rest, plan_retry, plan_wait, release, stop_clock
from servers.lifecycle.conditions import Met, NotYet
from servers.lifecycle.decisions import (
    Adopt,
    Call,
    Change,
    Check,
    CloseAttempt,
    ConfirmVanished,
    Destroy,
    Finish,
    LookUp,
    Move,
    Probe,
    Replace,
    Tell,
    WriteIntent,
)
from servers.lifecycle.guards import find_send_limit
from servers.lifecycle.states import State
from servers.messaging import dispatch
from servers.models import Server
from servers.placing.call_slots import BusyError, await_slot
from servers.placing.machines import has_host
from servers.records import leases, ledger
from servers.records.counters import count_fault
from servers.records.durability import soft_commit, wait_for_disk

logger = logging.getLogger(__name__)

# How many decisions one step can carry out. The longest path has five.
MAX_DECISIONS: Final = 8


class Step:
    """One step of one server.

    Until its first call it holds no lease, but each of its writes requires the fence
    that it knows. So it loses against any step that took the lease meanwhile.
    """

    def __init__(self, server: Server) -> None:
        self.server = server

    def run(self) -> None:
        """Take the step and release the row, even if the step fails.

        If the release fails too (the database is down), the lease expires.
        """
        server = self.server
        try:
            self.seen = Reading(server)
            call = self._settle()
            while call is not None:
                call = self._make(call)
        except BusyError as busy:
            self._rest_after(
                busy.wait, f"Too many calls to {busy.account.name} are in progress."
            )
            await_slot(busy, dispatch.ADVANCE, server.pk)
        except Exception:
            logger.exception("A step of %s failed.", server.name)
            count_fault()
            self._rest_after(AFTER_FAULT, FAULT)

    @property
    def _now(self) -> datetime:
        """The database's time, as last read."""
        return self.seen.now

    def _settle(self) -> Call | None:
        """Go on until the next call, and take the lease for it; None: released."""
        decision = self.seen.decide()
        if isinstance(decision, Change):
            with transaction.atomic(savepoint=False):
                return self._go_on(decision)
        return self._go_on(decision)

    def _go_on(self, decision: Call | Change | Rest) -> Call | None:
        for _ in range(MAX_DECISIONS):
            match decision:
                case Rest():
                    self._release(decision)
                    return None
                case WriteIntent():
                    return decision  # the intent takes the lease
                case Move() | Adopt() | CloseAttempt():
                    if not apply(
                        self.server, decision, self.seen.snapshot, now=self._now
                    ):
                        break
                case _:
                    return decision if self._claim() else None
            if not isinstance(decision, Move) or self.server.state == State.PENDING:
                self.seen.read_again()
            decision = self.seen.decide()
        self._release(Rest(self._now))
        return None

    def _claim(self) -> bool:
        length = self.seen.find_lease()
        lease = leases.Lease(self.server.fence + 1, self._now + length)
        self.send_before = find_send_limit(
            claimed=self.seen.read_at, lease=length.total_seconds()
        )
        return leases.claim(self.server, lease)

    def _make(self, call: Call) -> Call | None:
        """Make a call, record its answer, and settle."""
        server = self.server
        match call:
            case WriteIntent():
                return self._create(call)
            case Finish():
                return self._finish(call)
            case Destroy():
                return self._destroy(call)
            case Probe() | Check() | Tell():
                return self._look(call)
            case Replace():
                return self._replace(call)
            case LookUp():
                error = calls.look_up(server, call, now=self._now)
            case ConfirmVanished():
                (instance,) = self.seen.loader.find_instances([call.instance])
                error = calls.confirm_vanished(instance, now=self._now)
        return self._follow(error)

    def _follow(self, error: str) -> Call | None:
        """Go on after a call that succeeded; back off after one that failed."""
        if error:
            self._release(plan_retry(self.server, error, now=self._now))
            return None
        self.server.failures = 0
        self.seen.read_again()
        return self._settle()

    def _create(self, call: WriteIntent) -> Call | None:
        server, before = self.server, self.seen.snapshot
        reply = send_create(
            server,
            call.placement,
            because=call.because,
            fleet_id=self.seen.fleet.fleet_id,
            limits=before.limits,
            now=self._now,
            read_at=self.seen.read_at,
        )
        if reply is None:
            self._release(Rest(self._now))
            return None
        attempt = reply.attempt
        with soft_commit():
            self.seen.read_clock()
            instance = record_create(server, reply, before, now=self._now)
            is_current = server.attempt_number == attempt.number
            if instance and is_current and server.state == State.CREATED:
                self.seen.loader.add_answer(attempt, instance)
            else:
                self.seen.read_again()
            following = self._settle()
            if not isinstance(following, WriteIntent | None):
                wait_for_disk()  # this took the lease of another call
        self.seen.hasten_listing(attempt, reply.pace)
        return following

    def _finish(self, call: Finish) -> Call | None:
        (instance,) = self.seen.loader.find_instances([call.instance])
        reply = send_finish(self.server, instance, send_before=self.send_before)
        self.seen.read_clock()
        if reply is None:
            self._release(Rest(self._now))
            return None
        if (wait := find_wait(reply, now=self._now)) is not None:
            self.server.failures, snapshot = 0, self.seen.snapshot
            self._release(plan_wait(self.server, snapshot, wait, now=self._now))
            return None
        with transaction.atomic():
            error = record_finish(self.server, reply, self.seen.snapshot, now=self._now)
            following = self._follow(error)
        if reply.shown is not None:
            self.seen.hasten_listing(reply.attempt, reply.pace)
        return following

    def _destroy(self, call: Destroy) -> Call | None:
        sent = calls.send_destroys(self.seen.loader.find_instances(call.instances))
        with transaction.atomic():
            self.seen.read_clock()
            calls.record_destroys(self.server, sent, now=self._now)
            following = self._settle()
        for asked in sent:
            self.seen.hasten_listing(asked.instance, asked.pace)
        return following

    def _look(self, call: Probe | Check | Tell) -> Call | None:
        server, began = self.server, self._now
        try:
            with look_slot(server.pk) as seconds:
                if uptime.read() >= self.send_before:
                    # Suspended meanwhile. A look can start an agent or tell it.
                    self._release(Rest(self._now, server.waiting))
                    return None
                found = make_look(call.look, name=server.name, seconds=seconds)
        except CrowdedError as crowded:
            self.seen.read_clock()
            self._release(await_turn(self.seen.snapshot, crowded.wait, now=self._now))
            await_look(crowded, server.pk)
            return None
        self.seen.read_clock()
        with transaction.atomic():
            # What a worker found that was suspended past its lease is old.
            if has_host(server) and not leases.hold(server):
                return None
            if isinstance(call, Check):
                self.seen.loader.note_check(server, found)
                return self._settle()
            if isinstance(call, Tell):
                return self._follow_cordon(call, found)
            self.seen.loader.note_look(server, found)
            following = weigh_look(
                call, found, self.seen.snapshot, began=began, now=self._now
            )
            return self._go_on(following)

    def _follow_cordon(self, call: Tell, found: Met | NotYet) -> Call | None:
        if self.seen.loader.note_follow(self.server, found):
            return self._settle()
        self._release(weigh_follow(call, found, self.seen.snapshot, now=self._now))
        return None

    def _replace(self, call: Replace) -> Call | None:
        with transaction.atomic():
            self.seen.read_clock()
            first = self.seen.loader.chosen[self.server.pk][0]
            if not replace_server(
                self.server,
                first,
                call,
                fleet=self.seen.fleet,
                now=self._now,
            ):
                self._release(Rest(self._now))
                return None
            return self._settle()

    def _rest_after(self, wait: timedelta, because: str) -> None:
        now = ledger.database_now()  # perhaps nothing could be read
        stop_clock(self.server, now=now)
        release(self.server, Rest(now + wait, because), now=now)

    def _release(self, rest: Rest) -> None:
        release(self.server, rest, now=self._now)
