"""What a drill does: its settings, its faults, and its choices from one seed.

The same seed repeats the choices. When they happen depends on the machine.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Short timings: an instance is condemned within seconds after its server ends.
TIMINGS: Final = {
    "call": 2.0,
    "lease": 5.0,
    "settle": 3.0,
    "grace": 3.0,
    "lag": 0.5,
    "listing_busy": 0.5,
    "listing_idle": 5.0,
    "gate": 300.0,
}
FAULTS: Final = {
    "timeout_before": 0.05,
    "timeout_after": 0.1,
    "server_error": 0.04,
    "throttled": 0.03,
    "partial_listing": 0.1,
    "stale_listing": 0.1,
    "vanish": 0.02,
    "never_boots": 0.02,
    "slow_destroy": 0.1,
    "slow": 0.05,
    "address_changes": 0.1,
    "leaves_volume": 0.1,
    "unhealthy": 0.12,  # more would look like a network that is down
}
# How long a server is ready before it loses its health. If it failed sooner than that,
# it would not be replaced.
WELL_SECONDS: Final = 16.0
# How long the build goes on that runs on each server when it is terminated.
BUILD_SECONDS: Final = 2.0
WORKER: Final = "worker"
WEB: Final = "web"
BEAT: Final = "beat"
BROKER: Final = "broker"
DATABASE: Final = "database"
# Two threads kill at once: one the workers, in whose steps most can go wrong, the other
# the rest, with these weights.
OTHERS: Final = {WEB: 3, BEAT: 2, BROKER: 2, DATABASE: 3}
SHARES: Final = {"workers": 0.6, "others": 0.4}
# The share of kills that wait: of a worker for a create call, of the web for an answer.
AIMED: Final = 0.85


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a drill should do."""

    database: str = "sqlite"
    servers: int = 20  # about how many servers to keep
    seconds: float = 60.0  # minimum duration of the faults
    kills: int = 40
    stranded: int = 0  # kills that must fall between an intent and its saved answer
    seed: int = 1
    faults: Mapping[str, float] = field(default_factory=lambda: FAULTS)

    def options(self, *, calm: bool = False) -> dict[str, Any]:
        """Return the sandbox's options, without faults if ``calm``.

        Calls take a second, so that kills often hit one that is under way.
        """
        return {
            "boot": 1.0,
            "latency": 0.3,
            "processing": 0.7,
            "visibility": 0.5,
            "destroying": 0.3,
            "hang": 1.0,
            "stale": 1.5,
            "build": BUILD_SECONDS,
            "well": WELL_SECONDS,
            "seed": self.seed,
            "timings": TIMINGS,
            "faults": {} if calm else dict(self.faults),
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: create a server, or cordon or terminate the one at ``pick`` (0..1).

    ``force`` skips the drain, and ``hurry`` does so once it is under way.
    """

    make: bool
    pick: float
    cordon: bool
    force: bool
    hurry: bool
    pause: float  # seconds until the next


@dataclass(frozen=True, slots=True)
class Strike:
    """One strike: what is killed, suspended or emptied."""

    victim: str
    pick: float  # 0..1, which of its processes
    aimed: bool  # first wait for a create call, or for the web to answer
    delay: float  # seconds between seeing the create call and the kill
    stop: bool  # suspend it instead (SIGSTOP), past its lease
    for_good: bool  # and never resume it
    flush: bool  # empty the broker instead of killing it


class Plan:
    """The choices of one stream. Each stream of a seed has its own sequence."""

    def __init__(self, seed: int, stream: str) -> None:
        # Not for secrets: the choices must be repeatable.
        self._random = random.Random(f"{seed}:{stream}")  # noqa: S311

    def next_ask(self, *, alive: int, most: int) -> Ask:
        """Return the next request, when ``alive`` of ``most`` wanted servers exist."""
        roll = self._random.random()
        return Ask(
            make=alive < most / 2 or (alive < most and roll < 0.6),
            pick=self._random.random(),
            cordon=self._random.random() < 0.2,
            force=self._random.random() < 0.1,
            hurry=self._random.random() < 0.1,
            pause=self._random.uniform(0.1, 1.2),
        )

    def next_strike(self, *, workers: bool, with_database: bool) -> Strike:
        """Return the next strike, at a worker or at anything else."""
        victims = [name for name in OTHERS if with_database or name != DATABASE]
        weights = [OTHERS[name] for name in victims]
        other = self._random.choices(victims, weights)[0]
        return Strike(
            victim=WORKER if workers else other,
            pick=self._random.random(),
            aimed=self._random.random() < AIMED,
            delay=self._random.uniform(0.0, 0.5),
            stop=self._random.random() < 0.08,
            for_good=self._random.random() < 0.5,
            flush=self._random.random() < 0.2,
        )
