"""A bare WSGI application with the API's answers but none of its work.

``/list?N`` dumps N ready-made dicts with orjson, ``/304`` answers an empty 304,
``/one`` the bytes of one server, ``/post`` reads a body and answers them, too.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

MOST = 5000
ROW: dict[str, Any] = json.loads(Path(os.environ["BENCH_ROW"]).read_bytes())
ROWS = [ROW | {"name": f"agent-{number:08}"} for number in range(MOST)]
ONE = orjson.dumps(ROW)


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer according to the path."""
    path = environ["PATH_INFO"]
    if path == "/304":
        start_response("304 Not Modified", [("ETag", '"x"')])
        return [b""]
    if path == "/list":
        body = orjson.dumps(ROWS[: int(environ["QUERY_STRING"])])
    else:
        environ["wsgi.input"].read()
        body = ONE
    start_response(
        "200 OK",
        [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
    )
    return [body]
