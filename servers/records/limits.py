"""What counts towards an account's limits: servers not yet gone, recent creates."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count

from servers.lifecycle.states import PROVEN_GONE
from servers.models import Attempt, Server
from servers.records.prepared import Prepared, among

# Servers whose instance may exist. Each counts in the account where it was last tried.
COUNTED: Final = Server.objects.exclude(state__in=PROVEN_GONE).order_by()

_RECENT: Final = Prepared(
    Attempt,
    lambda slot: (
        Attempt.objects.filter(
            among("account", slot("accounts", "account")),
            asked_at__gt=slot("since", "asked_at"),
        )
        .order_by()
        .values_list("account")
        .annotate(Count("id"))
    ),
)


def count_servers(accounts: Iterable[UUID]) -> dict[UUID, int]:
    """Return how many servers count towards each account's limit. One query."""
    return dict(
        COUNTED.filter(account__in=list(accounts))
        .values_list("account")
        .annotate(number=Count("*"))
    )


def count_recent_creates(accounts: Iterable[UUID], *, now: datetime) -> dict[UUID, int]:
    """Return each account's number of creates in the last minute. One query."""
    return dict(_RECENT.read(accounts=list(accounts), since=now - timedelta(minutes=1)))
