"""Remove the runners of a queue's CI that no server needs any more.

By level: each time, what was registered is compared with what still lives, and then
with what the CI shows. So it makes no difference which process died, and when:

- A registration that is over loses its runner. It is known by its id. If the answer to
  the registering call was lost, or the agent itself creates its runner, it is looked
  for by its name, the key of the attempt.
- From time to time all runners are listed. Whichever has a name of this fleet that no
  attempt of a living server has, is removed: the database may be older than the CI.
- A runner that is for one job is gone from the CI after it, and its server is of no
  more use. So the server is terminated, as its pool would do.

A runner of another name is never touched, and no job ends: a CI refuses to remove a
runner that has one, so that is tried again.
"""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from servers.errors import FleetError
from servers.lifecycle.keys import parse_key
from servers.lifecycle.states import OPEN
from servers.models import Attempt, Fleet, Instance, Pool, Queue, Registration
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnreachableError,
)
from servers.placing.location_gate import is_confirmed
from servers.placing.queue_gate import calling
from servers.placing.queues import open_registrar_of
from servers.placing.registrations import find_registers
from servers.pools.holding import Held
from servers.pools.spent import end_without_runner, ends_by_itself
from servers.queues.registrars import BusyError, Registrar, Runner
from servers.queues.registry import describe_queue_kind
from servers.records.registrations import (
    end_registrations,
    find_by_names,
    list_over,
    note_tried,
)

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 15.0  # for all calls together
MOST: Final = 100  # registrations at a time
# Between two listings of all runners that nothing else calls for.
EVERY: Final = timedelta(minutes=10)
# The same, while there are agents that end after one job.
SPENT_EVERY: Final = timedelta(seconds=30)
# How long a call without an answer may still create a runner.
SETTLE: Final = timedelta(minutes=2)
# How long a runner is left alone whose attempt nobody knows. An instance of it may be
# about to be listed, for a person to decide on.
GRACE: Final = timedelta(minutes=10)
AGAIN: Final = timedelta(minutes=1)  # after a failure, or while a runner has a job
NO_TIME: Final = (
    "The CI took too long to remove all runners. The rest are removed with the "
    "next read."
)


@dataclass(slots=True)
class _Sweep:
    """One sweep: what it works with, and what has come of it."""

    registrar: Registrar
    fleet_id: str
    ends: float = field(default_factory=lambda: time.monotonic() + CALL_SECONDS)
    ended: dict[UUID, Registration] = field(default_factory=dict)
    left: dict[UUID, str] = field(default_factory=dict)  # and why
    listed: set[str] | None = None  # the fleet's names at the CI, if it was asked
    problem: str = ""

    @property
    def seconds(self) -> float:
        """What is left of its time."""
        return self.ends - time.monotonic()

    def remove(self, runner: Runner, row: Registration | None) -> None:
        """Remove a runner and note what came of it. Raise what ends the sweep."""
        if self.seconds <= 0:
            raise TimeoutError
        try:
            self.registrar.unregister(runner, deadline=self.seconds)
        except (CredentialsError, ThrottledError, UnreachableError):
            raise
        except CallError as error:
            # That it has a job is no problem.
            if not isinstance(error, BusyError):
                self.problem = error.message
            if row is not None:
                self.left[row.pk] = error.message
        else:
            if row is not None:
                self.ended[row.pk] = row

    def record(self, now: datetime) -> None:
        """Write what came of each registration."""
        # Of two runners with one name, one may be left.
        ended = [row for pk, row in self.ended.items() if pk not in self.left]
        end_registrations(ended, now=now)
        note_tried(self.left, now=now)


def follow_registrations(held: Held) -> None:
    """Remove the runners that no server needs, under the queue's lease.

    No transaction is open here: the CI may take its time. Raises nothing that the CI
    does wrong: that is written on the queue. At most one query if nothing is due.
    """
    queue, now = held.queue, held.at
    if describe_queue_kind(queue.kind).registers is None:
        return
    if queue.runners_after is not None and now < queue.runners_after:
        return
    over = list_over(queue, settled=now - SETTLE, tried=now - AGAIN, most=MOST)
    is_due = _is_due(queue, now)
    if not over and not is_due:
        return
    fleet = Fleet.objects.get()
    # A copied database does not know what the original has registered since.
    if is_confirmed(fleet):
        if over or _is_used(queue):
            _sweep(held, fleet.fleet_id, over, is_due=is_due)
        else:
            held.write(runners_at=now, runner_problem="")


