"""The world of the model check: a few small integers that represent everything.

One server, at most two create calls, two workers, one lister. Times are ages in units,
so that states which differ by a shift of the clock are one state. Ages stop growing at
``CAP``, beyond which no rule asks for them.
"""

from typing import Final, NamedTuple

from servers.lifecycle.states import Outcome, State

CAP: Final = 4
SLOTS: Final = 2
MAX_TRIES: Final = 2

# The state of one request, or of the instance that it created.
SENT: Final = "sent"  # under way: it may take effect, or be lost
HIDDEN: Final = "hidden"  # made, and not shown yet
LIVE: Final = "live"
DELETING: Final = "deleting"
GONE: Final = "gone"
LOST: Final = "lost"  # refused, or never arrived
# A build: sent by the CI system, and then running.
FLYING: Final = "flying"
RUNS: Final = "runs"
THERE: Final = frozenset({HIDDEN, LIVE, DELETING})  # bills


class Row(NamedTuple):
    """The server's row. ``lease`` is what is left of the lease, in units."""

    state: State = State.PENDING
    attempt: int = 0
    slot: int = -1  # the instance it names
    base: int = 0  # the attempts up to it are of before a retry
    since: int = 0
    lease: int = 0
    force: bool = False  # it may end without waiting for its builds
    spent: bool = False  # its agent is known to have ended after its one build


class Try(NamedTuple):
    """An attempt's row. ``lease_end`` is an age: negative while it lies ahead."""

    outcome: Outcome
    lease_end: int
    looked: int | None = None
    answered: int | None = None
    slot: int = -1
    answer: str = ""  # what it came to, of Answer


class Seen(NamedTuple):
    """An instance's row."""

    live: bool = True
    first: int = 0
    listed: int | None = None
    missed: int | None = None
    gone: int | None = None
    condemned: bool = False
    asked: bool = False  # its destruction
    failed: bool = False  # as the cloud showed it


class Slot(NamedTuple):
    """One request at the cloud. ``owner`` is the attempt in its key; 0: unknown."""

    status: str
    owner: int
    by_us: bool = False  # its end was our call
    restored: bool = False  # made before a backup was put back
    failed: bool = False  # it is there, and will never be ready
    build: str = ""  # the one build that it runs
    spent: bool = False  # its agent has ended after its one build


class Worker(NamedTuple):
    """A worker within a step. ``at`` says where; idle when there is none."""

    at: str = ""
    fenced: bool = False  # its fence is still the row's
    age: int = 0  # since its claim
    row: Row | None = None  # as it knows it
    what: tuple[object, ...] = ()  # the decision, and what it has learned


class Lister(NamedTuple):
    """The one lister."""

    at: str = ""
    age: int = 0  # since its listing began
    seen: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()  # of what it has seen


class Budget(NamedTuple):
    """How often each fault can still happen."""

    stale: int = 0
    vanish: int = 0
    stops: int = 0
    retries: int = 0
    restores: int = 0
    fails: int = 0
    builds: int = 0
    forces: int = 0
    sick: int = 0  # checks that fail until the health is lost
    spends: int = 0  # agents that end after one build


class World(NamedTuple):
    """The whole world."""

    row: Row
    tries: tuple[Try, ...]
    seen: tuple[Seen | None, ...]
    cloud: tuple[Slot, ...]
    workers: tuple[Worker, ...]
    lister: Lister
    newest: int | None  # age of the newest complete listing's start
    looks: tuple[int, ...]  # ages of listings since the row is stopping
    gate: bool  # compared since the last start
    budget: Budget
    drains: bool = False  # else a row that ends has no builds, and is stopping at once


class Step(NamedTuple):
    """One step: its name, the next world, and whether it is certain to happen.

    ``fair`` is what a working system does if nothing more goes wrong.
    """

    name: str
    world: World
    fair: bool = True


def begin(budget: Budget, *, workers: int, drains: bool = False) -> World:
    """Return the first state: a row that was just requested."""
    return World(
        row=Row(),
        tries=(),
        seen=(),
        cloud=(),
        workers=(Worker(),) * workers,
        lister=Lister(),
        newest=None,
        looks=(),
        gate=False,
        budget=budget,
        drains=drains,
    )


def older(age: int | None) -> int | None:
    """Return an age one unit later."""
    return None if age is None else min(age + 1, CAP)


def pass_time(world: World) -> World:
    """Return the world one unit later."""
    row = world.row
    return world._replace(
        row=row._replace(since=min(row.since + 1, CAP), lease=max(0, row.lease - 1)),
        tries=tuple(
            entry._replace(
                lease_end=min(entry.lease_end + 1, CAP),
                looked=older(entry.looked),
                answered=older(entry.answered),
            )
            for entry in world.tries
        ),
        seen=tuple(
            None
            if record is None
            else record._replace(
                first=min(record.first + 1, CAP),
                listed=older(record.listed),
                missed=older(record.missed),
                gone=older(record.gone),
            )
            for record in world.seen
        ),
        workers=tuple(
            worker._replace(age=min(worker.age + 1, CAP)) if worker.at else worker
            for worker in world.workers
        ),
        lister=world.lister._replace(age=min(world.lister.age + 1, CAP))
        if world.lister.at
        else world.lister,
        newest=older(world.newest),
        looks=tuple(sorted({age + 1 for age in world.looks if age + 1 < CAP})),
    )
