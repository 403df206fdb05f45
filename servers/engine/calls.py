"""The calls other than create and finish. Each can safely be repeated at any time."""

from datetime import datetime, timedelta
from typing import Final

from servers.clouds.base import CloudError, InstanceNotFoundError
from servers.lifecycle.backoff import back_off
from servers.lifecycle.conditions import NotYet
from servers.lifecycle.decisions import (
    CloseAttempt,
    ConfirmVanished,
    Destroy,
    LookUp,
    Probe,
)
from servers.lifecycle.states import Answer, Outcome
from servers.models import Attempt, Fleet, Instance, Location, Server
from servers.placing.location_gate import explain_closed_gate
from servers.placing.locations import (
    BusyError,
    call_slot,
    hasten_listing,
    open_location,
    pace_of,
)
from servers.records import ledger
from servers.records.attempts import close_attempt, record_instance
from servers.records.instances import (
    mark_destroy_asked,
    mark_destroy_failed,
    record_gone,
    record_seen,
)
from servers.records.leases import Lease
from servers.records.ledger import Kind, database_now, write_event

PROBE_SECONDS: Final = 3.0


def look_up(server: Server, decision: LookUp, *, now: datetime) -> str:
    """Look for instances with an attempt's key. Return why the call failed, or ""."""
    attempt = Attempt.objects.select_related("account").get(
        server_uid=server.pk, number=decision.attempt
    )
    cloud = open_location(attempt.account, attempt.region)
    try:
        with call_slot(attempt.account):
            found = cloud.find_instances(attempt.key, deadline=cloud.timings.call)
    except CloudError as error:
        return error.message
    live = [shown for shown in found if shown.live]
    for shown in live:
        record_instance(shown, attempt=attempt, now=now)
    if not live:
        # When the look started: it may have missed what appeared while it ran.
        Attempt.objects.filter(pk=attempt.pk).update(looked_at=now)
    return ""


def close_absent(server: Server, decision: CloseAttempt, *, now: datetime) -> None:
    """Close an attempt of which no instance was found."""
    attempt = Attempt.objects.get(server_uid=server.pk, number=decision.attempt)
    close_attempt(
        attempt,
        Outcome.ABSENT,
        event=decision.event,
        reason=decision.reason,
        answer_class=Answer.SILENCE,
        now=now,
    )
    server.refresh_from_db()


def confirm_vanished(decision: ConfirmVanished, *, now: datetime) -> str:
    """Ask for an instance by its id. Return why the call failed, or ""."""
    instance = Instance.objects.select_related("account").get(pk=decision.instance.pk)
    cloud = open_location(instance.account, instance.region)
    try:
        with call_slot(instance.account):
            shown = cloud.get_instance(
                instance.instance_id, deadline=cloud.timings.call
            )
    except InstanceNotFoundError:
        record_gone(instance.pk, now=now)
    except CloudError as error:
        return error.message
    else:
        record_seen(instance.pk, shown, now=now)
    return ""


def probe(
    server: Server, decision: Probe, *, now: datetime, lease: Lease
) -> NotYet | None:
    """Look at the instance, and move the row if the condition holds.

    Return None if it moved, else why not ("" if the row was moved by someone else).
    """
    found = decision.look(timeout=PROBE_SECONDS)
    if isinstance(found, NotYet):
        return found
    moved = ledger.move(
        server, decision.event, reason=found.reason, now=now, fence=lease.fence
    )
    return None if moved else NotYet("")


def destroy_instances(server: Server, decision: Destroy) -> str:
    """Send a destroy call for each instance. Return the last error, or ""."""
    error = ""
    instances = Instance.objects.select_related("account").in_bulk(
        [view.pk for view in decision.instances]
    )
    for view in decision.instances:
        error = _destroy(instances[view.pk], server=server) or error
    if error != server.error:
        Server.objects.filter(pk=server.pk).update(
            error=error, updated_at=database_now()
        )
        server.error = error
    return error


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
    try:
        _destroy(instance, server=instance.attempt.server if instance.attempt else None)
    except BusyError:
        return


def _due_again(instance: Instance, patience: timedelta) -> datetime:
    if instance.destroy_asked_at is None:
        return instance.first_seen
    wait = max(patience, back_off(instance.destroy_failures, 0.5))
    return instance.destroy_asked_at + wait


def _destroy(instance: Instance, *, server: Server | None) -> str:
    cloud = open_location(instance.account, instance.region)
    pace = pace_of(cloud)
    error = ""
    try:
        with call_slot(instance.account):
            cloud.destroy_instance(instance.instance_id, deadline=cloud.timings.call)
    except InstanceNotFoundError:
        # This is no proof: a new instance may be invisible. Listings decide.
        pass
    except CloudError as refusal:
        error = refusal.message
    now = database_now()
    if error:
        failures = instance.destroy_failures + 1
        mark_destroy_failed(
            instance.pk,
            failures=failures,
            error=error,
            now=now,
            again=back_off(failures, 0.5),
        )
    else:
        mark_destroy_asked(instance.pk, now=now, again=pace.listing * 3)
    if instance.destroy_asked_at is None or error != instance.destroy_error:
        write_event(
            Kind.DESTROY_ASKED,
            server=server,
            account=instance.account,
            reason=error or f"Destroy call sent for {instance.instance_id}.",
        )
    hasten_listing(instance.account_id, instance.region, within=pace.listing)
    return error
