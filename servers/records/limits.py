"""What counts towards an account's limits: servers not yet gone, recent creates."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count

from servers.lifecycle.states import PROVEN_GONE
from servers.models import Attempt, Server

# Servers whose instance may exist. Each counts in the account where it was last tried.
COUNTED: Final = Server.objects.exclude(state__in=PROVEN_GONE).order_by()


def count_servers(accounts: Iterable[UUID]) -> dict[UUID, int]:
    """Return how many servers count towards each account's limit. One query."""
    return dict(
        COUNTED.filter(account__in=list(accounts))
        .values_list("account")
        .annotate(number=Count("*"))
    )


def count_recent_creates(accounts: Iterable[UUID], *, now: datetime) -> dict[UUID, int]:
    """Return each account's number of creates in the last minute. One query."""
    return dict(
        Attempt.objects.filter(
            account__in=list(accounts), asked_at__gt=now - timedelta(minutes=1)
        )
        .order_by()
        .values_list("account")
        .annotate(Count("id"))
    )
