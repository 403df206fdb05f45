"""What all fakes share: HTTP, time, accounts, faults and the log of calls.

A request takes effect when it arrives, at a time that the fake writes down with it.
A fake that slept first would lose what its caller asked for when the caller dies, and
would prove nothing. So ``Machine`` has times (asked, effect, visible, booted …), and
its state follows from them.

What a fake does beyond its cloud's description is invented. Its docstring says so.
"""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import unquote

from tests.clouds.fakes.faults import NO_REQUEST, Faults
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.specs import AnyChecker, load_checker
from tests.clouds.fakes.wire import (
    Handler,
    Outcome,
    Request,
    Response,
    Server,
    compile_template,
    make_handler,
)

_used_ports: set[int] = set()


class Fake(Faults):
    """A simulated cloud. Use it as a context manager, which runs its HTTP server.

    A subclass has ``cloud`` (its folder's name), ``read_token``, one ``route`` for each
    call, and ``refuse``, which words an error as the cloud does.
    """

    cloud: ClassVar[str]
    # The path of the endpoint on this server, such as /v1.
    base: ClassVar[str] = ""
    # Fields and parameters that it has beyond the description.
    invents: ClassVar[frozenset[str]] = frozenset()
    # Which part of the description is served under which path, if it has several.
    mounts: ClassVar[Mapping[str, str]] = {}
    # Headers with which its real server marks each answer.
    marks: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0  # seconds that this cloud's time is ahead
        self.machines: dict[str, Machine] = {}
        self.calls: list[tuple[str, str]] = []  # method and route, as they arrived
        self.seen: list[Request] = []
        self.violations: list[str] = []
        self.latest: dict[str, Response] = {}  # the latest answer, by role
        self.unchecked = False  # the next answers are no real ones
        # Tokens that are accepted, and their accounts.
        self.tokens: dict[str, str] = {"token-one": "one", "token-two": "two"}
        self.expired: set[str] = set()
        self.forbidden: dict[str, set[str]] = {}  # token to roles that it may not call
        # Seconds.
        self.processing = 0.0
        self.visibility = 0.0
        self.boot = 0.0
        self.destroying = 0.0
        self.page_tokens: dict[str, frozenset[str]] = {}  # what each has shown
        self.page = 0  # entries of a page at most; 0 for the cloud's own limit
        # What lies about, by account and kind, then by id.
        self.left: dict[tuple[str, str], dict[str, Any]] = {}
        self.tls: ssl.SSLContext | None = None
        self.host = "127.0.0.1"  # another name needs a proxy that knows the way
        # Called with each request that arrives, before it takes effect.
        self.meanwhile: Callable[[Request], None] = lambda _request: None
        self.closing = threading.Event()
        self._checker: AnyChecker | None = None
        if self.cloud:
            self._checker = load_checker(
                self.cloud, mounts=self.mounts, invents=self.invents
            )
        self._count = 0
        self._routes = [
            (method, compile_template(template), template, role, handler)
            for method, template, role, handler in self._find_routes()
        ]

    # What a subclass provides.

    def read_token(self, request: Request) -> str:
        """Return the token that a request carries. By default a bearer token."""
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    # State.

    @property
    def now(self) -> float:
        """The cloud's time in seconds, of no certain start."""
        return time.monotonic() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let this cloud's time pass, without waiting."""
        self.ahead += seconds

    def plant(
        self, name: str, tags: Mapping[str, str], *, account: str = "one", **more: Any
    ) -> Machine:
        """Have an instance run that nobody created by a call."""
        request = replace(NO_REQUEST, account=account, now=self.now - 3600)
        with self.lock:
            return self.add_machine(
                request,
                machine_id=self.make_id(self.next_number()),
                name=name,
                tags=tags,
                **more,
            )

    def make_id(self, number: int) -> str:
        """Return an instance's id in the cloud's own form."""
        return str(number)

    def next_number(self) -> int:
        """Return 1, 2, …"""
        with self.lock:
            self._count += 1
            return self._count

    def add_machine(
        self,
        request: Request,
        *,
        machine_id: str,
        name: str,
        tags: Mapping[str, str],
        switched_on: bool = True,
        **more: Any,
    ) -> Machine:
        """Write an instance down, with the times of its effects."""
        effect = request.now + self.processing
        machine = Machine(
            id=machine_id,
            account=request.account,
            name=name,
            tags=dict(tags),
            body=request.data if isinstance(request.data, dict) else {},
            asked=request.now,
            effect=effect,
            visible=effect + self.visibility,
            boots=effect + self.boot if switched_on else None,
            **more,
        )
        self.machines[machine_id] = machine
        return machine

    def find_machine(self, request: Request, machine_id: str) -> Machine | None:
        """Return an account's instance that the API shows, or None."""
        machine = self.machines.get(machine_id)
        if machine is None or machine.account != request.account:
            return None
        if not machine.shown(request.now) or machine.phase(request.now) == "gone":
            return None
        return machine

    def list_machines(self, request: Request) -> list[Machine]:
        """Return all of an account's instances that the API shows, oldest first."""
        return [
            machine
            for machine in self.machines.values()
            if self.find_machine(request, machine.id) is machine
        ]

    def end_machine(self, machine: Machine, now: float) -> None:
        """Accept a destroy call."""
        if machine.destroyed is None:
            machine.destroyed = now
            machine.gone = now + self.processing + self.destroying

    def count_calls(self, since: int = 0) -> Counter[str]:
        """Return how often each route was called."""
        return Counter(f"{method} {path}" for method, path in self.calls[since:])

    # The server.

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{self.origin}{self.base}"

    @property
    def origin(self) -> str:
        """The scheme, host and port at which it listens."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self._server = self._listen()
        self.port = self._server.server_port
        if self.tls is not None:
            # The handshake is its own thread's, since clients break it off.
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _listen(self) -> Server:
        """Listen at a port that no fake of this process had before.

        Adapters remember tokens by the address of the API that gave them.
        """
        again = []
        while True:
            server = Server(("127.0.0.1", 0), make_handler(self))
            if server.server_port not in _used_ports:
                break
            again.append(server)  # kept, so that the next one has another
        _used_ports.add(server.server_port)
        for each in again:
            each.server_close()
        return server

    def close_checked(self) -> None:
        """Raise AssertionError if a request or an answer broke the description."""
        assert not self.violations, "\n".join(dict.fromkeys(self.violations))

    def handle(self, request: Request, handler: Handler | None) -> "Outcome":
        """Return what to send. The effect is in the state when this returns."""
        with self.lock:
            self.calls.append((request.method, request.template or request.path))
            self.seen.append(request)
            self.meanwhile(request)
            fault = self.take_fault(request.role)
            if self._checker is not None:
                self.violations += self._checker.check_request(request)
            if fault is not None and fault.hangs_before:
                return Outcome(None)
            if fault is not None and fault.before is not None:
                return Outcome(fault.before)
            answer = self._answer(request, handler)
            self.latest[request.role] = answer
            if self._checker is not None and not self.unchecked:
                self.violations += self._checker.check_answer(request, answer)
            if fault is None:
                return Outcome(answer)
            if fault.hangs_after:
                return Outcome(None)
            return Outcome(fault.after or answer, cuts=fault.cuts)

    def _answer(self, request: Request, handler: Handler | None) -> Response:
        token = self.read_token(request)
        if request.role != "token":
            if token in self.expired:
                return self.refuse("expired", request)
            if token not in self.tokens:
                return self.refuse("unauthorized", request)
            if request.role in self.forbidden.get(token, ()):
                return self.refuse("forbidden", request)
        if handler is None:
            return self.refuse("missing", request)
        return handler(self, request)

    def find_account(self, headers: Mapping[str, str]) -> str:
        """Return the account of a request, "" if its token is not known."""
        bare = Request("", "", "", "", {}, {}, headers, b"", "", 0)
        return self.tokens.get(self.read_token(bare), "")

    def match(
        self, method: str, path: str, body: bytes
    ) -> tuple[str, str, dict[str, str], Handler | None]:
        """Return the template, role, parameters and handler of a request."""
        for known, pattern, template, role, handler in self._routes:
            if known == method and (found := pattern.fullmatch(path)):
                params = {
                    name: unquote(value) for name, value in found.groupdict().items()
                }
                return template, role, params, handler
        return "", "", {}, None

    @classmethod
    def _find_routes(cls) -> Iterator[tuple[str, str, str, Handler]]:
        for each in cls.__mro__:
            for handler in vars(each).values():
                if hasattr(handler, "route"):
                    yield (*handler.route, handler)


_Fake = TypeVar("_Fake", bound="Fake")


@contextmanager
def running(fake: _Fake) -> Iterator[_Fake]:
    """Run a fake for a block, and hold it to its cloud's description at the end."""
    with fake:
        yield fake
    fake.close_checked()
