"""Creates and destroys at random while everything is killed at random.

At rest, past the bound: exactly one instance for each running server, none for the
rest, every accepted POST accounted for, and no answer was a 500.
"""

import os
import random
import signal
import time
import urllib.error
from collections import Counter

from servers.clouds.sandbox import World
from tests.support.service import Service, wait_for

SEED = int(os.environ.get("CHAOS_SEED", "20"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "40"))
VICTIMS = ("quiet worker", "quiet worker", "quiet worker", "gunicorn", "quiet beat",
           "valkey")  # fmt: skip
TIMINGS = {
    "call": 2.0,
    "lease": 5.0,
    "settle": 3.0,
    "grace": 3.0,
    "lag": 0.5,
    "listing_busy": 0.5,
    "listing_idle": 5.0,
    "gate": 300.0,
}
OPTIONS = {
    "boot": 1.0,
    "latency": 0.2,
    "processing": 0.5,
    "visibility": 0.5,
    "destroying": 0.3,
    "hang": 0.5,
    "seed": SEED,
    "timings": TIMINGS,
    "faults": {
        "timeout_before": 0.05,
        "timeout_after": 0.1,
        "server_error": 0.05,
        "throttled": 0.03,
        "partial_listing": 0.1,
        "stale_listing": 0.1,
        "slow_destroy": 0.1,
    },
}


def shell(service: Service, code: str) -> str:
    done = service.command("shell", "-v", "0", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def set_up(service: Service, options: dict[str, object]) -> None:
    shell(
        service,
        "from servers.models import Account; Account.objects.update("
        "max_servers=10000, creates_per_minute=10000, calls_at_once=32, "
        f"options={options!r})",
    )


class Chaos:
    """Callers and a killer, with one seed."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.random = random.Random(SEED)
        self.accepted: set[str] = set()
        self.statuses: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()

    def call(self, method: str, path: str) -> object:
        try:
            status, answer = self.service.call(method, path, timeout=5)
        except (OSError, urllib.error.URLError, TimeoutError) as error:
            # The web was killed under the call, or is starting again.
            self.statuses[type(error).__name__] += 1
            return None
        self.statuses[f"{status}"] += 1
        assert status < 500, (status, answer)
        return answer if status == 200 else None

    def act(self) -> None:
        if self.accepted and self.random.random() < 0.4:
            name = self.random.choice(sorted(self.accepted))
            force = self.random.choice(["", "?force=true"])
            self.call("DELETE", f"/api/servers/{name}{force}")
            return
        answer = self.call("POST", "/api/servers")
        if isinstance(answer, dict):
            self.accepted.add(answer["name"])

    def kill(self) -> None:
        victim = self.random.choice(VICTIMS)
        processes = self.service.processes(victim)
        if processes:
            try:
                os.kill(self.random.choice(processes), signal.SIGKILL)
            except ProcessLookupError:
                return
            self.kills[victim] += 1

    def run(self) -> None:
        ends = time.monotonic() + SECONDS
        next_kill = time.monotonic() + 1
        while time.monotonic() < ends:
            self.act()
            time.sleep(self.random.uniform(0.05, 0.25))
            if time.monotonic() >= next_kill:
                self.kill()
                next_kill = time.monotonic() + self.random.uniform(0.2, 1.0)


def test_nothing_is_lost_or_doubled_whatever_dies(
    database_env: dict[str, str],
) -> None:
    with Service(**database_env) as service:
        set_up(service, OPTIONS)
        chaos = Chaos(service)
        chaos.run()
        print(f"seed {SEED}: kills {dict(chaos.kills)}, answers {dict(chaos.statuses)}")
        assert sum(chaos.kills.values()) >= SECONDS / 3
        assert len(chaos.accepted) > SECONDS / 3
        # From here on nothing fails any more.
        set_up(service, {**OPTIONS, "faults": {}})
        wait_for(service.answers, 30)
        wait_for(lambda: at_rest(service), 120, what=lambda: describe(service))
        states = service.states()
        hidden = shell(
            service,
            "from servers.models import Server; "
            "print(*Server.objects.filter(hidden=True).values_list('name', flat=True))",
        ).split()
        assert chaos.accepted <= set(states) | set(hidden)
        live = count_live(service)
        print(f"{dict(Counter(states.values()))}, {len(hidden)} hidden, "
              f"{sum(live.values())} live")  # fmt: skip
        assert all(count == 1 for count in live.values()), live
        holding = {name for name, state in states.items() if state == "running"}
        assert sum(live.values()) == len(holding)
        swept = service.command("sweep")
        assert swept.returncode == 0, swept.stdout + swept.stderr
        # Celery logs a broker's death with a trace; faults of our own have these words.
        for words in ("A step of", "A view failed", "A listing of sandbox failed.\n"):
            assert words not in service.log(), words


def count_live(service: Service) -> Counter[str]:
    (path,) = (service.data / "sandbox").glob("*.sqlite3")
    rows = World(path).live(time.time())
    return Counter(row.tags["serverfleet-server"] for row in rows)


def at_rest(service: Service) -> bool:
    states = Counter(service.states().values())
    resting = states["running"] + states["stopped"] + states["error"]
    # An errored server may hold an instance for an hour: it is none of its ends.
    for name, state in service.states().items():
        if state == "error":
            service.call("DELETE", f"/api/servers/{name}?force=true")
    return (
        states["error"] == 0
        and resting == sum(states.values())
        and sum(count_live(service).values()) == states["running"]
    )


def describe(service: Service) -> str:
    return f"{service.states()}\n{count_live(service)}\n{service.log()[-4000:]}"
