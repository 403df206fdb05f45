"""What instances report of themselves, on the servers' Host records."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from servers.lifecycle.states import State
from servers.models import Host, Server
from servers.models.fields import EncryptedTextField

# The instance is one that ServerFleet listens to. One whose server failed would else
# wait longer and longer between its tries, and hear of its drain too late.
HEARD: frozenset[State] = frozenset(
    {
        State.CREATING,
        State.CREATED,
        State.STAGING,
        State.RUNNING,
        State.ERROR,
        State.SHUTDOWN,
    }
)


def list_callback_columns(attempt: int, token_digest: str) -> dict[str, Any]:
    """Return what the intent of an attempt writes: nothing is reported of it yet."""
    return {
        "attempt": attempt,
        "token_digest": token_digest,
        "secret_digest": "",
        "booted_at": None,
        "boot_failed": False,
        "boot_steps": [],
        "boot_log": "",
        "log_end": "",
        "heartbeat_at": None,
        "drained_at": None,
        "agent_missing": False,
        "agent_spent_at": None,
        "docker_silent": False,
        "drain_told_at": None,
        "builds": [],
    }


def find_host(token_digest: str) -> Host | None:
    """Return the record that a token belongs to, with its server. One query."""
    rows = Host.objects.select_related("server").only(
        "attempt",
        "token_digest",
        "secret_digest",
        "booted_at",
        "boot_failed",
        "boot_steps",
        "drained_at",
        "agent_missing",
        "agent_spent_at",
        "docker_silent",
        "drain_told_at",
        "builds",
        "server__name",
        "server__state",
        "server__state_since",
        "server__attempt_number",
        "server__cordoned",
        "server__ready_at",
        "server__recipe_id",
    )
    # The second condition is that of the index.
    return rows.filter(token_digest=token_digest).exclude(token_digest="").first()


def seal_log(log: str, server_id: UUID) -> str:
    """Return a boot's log as it is stored."""
    field = Host._meta.get_field("boot_log")
    assert isinstance(field, EncryptedTextField)
    return field.seal(log, server_id)


def write_report(
    host: Host,
    secret_digest: str,
    columns: dict[str, Any],
    *,
    unless_ended: bool = False,
) -> bool:
    """Write what an instance reported. False: nothing was written.

    That is so if another attempt has begun, another secret was registered meanwhile, or
    the server is in a state in which nobody listens to its instance any more. With
    ``unless_ended``, also if the boot has ended.
    """
    # Not by joins: after waiting for a lock, conditions in a subquery are not checked
    # again, and two secrets would be registered.
    listens = Server.objects.filter(
        pk=OuterRef("pk"), state__in=HEARD, attempt_number=host.attempt
    )
    rows = Host.objects.filter(
        Q(secret_digest="") | Q(secret_digest=secret_digest),
        Exists(listens),
        pk=host.pk,
        token_digest=host.token_digest,
    )
    if unless_ended:
        rows = rows.filter(booted_at=None, boot_failed=False)
    known = {"secret_digest": secret_digest, "heartbeat_at": Now(), **columns}
    return bool(rows.update(**known))


def make_due(host: Host) -> bool:
    """Make the server's next step due now. False: it has moved meanwhile.

    Before ``write_report`` in the same transaction: an intent, too, locks the server
    before its Host record.
    """
    rows = Server.objects.filter(
        pk=host.pk, state__in=HEARD, attempt_number=host.attempt
    )
    return bool(rows.update(next_step_at=Now()))
