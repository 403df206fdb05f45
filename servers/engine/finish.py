"""The calls after the create call, where one is not enough: ``Cloud.finish``.

The create call alone creates what bills and carries the key, so exactly-once does not
depend on these calls. The state comes from the instance's record, which the create
call, a look-up or a listing wrote. The content comes from the attempt, which keeps its
frozen parameters until it is finished or given up. So any worker can go on after a
crash at any line, and may repeat a call: it is idempotent.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from servers.clouds.base import UnfinishedError
from servers.engine import uptime
from servers.engine.create import Reply
from servers.lifecycle.decisions import Wait
from servers.lifecycle.snapshot import Placement, Snapshot
from servers.lifecycle.states import Event
from servers.lifecycle.tries import follow_failure
from servers.models import Attempt, Instance, Server
from servers.outgoing.errors import CallError, RefusedError
from servers.placing.call_slots import call_slot
from servers.placing.locations import open_location, pace_of
from servers.placing.memory import note_full
from servers.records import ledger
from servers.records.attempts import lock_server, read_spec, record_finished
from servers.records.instances import as_shown


def send_finish(
    server: Server, instance: Instance, *, send_before: float
) -> Reply | None:
    """Send what the current attempt's instance still needs, under the lease.

    Return None if no call was sent: the boot ended meanwhile, or it is later than
    ``send_before``, an uptime in seconds. A new lease is long enough for the call.
    """
    attempt = Attempt.objects.select_related("account").get(
        server_uid=server.pk, number=server.attempt_number
    )
    spec = read_spec(attempt)
    if spec is None or uptime.read() >= send_before:
        return None
    cloud = open_location(attempt.account, attempt.region)
    placement = Placement(
        attempt.placement,
        region=attempt.region,
        size=attempt.size,
        options=spec.options,
        spot=spec.spot,
    )
    reply = Reply(attempt, placement, pace_of(cloud))
    try:
        with call_slot(attempt.account):
            shown = cloud.finish(as_shown(instance), spec, deadline=cloud.timings.call)
    except CallError as error:
        return replace(reply, error=error)
    return replace(reply, shown=shown)


def find_wait(reply: Reply, *, now: datetime) -> Wait | None:
    """Return the wait if the cloud needs more time, which is no failure, or None."""
    error = reply.error
    if not isinstance(error, UnfinishedError):
        return None
    wait = reply.pace.listing
    if error.retry_after is not None:
        wait = timedelta(seconds=error.retry_after)
    return Wait(error.message, now + wait)


def record_finish(
    server: Server, reply: Reply, snapshot: Snapshot, *, now: datetime
) -> str:
    """Record what the call came to, in the caller's transaction.

    Return why it failed for now, or "". If the cloud refuses what is needed, the
    instance is given up as if it had failed.
    """
    attempt, error = reply.attempt, reply.error
    if isinstance(error, RefusedError):
        note_full(reply.placement, attempt.account, reply.answer, now=now)
        event = follow_failure(
            snapshot,
            Event.INSTANCE_FAILED,
            placement=attempt.placement,
            answer=reply.answer,
        )
        ledger.move(
            server,
            event,
            reason=error.message,
            now=now,
            fence=server.fence,
            answer=reply.answer,
        )
    elif error is not None:
        return error.message
    elif reply.shown is not None:
        lock_server(server)  # before its attempt, as everywhere
        record_finished(attempt, reply.shown, now=now)
    return ""
