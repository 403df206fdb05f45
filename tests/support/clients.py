"""Many clients at once, each with its own connection, and the answers they got."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from servers.drill.service import Service


class Client:
    """One connection that is kept open, and reopened after it breaks."""

    def __init__(self, service: Service) -> None:
        self.headers = {"Authorization": f"Bearer {service.token}"}
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", service.port, timeout=60
        )

    def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        """Return the status and the decoded answer. Raise if the connection breaks."""
        try:
            self.connection.request(
                method,
                path,
                body=None if body is None else json.dumps(body),
                headers={**self.headers, **headers},
            )
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        return answer.status, json.loads(data) if data else None


def run_all(count: int, act: Callable[[int], None]) -> None:
    """Run ``act`` in many threads at once, and raise what one of them raised."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            act(number)
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@contextmanager
def client(service: Service) -> Iterator[Client]:
    """Return a client for a block."""
    made = Client(service)
    try:
        yield made
    finally:
        made.connection.close()


@dataclass
class Soak:
    """The answers that the clients of a soak got."""

    statuses: Counter[str] = field(default_factory=Counter)
    made: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The number of answered requests."""
        return self.statuses.total()


def soak(service: Service, *, clients: int, seconds: float) -> Soak:
    """Make clients create, read and delete for some seconds, and check every answer."""
    told, lock = Soak(), threading.Lock()
    ends = time.monotonic() + seconds

    def live(_number: int) -> None:
        with client(service) as mine:
            while time.monotonic() < ends:
                _live_once(mine, told, lock)

    run_all(clients, live)
    return told


def _live_once(mine: Client, told: Soak, lock: threading.Lock) -> None:
    def call(method: str, path: str, *good: int) -> tuple[int, Any]:
        status, answer = mine.call(method, path)
        with lock:
            told.statuses[f"{method} {status}"] += 1
            if status not in good:
                told.wrong.append(f"{method} {path} {status} {answer}"[:300])
        return status, answer

    status, server = call("POST", "/api/servers", 200)
    if status != 200:
        return
    name = server["name"]
    with lock:
        told.made.add(name)
    _, seen = call("GET", f"/api/servers/{name}", 200)
    if seen["name"] != name:
        told.wrong.append(f"{name} was read as {seen['name']}")
    call("GET", f"/api/servers?search={name}", 200)
    status, _ = call("DELETE", f"/api/servers/{name}", 200, 204)
    with lock:
        (told.ended if status == 200 else told.removed).add(name)


def find_broken_promises(service: Service, told: Soak) -> list[str]:
    """Return what differs from the answers, and errors that clients did not cause."""
    states = service.states()
    wrong = list(told.wrong)
    wrong += [f"{name} is lost" for name in told.made - told.removed - set(states)]
    ending = {"shutdown", "stopping", "stopped"}
    wrong += [
        f"{name} is {states[name]}, and its end was accepted"
        for name in told.ended & set(states)
        if states[name] not in ending
    ]
    log = service.log().lower()
    wrong += [
        f"the log has {words!r}"
        for words in ("is locked", "deadlock", "traceback")
        if words in log
    ]
    return wrong
