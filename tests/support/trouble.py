"""A fleet at three in the morning: everything that a page must report, at once."""

import uuid
from datetime import timedelta
from typing import Any

from servers.models import (
    Account,
    Attempt,
    Event,
    Fleet,
    Heartbeat,
    Server,
    TemplateVersion,
)
from servers.records.ledger import database_now


def start_processes(*, kinds: tuple[str, ...] = ("worker", "beat")) -> None:
    """Record fresh heartbeats of a worker and a scheduler, and a tick."""
    now = database_now()
    for kind in kinds:
        Heartbeat.objects.update_or_create(
            name=f"build-1:{len(kind)}",
            defaults={
                "kind": kind,
                "version": "0.1.0",
                "started_at": now - timedelta(days=2),
                "seen_at": now,
                "broker_error": "",
            },
        )
    Fleet.objects.update(ticked_at=now)


def age_server(server: Server, seconds: float, **changes: Any) -> None:
    """Make a server have been in its state for this long."""
    since = database_now() - timedelta(seconds=seconds)
    Server.objects.filter(pk=server.pk).update(state_since=since, **changes)


def open_breaker(account: Account, note: str = "no capacity for small") -> None:
    """Open an account's breaker."""
    Account.objects.filter(pk=account.pk).update(
        breaker="open",
        breaker_failures=7,
        breaker_note=note,
        breaker_until=database_now() + timedelta(minutes=5),
    )


def write_history(hours: int = 48, *, each: int = 3, boot: float = 41.0) -> None:
    """Write events as if servers had been created and terminated for some time."""
    now = database_now()
    rows, attempts = [], []
    account = Account.objects.first()
    recipe = TemplateVersion.objects.order_by("number").last()
    for hour in range(hours):
        for number in range((hour * 7 + each) % (each + 4)):
            at = now - timedelta(hours=hour, minutes=number * 7)
            uid = uuid.uuid4()
            took = timedelta(seconds=boot * (0.7 + (number % 5) * 0.2))
            common: dict[str, Any] = {
                "server_uid": uid,
                "server_name": f"agent-{uid.hex[:6]}",
            }
            attempts.append(
                Attempt(
                    server_uid=uid,
                    server_name=common["server_name"],
                    number=1,
                    account=account,
                    recipe=recipe,
                    key=uid.hex,
                    token=uid.hex,
                    asked_at=at - took,
                    lease_end=at,
                    ready_at=at,
                    instance_id=f"i-{uid.hex[:8]}",
                    outcome="abandoned",
                )
            )
            rows += [
                Event(at=at - 2 * took, kind="requested", actor="token:ci", **common),
                Event(at=at, kind="ready", actor="worker", **common),
                Event(
                    at=min(now, at + timedelta(minutes=50)),
                    kind="absence_confirmed",
                    actor="worker",
                    **common,
                ),
            ]
    Attempt.objects.bulk_create(attempts)
    Event.objects.bulk_create(sorted(rows, key=lambda row: row.at))
