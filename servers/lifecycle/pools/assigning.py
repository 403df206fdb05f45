"""Which pool serves which job."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Waiting = TypeVar("Waiting")
Fit = Callable[[Waiting], int | None]


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Waiting]):
    """A pool that may serve jobs.

    ``fit`` returns how many labels it has that a job does not ask for, or None if it
    can't run the job. Of pools that fit equally well, the one with the higher priority
    serves it, and then the cheaper one. A ``dry`` pool creates nothing, so it gets only
    jobs that no other pool can run.
    """

    name: str
    fit: Fit[Waiting]
    priority: int = 0
    price: float = 0.0
    dry: bool = False


def assign_jobs(
    jobs: Iterable[Waiting], pools: Sequence[Candidate[Waiting]]
) -> tuple[dict[str, list[Waiting]], list[Waiting]]:
    """Return the jobs of each pool, and those that no pool can run.

    A job has one pool, so that two don't create servers for it: the one that has the
    fewest labels too many, so that special servers are left to special jobs.
    """
    found: dict[str, list[Waiting]] = {pool.name: [] for pool in pools}
    unmatched = []
    for job in jobs:
        fitting = [
            (pool.dry, surplus, -pool.priority, pool.price, pool.name)
            for pool in pools
            if (surplus := pool.fit(job)) is not None
        ]
        if fitting:
            found[min(fitting)[-1]].append(job)
        else:
            unmatched.append(job)
    return found, unmatched
