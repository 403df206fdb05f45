"""What an instance is answered, and what its reports could change."""

from typing import Any

from servers.models import Host, Server
from servers.operations.callback import REFUSED

GO_ON = {"cordon": False, "drain": False, "again": 30}
AGENT = {"cloud_init": "docker", "build_labels": {"ci": "1"}}


def remember(server: Server) -> list[Any]:
    """Return all that a report could change."""
    host = Host.objects.filter(server=server).values()
    return [*host, *Server.objects.filter(pk=server.pk).values()]


def is_refused(answer: Any) -> bool:
    said = answer.json() == {"message": REFUSED}
    asks = answer.headers["WWW-Authenticate"] == "Bearer"
    return bool(said and asks and answer.status_code == 401)
