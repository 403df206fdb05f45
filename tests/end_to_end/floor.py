"""The sandbox's instances: each boots, calls back and runs an agent until it is ended.

What an instance does is what the scripts in its user data do (servers/machine/callback
and servers/machine/agents), with shorter pauses.
"""

import json
import re
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import urllib3

from servers.clouds.sandbox import World
from tests.end_to_end.works import Agent, Works

TURN: Final = 0.1
BEAT: Final = 3.0  # seconds between two heartbeats
DRAIN_BEAT: Final = 1.0
LEAST: Final = 0.7  # more reports than one in half a second are refused
LATE: Final = 60.0  # instances that ended earlier are of no interest
_TOKEN: Final = re.compile(r"\bcb_[A-Za-z0-9_-]{43}\b")


class Instance:
    """One instance that has booted so far that its scripts run."""

    def __init__(self, name: str, user_data: str, works: Works, calls: "Calls") -> None:
        (self._token,) = set(_TOKEN.findall(user_data))
        self._secret = secrets.token_hex(32)
        self._works = works
        self._calls = calls
        self._agent = Agent(name, works.slots)
        self._runs = False  # the agent
        self._phase = "booting"
        self._cordoned = False
        self._drains = False
        self._sent: Any = None
        self._sent_at = 0.0
        self._call: Future[None] | None = None
        self._is_over = False

    def turn(self, now: float) -> None:
        """Report what is new, or that nothing is. One report at a time."""
        with self._works.lock:
            self._follow()
            news = (self._phase, self._runs, sorted(map(str, self._agent.jobs)))
        called = self._call is None or self._call.done()
        pause = DRAIN_BEAT if self._drains else BEAT
        pause = LEAST if news != self._sent else pause
        if called and now >= self._sent_at + pause:
            if self._call is not None:
                self._call.result()  # a fault of this file shows
            self._sent, self._sent_at = news, now
            self._call = self._calls.pool.submit(self._report)

    def die(self, at: float) -> None:
        """End, as the cloud says so."""
        with self._works.lock:
            self._is_over = True
            self._works.leave(self._agent, at=at)

    def _follow(self) -> None:
        """Do what the last answer says."""
        agent, told = self._agent, self._cordoned or self._drains
        if self._is_over or self._phase == "booting":
            return
        if agent.is_over:
            if self._runs:
                self._works.leave(agent, at=time.time())
                self._runs = False
            return
        if not told:
            if not self._runs:
                self._works.join(agent)
                self._runs = agent.takes = True
            elif not agent.takes and not agent.jobs:
                agent.takes = True
        elif self._runs:
            if not agent.jobs or not self._works.cancels:
                agent.takes = False
            if not agent.jobs:
                self._works.leave(agent, at=time.time())
                self._runs = False

    def _report(self) -> None:
        body: dict[str, Any] = {"secret": self._secret}
        kind = "heartbeat" if self._phase == "booted" or self._drains else "boot"
        with self._works.lock:
            jobs = sorted(map(str, self._agent.jobs))
            ended = self._drains and not self._runs and not jobs
        if kind == "boot":
            steps = [{"name": "Start the agent", "seconds": 1, "ok": True}]
            is_settled = self._runs or self._agent.is_over or self._cordoned
            is_up = self._phase == "started" and is_settled
            body |= {"phase": "ready" if is_up else "booting", "log": ""}
            body["steps"] = steps if is_up else []
        else:
            runs = "running" if self._runs else "ended"
            body |= {"agent": runs, "docker": "answers", "builds": jobs}
            body["drained"] = ended
        told = self._calls.post(kind, self._token, body)
        with self._works.lock:
            if told is not None:
                self._cordoned, self._drains = told["cordon"], told["drain"]
                if self._phase == "booting":
                    # Before, it may be an instance that was given up.
                    self._phase = "started"
                elif kind == "boot" and body["phase"] == "ready":
                    self._phase = "booted"
            else:
                self._sent = None


class Calls:
    """The way to ServerFleet."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(
            maxsize=8, retries=False, timeout=urllib3.Timeout(3)
        )
        self.pool = ThreadPoolExecutor(8)

    def post(self, kind: str, token: str, body: Any) -> Any:
        """Send a report, and return what is said to it. None: it was not taken."""
        try:
            answer = self._http.request(
                "POST",
                f"{self._url}/api/callback/{kind}",
                body=json.dumps(body).encode(),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                },
            )
            return json.loads(answer.data) if answer.status == 200 else None
        except (urllib3.exceptions.HTTPError, ValueError):
            return None


class Floor:
    """All instances, and the jobs on them."""

    def __init__(self, world: World, works: Sequence[Works], url: str) -> None:
        self._world = world
        self._works = works
        self._calls = Calls(url)
        self._instances: dict[str, Instance] = {}
        self._over: set[str] = set()
        self._ended = threading.Event()
        self._time = ThreadPoolExecutor(1)
        self._passes: Future[None] | None = None

    def start(self) -> None:
        """Let time pass."""
        self._passes = self._time.submit(self._run)

    @property
    def has_failed(self) -> bool:
        """Whether time stands still, by a fault of this file."""
        return self._passes is not None and self._passes.done()

    def stop(self) -> None:
        """Stop, and raise what went wrong here."""
        self._ended.set()
        if self._passes is not None:
            self._passes.result()
        self._time.shutdown()
        self._calls.pool.shutdown()

    def _run(self) -> None:
        try:
            while not self._ended.wait(TURN):
                self._turn()
        finally:
            self._world.close()

    def _turn(self) -> None:
        now = time.time()
        rows = self._world.select("gone_at IS NULL OR gone_at > ?", (now - LATE,))
        for row in rows:
            known, is_up = self._instances.get(row.id), row.status(now) == "active"
            if known is None:
                if is_up and row.id not in self._over:
                    self._instances[row.id] = self._boot(row.id)
            elif is_up:
                known.turn(now)
            else:
                known.die(row.deleting_at or now)
                self._over.add(row.id)
                del self._instances[row.id]
        for works in self._works:
            works.turn(now)

    def _boot(self, instance_id: str) -> Instance:
        text = self._world.read_user_data(instance_id)
        for works in self._works:
            if found := re.search(rf"\b{works.variable}=([\w+/=-]+)", text):
                name = works.find_name(found[1])
                return Instance(name, text, works, self._calls)
        raise AssertionError(f"The user data of {instance_id} names no agent.")
