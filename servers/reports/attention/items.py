"""One thing that needs attention: its kind, its sentence, and what it concerns."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from servers.models import Account, Server


class Concern(StrEnum):
    """What is wrong, in the order of the list."""

    UNCONFIRMED = "unconfirmed"
    BROKER = "broker"
    NO_WORKER = "no-worker"
    HANGING = "hanging"
    SLOW_DATABASE = "slow-database"
    NO_BEAT = "no-beat"
    NO_TICK = "no-tick"
    LOST_WORKER = "lost-worker"
    FROZEN = "frozen"
    PAUSED = "paused"
    REFUSED = "refused"
    FAILING = "failing"
    BREAKER = "breaker"
    UNLISTED = "unlisted"
    HELD = "held"
    UNEXPLAINED = "unexplained"
    ORPHANS = "orphans"
    MISSING = "missing"
    QUEUE = "queue"
    UNMATCHED = "unmatched"
    NETWORK = "network"
    BACKLOG = "backlog"
    ERROR = "error"
    GROUP = "group"
    STUCK = "stuck"
    LATE = "late"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: what is wrong, since when, and with what."""

    kind: Concern
    sentence: str
    tone: str = "bad"
    detail: str = ""  # the cloud's response, or a note
    since: datetime | None = None
    until: datetime | None = None  # when ServerFleet tries again
    server: Server | None = None
    account: Account | None = None
    region: str = ""
    state: str = ""  # of the servers concerned, for a link to them
    waiting: int = 0  # how many servers wait for their create call because of it
    template: str = ""  # its name
    queue: str = ""  # its name
    group: str = ""  # distinguishes items of the same kind, account and state

    @property
    def key(self) -> str:
        """A key that stays the same while the page refreshes."""
        parts = [self.kind, self.state, self.region, self.group]
        if self.server is not None:
            parts.append(str(self.server.pk))
        if self.account is not None:
            parts.append(str(self.account.pk))
        return "-".join(part for part in parts if part)
