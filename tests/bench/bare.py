"""A bare WSGI application that dumps ready-made servers: the baseline of a GET."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

ROW: dict[str, Any] = {
    "id": "sb-0123456789ab",
    "provider": "sandbox",
    "state": "running",
    "name": "agent-00000000",
    "image": "ubuntu-24.04",
    "region": "",
    "size": "small",
    "address": "10.0.0.1",
    "capacity": 2,
    "secret": "",
    "error": "",
    "ca_key": "",
    "ca_cert": "",
    "tls_key": "",
    "tls_cert": "",
    "created": 1700000000,
    "updated": 1700000000,
    "started": 1700000000,
    "stopped": 0,
}
ROWS = [ROW | {"name": f"agent-{number:08}"} for number in range(1000)]


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer every request with all of them."""
    if environ["REQUEST_METHOD"] == "POST":
        body = orjson.dumps(ROWS[0])
    else:
        body = orjson.dumps(ROWS)
    start_response(
        "200 OK",
        [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
    )
    return [body]
