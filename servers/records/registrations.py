"""Registrations, written with their attempts, and found again.

A registration is over once nobody can need its runner: its attempt is closed, its
server has stopped or was purged, or the server ends or failed and has no instance left.
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from servers.clouds.base import CreateSpec
from servers.lifecycle.states import BOOTING, CLOSED, ENDING, Outcome, State
from servers.machine.agents.plan import Runner
from servers.models import Attempt, Instance, Pool, Queue, Registration, Server
from servers.queues.registrars import Registered
from servers.queues.registry import is_registrable
from servers.records.attempts import dump_spec

# What an instance of the attempt still does is of no use to the server.
_DONE: Final = ENDING | {State.ERROR}


def ask_registration(attempt: Attempt, queue: Queue) -> None:
    """Record that a queue's CI is about to be asked, in the intent's transaction."""
    attempt.registration = Registration.objects.create(
        queue=queue,
        attempt=attempt,
        server_uid=attempt.server_uid,
        server_name=attempt.server_name,
        key=attempt.key,
        asked_at=attempt.asked_at,
    )


def record_registered(
    attempt: Attempt, given: Registered, *, spec: CreateSpec | None
) -> None:
    """Record what a CI has given, before the create call.

    ``spec`` is the create call with it, if the attempt keeps its own.
    """
    row = attempt.registration
    text = json.dumps(dict(given.environment), sort_keys=True)
    sealed = Registration._meta.get_field("environment").seal(text, row.pk)
    with transaction.atomic():
        Registration.objects.filter(pk=row.pk).update(
            runner_id=given.runner_id[:255],
            environment=sealed,
            registered_at=Now(),
        )
        if spec is not None:
            # It was wiped if the attempt was closed meanwhile.
            kept = Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.ASKED)
            text = dump_spec(spec)
            kept.update(spec=Attempt._meta.get_field("spec").seal(text, attempt.pk))


def find_registration(server: Server) -> Registration | None:
    """Return the registration of a server's current attempt, if there is one.

    At most one query.
    """
    if not is_registrable(server.recipe.agent_kind):
        return None
    rows = Registration.objects.select_related("queue").defer("queue__jobs")
    rows = rows.filter(server_uid=server.pk)
    return rows.filter(attempt__number=server.attempt_number).first()


def find_runner(server: Server) -> Runner | None:
    """Return as what a server's agent is registered, if it is. At most one query."""
    row = find_registration(server)
    if row is None or row.registered_at is None:
        return None
    return Runner(row.key, read_given(row))


def count_runners(pool: Pool) -> int:
    """Return how many agents of a pool's servers are registered. One query."""
    rows = Registration.objects.filter(attempt__server__pool=pool, revoked_at=None)
    return rows.exclude(registered_at=None).count()


def list_given(server_id: UUID, agent: str) -> list[str]:
    """Return all values that CIs have given to a server and that are still known.

    ``agent`` is the preset of its agent. At most one query.
    """
    if not is_registrable(agent):
        return []
    rows = Registration.objects.filter(server_uid=server_id)
    return [value for row in rows for value in read_given(row).values()]


def read_given(row: Registration) -> dict[str, str]:
    """Return the variables that a CI gave; none once they are wiped."""
    given: dict[str, str] = json.loads(row.environment or "{}")
    return given


def list_over(
    queue: Queue, *, settled: datetime, tried: datetime, most: int
) -> list[Registration]:
    """Return a queue's registrations that are over and have no end yet. One query.

    Those that were tried least lately come first, and those that were tried after
    ``tried`` are left out. So are those that were asked for after ``settled`` and got
    no answer, because there may be a runner only later.
    """
    rows = Registration.objects.filter(_over(), queue=queue, revoked_at=None)
    rows = rows.exclude(tried_at__gt=tried)
    rows = rows.exclude(registered_at=None, asked_at__gt=settled)
    first = F("tried_at").asc(nulls_first=True)
    return list(rows.order_by(first, "asked_at")[:most])


def list_living(
    queue: Queue, *, registered: datetime, names: Collection[str] | None = None
) -> list[Registration]:
    """Return the registrations of servers that their pools may end. One query.

    Those that were registered after ``registered`` are left out. With ``names``, only
    those of servers with these names are returned.
    """
    named = Q() if names is None else Q(attempt__server__name__in=names)
    return list(
        Registration.objects.select_related("attempt__server__pool").filter(
            named,
            queue=queue,
            revoked_at=None,
            registered_at__lte=registered,
            attempt__server__state__in=[*BOOTING, State.RUNNING],
            attempt__server__protected=False,
            attempt__server__attempt_number=F("attempt__number"),
            attempt__server__pool__enabled=True,
            attempt__server__pool__dry=False,
            attempt__server__pool__frozen=False,
        )
    )


def find_by_names(names: Collection[str]) -> dict[str, tuple[Registration, bool]]:
    """Return the registration of each runner's name, and whether it is over."""
    is_over = Case(When(_over(), then=Value(True)), default=Value(False))
    rows = Registration.objects.filter(key__in=names).annotate(is_over=is_over)
    return {row.key: (row, row.is_over) for row in rows}


def end_registrations(rows: Collection[Registration], *, now: datetime) -> None:
    """Record that the CI has no runner of these any more, and wipe their secrets."""
    if rows:
        found = Registration.objects.filter(pk__in=[row.pk for row in rows])
        found.update(revoked_at=now, tried_at=now, environment="", problem="")


def note_tried(problems: Mapping[UUID, str], *, now: datetime) -> None:
    """Record that the runners of these could not be removed yet, and why."""
    if problems:
        said = Case(*(When(pk=pk, then=Value(why)) for pk, why in problems.items()))
        found = Registration.objects.filter(pk__in=list(problems))
        found.update(tried_at=now, problem=said)


def list_orphaned() -> QuerySet[Registration]:
    """Return those that are over, and whose CI nobody can ask any more."""
    # By a column of the queue: the id may be of one that was deleted.
    return Registration.objects.filter(_over(), queue__name=None)


def _over() -> Q:
    alive = Instance.objects.filter(attempt=OuterRef("attempt"), live=True)
    # An attempt without an answer can still get an instance.
    empty = Q(~Exists(alive), attempt__outcome=Outcome.ACCEPTED)
    ended = Q(attempt__server=None) | Q(attempt__server__state=State.STOPPED)
    lost = Q(Q(attempt__server__state__in=_DONE), empty)
    return ended | Q(attempt__outcome__in=CLOSED) | lost
