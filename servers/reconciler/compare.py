"""Compare a complete listing with the records of its location, in a few queries.

An instance that has not changed costs no write. A listing describes the moment it
*started*, so it can't contradict what was recorded later. An instance counts as missed
only by a listing that started after its settle time, and an instance that was seen to
end does not become live again.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from servers.clouds.base import CloudInstance, CloudListing, Meaning
from servers.lifecycle.guards import Missed, is_outdated, note_missed, note_shown
from servers.lifecycle.keys import Key, parse_key
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import CLOSED, Outcome, Verdict
from servers.models import Attempt, Instance, Location
from servers.reconciler.addresses import follow_addresses
from servers.reconciler.owners import choose_owner, seen_by, settle_identity, take_over
from servers.records.ledger import Fact, write_event

_FACTS = (
    *("raw_status", "live", "meaning", "address"),
    *("fault", "interrupted", "name"),
)


@dataclass(slots=True)
class Comparison:
    """What a listing changed: the servers to check, and whether to list again soon."""

    touched: set[UUID] = field(default_factory=set)
    unsettled: bool = False  # an instance is missing or unowned: list again soon
    # Attempts whose instances this listing was the first to show as taken back, since
    # they are spot instances, or as failed for want of capacity.
    full: set[UUID] = field(default_factory=set)
    live: int = 0  # live instances that the account owns


def compare_listing(
    location: Location,
    listing: CloudListing,
    *,
    fleet_id: str,
    pace: Pace,
    started: datetime,
) -> Comparison:
    """Update the instances of ``location`` to what the listing shows.

    Runs in the caller's transaction, which has locked the location.
    """
    shown = {
        instance.instance_id: instance
        for instance in listing.instances
        # The adapter has checked this too. No other fleet's instance may get past here.
        if instance.fleet == fleet_id
    }
    comparison = Comparison()
    known, others = _load_known(location, shown)
    new = [
        instance
        for key, instance in shown.items()
        if key not in known and key not in others
    ]
    mine = _add(
        location, new, fleet_id=fleet_id, started=started, comparison=comparison
    )
    _update(known, shown, started=started, comparison=comparison)
    _miss(known, shown, pace=pace, started=started, comparison=comparison)
    taken = take_over(location, others.values(), shown, started=started)
    fields = ["account", "live", "missed_from", "gone_at", "listed_from", "verdict"]
    if taken:
        Instance.objects.bulk_update(taken, fields, batch_size=500)
    _touch(taken, comparison)
    _judge(location)
    own = known.keys() | {row.instance_id for row in taken} | mine
    comparison.live = sum(shown[key].live for key in own & shown.keys())
    comparison.unsettled |= (
        Instance.objects.filter(
            account=location.account_id, region=location.region, live=True
        )
        .filter(
            Q(verdict__in=[Verdict.ORPHAN, Verdict.DOUBLE])
            | Q(missed_from__isnull=False)
        )
        .exists()
    )
    return comparison


def _load_known(
    location: Location, shown: dict[str, CloudInstance]
) -> tuple[dict[str, Instance], dict[str, Instance]]:
    """Return the records of the account and those of other accounts.

    The first are locked: all instances of the account that are live or shown. The
    others are shown, but another account owns them. At most three queries.
    """
    rows = Instance.objects.filter(region=location.region)
    own = rows.filter(account=location.account_id).select_for_update(no_key=True)
    living = settle_identity(location, list(own.filter(live=True)))
    known = {row.instance_id: row for row in living}
    rest = [instance_id for instance_id in shown if instance_id not in known]
    if not rest:
        return known, {}
    found = list(
        rows.filter(seen_by(location.account), instance_id__in=rest).select_related(
            "account", "attempt__account"
        )
    )
    ended = [row.pk for row in found if row.account_id == location.account_id]
    if ended:
        known |= {row.instance_id: row for row in own.filter(pk__in=ended)}
    others = {
        row.instance_id: row for row in found if row.account_id != location.account_id
    }
    return known, {name: others[name] for name in others.keys() - known.keys()}


def _add(
    location: Location,
    new: list[CloudInstance],
    *,
    fleet_id: str,
    started: datetime,
    comparison: Comparison,
) -> set[str]:
    """Record new instances, tied to their attempts by their keys.

    Return the ids of those that the account owns.
    """
    if not new:
        return set()
    attempts = Attempt.objects.select_related("account").in_bulk(
        [instance.key for instance in new if instance.key], field_name="key"
    )
    rows = []
    # In the same order in all listings, to avoid deadlocks between listings of a cloud.
    for instance in sorted(new, key=lambda shown: shown.instance_id):
        key = parse_key(instance.key)
        attempt = attempts.get(instance.key)
        rows.append(
            Instance(
                account_id=choose_owner(location, attempt),
                identity=location.account.cloud_identity,
                region=location.region,
                instance_id=instance.instance_id,
                key=instance.key[:63],
                server_uid=_owner(key, fleet_id),
                attempt=attempt,
                first_seen=started,
                listed_from=started if instance.live else None,
                gone_at=None if instance.live else started,
                verdict=_first_verdict(instance, attempt),
                **_facts(instance),
            )
        )
        if attempt is not None:
            comparison.touched.add(attempt.server_uid)
        elif instance.live:
            write_event(
                Fact.UNEXPLAINED,
                account_id=location.account_id,
                reason=f"{instance.instance_id} carries the fleet's tag, but the "
                "database does not know it. Adopt or destroy it.",
            )
    # A create call's answer may have recorded the same instance meanwhile.
    Instance.objects.bulk_create(rows, ignore_conflicts=True)
    return {row.instance_id for row in rows if row.account_id == location.account_id}


def _owner(key: Key | None, fleet_id: str) -> UUID | None:
    return key.server_id if key is not None and key.fleet == fleet_id else None


def _first_verdict(instance: CloudInstance, attempt: Attempt | None) -> Verdict:
    if not instance.live:
        return Verdict.GONE
    return Verdict.OURS if attempt is not None else Verdict.UNEXPLAINED


def _facts(instance: CloudInstance) -> dict[str, Any]:
    return {
        "raw_status": instance.raw_status[:64],
        "live": instance.live,
        "meaning": instance.meaning,
        "address": instance.address[:255],
        "fault": instance.fault[:1000],
        "interrupted": instance.interrupted,
        "name": instance.name[:255],
    }


def _update(
    known: dict[str, Instance],
    shown: dict[str, CloudInstance],
    *,
    started: datetime,
    comparison: Comparison,
) -> None:
    """Write the changes of the instances that the listing shows."""
    changed = []
    elsewhere = {}
    for instance_id, instance in shown.items():
        row = known.get(instance_id)
        if row is None or is_outdated(row, started=started):
            continue
        facts = _facts(instance)
        fresh = row.listed_from is None and instance.live
        back = row.missed_from is not None and instance.live
        if (
            not fresh
            and not back
            and all(getattr(row, name) == value for name, value in facts.items())
        ):
            continue
        was_live, old = row.live, row.address
        # Some clouds show only that a spot instance is being deleted, not by whom.
        by_cloud = row.condemned_at is None and row.destroy_asked_at is None
        is_full = by_cloud and instance.interrupted and not row.interrupted
        is_full |= instance.no_capacity and row.meaning != Meaning.FAILED
        if is_full and row.attempt_id:
            comparison.full.add(row.attempt_id)
        for name, value in facts.items():
            setattr(row, name, value)
        note_shown(row, live=instance.live, started=started)
        if was_live and not row.live:
            _tell_gone(row)
        elif row.address and row.address != old:
            elsewhere[row.server_uid, row.instance_id] = row.address
        changed.append(row)
    _save(
        changed,
        [*_FACTS, "listed_from", "missed_from", "gone_at", "verdict"],
        comparison,
    )
    follow_addresses(elsewhere, now=started)


def _miss(
    known: dict[str, Instance],
    shown: dict[str, CloudInstance],
    *,
    pace: Pace,
    started: datetime,
    comparison: Comparison,
) -> None:
    """Note instances that this listing, or already a second one, does not show."""
    changed = []
    for instance_id, row in known.items():
        if instance_id in shown:
            continue
        missed = note_missed(row, started=started, settle=pace.settle, lag=pace.lag)
        if missed is Missed.AGAIN and row.server_uid is not None:
            comparison.touched.add(row.server_uid)
        elif missed in {Missed.NOTED, Missed.GONE}:
            changed.append(row)
        if missed is Missed.GONE:
            _tell_gone(row)
    _save(changed, ["missed_from", "live", "gone_at", "verdict"], comparison)


def _save(rows: list[Instance], fields: list[str], comparison: Comparison) -> None:
    """Write columns of rows that are there for sure, because they are locked.

    An upsert names each value once. ``bulk_update`` compares each row's id once for
    every column, and took ten times as much CPU.
    """
    Instance.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=fields,
    )
    _touch(rows, comparison)


def _touch(rows: list[Instance], comparison: Comparison) -> None:
    comparison.touched |= {row.server_uid for row in rows if row.server_uid is not None}


def _tell_gone(instance: Instance) -> None:
    if instance.condemned_at is not None:
        write_event(
            Fact.ORPHAN_GONE,
            account_id=instance.account_id,
            reason=f"{instance.instance_id} is gone. No server owned it.",
        )


def _judge(location: Location) -> None:
    """Mark unowned instances, whose attempts may have closed since the record."""
    live = Instance.objects.filter(
        account=location.account_id,
        region=location.region,
        live=True,
        verdict=Verdict.OURS,
    )
    live.filter(attempt__isnull=True).update(verdict=Verdict.UNEXPLAINED)
    live.filter(attempt__outcome__in=CLOSED).update(verdict=Verdict.ORPHAN)
    live.filter(attempt__outcome=Outcome.ACCEPTED).exclude(
        instance_id=F("attempt__instance_id")
    ).update(verdict=Verdict.DOUBLE)