def _is_due(queue: Queue, now: datetime) -> bool:
    """Tell whether all runners are to be listed. At most one query."""
    if queue.runners_at is None or queue.runners_at <= now - EVERY:
        return True
    if not ends_by_itself(queue) or queue.runners_at > now - SPENT_EVERY:
        return False
    return Registration.objects.filter(queue=queue, revoked_at=None).exists()


def _is_used(queue: Queue) -> bool:
    """Tell whether there can be runners. Else its token need not be allowed to ask."""
    if Registration.objects.filter(queue=queue).exists():
        return True
    pools = Pool.objects.filter(queue=queue).select_related("template")
    return any(find_registers(pool.template, queue) for pool in pools)


def _sweep(
    held: Held, fleet_id: str, over: Sequence[Registration], *, is_due: bool
) -> None:
    queue, now = held.queue, held.at
    values: dict[str, object] = {"runners_after": None}
    sweep = None
    try:
        sweep = _Sweep(open_registrar_of(queue), fleet_id)
        with calling(queue):
            unknown = _remove_known(sweep, over)
            if unknown or is_due:
                values["strays"] = _remove_listed(sweep, queue, unknown, now=now)
                values["runners_at"] = now
        values["runner_problem"] = sweep.problem
    except TimeoutError:
        values["runner_problem"] = NO_TIME
        if sweep is not None and not sweep.ended:
            values["runners_after"] = now + AGAIN
    except (CallError, FleetError) as error:
        logger.warning("Runners of %s can't be removed: %s", queue, error.message)
        values["runner_problem"] = error.message
        values["runners_after"] = now + AGAIN
    if sweep is not None:
        sweep.record(now)
        if sweep.listed is not None and ends_by_itself(queue):
            end_without_runner(queue, sweep.listed, now)
    held.write(**values)


def _remove_known(sweep: _Sweep, over: Sequence[Registration]) -> list[Registration]:
    """Remove the runners whose ids are known, and return the other registrations."""
    unknown = []
    for row in over:
        if not _is_ours(row.key, sweep.fleet_id):
            # This database is a copy that became a fleet of its own.
            sweep.ended[row.pk] = row
        elif row.runner_id:
            sweep.remove(Runner(row.runner_id, row.key), row)
        else:
            unknown.append(row)
    return unknown


def _remove_listed(
    sweep: _Sweep, queue: Queue, unknown: Sequence[Registration], *, now: datetime
) -> dict[str, float]:
    """Remove the runners that are listed and needed by none.

    Return since when those have been seen that no attempt explains, in Unix seconds.
    """
    if sweep.seconds <= 0:
        raise TimeoutError
    found = sweep.registrar.list_registered(
        f"{sweep.fleet_id}-", deadline=sweep.seconds
    )
    ours = [runner for runner in found if _is_ours(runner.name, sweep.fleet_id)]
    names = sweep.listed = {runner.name for runner in ours}
    # After the listing: whatever it shows was written down before it was created.
    known = find_by_names(names)
    explained = _find_explained(names - known.keys())
    at, strays = now.timestamp(), {}
    for runner in ours:
        row, is_over = known.get(runner.name, (None, True))
        if row is None and runner.name not in explained:
            since = strays[runner.name] = queue.strays.get(runner.name, at)
            is_over = at - since >= GRACE.total_seconds()
        elif row is None:
            is_over = False
        if is_over:
            sweep.remove(runner, row)
    for row in unknown:
        if row.key not in names:
            sweep.ended[row.pk] = row
    return strays


def _is_ours(name: str, fleet_id: str) -> bool:
    """Tell whether a name is the key of an attempt of this fleet."""
    key = parse_key(name)
    return key is not None and key.fleet == fleet_id


def _find_explained(names: Collection[str]) -> set[str]:
    """Return those of the names that an attempt or a live instance has. Two queries.

    Such an instance may be one that a person has still to decide on.
    """
    if not names:
        return set()
    attempts = Attempt.objects.filter(key__in=names, outcome__in=OPEN)
    instances = Instance.objects.filter(key__in=names, live=True)
    return {
        *attempts.values_list("key", flat=True),
        *instances.values_list("key", flat=True),
    }
