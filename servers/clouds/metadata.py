"""Ask the metadata service of the machine that ServerFleet runs on.

Accounts' endpoints, proxies and redirects can't lead to such addresses: ``http.send``
refuses them. Only a cloud's code for the machine's own credentials calls this, with an
address of its own or of its cloud's environment variables.
"""

import http.client
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import UnreachableError

# Seconds. The service is on the same machine, or does not exist.
MAX_SECONDS: Final = 2.0
_MAX_BYTES: Final = 64 * 1024


def ask_metadata(
    url: str,
    deadline: Deadline,
    *,
    what: str,
    advice: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str], str]:
    """Send one request directly, and return its status, headers and body.

    The headers' names are in lower case.
    ``advice`` is a sentence for a person whose machine has no such service. Raises
    UnreachableError.
    """
    parts = urlsplit(url)
    kind = (
        http.client.HTTPSConnection
        if parts.scheme == "https"
        else http.client.HTTPConnection
    )
    connection = kind(parts.hostname or "", parts.port)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        connection.timeout = min(MAX_SECONDS, deadline.remaining())
        connection.connect()
        assert isinstance(connection.sock, socket.socket)
        deadline.watch(connection.sock)
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnreachableError(
            f"{what} did not answer ({type(error).__name__}). {advice}"
        ) from None
    finally:
        connection.close()
    named = {name.lower(): value for name, value in response.headers.items()}
    return response.status, named, body.decode("utf-8", "replace")
