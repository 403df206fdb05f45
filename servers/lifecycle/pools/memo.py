"""What a plan remembers for the next one. All of its hysteresis is here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Memo:
    """The memory of a pool's plans. Plain values, so that it is stored as JSON."""

    seen_at: float = 0.0  # the latest snapshot that a plan used
    idle_since: Mapping[str, float] = field(default_factory=dict)  # by server
    cordoned_at: Mapping[str, float] = field(default_factory=dict)  # by server
    passed_since: Mapping[str, float] = field(default_factory=dict)  # by job
    created: tuple[tuple[float, int], ...] = ()  # when, and how many, of late
    created_at: float = 0.0  # the latest creation
    broken_since: Mapping[str, float] = field(default_factory=dict)  # by server
    failures: int = 0  # servers in a row that failed as they booted, or soon after
    failed_at: float = 0.0
    after_ready: bool = False  # the last of those had been ready before
    short_since: float = 0.0  # of room under a server limit; 0 if it is not
    # When so many servers were needed, of late: only of a dry pool.
    needed: tuple[tuple[float, int], ...] = ()


def dump_memo(memo: Memo) -> dict[str, Any]:
    """Return a memo as JSON values. Nothing is copied."""
    return {name: getattr(memo, name) for name in Memo.__dataclass_fields__}


def load_memo(stored: Mapping[str, Any]) -> Memo:
    """Return the memo that ``dump_memo`` returned. Unknown names are ignored."""
    known = {name: stored[name] for name in Memo.__dataclass_fields__ if name in stored}
    for name in ("created", "needed"):
        if name in known:
            pairs = known[name]
            known[name] = tuple((float(at), int(count)) for at, count in pairs)
    return Memo(**known)


NO_MEMO: Final = Memo()


def settle_memo(memo: Memo, now: float) -> Memo:
    """Return a memo without times that lie ahead, if the clock was set back.

    Else all that is held until a while after them would be held for as long as the
    clock was wrong: answers of the queue, idle servers, creations after failed boots.
    """
    if memo.seen_at <= now:
        return memo

    def settle(times: Mapping[str, float]) -> dict[str, float]:
        return {name: min(at, now) for name, at in times.items()}

    return replace(
        memo,
        seen_at=now,
        idle_since=settle(memo.idle_since),
        cordoned_at=settle(memo.cordoned_at),
        passed_since=settle(memo.passed_since),
        broken_since=settle(memo.broken_since),
        created=tuple((min(at, now), count) for at, count in memo.created),
        needed=tuple((min(at, now), count) for at, count in memo.needed),
        created_at=min(memo.created_at, now),
        failed_at=min(memo.failed_at, now),
    )
