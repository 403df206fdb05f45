"""Condemn an instance that no server owns, permanently and under all locks."""

import logging
from datetime import datetime

from django.db import transaction

from servers.lifecycle.guards import judge_instance
from servers.lifecycle.states import Outcome, Verdict
from servers.models import Attempt, Instance, Server
from servers.records.ledger import Fact, write_event

logger = logging.getLogger(__name__)


def condemn_unowned(instance: Instance, *, now: datetime) -> bool:
    """Condemn an orphan or double if, under the lock, it still has no owner."""
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
            Fact.CONDEMNED, server=server, account_id=instance.account_id, reason=reason
        )
    logger.warning("%s", reason)
    return True


def _explain(instance: Instance, attempt: Attempt) -> str:
    """Return why no server owns the instance, or "" if one does."""
    name = attempt.server_name
    verdict = judge_instance(
        Outcome(attempt.outcome),
        known_id=attempt.instance_id,
        instance_id=instance.instance_id,
    )
    if verdict is Verdict.ORPHAN:
        return (
            f"{instance.instance_id} belongs to attempt {attempt.number} of {name}, "
            f"which is closed ({attempt.outcome}). It will be destroyed."
        )
    if verdict is Verdict.DOUBLE:
        return (
            f"{instance.instance_id} is a second instance of attempt {attempt.number} "
            f"of {name}, which has {attempt.instance_id}. It will be destroyed."
        )
    return ""
