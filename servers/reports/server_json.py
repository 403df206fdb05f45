"""A server in the API's JSON: always all nineteen fields, in this order."""

import base64
from datetime import datetime
from typing import Any

from servers.models import Server


def render_server(server: Server, *, with_secrets: bool) -> dict[str, Any]:
    """Return the API's object: Unix seconds, base64 of PEM, "" for no value."""
    return {
        "id": server.instance_id,
        "provider": server.provider,
        "state": server.state,
        "name": server.name,
        "image": server.image,
        "region": server.region,
        "size": server.size,
        "address": server.address,
        "capacity": server.capacity,
        "secret": server.secret if with_secrets else "",
        "error": server.error,
        "ca_key": _encode(server.ca_key) if with_secrets else "",
        "ca_cert": _encode(server.ca_cert),
        "tls_key": _encode(server.tls_key) if with_secrets else "",
        "tls_cert": _encode(server.tls_cert),
        "created": to_seconds(server.created_at),
        "updated": to_seconds(server.updated_at),
        "started": to_seconds(server.started_at),
        "stopped": to_seconds(server.stopped_at),
    }


def _encode(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()


def to_seconds(at: datetime | None) -> int:
    """Return Unix seconds; 0 for None."""
    return int(at.timestamp()) if at else 0
