"""Records of jobs to replay."""

import math
import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from servers.lifecycle.pools.policy import DAY

MAX_BYTES: Final = 64 * 1024 * 1024
_RECORD: Final = struct.Struct(">II")
# Of a made-up day: real ones have up to so many jobs at once, and a median of minutes.
MAX_BURST: Final = 256


@dataclass(frozen=True, slots=True)
class TracedJob:
    """One job: when it was queued, and how long it ran, in seconds."""

    queued_at: float
    seconds: float
    label: str = ""


def read_trace(path: Path) -> list[TracedJob]:
    """Read a file of records of 8 bytes: start and duration in ms, big-endian.

    Source: taskcluster-provisioning-simulator, sims/loadgen/firefox-ci. Raises
    ValueError if it is no such file.
    """
    with path.open("rb") as file:
        # Not by its size: a device has none, and no end either.
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES // 2**20} MiB.")
    if not data or len(data) % _RECORD.size:
        raise ValueError(f"{path} does not consist of records of {_RECORD.size} bytes.")
    jobs = [
        TracedJob(start / 1000, length / 1000)
        for start, length in _RECORD.iter_unpack(data)
    ]
    return sorted(jobs, key=lambda job: job.queued_at)


def make_trace(
    *, days: float = 1.0, jobs_per_day: int = 2000, label: str = "", seed: int = 1
) -> list[TracedJob]:
    """Make jobs up: a working day's curve, with bursts, and durations of minutes."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    jobs: list[TracedJob] = []
    left = int(days * jobs_per_day)
    while left > 0:
        at = rng.uniform(0, days * DAY)
        hour = at % DAY / 3600
        busy = math.exp(-(((hour - 14) / 4) ** 2))
        if rng.random() > max(0.05, busy):
            continue
        burst = min(left, MAX_BURST, int(rng.paretovariate(1.2)))
        for _ in range(burst):
            seconds = min(rng.lognormvariate(5.5, 0.8), 3600)
            jobs.append(TracedJob(at + rng.uniform(0, 30), seconds, label))
        left -= burst
    return sorted(jobs, key=lambda job: job.queued_at)
