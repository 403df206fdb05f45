"""What a drill does: its wishes, its faults, and its choices, all from one seed.

What is chosen replays with the seed. When it happens depends on the machine.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Short timings: an instance is condemned within seconds of its row's end.
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
}
WORKER: Final = "worker"
WEB: Final = "web"
BEAT: Final = "beat"
BROKER: Final = "broker"
DATABASE: Final = "database"
# Two kill at once: one the workers, within whose steps most can go wrong, the other
# the rest, so often each.
OTHERS: Final = {WEB: 3, BEAT: 2, BROKER: 2, DATABASE: 3}
SHARES: Final = {"workers": 0.6, "others": 0.4}
# Of the workers' deaths, how many wait for a create call to be under way.
AIMED: Final = 0.85


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of a drill."""

    database: str = "sqlite"
    servers: int = 20  # about how many are kept alive
    seconds: float = 60.0  # how long the faults last at least
    kills: int = 40
    stranded: int = 0  # kills that must fall between an intent and its saved answer
    seed: int = 1
    faults: Mapping[str, float] = field(default_factory=lambda: FAULTS)

    def options(self, *, calm: bool = False) -> dict[str, Any]:
        """Return the sandbox's options; ``calm``: nothing fails any more.

        Calls take a second, so that much can die while one is under way.
        """
        return {
            "boot": 1.0,
            "latency": 0.3,
            "processing": 0.7,
            "visibility": 0.5,
            "destroying": 0.3,
            "hang": 1.0,
            "stale": 1.5,
            "seed": self.seed,
            "timings": TIMINGS,
            "faults": {} if calm else dict(self.faults),
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: make a server, or end the one at ``pick`` (0..1) of those known."""

    make: bool
    pick: float
    force: bool
    pause: float  # seconds until the next


@dataclass(frozen=True, slots=True)
class Strike:
    """One blow: who dies, or what else is done."""

    victim: str
    pick: float  # 0..1, which of its processes
    aimed: bool  # wait for a create call first
    delay: float  # seconds between its sight and the kill
    stop: bool  # stop it instead (SIGSTOP), past its lease
    for_good: bool  # and never let it go on
    flush: bool  # empty the broker besides


class Plan:
    """The choices of one stream: each stream of a seed is its own sequence."""

    def __init__(self, seed: int, stream: str) -> None:
        # Not for secrets: a repeatable choice.
        self._random = random.Random(f"{seed}:{stream}")  # noqa: S311

    def next_ask(self, *, alive: int, most: int) -> Ask:
        """Return the next request, with ``alive`` of ``most`` servers wanted."""
        roll = self._random.random()
        return Ask(
            make=alive < most / 2 or (alive < most and roll < 0.6),
            pick=self._random.random(),
            force=self._random.random() < 0.3,
            pause=self._random.uniform(0.1, 1.2),
        )

    def next_strike(self, *, workers: bool, with_database: bool) -> Strike:
        """Return the next blow, at a worker or at anything else."""
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
