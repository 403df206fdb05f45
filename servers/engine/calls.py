"""The calls other than create and finish. Each can safely be repeated at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decisions import LookUp
from servers.lifecycle.snapshot import Pace
from servers.messaging import dispatch
from servers.models import Attempt, Fleet, Instance, Location, Server
from servers.outgoing.errors import CallError, MissingError
from servers.placing.call_slots import BusyError, await_slot, call_slot, leave_line
from servers.placing.location_gate import explain_closed_gate
from servers.placing.locations import hasten_listing, open_location, pace_of
from servers.records.attempts import lock_server, record_instance
from servers.records.instances import record_gone, record_seen
from servers.records.ledger import Fact, database_now, write_event


@dataclass(frozen=True, slots=True)
class Asked:
    """A destroy call that was sent; ``error`` is "" if the cloud accepted it."""

    instance: Instance
    pace: Pace
    error: str


def look_up(server: Server, decision: LookUp, *, now: datetime) -> str:
    """Look for instances with an attempt's key. Return why the call failed, or ""."""
    attempt = Attempt.objects.select_related("account").get(
        server_uid=server.pk, number=decision.attempt
    )
    cloud = open_location(attempt.account, attempt.region)
    try:
        with call_slot(attempt.account):
            found = cloud.find_instances(attempt.key, deadline=cloud.timings.call)
    except CallError as error:
        return error.message
    live = [shown for shown in found if shown.live]
    for shown in live:
        record_instance(shown, attempt=attempt, now=now)
    if not live:
        # When the look started: it may have missed what appeared while it ran.
        Attempt.objects.filter(pk=attempt.pk).update(looked_at=now)
    return ""


def confirm_vanished(instance: Instance, *, now: datetime) -> str:
    """Ask for an instance by its id. Return why the call failed, or ""."""
    cloud = open_location(instance.account, instance.region)
    try:
        with call_slot(instance.account):
            shown = cloud.get_instance(
                instance.instance_id, deadline=cloud.timings.call
            )
    except MissingError:
        record_gone(instance.pk, now=now)
    except CallError as error:
        return error.message
    else:
        record_seen(instance.pk, shown, now=now)
    return ""


def send_destroys(instances: Sequence[Instance]) -> list[Asked]:
    """Send a destroy call for each instance. BusyError if there is no slot for any."""
    sent: list[Asked] = []
    for instance in instances:
        try:
            sent.append(_send_destroy(instance))
        except BusyError:
            if not sent:
                raise
            break
    return sent


def record_destroys(server: Server, sent: Sequence[Asked], *, now: datetime) -> None:
    """Record the destroy calls and the last error, in the caller's transaction."""
    lock_server(server)  # before its instances, as everywhere
    for asked in sent:
        _record_destroy(asked, server=server, now=now)
    errors = [asked.error for asked in sent if asked.error]
    error = errors[-1] if errors else ""
    if error != server.error:
        Server.objects.filter(pk=server.pk).update(error=error, updated_at=now)
        server.error = error


def destroy_condemned(instance_pk: int) -> None:
    """Send the destroy call for a condemned instance, if its gate is open."""
    instance = (
        Instance.objects.select_related("account", "attempt__server")
        .filter(pk=instance_pk, live=True, condemned_at__isnull=False)
        .first()
    )
    if instance is None:
        return
    now = database_now()
    fleet = Fleet.objects.get()
    cloud = open_location(instance.account, instance.region)
    closed = fleet.destroys_frozen or explain_closed_gate(
        Location.objects.filter(
            account=instance.account_id, region=instance.region
        ).first(),
        instance.account,
        fleet=fleet,
        pace=pace_of(cloud),
        now=now,
    )
    # The call is repeated until the cloud shows the end, but not at every hint.
    if closed or now < _due_again(instance, pace_of(cloud).listing * 3):
        return
    leave_line(dispatch.DESTROY, instance.pk)
    try:
        asked = _send_destroy(instance)
    except BusyError as busy:
        await_slot(busy, dispatch.DESTROY, instance.pk)
        return
    with transaction.atomic():
        _record_destroy(
            asked,
            server=instance.attempt.server if instance.attempt else None,
            now=database_now(),
        )
    hasten_listing(instance.account_id, instance.region, within=asked.pace.listing)


def _due_again(instance: Instance, patience: timedelta) -> datetime:
    if instance.destroy_asked_at is None:
        return instance.first_seen
    wait = max(patience, back_off(instance.destroy_failures, 0.5))
    return instance.destroy_asked_at + wait


def _send_destroy(instance: Instance) -> Asked:
    cloud = open_location(instance.account, instance.region)
    error = ""
    try:
        with call_slot(instance.account):
            cloud.destroy_instance(instance.instance_id, deadline=cloud.timings.call)
    except MissingError:
        # This is no proof: a new instance may be invisible. Listings decide.
        pass
    except CallError as refusal:
        error = refusal.message
    return Asked(instance, pace_of(cloud), error)


def _record_destroy(asked: Asked, *, server: Server | None, now: datetime) -> None:
    instance, error = asked.instance, asked.error
    is_new = instance.destroy_asked_at is None or error != instance.destroy_error
    failures = instance.destroy_failures + 1 if error else 0
    wait = back_off(failures, 0.5) if error else asked.pace.listing * 3
    written = {
        "destroy_asked_at": now,
        "destroy_failures": failures,
        "destroy_error": error,
        "next_step_at": now + wait,
    }
    # Two records of one instance may have been merged meanwhile.
    Instance.objects.filter(pk=instance.pk).update(**written)
    for name, value in written.items():
        setattr(instance, name, value)
    if is_new:
        write_event(
            Fact.DESTROY_ASKED,
            server=server,
            account=instance.account,
            reason=error or f"Destroy call sent for {instance.instance_id}.",
        )
