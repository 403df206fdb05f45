"""Rows as ``decide`` sees them."""

from datetime import datetime, timedelta
from typing import Any

from servers.clouds.base import HALTED, Meaning
from servers.lifecycle.keys import parse_key
from servers.lifecycle.snapshot import AttemptView, InstanceView
from servers.lifecycle.states import Outcome, State
from servers.models import Attempt, Instance, Server


def location_name(account_id: Any, region: str) -> str:
    """Return the name that snapshots use for a location."""
    return f"{account_id}/{region}"


def jitter_of(server: Server) -> float:
    """Return a number from 0 to 1, fixed for the server, that spreads its back-offs."""
    return (server.pk.int % 1000) / 999


def find_deadline(server: Server, now: datetime) -> datetime | None:
    """Return the state's deadline, extended by the time without a worker."""
    deadline, planned = server.deadline_at, server.planned_at
    if server.state != State.PENDING or deadline is None or planned is None:
        return deadline
    return deadline + max(timedelta(0), now - planned)


def view_attempt(attempt: Attempt) -> AttemptView:
    """Return an attempt as ``decide`` sees it."""
    return AttemptView(
        number=attempt.number,
        outcome=Outcome(attempt.outcome),
        location=location_name(attempt.account_id, attempt.region),
        lease_end=attempt.lease_end,
        looked_at=attempt.looked_at,
        answered_at=attempt.answered_at,
        answer=attempt.answer,
        placement=attempt.placement,
        answer_class=attempt.answer_class,
        closed_at=attempt.closed_at,
        unfinished=attempt.is_unfinished,
        finished_at=attempt.finished_at,
    )


def view_instance(instance: Instance) -> InstanceView:
    """Return an instance as ``decide`` sees it."""
    key = parse_key(instance.key)
    # A key without an attempt belongs to another fleet, even if its number is reused.
    known = key is not None and instance.attempt_id is not None
    return InstanceView(
        pk=instance.pk,
        instance_id=instance.instance_id,
        attempt_number=key.number if key is not None and known else 0,
        location=location_name(instance.account_id, instance.region),
        first_seen=instance.first_seen,
        live=instance.live,
        failed=instance.meaning == Meaning.FAILED,
        halted=instance.meaning in HALTED,
        unclear=instance.meaning == Meaning.UNCLEAR,
        stopped=instance.meaning == Meaning.STOPPED,
        interrupted=instance.interrupted,
        condemned=instance.condemned_at is not None,
        address=instance.address,
        fault=instance.fault,
        raw_status=instance.raw_status,
        missed_from=instance.missed_from,
        destroy_asked_at=instance.destroy_asked_at,
        destroy_failures=instance.destroy_failures,
        destroy_error=instance.destroy_error,
    )
