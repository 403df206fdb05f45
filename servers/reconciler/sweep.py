"""Condemn unowned instances: permanently, one at a time, under the row's lock.

An instance is condemned once two complete listings have shown it and it is older than
``grace``. If more than a share of the instances is due at once, a person decides,
because the records may be wrong. An instance whose attempt the database does not know
is never condemned here. No crash can create one, since the attempt is recorded first.
"""

import logging
from datetime import datetime

from servers.lifecycle.guards import exceeds_share, is_condemnable
from servers.lifecycle.snapshot import Limits, Pace
from servers.lifecycle.states import GIVEN_UP, Verdict
from servers.models import Instance, Location
from servers.records.condemn import condemn_unowned
from servers.records.ledger import Fact, write_event

logger = logging.getLogger(__name__)


def condemn_orphans(
    location: Location, *, pace: Pace, started: datetime, now: datetime
) -> list[int]:
    """Condemn the orphans and doubles of a location that are due; return their ids.

    ``started`` is the start of the listing that was just compared.
    """
    live = Instance.objects.filter(
        account=location.account_id, region=location.region, live=True
    )
    due = [
        instance
        for instance in live.filter(
            verdict__in=[Verdict.ORPHAN, Verdict.DOUBLE], condemned_at__isnull=True
        ).order_by("first_seen", "pk")
        if is_condemnable(instance, started=started, now=now, grace=pace.grace)
    ]
    # If a server gave up an instance because it failed, the records are right, however
    # many there are.
    given_up = set(
        live.filter(attempt__answer_class__in=GIVEN_UP).values_list("pk", flat=True)
    )
    sudden = [instance for instance in due if instance.pk not in given_up]
    limits = Limits()
    held = bool(sudden) and exceeds_share(
        len(sudden), live.count(), share=limits.share, floor=limits.share_floor
    )
    _hold(location, len(sudden) if held else 0)
    if held:
        due = [instance for instance in due if instance.pk in given_up]
    return [instance.pk for instance in due if condemn_unowned(instance, now=now)]


def _hold(location: Location, count: int) -> None:
    """Record how many instances wait for a person, and write an event on a change."""
    if (
        not Location.objects.filter(pk=location.pk)
        .exclude(held=count)
        .update(held=count)
    ):
        return
    if count:
        reason = (
            f"{count} instances in {location} belong to no server and need a decision. "
            "So many at once may mean that the records are wrong. See Leaks."
        )
        logger.error("%s", reason)
        write_event(Fact.HELD, account_id=location.account_id, reason=reason)
