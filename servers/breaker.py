"""The breaker of an account: stop asking a cloud that refuses everything.

It opens after some failed creates in a row, for a time that doubles; then one create
is let through (half-open), and its outcome closes or opens it. What a template asks
wrongly (image, size) does not count: that is no fault of the account. It opens, too,
where more lives at the cloud than servers ask for: then something makes instances that
nobody counts, and more creates would only make more of them.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F, Q

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decide import exceeds_share
from servers.lifecycle.snapshot import Limits
from servers.lifecycle.states import OPEN, PROVEN_GONE, Answer, Outcome
from servers.models import Account, Attempt, Instance, Server

OPENS_AFTER: Final = 5
FIRST_SECONDS: Final = 60.0
MOST_SECONDS: Final = 900.0
# Of the pending deadline, the longest time that it is open: were that longer, servers
# would end that were never tried.
SHARE_OPEN: Final = 4
# Likewise, how long a throttled account pauses at the most where the cloud names no
# time; and how long where it does, in seconds.
SHARE_PAUSED: Final = 40
MOST_RETRY_AFTER: Final = 60.0


def is_by_failures(account: Account) -> bool:
    """Tell whether failed creates opened it, and not more instances than servers."""
    return account.breaker_failures >= OPENS_AFTER


def explain_hold(account: Account, *, now: datetime) -> str:
    """Return why the breaker holds creates back now, or ""."""
    until = account.breaker_until
    if account.breaker == Account.Breaker.CLOSED or until is None or now >= until:
        return ""
    if account.breaker == Account.Breaker.HALF_OPEN:
        return f"{account.name} is tried with one create after its breaker was open."
    after = " after" if is_by_failures(account) else ":"
    return f"The breaker of {account.name} is open{after} {explain_opening(account)}"


def explain_opening(account: Account) -> str:
    """Return what the breaker opened for."""
    if not is_by_failures(account):
        return account.breaker_note
    return f"{account.breaker_failures} failed creates in a row: {account.breaker_note}"


def watch_creations(account: Account, *, now: datetime) -> bool:
    """Open it where instances and open calls outrun the servers; tell if that is new.

    Asked after each complete listing. At most six queries, for any fleet.
    """
    limits = Limits()
    # What its server gave up is no surprise: the sweep ends it.
    found = Instance.objects.filter(account=account.pk, live=True)
    live = found.exclude(attempt__answer_class=Answer.FAILED).count()
    if live <= limits.share_floor:
        return False
    attempts = Attempt.objects.filter(account=account.pk)
    asked = attempts.filter(outcome=Outcome.ASKED).exclude(instances__live=True).count()

    def outrun(servers: int) -> bool:
        return exceeds_share(
            live + asked - servers,
            servers,
            share=limits.share,
            floor=limits.share_floor,
        )

    # A server that is not over has one open attempt at most: so they are a bound from
    # below, counted by an index. Only where that is too low, all servers are counted
    # that an attempt of the last 30 days belongs to.
    if not outrun(attempts.filter(outcome__in=OPEN).count()):
        return False
    servers = (
        Server.objects.filter(attempts__account=account.pk)
        .exclude(state__in=PROVEN_GONE)
        .distinct()
        .count()
    )
    if not outrun(servers):
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
    """Close it: the cloud has created an instance. Tell whether it was open."""
    row = Account.objects.filter(pk=account.pk)
    calm = {"breaker_failures": 0, "breaker_note": ""}
    closed = row.exclude(breaker=Account.Breaker.CLOSED).update(
        breaker=Account.Breaker.CLOSED, breaker_until=None, **calm
    )
    if not closed:
        row.exclude(breaker_failures=0).update(**calm)
    return bool(closed)


def note_answer(account: Account) -> None:
    """Let another create through: the cloud answered the trial, but made nothing.

    So a trial that was throttled, or asked for a wrong image, holds nobody up.
    """
    Account.objects.filter(pk=account.pk, breaker=Account.Breaker.HALF_OPEN).update(
        breaker_until=None
    )


def note_failure(
    account: Account, message: str, *, asked_at: datetime, now: datetime
) -> bool:
    """Count a failed create; open the breaker where it is one too many.

    Of calls that ran at the same time one counts: those asked before the last failure
    was counted tell nothing new. Tells whether that opened it, or opened it again;
    ``account`` then shows it.
    """
    counted = (
        Account.objects.filter(pk=account.pk)
        .exclude(breaker=Account.Breaker.OPEN)
        .filter(Q(breaker_failed_at=None) | Q(breaker_failed_at__lte=asked_at))
        .update(
            breaker_failures=F("breaker_failures") + 1,
            breaker_note=message,
            breaker_failed_at=now,
        )
    )
    if not counted:
        return False
    account.refresh_from_db(fields=["breaker", "breaker_failures"])
    if not is_by_failures(account):
        return False
    wait = back_off(
        account.breaker_failures - OPENS_AFTER + 1,
        1.0,
        first=FIRST_SECONDS,
        most=_find_longest(),
    )
    # Of calls that fail together only one opens it.
    opened = (
        Account.objects.filter(pk=account.pk)
        .exclude(breaker=Account.Breaker.OPEN)
        .update(breaker=Account.Breaker.OPEN, breaker_until=now + wait)
    )
    account.refresh_from_db()
    return bool(opened)


def _find_longest() -> float:
    """Return for how many seconds it is open at the most."""
    share = settings.PENDING_DEADLINE / SHARE_OPEN
    return min(MOST_SECONDS, max(FIRST_SECONDS, share))


def note_throttling(
    account: Account, *, failures: int, retry_after: float | None, now: datetime
) -> None:
    """Have all creates of the account pause: it slows down, and does not open.

    ``failures`` is how often in a row the row that was throttled has failed.
    """
    most = settings.PENDING_DEADLINE / SHARE_PAUSED
    asked = timedelta(seconds=min(retry_after or 0.0, MOST_RETRY_AFTER))
    until = now + max(back_off(failures, 1.0, most=most), asked)
    later = Q(throttled_until=None) | Q(throttled_until__lt=until)
    Account.objects.filter(later, pk=account.pk).update(throttled_until=until)
