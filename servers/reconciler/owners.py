"""Whose an instance is, where several accounts see the same cloud.

Accounts with one identity list the same instances: two accounts that differ in their
zone, say, or in whose budget they are. Each instance has one row and one owner, which
alone judges, counts and destroys it: the account of its attempt; of what no attempt
explains, the oldest enabled account that sees it.

A listing is complete for what its own account holds, so that alone it can miss. Of
another's instances it proves one thing, that they are there: credentials that show
less than another's must never prove an absence for it. Where the owner misses what
this account sees, this account takes it over, for only who sees it can destroy it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from servers.clouds.base import CloudInstance
from servers.lifecycle.guards import is_outdated, note_shown
from servers.lifecycle.states import Verdict
from servers.models import Account, Attempt, Instance, Scope


def seen_by(account: Account) -> Q:
    """Return the condition on what an account owns or, by its identity, may see."""
    own = Q(account=account.pk)
    identity = account.cloud_identity
    return own | Q(identity=identity) if identity else own


def choose_owner(scope: Scope, attempt: Attempt | None) -> UUID:
    """Return the account that owns what a listing of ``scope`` shows first.

    ``attempt`` is the one of its key, with its account.
    """
    account = scope.account
    if (
        attempt is not None
        and account.cloud_identity
        and attempt.account.cloud_identity == account.cloud_identity
        and attempt.region == scope.region
    ):
        return attempt.account_id
    return account.pk


def take_over(
    scope: Scope,
    others: Iterable[Instance],
    shown: Mapping[str, CloudInstance],
    *,
    started: datetime,
) -> list[Instance]:
    """Make those of ``others`` this account's that it must own; return them.

    Rows that their owner's listing holds at this moment wait for the next one, so that
    no two listings wait for each other.
    """
    due = [
        row.pk
        for row in others
        if shown[row.instance_id].live and _must_own(scope, row, started=started)
    ]
    if not due:
        return []
    rows = Instance.objects.select_related("account", "attempt__account").filter(
        pk__in=due
    )
    taken = [
        row
        for row in rows.select_for_update(no_key=True, skip_locked=True, of=("self",))
        if row.account_id != scope.account_id and _must_own(scope, row, started=started)
    ]
    for row in taken:
        row.account_id = scope.account_id
        note_shown(row, live=True, started=started)
    return taken


def _must_own(scope: Scope, row: Instance, *, started: datetime) -> bool:
    if is_outdated(row, started=started):
        return False
    if row.attempt is not None and choose_owner(scope, row.attempt) == scope.account_id:
        return True
    if not row.live or (row.missed_from is not None and row.missed_from < started):
        return True
    return row.verdict == Verdict.UNEXPLAINED and _rank(scope.account) < _rank(
        row.account
    )


def _rank(account: Account) -> tuple[bool, datetime, str]:
    return (not account.enabled, account.created_at, account.pk.hex)


def settle_identity(scope: Scope, own: list[Instance]) -> list[Instance]:
    """Write the identity, known by now, on what was recorded before it was.

    Where another account has recorded the same instance meanwhile, the two rows become
    one, its attempt's account's. Returns those of ``own`` that are left.
    """
    identity = scope.account.cloud_identity
    early = {row.instance_id: row for row in own if identity and not row.identity}
    if not early:
        return own
    twins = _find_twins(scope, early)
    locked = {row.pk: row for row in twins.select_for_update(skip_locked=True)}
    dropped = set()
    for twin in twins.select_related("attempt"):
        row = early.pop(twin.instance_id)
        if twin.pk not in locked:
            continue  # at the next listing
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


def _find_twins(scope: Scope, early: Iterable[str]) -> QuerySet[Instance]:
    return Instance.objects.filter(
        identity=scope.account.cloud_identity,
        region=scope.region,
        instance_id__in=list(early),
    ).exclude(account=scope.account_id)


def _fold(kept: Instance, gone: Instance) -> None:
    """Write on one row what only the other knows. What is condemned stays so."""
    kept.first_seen = min(kept.first_seen, gone.first_seen)
    kept.attempt_id = kept.attempt_id or gone.attempt_id
    kept.server_uid = kept.server_uid or gone.server_uid
    kept.listed_from = kept.listed_from or gone.listed_from
    kept.destroy_asked_at = kept.destroy_asked_at or gone.destroy_asked_at
    if gone.condemned_at is not None and kept.condemned_at is None:
        kept.condemned_at = gone.condemned_at
        kept.condemned_for = gone.condemned_for
        kept.next_step_at = gone.next_step_at
