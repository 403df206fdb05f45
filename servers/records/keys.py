"""The keys of servers: issued with the first intent, kept for all attempts, and wiped.

The intent's transaction stores them, so no instance ever has keys that the database
doesn't know. A later attempt uses the same ones. Once the server has stopped, the
private keys are wiped in the transaction that says so; the certificates stay, as a
record of what was valid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from servers.machine.certificates import Keys, issue_keys, name_server
from servers.models import Host, Server
from servers.models.fields import EncryptedTextField
from servers.models.template import Recipe

# Keys that end sooner than this are of no use to another attempt.
_SPARE: Final = timedelta(days=1)
# What of a server's keys is secret. On its Host record, also what a callback proves.
_SERVER_KEYS: Final = ("ca_key", "tls_key")
_HOST_KEYS: Final = ("daemon_key", "token_digest", "secret_digest")


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What it takes to connect to a server's daemon."""

    ca_cert: str
    client_cert: str
    client_key: str = field(repr=False)


def needs_keys(recipe: Recipe) -> bool:
    """Tell whether the servers of a template have keys."""
    return recipe.cloud_init != "none" or recipe.readiness == "docker"


def prepare_keys(server: Server, *, now: datetime) -> tuple[Keys, bool]:
    """Return the server's keys for its next attempt, and whether they are new.

    New keys exist only once ``write_intent`` has stored them.
    """
    known = find_keys(server.pk) if server.attempt_number else None
    if known is not None and known.until > now + _SPARE:
        return known, False
    days = max(settings.CERTIFICATE_DAYS, server.ttl / 86400 + 1)
    return issue_keys(name_server(server.pk), now=now, days=days), True


def find_keys(server_id: UUID) -> Keys | None:
    """Return all keys of a server; None if it has none, or none any more."""
    host = Host.objects.select_related("server").filter(pk=server_id).first()
    if host is None or host.keys_until is None or not host.daemon_key:
        return None
    server = host.server
    return Keys(
        ca_key=server.ca_key,
        ca_cert=server.ca_cert,
        daemon_key=host.daemon_key,
        daemon_cert=host.daemon_cert,
        client_key=server.tls_key,
        client_cert=server.tls_cert,
        until=host.keys_until,
    )


def find_client_keys(server_id: UUID) -> ClientKeys | None:
    """Return what it takes to connect to a server's daemon; None if it has no keys."""
    server = (
        Server.objects.only("ca_cert", "tls_cert", "tls_key")
        .filter(pk=server_id)
        .first()
    )
    if server is None or not server.tls_key:
        return None
    return ClientKeys(server.ca_cert, server.tls_cert, server.tls_key)


def list_server_columns(server_id: UUID, keys: Keys) -> dict[str, Any]:
    """Return the columns of the server that keys are stored in, for an update."""
    return {
        "ca_key": _seal("ca_key", keys.ca_key, server_id),
        "ca_cert": keys.ca_cert,
        "tls_key": _seal("tls_key", keys.client_key, server_id),
        "tls_cert": keys.client_cert,
    }


def list_host_columns(keys: Keys) -> dict[str, Any]:
    """Return the columns of the Host record that keys are stored in."""
    return {
        "daemon_key": keys.daemon_key,
        "daemon_cert": keys.daemon_cert,
        "keys_until": keys.until,
    }


def write_host(server_id: UUID, columns: dict[str, Any]) -> None:
    """Write columns of a server's Host record, which need not exist. One statement."""
    Host.objects.bulk_create(
        [Host(server_id=server_id, **columns)],
        update_conflicts=True,
        unique_fields=["server"],
        update_fields=list(columns),
    )


def list_wiped_columns() -> dict[str, str]:
    """Return the columns of a stopped server that no longer hold a key."""
    return dict.fromkeys(_SERVER_KEYS, "")


def wipe_hosts(server_ids: Iterable[UUID]) -> None:
    """Wipe what is secret on the Host records of stopped servers."""
    rows = Host.objects.filter(pk__in=list(server_ids))
    rows.update(**dict.fromkeys(_HOST_KEYS, ""))


def _seal(column: str, plain: str, server_id: UUID) -> str:
    field = Server._meta.get_field(column)
    assert isinstance(field, EncryptedTextField)
    return field.seal(plain, server_id)
