"""What all adapters over libcloud share: one driver per thread, and a total deadline.

libcloud's drivers are not thread-safe, so each thread has its own. Its time-outs are
per read, so a server that trickles bytes could keep a call open forever. Here a timer
shuts the connection down at the deadline, whatever its phase. Each call opens a new
connection: one that was kept alive may be dead unnoticed, and a create call that fails
on it would have an unknown outcome.
"""

import ipaddress
import os
import re
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final
from urllib.parse import urljoin

import requests
from libcloud.common.base import Connection
from libcloud.common.types import LibcloudError
from libcloud.http import LibcloudConnection
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

from servers.addresses import explain_address, resolve
from servers.clouds.base import CloudError, UnknownOutcomeError, UnreachableError
from servers.clouds.proxy import ProxyError, explain_way, find_proxy

MOST_BODY_BYTES: Final = 64 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
_DRIVERS_PER_THREAD: Final = 32

_local = threading.local()


class Deadline:
    """The time and the connections of one call."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.sent = False
        self.url = ""  # of the last request
        self._sockets: list[int] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        _local.deadline = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _local.deadline = None
        self._timer.cancel()
        with self._lock:
            for descriptor in self._sockets:
                os.close(descriptor)
            self._sockets.clear()

    def remaining(self) -> float:
        """Return the seconds left. Raise TimeoutError if none are left."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline has passed")
        return left

    def watch(self, connection: socket.socket) -> None:
        """Shut ``connection`` down at the deadline.

        Uses a duplicate of its descriptor, since TLS takes over the original.
        """
        self.remaining()
        with self._lock:
            self._sockets.append(os.dup(connection.fileno()))

    def _shut_down(self) -> None:
        with self._lock:
            for descriptor in self._sockets:
                # Closing would only drop our duplicate. This ends the connection.
                duplicate = socket.socket(fileno=descriptor)
                try:
                    duplicate.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the connection is closed already
                finally:
                    duplicate.detach()


def _active() -> Deadline | None:
    return getattr(_local, "deadline", None)


def current_deadline() -> Deadline:
    """Return the deadline of this thread's current call."""
    deadline = _active()
    assert deadline is not None
    return deadline


class _Guarded:
    """Apply the deadline to a connection, and record that its request was sent."""

    proxy: Any
    port: int
    _dns_host: str

    def _new_conn(self) -> socket.socket:
        connection = self._connect_checked()
        if (deadline := _active()) is not None:
            deadline.watch(connection)
        return connection

    def _connect_checked(self) -> socket.socket:
        """Connect to an allowed address of the host, without a second look-up.

        A proxy is not checked, since this installation's own settings name it.
        """
        if self.proxy is not None:
            return super()._new_conn()  # type: ignore[misc,no-any-return]
        host = self._dns_host
        failure: HTTPError | None = None
        try:
            for address in _find_addresses(self, host, self.port):
                if (deadline := _active()) is not None:
                    deadline.remaining()
                self._dns_host = address
                try:
                    return super()._new_conn()  # type: ignore[misc,no-any-return]
                except HTTPError as error:
                    failure = error
        finally:
            self._dns_host = host  # what TLS and the Host header name
        assert failure is not None
        raise failure

    def request(self, *args: Any, **kwargs: Any) -> None:
        if (deadline := _active()) is not None:
            if getattr(self, "sock", None) is None:
                # Connect first: if this fails, nothing was sent.
                self.connect()  # type: ignore[attr-defined]
            deadline.remaining()
            deadline.sent = True
        super().request(*args, **kwargs)  # type: ignore[misc]


def _find_addresses(connection: Any, host: str, port: int) -> list[str]:
    """Return the host's allowed addresses. Raise UnreachableError if there are none."""
    try:
        found = resolve(host, port)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    refused = ""
    fit = []
    for each in found:
        wrong = explain_address(ipaddress.ip_address(each), host=host)
        refused = refused or wrong
        if not wrong:
            fit.append(each)
    if not fit:
        raise UnreachableError(refused)
    return fit


