"""Kill the copy's processes, at moments that the seed chooses.

A lease names its worker and outlives it. After each kill, the database therefore shows
which steps were interrupted: the rows whose lease in the dead process's name has not
expired, and among them the creates between their intent and their saved answer.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import redis
from django.db import DatabaseError, connections

from servers.drill.plan import (
    BEAT,
    BROKER,
    DATABASE,
    SHARES,
    TIMINGS,
    WEB,
    WORKER,
    Plan,
    Strike,
    Wishes,
)
from servers.drill.service import Service
from servers.lifecycle.states import Outcome, State
from servers.models import Attempt, Location, Server
from servers.records.leases import name_process
from servers.records.ledger import database_now

_COMMANDS: Final = {
    WORKER: "quiet worker",
    WEB: "gunicorn",
    BEAT: "quiet beat",
    BROKER: "valkey",
}
IN_FLIGHT: Final = "create, between intent and answer"
# What the supervisor kills and restarts when it is suspended for good.
HEALED: Final = {WORKER, WEB, BEAT}
# How long a targeted kill waits for its moment before it is dealt anyway. On a busy
# machine, processes take seconds to start, and killing one that starts proves little.
AIM_SECONDS: Final = 8.0
_STEPS: Final = {
    State.PENDING: "create, before the intent",
    State.CREATING: "create, looking it up",
    State.SHUTDOWN: "destroy",
    State.STOPPING: "destroy",
}


T = TypeVar("T")


class Killer:
    """Kill and suspend processes, and count this by process and by step.

    Two threads do so until ``stop`` is called: one for the workers, one for the rest.
    """

    def __init__(
        self, service: Service, wishes: Wishes, *, postgres: Path | None
    ) -> None:
        self._service = service
        self._wishes = wishes
        self._postgres = postgres  # the folder of the copy's own PostgreSQL
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(stream,), daemon=True)
            for stream in SHARES
        ]
        self._stopped: list[tuple[float, int]] = []
        self.kills: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.stops = 0
        self.stops_for_good = 0
        self.flushes = 0
        self.database_deaths: list[float] = []  # Unix seconds

    @property
    def total(self) -> int:
        """The number of processes killed."""
        return self.kills.total()

    @property
    def is_done(self) -> bool:
        """Whether the requested number of kills is reached."""
        wishes = self._wishes
        enough = self.steps[IN_FLIGHT] >= wishes.stranded
        return enough and self.total >= wishes.kills

    def start(self) -> None:
        """Start killing."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and resume all suspended processes."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.wake(all_of_them=True)

    def _run(self, stream: str) -> None:
        plan = Plan(self._wishes.seed, f"killer of {stream}")
        kills = max(1.0, self._wishes.kills * SHARES[stream])
        pause = self._wishes.seconds / kills
        while not self._ended.is_set():
            due = time.monotonic() + pause
            self._strike(
                plan.next_strike(
                    workers=stream == "workers",
                    with_database=self._postgres is not None,
                )
            )
            self._ended.wait(max(0.0, due - time.monotonic()))
        connections.close_all()

    def _strike(self, strike: Strike) -> None:
        """Carry out one strike, if its target is running."""
        self.wake()
        pids = self._find(strike.victim)
        if strike.victim == BROKER and strike.flush:
            self._flush()
            return
        if strike.victim == WORKER and strike.aimed:
            pids = self._catch_create(strike) or pids
        elif strike.victim == WEB and strike.aimed:
            _wait_for(self._service.answers, unless=self._ended.is_set)
            pids = self._find(WEB)
        if not pids:
            return
        pid = pids[int(strike.pick * len(pids))]
        if strike.stop and strike.for_good and strike.victim in HEALED:
            self._stop_for_good(pid)
        elif strike.stop and strike.victim == WORKER:
            self._stop_for_long(pid)
        else:
            self._kill(strike.victim, pid)

    def wake(self, *, all_of_them: bool = False) -> None:
        """Resume processes that were suspended for longer than a lease."""
        now = time.monotonic()
        for due, pid in list(self._stopped):
            if all_of_them or now >= due:
                self._stopped.remove((due, pid))
                _send(pid, signal.SIGCONT)

    def stop_workers_for_good(self) -> None:
        """Suspend every worker and resume none. This is the last strike."""
        # None is there while the last one, just killed, starts again.
        for pid in _wait_for(lambda: self._find(WORKER)):
            self._stop_for_good(pid)

    def _stop_for_good(self, pid: int) -> None:
        if _send(pid, signal.SIGSTOP):
            self.stops_for_good += 1

    def _stop_for_long(self, pid: int) -> None:
        if _send(pid, signal.SIGSTOP):
            self.stops += 1
            due = time.monotonic() + TIMINGS["lease"] * 1.5
            self._stopped.append((due, pid))

    def _kill(self, victim: str, pid: int) -> None:
        if not _send(pid, signal.SIGKILL):
            return
        self.kills[victim] += 1
        if victim == DATABASE:
            self.database_deaths.append(time.time())
        if victim == WORKER:
            self._note_steps(pid)

    def _note_steps(self, pid: int) -> None:
        """Count what the killed worker was doing, by the leases in its name."""
        try:
            steps = self._list_steps(pid)
        except DatabaseError:
            connections.close_all()
            steps = ["unknown: the database was down"]
        # A kill counts once for each kind of step that it interrupted.
        self.steps.update(set(steps) or {"between steps"})

    def _list_steps(self, pid: int) -> list[str]:
        """Return the steps under way in a worker."""
        holder = f"{name_process().rpartition(':')[0]}:{pid}"
        now = database_now()
        held = Server.objects.filter(lease_by=holder, lease_until__gt=now)
        open_ones = set(
            Attempt.objects.filter(
                server__in=held, outcome=Outcome.ASKED, answer=""
            ).values_list("server_id", flat=True)
        )
        steps = [
            IN_FLIGHT
            if pk in open_ones and state == State.CREATING
            else _STEPS.get(State(state), "watch")
            for pk, state in held.values_list("pk", "state")
        ]
        listings = Location.objects.filter(lease_by=holder, lease_until__gt=now)
        return steps + ["listing"] * listings.count()

    def _catch_create(self, strike: Strike) -> list[int]:
        """Suspend a worker between an intent and its saved answer, and return it.

        Its call may have taken effect or not: that depends on ``strike.delay``. If the
        answer is saved by then, the worker goes on, and the next create is awaited.
        """

        def catch() -> list[int]:
            pids = self._find_creating()
            if not pids:
                return []
            time.sleep(strike.delay)
            pid = pids[int(strike.pick * len(pids))]
            if not _send(pid, signal.SIGSTOP):
                return []
            caught = False
            try:
                caught = IN_FLIGHT in self._list_steps(pid)
            finally:
                if not caught:
                    _send(pid, signal.SIGCONT)
            return [pid] if caught else []

        try:
            return _wait_for(catch, unless=self._ended.is_set, pause=0.05)
        except DatabaseError:
            connections.close_all()
            return []

    def _find_creating(self) -> list[int]:
        busy = Server.objects.filter(
            state=State.CREATING, lease_until__gt=database_now()
        ).values_list("lease_by", flat=True)
        found = {int(holder.rpartition(":")[2]) for holder in busy}
        return sorted(found & set(self._find(WORKER)))

    def _flush(self) -> None:
        path = self._service.data / "broker.sock"
        try:
            redis.Redis(unix_socket_path=str(path), socket_timeout=1).flushall()
        except redis.RedisError:
            return
        self.flushes += 1

    def _find(self, victim: str) -> list[int]:
        if victim == DATABASE:
            return find_postgres(self._postgres) if self._postgres else []
        return sorted(self._service.processes(_COMMANDS[victim]))


def _wait_for(
    look: Callable[[], T],
    *,
    unless: Callable[[], bool] = lambda: False,
    pause: float = 0.2,
) -> T:
    """Look until something is found, at most AIM_SECONDS. Return the last look."""
    ends = time.monotonic() + AIM_SECONDS
    while not (found := look()) and time.monotonic() < ends and not unless():
        time.sleep(pause)
    return found


def find_postgres(folder: Path) -> list[int]:
    """Return the server's processes: the main one, then those for connections."""
    try:
        first = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    except (OSError, ValueError, IndexError):
        return []
    return [first, *map(int, children)]


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
