"""The breaker of an account: stop asking a cloud that refuses everything.

It opens after some failed creates in a row, for a time that doubles; then one create
is let through (half-open), and its outcome closes or opens it. What a template asks
wrongly (image, size) does not count: that is no fault of the account. It opens, too,
where more lives at the cloud than servers ask for: then something makes instances that
nobody counts, and more creates would only make more of them.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decide import exceeds_share
from servers.lifecycle.snapshot import Limits
from servers.lifecycle.states import PROVEN_GONE, Outcome
from servers.models import Account, Attempt, Instance, Server

OPENS_AFTER: Final = 5
FIRST_SECONDS: Final = 60.0
MOST_SECONDS: Final = 900.0


def explain_hold(account: Account, *, now: datetime) -> str:
    """Return why the breaker holds creates back now, or ""."""
    until = account.breaker_until
    if account.breaker == Account.Breaker.CLOSED or until is None or now >= until:
        return ""
    if account.breaker == Account.Breaker.HALF_OPEN:
        return f"{account.name} is tried with one create after its breaker was open."
    after = ":" if account.breaker_failures < OPENS_AFTER else " after"
    return f"The breaker of {account.name} is open{after} {explain_opening(account)}"


def explain_opening(account: Account) -> str:
    """Return what the breaker opened for."""
    if account.breaker_failures < OPENS_AFTER:
        return account.breaker_note
    return f"{account.breaker_failures} failed creates in a row: {account.breaker_note}"


def watch_creations(account: Account, *, now: datetime) -> bool:
    """Open it where instances and open calls outrun the servers; tell if that is new.

    Asked after each complete listing. At most five queries, for any fleet.
    """
    limits = Limits()
    live = Instance.objects.filter(account=account.pk, live=True).count()
    if live <= limits.share_floor:
        return False
    asked = (
        Attempt.objects.filter(account=account.pk, outcome=Outcome.ASKED)
        .exclude(instances__live=True)
        .count()
    )
    servers = (
        Server.objects.filter(attempts__account=account.pk)
        .exclude(state__in=PROVEN_GONE)
        .distinct()
        .count()
    )
    if not exceeds_share(
        live + asked - servers, servers, share=limits.share, floor=limits.share_floor
    ):
        return False
    note = (
        f"{live + asked} instances live there or were asked for, and only {servers} "
        "servers account for them. See Leaks."
    )
    rows = Account.objects.filter(pk=account.pk)
    is_new = rows.exclude(breaker=Account.Breaker.OPEN, breaker_note=note).exists()
    rows.update(
        breaker=Account.Breaker.OPEN,
        breaker_until=now + timedelta(seconds=FIRST_SECONDS),
        breaker_note=note,
    )
    return is_new


def admit_create(account: Account, *, now: datetime, trial: timedelta) -> bool:
    """Tell whether a create may be sent; of a breaker that was open, only one.

    ``trial`` is how long that one may take to tell its outcome. Its worker may die:
    then, once its call can't have an effect any more, another is let through.
    """
    if account.breaker == Account.Breaker.CLOSED:
        return True
    admitted = (
        Account.objects.filter(pk=account.pk)
        .exclude(breaker=Account.Breaker.CLOSED)
        .filter(Q(breaker_until__isnull=True) | Q(breaker_until__lte=now))
        .update(breaker=Account.Breaker.HALF_OPEN, breaker_until=now + trial)
    )
    return bool(admitted)


def note_success(account: Account) -> bool:
    """Close it: the cloud has made an instance. Tell whether that changed anything."""
    changed = (
        Account.objects.filter(pk=account.pk)
        .exclude(breaker=Account.Breaker.CLOSED, breaker_failures=0)
        .update(
            breaker=Account.Breaker.CLOSED,
            breaker_failures=0,
            breaker_note="",
            breaker_until=None,
        )
    )
    return bool(changed)


def note_failure(account: Account, message: str, *, now: datetime) -> None:
    """Count a failed create; open the breaker where it is one too many."""
    Account.objects.filter(pk=account.pk).update(
        breaker_failures=F("breaker_failures") + 1, breaker_note=message
    )
    account.refresh_from_db(fields=["breaker", "breaker_failures"])
    if account.breaker_failures < OPENS_AFTER:
        return
    wait = back_off(
        account.breaker_failures - OPENS_AFTER + 1,
        1.0,
        first=FIRST_SECONDS,
        most=MOST_SECONDS,
    )
    Account.objects.filter(pk=account.pk).update(
        breaker=Account.Breaker.OPEN, breaker_until=now + wait
    )
