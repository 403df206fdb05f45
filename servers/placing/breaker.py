"""The circuit breaker of an account: stop creates at a cloud that keeps failing.

It opens after several failed creates in a row, for a time that doubles. Then one create
is let through (half-open), and its outcome closes or reopens the breaker. A template's
mistakes (image, size) don't count, since they are no problem of the account. The
breaker also opens if the cloud has more live instances than the servers explain: then
something creates instances that are not counted, and more creates would add to them.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F, Q

from servers.lifecycle.backoff import back_off
from servers.lifecycle.guards import exceeds_share
from servers.lifecycle.snapshot import Limits
from servers.lifecycle.states import GIVEN_UP, OPEN, Outcome
from servers.models import Account, Attempt, Instance
from servers.records.limits import COUNTED
from servers.records.prepared import Prepared

OPENS_AFTER: Final = 5
FIRST_SECONDS: Final = 60.0
MAX_SECONDS: Final = 900.0
# It stays open for a fourth of the pending deadline at most. If it stayed open longer,
# servers would fail without ever being tried.
SHARE_OPEN: Final = 4
# A throttled account pauses for a fortieth of that deadline at most if the cloud names
# no time, and for this many seconds at most if it does.
SHARE_PAUSED: Final = 40
MAX_RETRY_AFTER: Final = 60.0

_CALM: Final = Prepared(
    Account,
    lambda slot: (
        Account.objects.filter(
            pk=slot("id"), breaker=Account.Breaker.CLOSED, breaker_failures=0
        )
        .values_list("pk")
        .order_by()
    ),
)


def is_by_failures(account: Account) -> bool:
    """Tell whether failed creates opened it, and not too many instances."""
    return account.breaker_failures >= OPENS_AFTER


def explain_hold(account: Account, *, now: datetime) -> str:
    """Return why the breaker blocks creates now, or ""."""
    until = account.breaker_until
    if account.breaker == Account.Breaker.CLOSED or until is None or now >= until:
        return ""
    if account.breaker == Account.Breaker.HALF_OPEN:
        return f"The breaker of {account.name} is testing one create before it closes."
    after = " after" if is_by_failures(account) else ":"
    return f"The breaker of {account.name} is open{after} {explain_opening(account)}"


def explain_opening(account: Account) -> str:
    """Return why the breaker opened."""
    if not is_by_failures(account):
        return account.breaker_note
    return f"{account.breaker_failures} failed creates in a row: {account.breaker_note}"


def watch_creations(account: Account, *, now: datetime) -> bool:
    """Open it if instances and open calls outnumber the servers; tell if that is new.

    Called after each complete listing. At most six queries, for any fleet.
    """
    limits = Limits()
    # An instance that its server gave up is expected: the sweep destroys it.
    found = Instance.objects.filter(account=account.pk, live=True)
    live = found.exclude(attempt__answer_class__in=GIVEN_UP).count()
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

    # A server that is not over has at most one open attempt. So the open attempts are a
    # lower bound, counted by an index. Only if that is too low, count all servers that
    # have an attempt on record here.
    if not outrun(attempts.filter(outcome__in=OPEN).count()):
        return False
    servers = COUNTED.filter(attempts__account=account.pk).distinct().count()
    if not outrun(servers):
        return False
    note = (
        f"{live + asked} instances exist there or were requested, but servers account "
        f"for only {servers}. See Leaks."
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
    """Tell whether a create can be sent; after the breaker was open, only one.

    ``trial`` is how long the outcome of that one may take. If its worker dies, another
    create is let through once the first can no longer take effect.
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
    """Close it, as the cloud created an instance. Tell whether it was open."""
    if _CALM.read(id=account.pk):
        return False
    row = Account.objects.filter(pk=account.pk)
    calm = {"breaker_failures": 0, "breaker_note": ""}
    closed = row.exclude(breaker=Account.Breaker.CLOSED).update(
        breaker=Account.Breaker.CLOSED, breaker_until=None, **calm
    )
    if not closed:
        row.exclude(breaker_failures=0).update(**calm)
    return bool(closed)


def note_answer(account: Account) -> None:
    """Let another create through: the cloud answered, but created nothing.

    So a test create that was throttled or had a wrong image does not delay the others.
    """
    Account.objects.filter(pk=account.pk, breaker=Account.Breaker.HALF_OPEN).update(
        breaker_until=None
    )


def note_failure(
    account: Account, message: str, *, asked_at: datetime, now: datetime
) -> bool:
    """Count a failed create, and open the breaker if it is one too many.

    Calls that ran at the same time count once: those sent before the last failure was
    counted say nothing new. Return whether the breaker opened or reopened; if so,
    ``account`` has the new values.
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
    # If several calls fail together, only one opens it.
    opened = (
        Account.objects.filter(pk=account.pk)
        .exclude(breaker=Account.Breaker.OPEN)
        .update(breaker=Account.Breaker.OPEN, breaker_until=now + wait)
    )
    account.refresh_from_db()
    return bool(opened)


def _find_longest() -> float:
    """Return how many seconds it stays open at most."""
    share = settings.PENDING_DEADLINE / SHARE_OPEN
    return min(MAX_SECONDS, max(FIRST_SECONDS, share))


def note_throttling(
    account: Account, *, failures: int, retry_after: float | None, now: datetime
) -> None:
    """Pause all creates of the account. The breaker does not open.

    ``failures`` is how often in a row the throttled server has failed.
    """
    most = settings.PENDING_DEADLINE / SHARE_PAUSED
    asked = timedelta(seconds=min(retry_after or 0.0, MAX_RETRY_AFTER))
    until = now + max(back_off(failures, 1.0, most=most), asked)
    later = Q(throttled_until=None) | Q(throttled_until__lt=until)
    Account.objects.filter(later, pk=account.pk).update(throttled_until=until)
