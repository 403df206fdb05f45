"""What needs attention: a kind, a sentence, and what it is about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from servers.models import Account, Server


class Kind(StrEnum):
    """What is wrong; in the order of the list."""

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
    BACKLOG = "backlog"
    ERROR = "error"
    GROUP = "group"
    STUCK = "stuck"
    LATE = "late"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Item:
    """One line: what is wrong, since when, and with what."""

    kind: Kind
    sentence: str
    tone: str = "bad"
    detail: str = ""  # a cloud's own words, a note
    since: datetime | None = None
    until: datetime | None = None  # when it is tried again
    server: Server | None = None
    account: Account | None = None
    region: str = ""
    state: str = ""  # of the servers that are meant, for a link to them
    waiting: int = 0  # servers that wait for their create call because of it
    group: str = ""  # tells lines of one kind, account and state apart

    @property
    def key(self) -> str:
        """What it is known by while the page refreshes."""
        parts = [self.kind, self.state, self.region, self.group]
        if self.server is not None:
            parts.append(str(self.server.pk))
        if self.account is not None:
            parts.append(str(self.account.pk))
        return "-".join(part for part in parts if part)
