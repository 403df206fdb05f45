"""The calls after the create call, where one is not enough: ``Cloud.finish``.

The create call alone creates what bills and carries the key, so exactly-once does not
depend on these calls. The state comes from the instance's record, which the create
call, a look-up or a listing wrote. The content comes from the attempt, which keeps its
frozen parameters until it is finished or given up. So any worker can go on after a
crash at any line, and may repeat a call: it is idempotent.
"""

from datetime import datetime

from servers.clouds.base import CloudError, NoCapacityError, RefusedError
from servers.lifecycle.decisions import Finish
from servers.lifecycle.snapshot import Placement, Snapshot
from servers.lifecycle.states import Answer, Event
from servers.lifecycle.tries import follow_failure
from servers.models import Attempt, Instance, Server
from servers.placing.locations import call_slot, hasten_listing, open_location, pace_of
from servers.placing.placements import remember_capacity
from servers.records import ledger
from servers.records.attempts import read_spec, record_finished
from servers.records.counters import count_failure
from servers.records.instances import as_shown
from servers.records.leases import Lease


def finish_instance(
    server: Server,
    decision: Finish,
    snapshot: Snapshot,
    *,
    now: datetime,
    lease: Lease,
) -> str:
    """Send what the instance still needs. Return why it failed for now, or "".

    If the cloud refuses it, the instance is given up as if it had failed.
    """
    attempt = Attempt.objects.select_related("account").get(
        server_uid=server.pk, number=snapshot.attempt_number
    )
    spec = read_spec(attempt)
    if spec is None:
        return ""  # someone ended the boot meanwhile
    cloud = open_location(attempt.account, attempt.region)
    shown = as_shown(Instance.objects.get(pk=decision.instance.pk))
    try:
        with call_slot(attempt.account):
            finished = cloud.finish(shown, spec, deadline=cloud.timings.call)
    except RefusedError as refusal:
        count_failure(refusal)
        if isinstance(refusal, NoCapacityError):
            placement = Placement(
                attempt.placement,
                region=attempt.region,
                size=attempt.size,
                options=spec.options,
            )
            remember_capacity(
                placement, attempt.account, now=ledger.database_now(), is_full=True
            )
        _give_up(server, attempt, snapshot, refusal, now=now, lease=lease)
        return ""
    except CloudError as error:
        count_failure(error)
        return error.message
    record_finished(attempt, finished, now=ledger.database_now())
    hasten_listing(attempt.account_id, attempt.region, within=pace_of(cloud).listing)
    return ""


def _give_up(
    server: Server,
    attempt: Attempt,
    snapshot: Snapshot,
    refusal: RefusedError,
    *,
    now: datetime,
    lease: Lease,
) -> None:
    answer = Answer(type(refusal).__name__.removesuffix("Error"))
    event = follow_failure(
        snapshot, Event.INSTANCE_FAILED, placement=attempt.placement, answer=answer
    )
    ledger.move(
        server,
        event,
        reason=refusal.message,
        now=now,
        fence=lease.fence,
        answer=answer,
    )
