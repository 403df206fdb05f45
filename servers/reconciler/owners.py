"""Which account owns an instance if several accounts see the same cloud.

Accounts with the same identity list the same instances: for example two accounts that
differ in their zone or budget. Each instance has one row and one owner. Only the owner
judges, counts and destroys it. The owner is the account of the instance's attempt, or
for an unknown instance the oldest enabled account that sees it.

A listing is complete for the instances of its own account, so it can miss only those.
About another account's instances it proves only that they exist: credentials with fewer
rights must never prove an absence for another account. If the owner misses an instance
that this account sees, this account takes it over, since an account must see an
instance to destroy it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from servers.clouds.base import CloudInstance
from servers.lifecycle.guards import is_outdated, note_shown
from servers.lifecycle.states import Verdict
from servers.models import Account, Attempt, Instance, Location


def seen_by(account: Account) -> Q:
    """Return the condition for what an account owns or, by its identity, may see."""
    own = Q(account=account.pk)
    identity = account.cloud_identity
    return own | Q(identity=identity) if identity else own


def choose_owner(location: Location, attempt: Attempt | None) -> UUID:
    """Return the account that owns an instance new in a listing of ``location``.

    ``attempt`` is the attempt of its key, loaded with its account.
    """
    account = location.account
    if (
        attempt is not None
        and account.cloud_identity
        and attempt.account.cloud_identity == account.cloud_identity
        and attempt.region == location.region
    ):
        return attempt.account_id
    return account.pk


def take_over(
    location: Location,
    others: Iterable[Instance],
    shown: Mapping[str, CloudInstance],
    *,
    started: datetime,
) -> list[Instance]:
    """Take over those of ``others`` that this account must own; return them.

    Rows that their owner's listing has locked now are left for the next listing, so
    that two listings never wait for each other.
    """
    due = [
        row.pk
        for row in others
        if shown[row.instance_id].live and _must_own(location, row, started=started)
    ]
    if not due:
        return []
    rows = Instance.objects.select_related("account", "attempt__account").filter(
        pk__in=due
    )
    taken = [
        row
        for row in rows.select_for_update(no_key=True, skip_locked=True, of=("self",))
        if row.account_id != location.account_id
        and _must_own(location, row, started=started)
    ]
    for row in taken:
        row.account_id = location.account_id
        note_shown(row, live=True, started=started)
    return taken


def _must_own(location: Location, row: Instance, *, started: datetime) -> bool:
    if is_outdated(row, started=started):
        return False
    if (
        row.attempt is not None
        and choose_owner(location, row.attempt) == location.account_id
    ):
        return True
    if not row.live or (row.missed_from is not None and row.missed_from < started):
        return True
    return row.verdict == Verdict.UNEXPLAINED and _rank(location.account) < _rank(
        row.account
    )


def _rank(account: Account) -> tuple[bool, datetime, str]:
    return (not account.enabled, account.created_at, account.pk.hex)


def settle_identity(location: Location, own: list[Instance]) -> list[Instance]:
    """Set the identity on instances that were recorded before it was known.

    If another account has recorded the same instance meanwhile, the two rows are
    merged, and the account of its attempt owns the result. Return the rows of ``own``
    that are left.
    """
    identity = location.account.cloud_identity
    early = {row.instance_id: row for row in own if identity and not row.identity}
    if not early:
        return own
    twins = _find_twins(location, early)
    locked = {row.pk: row for row in twins.select_for_update(skip_locked=True)}
    dropped = set()
    for twin in twins.select_related("attempt"):
        row = early.pop(twin.instance_id)
        if twin.pk not in locked:
            continue  # left for the next listing
        keeps = twin.attempt is None or twin.attempt.account_id == twin.account_id
        kept, gone = (twin, row) if keeps else (row, twin)
        _fold(kept, gone)
        gone.delete()
        kept.identity = identity
        kept.save()
        if kept is twin:
            dropped.add(row.instance_id)
    for row in early.values():
        row.identity = identity
    Instance.objects.bulk_update(early.values(), ["identity"], batch_size=500)
    return [row for row in own if row.instance_id not in dropped]


def _find_twins(location: Location, early: Iterable[str]) -> QuerySet[Instance]:
    return Instance.objects.filter(
        identity=location.account.cloud_identity,
        region=location.region,
        instance_id__in=list(early),
    ).exclude(account=location.account_id)


def _fold(kept: Instance, gone: Instance) -> None:
    """Copy to one row what only the other knows. A condemned instance stays so."""
    kept.first_seen = min(kept.first_seen, gone.first_seen)
    kept.attempt_id = kept.attempt_id or gone.attempt_id
    kept.server_uid = kept.server_uid or gone.server_uid
    kept.listed_from = kept.listed_from or gone.listed_from
    kept.summed_until = kept.summed_until or gone.summed_until
    kept.destroy_asked_at = kept.destroy_asked_at or gone.destroy_asked_at
    if gone.condemned_at is not None and kept.condemned_at is None:
        kept.condemned_at = gone.condemned_at
        kept.condemned_for = gone.condemned_for
        kept.next_step_at = gone.next_step_at
