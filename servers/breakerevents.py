"""What a breaker did, in the history: it opened, for what and until when; it closed."""

from datetime import datetime

from django.db import transaction

from servers import breaker
from servers.ledger import Kind, write_event
from servers.models import Account


def record_success(account: Account) -> None:
    """Note a create that worked; where that closed the breaker, say so."""
    with transaction.atomic():
        if breaker.note_success(account):
            write_event(
                Kind.BREAKER_CLOSED,
                account=account,
                reason=f"The breaker of {account.name} closed: a create worked.",
            )


def record_failure(
    account: Account, message: str, *, asked_at: datetime, now: datetime
) -> None:
    """Note a create that failed; where that opened the breaker, say so."""
    with transaction.atomic():
        if breaker.note_failure(account, message, asked_at=asked_at, now=now):
            _write_opening(account)


def watch_creations(account: Account, *, now: datetime) -> bool:
    """Open the breaker where more lives than servers ask for; tell if that is new."""
    with transaction.atomic():
        opened = breaker.watch_creations(account, now=now)
        if opened:
            account.refresh_from_db()
            _write_opening(account)
    return opened


def _write_opening(account: Account) -> None:
    until = account.breaker_until
    again = f" Tried again at {until:%H:%M:%S} UTC." if until else ""
    write_event(
        Kind.BREAKER_OPENED,
        account=account,
        reason=f"The breaker of {account.name} opened: "
        f"{breaker.explain_opening(account)}{again}",
    )
