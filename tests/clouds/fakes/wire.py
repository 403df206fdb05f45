"""What goes over a fake's HTTP: requests, answers, faults, and the server itself."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Handler = Callable[..., "Response"]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
MAX_HANG_SECONDS = 60.0
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Request:
    """One request. ``role`` says what it is for: create, list, get, destroy …"""

    method: str
    path: str
    template: str
    role: str
    params: Mapping[str, str]  # of the path
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    account: str
    now: float

    def ask(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.query.get(name, [default])[0]

    @property
    def data(self) -> Any:
        """The JSON value of the body, or None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Response:
    """An answer: ``body`` is JSON, or text as it is, or None for an empty one."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        """The body as it is sent."""
        if self.body is None:
            return b""
        return (
            self.body if isinstance(self.body, str) else json.dumps(self.body)
        ).encode()


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests of ``role`` (of all for "").

    ``before`` and ``after`` the effect: hang, cut or answer something else. The answer
    is checked against the description only if the cloud itself could have given it.
    """

    times: int
    role: str = ""
    before: Response | None = None
    after: Response | None = None
    hangs_before: bool = False
    hangs_after: bool = False
    cuts: bool = False
    skip: int = 0  # so many requests go well before


@dataclass(frozen=True)
class Outcome:
    """What a fake sends: nothing at all if ``response`` is None."""

    response: Response | None
    cuts: bool = False


def route(method: str, template: str, role: str = "") -> Callable[[Handler], Handler]:
    """Mark a method of a fake as the handler of ``METHOD /path/{name}``."""

    def mark(handler: Handler) -> Handler:
        handler.route = (method, template, role)  # type: ignore[attr-defined]
        return handler

    return mark


def compile_template(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[a-z_A-Z]+\})", template)
    return re.compile(
        "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )


class Site(Protocol):
    """What the server needs of a fake."""

    processing: float
    closing: threading.Event

    @property
    def base(self) -> str: ...

    @property
    def marks(self) -> Mapping[str, str]: ...

    @property
    def now(self) -> float: ...

    def match(
        self, method: str, path: str, body: bytes
    ) -> tuple[str, str, dict[str, str], Handler | None]: ...

    def find_account(self, headers: Mapping[str, str]) -> str: ...

    def handle(self, request: Request, handler: Handler | None) -> Outcome: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients of these tests die and hang up at any time."""


def read_request(
    site: Site, received: BaseHTTPRequestHandler, body: bytes
) -> tuple[Request, Handler | None]:
    """Return a request as it arrived, and what handles it."""
    parts = urlsplit(received.path)
    headers = {name.lower(): value for name, value in received.headers.items()}
    template, role, params, handler = site.match(
        received.command, parts.path.removeprefix(site.base), body
    )
    request = Request(
        method=received.command,
        path=parts.path,
        template=template,
        role=role,
        params=params,
        query=parse_qs(parts.query, keep_blank_values=True),
        headers=headers,
        body=body,
        account=site.find_account(headers),
        now=site.now,
    )
    return request, handler


class _Noting:
    """What a connection sends, with the latest line: the head ends with an empty one.

    Python's parser takes the end of the connection for the end of the head.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.last = b"none"

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(size)
        self.last = line or b"cut off"
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Answering(BaseHTTPRequestHandler):
    """Answers each request by its site."""

    site: Site
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _Noting(self.rfile)

    def serve(self) -> None:
        """Answer one request, if all of it has come."""
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if self.rfile.last.strip() or len(body) < size:
            self.close_connection = True
            return  # its sender died in the middle
        request, handler = read_request(self.site, self, body)
        outcome = self.site.handle(request, handler)
        self.close_connection = True
        if outcome.response is None:
            self.site.closing.wait(MAX_HANG_SECONDS)
            return
        if self.site.processing and self.command != "GET":
            self.site.closing.wait(self.site.processing)
        self._send(outcome.response, cuts=outcome.cuts)

    def _send(self, response: Response, *, cuts: bool) -> None:
        data = response.bytes
        self.send_response(response.status)
        headers = {
            "Content-Type": "application/json",
            **self.site.marks,
            **response.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        if cuts:
            # More than is sent, so that the end comes too early.
            self.send_header("Content-Length", str(len(data) + 10))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            return
        if response.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if response.status != 204:
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        return


for _method in METHODS:
    setattr(Answering, f"do_{_method}", Answering.serve)


def make_handler(site: Site) -> type[BaseHTTPRequestHandler]:
    """Return what answers a server's requests by ``site``."""
    return type("Answering", (Answering,), {"site": site})
