"""Events of a breaker: when and why it opened, and when it closed."""

from datetime import datetime

from django.db import transaction

from servers.models import Account
from servers.placing import breaker
from servers.records.ledger import Fact, write_event


def record_success(account: Account) -> None:
    """Note a successful create. If that closed the breaker, write an event."""
    with transaction.atomic(savepoint=False):
        if breaker.note_success(account):
            write_event(
                Fact.BREAKER_CLOSED,
                account=account,
                reason=f"The breaker of {account.name} closed: a create succeeded.",
            )


def record_failure(
    account: Account, message: str, *, asked_at: datetime, now: datetime
) -> None:
    """Note a failed create. If that opened the breaker, write an event."""
    with transaction.atomic(savepoint=False):
        if breaker.note_failure(account, message, asked_at=asked_at, now=now):
            _write_opening(account)


def watch_creations(account: Account, *, now: datetime) -> bool:
    """Open the breaker if there are too many instances; tell if that is new."""
    with transaction.atomic():
        opened = breaker.watch_creations(account, now=now)
        if opened:
            account.refresh_from_db()
            _write_opening(account)
    return opened


def _write_opening(account: Account) -> None:
    until = account.breaker_until
    again = f" Next try at {until:%H:%M:%S} UTC." if until else ""
    write_event(
        Fact.BREAKER_OPENED,
        account=account,
        reason=f"The breaker of {account.name} opened: "
        f"{breaker.explain_opening(account)}{again}",
    )
