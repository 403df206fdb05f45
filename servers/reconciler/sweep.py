"""Condemn what no row owns: for good, one at a time, under the row's lock.

Seen in two complete listings and older than ``grace``. More than a share at once is
left for a person, because it looks like a fault of the records. An instance whose
attempt the database does not know is never condemned here: no crash can make one,
since the intent comes first.
"""

import logging
from datetime import datetime

from servers.condemning import condemn_unowned
from servers.ledger import Kind, write_event
from servers.lifecycle.decide import exceeds_share
from servers.lifecycle.guards import is_condemnable
from servers.lifecycle.snapshot import Limits, Pace
from servers.lifecycle.states import Answer, Verdict
from servers.models import Instance, Scope

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
    # What its server gave up because it failed is no fault of the records, however many
    # they are.
    given_up = set(
        live.filter(attempt__answer_class=Answer.FAILED).values_list("pk", flat=True)
    )
    sudden = [instance for instance in due if instance.pk not in given_up]
    limits = Limits()
    held = bool(sudden) and exceeds_share(
        len(sudden), live.count(), share=limits.share, floor=limits.share_floor
    )
    _hold(scope, len(sudden) if held else 0)
    if held:
        due = [instance for instance in due if instance.pk in given_up]
    return [instance.pk for instance in due if condemn_unowned(instance, now=now)]


def _hold(scope: Scope, count: int) -> None:
    """Write down, where it is new, how many wait for a person in the scope."""
    if not Scope.objects.filter(pk=scope.pk).exclude(held=count).update(held=count):
        return
    if count:
        reason = (
            f"{count} instances of {scope} belong to no server. So many at once may be "
            "a fault of the records, so a person decides: see Leaks."
        )
        logger.error("%s", reason)
        write_event(Kind.HELD, account_id=scope.account_id, reason=reason)
