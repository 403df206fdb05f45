"""The HTTP client of all calls: one request, its whole answer, and its failures.

Each request opens a new connection. One that was kept alive may be dead unnoticed, and
a create call that fails on it would have an unknown outcome.

Here alone is decided which error a failure is: UnreachableError if no byte of the
request was sent, UnknownOutcomeError if it was sent and not answered, and for an answer
without a readable error what ``explain_answer`` says.
"""

import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import certifi
import urllib3
from urllib3 import exceptions as failures
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from servers.addresses import explain_address, explain_host, resolve
from servers.outgoing.deadline import Deadline, TooMuchError, current_deadline
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.proxy import ProxyError, explain_way, find_proxy

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
MAX_RETRY_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status. ``headers`` ignore case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """The seconds until a repeat is welcome, or None if the cloud gave no time."""
        given = self.headers.get("Retry-After", "")
        try:
            if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", given):
                seconds = float(given)
            else:
                seconds = parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
        return min(max(0.0, seconds), MAX_RETRY_SECONDS)


def explain_answer(answer: Answer, what: str, words: str = "") -> CallError:
    """Return what an answer means if its body has no error code that can be read.

    Only two statuses are clear by themselves. A 404 or 5xx may be a gateway's.
    ``words`` are the answer's own, if it has some.
    """
    said = f"{what} answered {answer.status}: {words or 'No error.'}"
    if answer.status == 429:
        return ThrottledError(said, retry_after=answer.retry_after)
    return (CredentialsError if answer.status == 401 else UnknownOutcomeError)(said)


def send(
    method: str,
    url: str,
    *,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request within this thread's deadline, and return its whole answer.

    Never repeats it and never follows a redirect, which would carry a signed request
    elsewhere. Raises UnreachableError or UnknownOutcomeError.
    """
    deadline = current_deadline()
    deadline.sent = False
    try:
        return _exchange(deadline, method, url, body, headers or {})
    except (failures.HTTPError, HTTPException, OSError, ValueError) as error:
        raise explain_failure(deadline, describe_failure(error), url) from None


def explain_failure(deadline: Deadline, why: str, url: str = "") -> CallError:
    """Return what it means that the latest request got no answer."""
    if deadline.sent:
        return UnknownOutcomeError(
            f"{deadline.what} returned no reliable answer ({why})."
        )
    said = f"{deadline.what} can't be reached ({why}). {explain_way(url)}".rstrip()
    return UnreachableError(f"{said} Check the address and the network.")


def _exchange(
    deadline: Deadline,
    method: str,
    url: str,
    body: str | bytes | None,
    headers: Mapping[str, str],
) -> Answer:
    left = deadline.remaining()
    most = MAX_BODY_BYTES // deadline.at_once
    with _open_manager(url) as manager:
        response = manager.urlopen(
            method,
            url,
            body=body,
            headers={"Accept-Encoding": "gzip", **headers, "Connection": "close"},
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            content = response.read(most + 1, decode_content=True)
        finally:
            response.close()
    # A connection that was shut down at its deadline looks like the end of a body
    # without a length. Half an answer must not pass for a whole one.
    deadline.remaining()
    if len(content) > most:
        raise TooMuchError
    deadline.received.add(len(content))
    return Answer(response.status, response.reason or "", response.headers, content)


def _open_manager(url: str) -> urllib3.PoolManager:
    """Return a manager for one request. It reads nothing from the environment."""
    context = _make_context(os.environ.get("SSL_CERT_FILE") or certifi.where())
    manager: urllib3.PoolManager
    if proxy := find_proxy(url):
        # The proxy looks names up, but what an address spells is known here.
        if wrong := explain_host(urlsplit(url).hostname or ""):
            raise UnreachableError(wrong)
        parts = urlsplit(proxy)
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        manager = urllib3.ProxyManager(
            proxy,
            ssl_context=context,
            proxy_ssl_context=context,
            proxy_headers=urllib3.make_headers(
                proxy_basic_auth=user if parts.username else None
            ),
        )
    else:
        manager = urllib3.PoolManager(ssl_context=context)
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


@lru_cache(maxsize=4)
def _make_context(authorities: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)


class _Guarded:
    """Apply the deadline to a connection, and record that its request was sent."""

    proxy: Any
    port: int
    _dns_host: str

    def _new_conn(self) -> socket.socket:
        connection = self._connect_checked()
        current_deadline().watch(connection)
        return connection

    def _connect_checked(self) -> socket.socket:
        """Connect to an allowed address of the host, without a second look-up.

        A proxy is not checked, since this installation's own settings name it.
        """
        if self.proxy is not None:
            return super()._new_conn()  # type: ignore[misc,no-any-return]
        host = self._dns_host
        failure: failures.HTTPError | None = None
        try:
            for address in _find_addresses(host, self.port):
                current_deadline().remaining()
                self._dns_host = address
                try:
                    return super()._new_conn()  # type: ignore[misc,no-any-return]
                except failures.HTTPError as error:
                    failure = error
        finally:
            self._dns_host = host  # what TLS and the Host header name
        assert failure is not None
        raise failure

    def request(self, *args: Any, **kwargs: Any) -> None:
        if getattr(self, "sock", None) is None:
            # Connect first: if this fails, nothing was sent.
            self.connect()  # type: ignore[attr-defined]
        deadline = current_deadline()
        deadline.remaining()
        deadline.sent = True
        super().request(*args, **kwargs)  # type: ignore[misc]


def _find_addresses(host: str, port: int) -> list[str]:
    """Return the host's allowed addresses. Raise UnreachableError if there are none."""
    refused, fit = "", []
    for each in resolve(host, port):
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


def describe_failure(error: BaseException) -> str:
    """Return a few words on an error, without URLs, which may contain secrets."""
    inner = error.__cause__ or error.__context__
    tunnel = re.search(r"Tunnel connection failed: ([0-9]{3})", str(error))
    proxy = f"the proxy answered {tunnel[1]}" if tunnel else "the proxy did not answer"
    for known, words in (
        (TooMuchError, "it is too large"),
        (ProxyError, "the proxy can't be used"),
        (failures.ProxyError, proxy),
        (failures.SSLError, "the TLS certificate or handshake failed"),
        (ssl.SSLError, "the TLS certificate or handshake failed"),
        (failures.ConnectTimeoutError, "connecting timed out"),
        (failures.TimeoutError, "timed out"),
        (TimeoutError, "timed out"),
        (ConnectionRefusedError, "connection refused"),
        (socket.gaierror, "unknown host name"),
    ):
        if isinstance(error, known) or isinstance(inner, known):
            return words
    return type(error).__name__