class _GuardedHTTP(_Guarded, HTTPConnection):
    pass


class _GuardedHTTPS(_Guarded, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _HTTPPool,
            "https": _HTTPSPool,
        }

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self.poolmanager.pool_classes_by_scheme
        return manager


class BoundedConnection(LibcloudConnection):
    """libcloud's HTTP connection with a total deadline and a limit on the body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Proxies are read from the environment by proxy.py. Nothing else is read from
        # it: no netrc, no CA bundle. Redirects would carry signed requests elsewhere.
        assert self.session is not None
        self.session.trust_env = False
        self.session.mount("http://", _Adapter())
        self.session.mount("https://", _Adapter())

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
        """Send one request and read its whole answer before the deadline."""
        deadline = _active()
        left = deadline.remaining() if deadline else CONNECT_SECONDS
        assert self.session is not None
        address = urljoin(str(self.host), url)
        if deadline is not None:
            deadline.url = address
        proxy = find_proxy(address)
        response = self.session.request(
            method=method.lower(),
            url=address,
            proxies={"http": proxy, "https": proxy} if proxy else None,
            data=body,
            headers={**self._normalize_headers(headers), "Connection": "close"},
            allow_redirects=False,
            stream=True,
            verify=self.verification,
            timeout=(min(CONNECT_SECONDS, left), left),
        )
        try:
            content = response.raw.read(MOST_BODY_BYTES + 1, decode_content=True)
        finally:
            response.close()
        if deadline is not None:
            # A connection that was shut down at its deadline looks like the end of a
            # body without a length. Half an answer must not pass for a whole one.
            deadline.remaining()
        if len(content) > MOST_BODY_BYTES:
            raise HTTPError("the answer is too large")
        response._content = content  # noqa: SLF001 - as requests itself fills it
        self.response = response


def bound_connection(connection: Connection) -> None:
    """Apply the limits to a driver's connection, and to its reconnects."""
    connection.conn_class = BoundedConnection
    connection.connect()


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


@contextmanager
def bounded_call(seconds: float, *, what: str) -> Iterator[Deadline]:
    """Limit the calls in a block, and turn their failures into the port's errors.

    ``what`` names the cloud in the sentence. Errors of the port pass unchanged.
    """
    with Deadline(seconds) as deadline:
        try:
            yield deadline
        except CloudError:
            raise
        except (
            requests.RequestException,
            HTTPError,
            LibcloudError,
            OSError,
            ValueError,
        ) as error:
            if not deadline.sent:
                way = explain_way(deadline.url)
                raise UnreachableError(
                    f"{what} can't be reached ({_describe(error)}). {way}".rstrip()
                    + " Check the endpoint and the network."
                ) from None
            raise UnknownOutcomeError(
                f"{what} returned no reliable answer ({_describe(error)})."
            ) from None


def _describe_proxy(error: BaseException) -> str:
    if found := re.search(r"Tunnel connection failed: ([0-9]{3})", str(error)):
        return f"the proxy answered {found[1]}"
    return "the proxy did not answer"


def _describe(error: BaseException) -> str:
    """Return a few words on an error, without URLs, which may contain secrets."""
    text = type(error).__name__
    inner = error.__cause__ or error.__context__
    for known, words in (
        (ProxyError, "the proxy can't be used"),
        (requests.exceptions.ProxyError, _describe_proxy(error)),
        (requests.exceptions.SSLError, "the TLS certificate or handshake failed"),
        (requests.exceptions.ConnectTimeout, "connecting timed out"),
        (requests.exceptions.Timeout, "timed out"),
        (TimeoutError, "timed out"),
        (ConnectionRefusedError, "connection refused"),
    ):
        if isinstance(error, known) or isinstance(inner, known):
            return words
    return text
