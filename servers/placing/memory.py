"""Where a cloud had no capacity, or the account no quota, lately: for the whole fleet.

Losing this to a crash does no harm: the next call finds it out anew.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from servers.clouds.registry import describe_kind
from servers.lifecycle.snapshot import Placement
from servers.lifecycle.states import Answer
from servers.models import Account, NoCapacity
from servers.records.prepared import Prepared, among

# What a refusal tells about other servers, too.
REMEMBERED: Final = frozenset({Answer.NO_CAPACITY, Answer.QUOTA})
_Place = tuple[str, str]  # as a row has it: region and size

_FULL: Final = Prepared(
    NoCapacity,
    lambda slot: NoCapacity.objects.filter(
        among("account", slot("accounts", "account")), until__gt=slot("now", "until")
    ),
)


class FullPlaces:
    """What is full now, in all accounts at once."""

    def __init__(self, accounts: Collection[UUID], *, now: datetime) -> None:
        rows: list[NoCapacity] = _FULL.read(accounts=list(accounts), now=now)
        self._rows = {(row.account_id, row.region, row.size): row for row in rows}

    def find(self, placement: Placement, account: Account) -> NoCapacity | None:
        """Return what says that a placement was full a short time ago."""
        if not self._rows:
            return None
        row = self._rows.get((account.pk, *_name_capacity(placement, account)))
        if row is not None:
            return row
        row = self._rows.get((account.pk, *_name_quota(placement, account)))
        return row if row is not None and row.answer_class == Answer.QUOTA else None


def note_full(
    placement: Placement, account: Account, answer: Answer, *, now: datetime
) -> None:
    """Remember for some minutes that a placement has no capacity, or no quota.

    Any other answer says nothing about other servers.
    """
    if answer not in REMEMBERED:
        return
    name = _name_quota if answer is Answer.QUOTA else _name_capacity
    region, size = name(placement, account)
    until = now + timedelta(seconds=settings.CAPACITY_MEMORY)
    NoCapacity.objects.bulk_create(
        [
            NoCapacity(
                account=account,
                region=region,
                size=size,
                answer_class=answer,
                seen_at=now,
                until=until,
            )
        ],
        update_conflicts=True,
        unique_fields=["account", "region", "size"],
        update_fields=["answer_class", "seen_at", "until"],
    )


def forget_full(placement: Placement, account: Account) -> None:
    """Forget that a placement was full: an instance was just created there."""
    region, size = _name_capacity(placement, account)
    where = Q(region=region, size=size)
    region, size = _name_quota(placement, account)
    where |= Q(region=region, size=size, answer_class=Answer.QUOTA)
    NoCapacity.objects.filter(where, account=account).delete()


def _name_capacity(placement: Placement, account: Account) -> _Place:
    """Return the region of a placement, with what its options narrow that to.

    Spot instances have a capacity of their own.
    """
    options = {**account.options, **placement.options}
    named = (options.get(name) for name in describe_kind(account.kind).capacity_options)
    spot = "spot" if placement.spot else ""
    parts = (placement.region, spot, *named)
    region = " ".join(str(each) for each in parts if each)[:100]
    return region, placement.size


def _name_quota(placement: Placement, account: Account) -> _Place:
    """Return what the quota that refused a placement counts, as its cloud says.

    It does not count a zone or a subnet by itself.
    """
    counted = describe_kind(account.kind).capabilities.quota_per
    parts = (
        placement.region if "region" in counted else "",
        "spot" if placement.spot and "spot" in counted else "",
    )
    region = " ".join(filter(None, parts))[:100]
    return region, placement.size if "size" in counted else ""
