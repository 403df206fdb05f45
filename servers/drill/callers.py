"""The clients of a drill: they create and terminate servers, and count the results."""

import threading
import time
from collections import Counter

from servers.drill.plan import Plan, Wishes
from servers.drill.service import Service

CALLERS = 3
CALL_SECONDS = 8.0


class Callers:
    """Some threads that send requests until they are stopped."""

    def __init__(self, service: Service, wishes: Wishes) -> None:
        self._service = service
        self._wishes = wishes
        self._lock = threading.Lock()
        self._alive: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(CALLERS)
        ]
        self.accepted: set[str] = set()
        self.statuses: Counter[str] = Counter()
        # (time, status, message) of each answer with a status of 500 or above.
        self.failures: list[tuple[float, int, str]] = []

    def start(self) -> None:
        """Start sending requests."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and wait for the outstanding answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(CALL_SECONDS * 2)

    def create(self) -> bool:
        """Create one server, and return whether it was accepted."""
        answer = self._call("POST", "/api/servers")
        if not isinstance(answer, dict):
            return False
        with self._lock:
            self.accepted.add(answer["name"])
            self._alive.append(answer["name"])
        return True

    def _run(self, number: int) -> None:
        plan = Plan(self._wishes.seed, f"caller {number}")
        while not self._stop.is_set():
            with self._lock:
                alive = len(self._alive)
            ask = plan.next_ask(alive=alive, most=self._wishes.servers)
            if ask.make:
                self.create()
            elif ask.cordon:
                self._cordon(ask.pick)
            else:
                self._end(ask.pick, force=ask.force, hurry=ask.hurry)
            self._stop.wait(ask.pause)

    def _cordon(self, pick: float) -> None:
        with self._lock:
            if not self._alive:
                return
            name = self._alive[int(pick * len(self._alive))]
        act = "cordon" if pick * 1000 % 1 < 0.5 else "uncordon"
        self._call("POST", f"/api/servers/{name}/{act}")

    def _end(self, pick: float, *, force: bool, hurry: bool) -> None:
        with self._lock:
            if not self._alive:
                return
            # One of the older third, which has had time to boot.
            name = self._alive.pop(int(pick * len(self._alive) / 3))
        query = "?force=true" if force else ""
        if self._call("DELETE", f"/api/servers/{name}{query}") is None:
            with self._lock:
                self._alive.append(name)
        elif hurry:
            self._call("DELETE", f"/api/servers/{name}?force=true")

    def _call(self, method: str, path: str) -> object:
        """Return the answer of a call that was accepted, otherwise None."""
        try:
            status, answer = self._service.call(method, path, timeout=CALL_SECONDS)
        except OSError as error:
            # The web process was killed during the call, or is restarting.
            self._note(type(error).__name__)
            return None
        self._note(str(status))
        if status >= 500:
            with self._lock:
                self.failures.append((time.time(), status, str(answer)[:300]))
        taken = status < 300 or status == 404
        return (answer or True) if taken else None

    def _note(self, status: str) -> None:
        with self._lock:
            self.statuses[status] += 1
