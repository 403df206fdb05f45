"""The run itself. It has the copy's environment, so it sees the copy's database."""

import contextlib
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connections

from servers import tracing
from servers.clouds.sandbox import World, world_path
from servers.drill.count import list_held, list_rows
from servers.drill.killer import Killer
from servers.drill.log_lines import find_faults, list_secrets
from servers.drill.plan import Wishes
from servers.drill.service import Service, free_port
from servers.drill.surroundings import find_postgres_folder
from servers.drill.verdict import compare
from servers.models import Account, Attempt, Server
from servers.operations.accounts import close_breaker
from servers.placing.locations import open_location, pace_of
from servers.pools.holding import LEASE
from servers.records.limits import COUNTED
from servers.reports.leaks.bounds import bound_of
from tests.end_to_end.floor import Floor
from tests.end_to_end.outcome import (
    Life,
    Outcome,
    find_late,
    find_peak,
    find_return,
)
from tests.end_to_end.shop import (
    IDLE_SECONDS,
    LEAST,
    Hooks,
    plan_bursts,
    set_up_cloud,
    set_up_pool,
)
from tests.end_to_end.works import Drone, GitHub, GitHubOnce, Woodpecker, Works

# After the last burst and kill, until all jobs have ended.
JOBS_SECONDS: Final = 150.0
# Then until all is at rest: a server that never boots has its deadline, is kept for a
# moment, and drains for as long as a drain may take.
REST_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run should do. ``most`` is the max of each pool."""

    jobs: int
    seconds: int
    most: int
    kills: int
    seed: int


def run(wanted: Wanted) -> Outcome:
    """Run it, and return what it has shown."""
    port = free_port()
    settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("SERVERFLEET_") or name == "DATABASE_URL"
    }
    service = Service(**inherited)
    service.port, service.url = port, settings.PUBLIC_URL
    service.env |= {"PORT": str(port), "SERVERFLEET_PUBLIC_URL": service.url}
    github = GitHub()
    works = (Drone(), Woodpecker(), github, GitHubOnce())
    with ExitStack() as stack:
        stack.enter_context(tracing.bound(actor="end to end"))
        for each in works:
            stack.enter_context(each)
        stack.enter_context(service)
        account = set_up_cloud(failing=wanted.kills > 0)
        world = World(world_path(settings.SANDBOX_DIR, str(account.pk)))
        world.ask_for_user_data()
        for each in works:
            set_up_pool(each, account, wanted.most)
        hooks = Hooks(service, github)
        return _Run(wanted, service, works, world, hooks).run()


class _Run:
    """One run under way."""

    def __init__(
        self,
        wanted: Wanted,
        service: Service,
        works: Sequence[Works],
        world: World,
        hooks: Hooks,
    ) -> None:
        self.wanted = wanted
        self.service = service
        self.works = works
        self.world = world
        self.hooks = hooks
        self.floor = Floor(world, works, service.url)
        wishes = Wishes(kills=wanted.kills, seconds=wanted.seconds, seed=wanted.seed)
        self.killer = Killer(service, wishes, postgres=find_postgres_folder())

    def run(self) -> Outcome:
        began = time.time()
        self.floor.start()
        try:
            if self.wanted.kills:
                self.killer.start()
            try:
                self._submit()
                self._wait(lambda: self.killer.is_done, self.wanted.seconds * 2 + 30)
            finally:
                if self.wanted.kills:
                    self.killer.stop()
            self._say("no more kills")
            calm_at = self._calm()
            self._wait(lambda: not self._count_left(), JOBS_SECONDS)
            self._say("no more jobs")
            self._wait(self._rests, REST_SECONDS)
        finally:
            self.floor.stop()
        outcome = self._count(calm_at)
        outcome.seconds = time.time() - began
        return outcome

    def _submit(self) -> None:
        wanted, began = self.wanted, time.monotonic()
        bursts = plan_bursts(
            self.works,
            wanted.jobs,
            wanted.seconds,
            most=wanted.most,
            seed=wanted.seed,
        )
        for burst in bursts:
            self._wait(lambda: False, began + burst.at - time.monotonic())
            burst.works.submit(burst.lengths, time.time())
            self._say(f"{len(burst.lengths)} jobs more for {burst.works.name}")

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait for it, at most so long. The outcome tells if it did not come about."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.floor.has_failed:
            with _despite_kills():
                if done():
                    return
                if self.wanted.kills:
                    _tend()
            time.sleep(min(0.3, max(0.0, ends - time.monotonic())))

    def _calm(self) -> float:
        """Let the cloud fail no more, and return the time of that."""
        if not self.wanted.kills:
            return 0.0
        done = False
        while not done:
            with _despite_kills():
                set_up_cloud(failing=False)
                _tend()
                done = self.service.answers()
            time.sleep(0.2)
        return time.time()

    def _count_left(self) -> int:
        return sum(each.count_left() for each in self.works)

    def _rests(self) -> bool:
        left = Counter(COUNTED.values_list("pool__name", flat=True))
        if any(left[pool] != number for pool, number in LEAST.items()):
            return False
        if self._list_runners():
            return False
        running = set(COUNTED.filter(state="running").values_list("instance_id"))
        live = {(row.id,) for row in self.world.live(time.time())}
        return live == running and len(live) == left.total()

    def _list_runners(self) -> list[str]:
        """Return the runners that no server is left for.

        After a kill there can be some for as long as a lost call may take effect.
        """
        return [
            runner["name"]
            for works in self.works
            if isinstance(works, GitHubOnce) and not self.wanted.kills
            for runner in list(works.runners.values())
        ]

    def _count(self, calm_at: float) -> Outcome:
        now = time.time()
        account = Account.objects.get()
        bound = bound_of(pace_of(open_location(account, ""))).total_seconds()
        held, lives = list_held(self.world, now), _list_lives()
        owned = Attempt.objects.exclude(instance_id="").values_list(
            "instance_id", flat=True
        )
        pools = {each.name for each in self.works}
        of_pool = {life.server: life.pool for life in lives}
        # A process that dies while it reads a queue keeps its lease.
        calm_from = calm_at + LEASE.total_seconds() if calm_at else 0.0
        last_end = max(calm_from, *(each.last_end for each in self.works))
        left = Counter(COUNTED.values_list("pool__name", flat=True))
        boots = [life.ready_at - life.created_at for life in lives if life.ready_at]
        return Outcome(
            jobs=self.wanted.jobs,
            finished=sum(each.finished for each in self.works),
            killed=[job for each in self.works for job in each.killed],
            forgotten=self._count_left(),
            findings=compare(held, list_rows(), owned, (), now=now),
            late=find_late(held, lives, calm_at=calm_at, bound=bound, now=now),
            bound_seconds=bound,
            rows={
                pool: find_peak(
                    (life.created_at, life.stopped_at)
                    for life in lives
                    if life.pool == pool
                )
                for pool in pools
            },
            at_the_cloud={
                pool: find_peak(
                    (each.made_at, each.gone_at)
                    for each in held
                    if of_pool.get(each.server) == pool
                )
                for pool in pools
            },
            most=self.wanted.most,
            left={pool: left[pool] for pool in pools},
            runners=self._list_runners(),
            least=LEAST,
            back_seconds=find_return(lives, last_end),
            idle_seconds=IDLE_SECONDS,
            wished_kills=self.wanted.kills,
            kills=dict(self.killer.kills),
            stops=self.killer.stops + self.killer.stops_for_good,
            flushes=self.killer.flushes,
            hooks_taken=self.hooks.taken,
            hooks_lost=self.hooks.lost,
            servers=len(lives),
            instances=len(held),
            never_ready=sum(life.ready_at is None for life in lives),
            boot_p50=statistics.median(boots) if boots else 0.0,
            bad_lines=find_faults(self.service.log(), list_secrets(self.service)),
        )

    def _say(self, what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _list_lives() -> list[Life]:
    return [
        Life(
            server=server.pk.hex,
            pool=server.pool.name if server.pool else "",
            created_at=server.created_at.timestamp(),
            ready_at=server.ready_at.timestamp() if server.ready_at else None,
            stopped_at=server.stopped_at.timestamp() if server.stopped_at else None,
        )
        for server in Server.objects.select_related("pool")
    ]


@contextlib.contextmanager
def _despite_kills() -> Iterator[None]:
    """Leave a look out for which the database is not there."""
    try:
        yield
    except DatabaseError:
        connections.close_all()


def _tend() -> None:
    """Close a breaker that opened, as the person on call would."""
    account = Account.objects.get()
    if account.breaker == Account.Breaker.OPEN:
        close_breaker(account)
