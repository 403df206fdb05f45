"""How a pool or a queue is doing, in a word and a sentence."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from servers.errors import InvalidError
from servers.models import Pool, Queue
from servers.operations.pools import read_policy
from servers.queues.registry import describe_queue_kind


@dataclass(frozen=True, slots=True)
class PoolStanding:
    """A pool: a word with a tone, why it is so if that is no rest, and its figures."""

    pool: Pool
    word: str
    tone: str
    note: str = ""

    @property
    def demand(self) -> int:
        """How many jobs need a slot."""
        return self.read("waiting") + self.running

    @property
    def sentence(self) -> str:
        """What a list says of it: what is wrong, or else what its last plan does."""
        if self.tone in {"bad", "warn", "idle"} or not self.pool.why:
            return self.note
        need, *acts = self.pool.why
        return str(acts[0] if acts else need)

    @property
    def running(self) -> int:
        """How many of its jobs run; of a dry pool, also those on servers of others."""
        return self.read("busy") + self.read("others")

    @property
    def booting(self) -> int:
        """How many slots are booting."""
        return max(0, self.read("free") - self.read("idle"))

    def read(self, name: str) -> int:
        """Return one of the last plan's figures."""
        found = self.pool.figures.get(name, 0)
        return found if isinstance(found, int) else 0


def judge_pool(pool: Pool, *, now: datetime) -> PoolStanding:
    """Return how a pool is doing. Makes no query if its queue is loaded."""
    queue = pool.queue
    if not pool.enabled:
        said = "This pool is disabled. It changes nothing, and its servers stay."
        return PoolStanding(pool, "disabled", "idle", said)
    if not queue.enabled:
        said = f"The queue {queue} is disabled, so this pool changes nothing."
        return PoolStanding(pool, "queue disabled", "warn", said)
    if queue.problem:
        said = f"The queue {queue} can't be read. {queue.problem}"
        return PoolStanding(pool, "queue fails", "bad", said)
    if queue.read_from is None:
        said = f"The queue {queue} has not been read yet."
        return PoolStanding(pool, "no answer yet", "moving", said)
    stale = read_policy(pool.policy, slots=pool.template.capacity).stale
    ends = queue.expires_at or queue.read_from + timedelta(seconds=stale)
    if now >= ends or not queue.complete:
        said = (
            f"The queue {queue} has not shown all of its jobs recently. Until it does,"
        )
        return PoolStanding(pool, "queue unknown", "warn", f"{said} nothing changes.")
    if pool.dry:
        said = "This is a dry run. The pool says what it would do, and changes nothing."
        return PoolStanding(pool, "dry run", "moving", said)
    if pool.frozen:
        said = "This pool is frozen. It creates servers, but terminates none."
        return PoolStanding(pool, "frozen", "warn", said)
    return PoolStanding(pool, "working", "good")


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """A queue: its kind in words, and how it is doing."""

    queue: Queue
    label: str
    word: str
    tone: str

    @property
    def jobs(self) -> list[tuple[str, int]]:
        """Return how many jobs there are in each state."""
        counts = self.queue.counts
        return [(name, counts.get(name, 0)) for name in ("pending", "held", "running")]


def judge_queue(queue: Queue, *, now: datetime) -> QueueStanding:
    """Return how a queue is doing. Makes no query."""
    word, tone = "answering", "good"
    if not queue.enabled:
        word, tone = "disabled", "idle"
    elif queue.problem:
        word, tone = "failing", "bad"
    elif queue.read_from is None:
        word, tone = "not read yet", "moving"
    elif queue.expires_at is not None and now >= queue.expires_at:
        word, tone = "expired", "warn"
    elif not queue.complete:
        word, tone = "partial", "warn"
    elif queue.paused:
        word, tone = "paused", "warn"
    elif queue.cordon_problem:
        word, tone = "no cordons", "warn"
    elif queue.runner_problem:
        word, tone = "runners left", "warn"
    return QueueStanding(queue, label_kind(queue.kind), word, tone)


def label_kind(name: str) -> str:
    """Return what a kind of queue is called."""
    try:
        return describe_queue_kind(name).label
    except InvalidError:
        return name
