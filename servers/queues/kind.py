"""How an adapter of a CI system describes itself: to the registry, forms and docs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from servers.outgoing.fields import Field
from servers.queues.base import Labels, Queue, QueueConfig
from servers.queues.cordons import Cordons
from servers.queues.hooks import HookScheme
from servers.queues.matching import list_missing
from servers.queues.registrars import Registers

POLL: Final = Field(
    "poll",
    "Seconds between reads",
    "Without a hook, a job is seen after at most this time.",
    number=True,
    least=0.1,
    most=3600,
)


@dataclass(frozen=True, slots=True)
class QueueKind:
    """One kind of queue.

    ``match(job, pool)`` follows the CI's own rule for which agent may run a job. It
    returns how many of the pool's labels the job does not ask for, or None if the
    pool's servers can't run it. ``open`` is None if nothing is read, since the jobs are
    pushed: such a queue has no URL.
    """

    name: str
    label: str
    open: Callable[[QueueConfig], Queue] | None
    match: Callable[[Labels, Labels], int | None]
    credentials: tuple[Field, ...] = ()
    options: tuple[Field, ...] = ()
    default_url: str = ""  # "" if each installation has its own
    needs_url: bool = True  # false for one that asks nobody
    # Returns what is wrong with credentials whose fields are valid one by one, or "".
    check_credentials: Callable[[Mapping[str, str]], str] = lambda _given: ""
    # Returns what is wrong with options whose fields are valid one by one, or "".
    check_options: Callable[[Mapping[str, object]], str] = lambda _options: ""
    # Returns which labels of a job a pool lacks, for people.
    list_missing: Callable[[Labels, Labels], list[str]] = list_missing
    # Returns which labels of a pool its jobs must have, and a job lacks. ``match``
    # returns None if, and only if, one of the two returns something.
    list_demanded: Callable[[Labels, Labels], list[str]] = lambda _job, _pool: []
    # Returns what is wrong with labels of a pool for this CI, or "".
    check_labels: Callable[[Labels], str] = lambda _labels: ""
    labels_help: str = ""
    # The preset whose agents take its jobs, besides containers of people's own; "" if
    # it is any.
    agent: str = ""
    # Opens its agents, if its API can cordon them.
    open_cordons: Callable[[QueueConfig], Cordons] | None = None
    # Its cordons can't be taken back, so only servers that end get one.
    cordons_for_good: bool = False
    # Registers its agents, one for each server, if its API can.
    registers: Registers | None = None
    hook: HookScheme | None = None  # how its hooks are signed, if it sends some
    poll: float = 10.0  # seconds between two reads without a hook

    @property
    def all_options(self) -> tuple[Field, ...]:
        """Its own options, and those that every kind has that is read."""
        return self.options if self.is_pushed else (*self.options, POLL)

    @property
    def takes_url(self) -> bool:
        """Whether a queue of this kind has a URL."""
        return self.needs_url and not self.is_pushed

    @property
    def needs_credentials(self) -> bool:
        """Whether a queue of this kind can't do without credentials."""
        is_required = any(field.required for field in self.credentials)
        return is_required or bool(self.check_credentials({}))

    @property
    def is_pushed(self) -> bool:
        """Whether its jobs are pushed, and not read."""
        return self.open is None
