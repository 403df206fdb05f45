"""libcloud's connections on the port's own HTTP client, one for each thread.

libcloud signs and authenticates. It sends nothing itself, and parses no answer: its
parsing fails on empty bodies and loses statuses, so adapters read the ``Answer``.
libcloud's drivers are not thread-safe.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final
from urllib.parse import urljoin

import requests
from libcloud.common.base import Connection, Response
from libcloud.http import LibcloudConnection

from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import CallError
from servers.outgoing.http import Answer, explain_failure, send

_DRIVERS_PER_THREAD: Final = 32

_local = threading.local()


class _Connection(LibcloudConnection):
    """libcloud's HTTP connection, which sends by ``http.send``."""

    answer: Answer | None = None

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: bool = False,
        stream: bool = False,
        hooks: Any = None,
    ) -> None:
        """Send one request, and keep its answer in the form that libcloud reads."""
        self.answer = None
        address = urljoin(str(self.host), url)
        sent = self._normalize_headers(headers)
        self.answer = answer = send(method, address, body=body, headers=sent)
        response = requests.Response()
        response.status_code = answer.status
        response.reason = answer.reason
        response.headers.update(answer.headers)
        response._content = answer.body  # noqa: SLF001 - as requests itself fills it
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        self.response = response


class _Unparsed(Response):
    """libcloud's answer, not parsed."""

    def __init__(self, response: Any, connection: Any) -> None:
        self.answer: Answer = connection.connection.answer


def put_on_http(connection: Connection) -> None:
    """Have a connection of libcloud send by ``http.send``, and parse nothing."""
    connection.conn_class = _Connection
    connection.responseCls = _Unparsed
    connection.connect()


def send_by(connection: Connection, path: str, **how: Any) -> Answer:
    """Send one request that a connection of libcloud signs, and return its answer.

    Raises as ``http.send`` does, whatever fails in libcloud itself.
    """
    deadline = current_deadline()
    deadline.sent = False
    try:
        response: Any = connection.request(path, **how)
    except CallError:
        raise
    except Exception as error:  # noqa: BLE001 - it may fail on any unexpected answer
        raise explain_failure(deadline, type(error).__name__) from None
    answer: Answer = response.answer
    return answer


def thread_driver(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return this thread's driver for ``key``, credentials and all, creating it."""
    drivers: OrderedDict[Hashable, Any] | None = getattr(_local, "drivers", None)
    if drivers is None:
        drivers = _local.drivers = OrderedDict()
    if key not in drivers:
        drivers[key] = make()
        if len(drivers) > _DRIVERS_PER_THREAD:
            drivers.popitem(last=False)
    drivers.move_to_end(key)
    return drivers[key]
