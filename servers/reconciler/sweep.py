"""Condemn what no row owns: for good, one at a time, under the row's lock.

Seen in two complete listings and older than ``grace``. More than a share at once is
left for a person, because it looks like a fault of the records. An instance whose
attempt the database does not know is never condemned here: no crash can make one,
since the intent comes first.
"""

import logging
from datetime import datetime

from django.db import transaction

from servers.ledger import Kind, write_event
from servers.lifecycle.decide import exceeds_share
from servers.lifecycle.guards import is_condemnable, judge_instance
from servers.lifecycle.snapshot import Limits, Pace
from servers.lifecycle.states import Outcome, Verdict
from servers.models import Attempt, Instance, Scope, Server

logger = logging.getLogger(__name__)


def condemn_orphans(
    scope: Scope, *, pace: Pace, started: datetime, now: datetime
) -> list[int]:
    """Condemn the orphans and doubles of a scope that are due; return their keys.

    ``started`` is the start of the listing that was just compared.
    """
    live = Instance.objects.filter(
        account=scope.account_id, region=scope.region, live=True
    )
    due = [
        instance
        for instance in live.filter(
            verdict__in=[Verdict.ORPHAN, Verdict.DOUBLE], condemned_at__isnull=True
        ).order_by("first_seen", "pk")
        if is_condemnable(instance, started=started, now=now, grace=pace.grace)
    ]
    if not due:
        return []
    limits = Limits()
    if exceeds_share(
        len(due), live.count(), share=limits.share, floor=limits.share_floor
    ):
        logger.error(
            "%d instances of %s belong to no server, too many at once to destroy by "
            "itself: a person must look at them in the admin, under Instances.",
            len(due),
            scope,
        )
        return []
    return [instance.pk for instance in due if _condemn(instance, now=now)]


def _condemn(instance: Instance, *, now: datetime) -> bool:
    """Condemn one instance, if under the lock it still belongs to nobody."""
    if instance.server_uid is None or instance.attempt_id is None:
        return False
    with transaction.atomic():
        # Server, attempt, instance: the order of locks everywhere.
        server = (
            Server.objects.select_for_update(no_key=True)
            .filter(pk=instance.server_uid)
            .first()
        )
        attempt = (
            Attempt.objects.select_for_update(no_key=True)
            .filter(pk=instance.attempt_id)
            .first()
        )
        if attempt is None:
            return False
        reason = _explain(instance, attempt)
        if not reason:
            return False
        condemned = Instance.objects.filter(
            pk=instance.pk, live=True, condemned_at__isnull=True
        ).update(condemned_at=now, condemned_for=reason, next_step_at=now)
        if not condemned:
            return False
        write_event(
            Kind.CONDEMNED, server=server, account_id=instance.account_id, reason=reason
        )
    logger.warning("%s", reason)
    return True


def _explain(instance: Instance, attempt: Attempt) -> str:
    """Return why the instance is nobody's, or "" where it is somebody's."""
    name = attempt.server_name
    verdict = judge_instance(
        Outcome(attempt.outcome),
        known_id=attempt.instance_id,
        instance_id=instance.instance_id,
    )
    if verdict is Verdict.ORPHAN:
        return (
            f"{instance.instance_id} is of attempt {attempt.number} of {name}, which "
            f"is closed ({attempt.outcome}); it will be destroyed."
        )
    if verdict is Verdict.DOUBLE:
        return (
            f"{instance.instance_id} is a second instance of attempt {attempt.number} "
            f"of {name}, which has {attempt.instance_id}; it will be destroyed."
        )
    return ""
