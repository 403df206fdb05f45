"""Credentials that are lent for a while: tokens, temporary keys.

They stay in the memory of a process. One thread renews them before they expire, while
the others use the old ones. A failed renewal does no harm as long as those are valid.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from servers.outgoing.errors import CallError, UnreachableError

T = TypeVar("T")
_MAX_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Lent(Generic[T]):
    """Temporary credentials, and when they expire, in Unix seconds.

    ``keys`` must show no secret in their repr.
    """

    keys: T
    ends: float = field(default=float("inf"))


class LentCache(Generic[T]):
    """A cache of temporary credentials. Safe to use from any thread."""

    REFRESH: Final = 300.0  # seconds before they expire at which they are renewed
    AGAIN: Final = 15.0  # seconds between two tries
    # New ones are valid at least this long. A clock that says otherwise is wrong.
    LEAST: Final = 60.0

    def __init__(
        self,
        what: str = "The credentials",
        *,
        uptime: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._what = what
        self._uptime = uptime
        self._clock = clock
        self._entries: OrderedDict[bytes, _Entry[T]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: bytes, fetch: Callable[[], Lent[T]], *, wait: float) -> T:
        """Return valid ones. Wait up to ``wait`` seconds for another's renewal.

        ``key`` is a digest of what they are lent to, so that it contains no secret.
        """
        entry = self._entry(key)
        kept, ends = entry.keys, entry.ends
        now = self._uptime()
        holds = kept is not None and now < ends
        if (
            kept is not None
            and holds
            and (now < ends - self.REFRESH or now < entry.next_try)
        ):
            return kept
        if not entry.lock.acquire(timeout=0 if holds else wait):
            if kept is not None and holds:
                return kept
            raise UnreachableError(f"{self._what} did not arrive in time.")
        try:
            if entry.keys is not None and entry.keys is not kept:
                return entry.keys  # another thread was quicker
            return self._refresh(entry, fetch, holds=holds)
        finally:
            entry.lock.release()

    def forget(self, key: bytes, *, rejected: T | None = None) -> None:
        """Fetch new ones at the next call, since the cloud rejects those of now.

        Without ``rejected``, new ones are kept for a while all the same. With it, they
        are dropped unless another thread renewed them already.
        """
        entry = self._entry(key)
        if rejected is not None:
            if entry.keys is rejected:
                entry.keys = None
        elif self._uptime() >= entry.since + self.LEAST:
            entry.keys = None

    def _entry(self, key: bytes) -> "_Entry[T]":
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > _MAX_KEPT:
                self._entries.popitem(last=False)
            return entry

    def _refresh(
        self, entry: "_Entry[T]", fetch: Callable[[], Lent[T]], *, holds: bool
    ) -> T:
        now = self._uptime()
        entry.next_try = now + self.AGAIN
        try:
            lent = fetch()
        except CallError:
            if holds and entry.keys is not None:
                return entry.keys
            raise
        entry.since = now
        entry.ends = now + max(self.LEAST, lent.ends - self._clock())
        entry.keys = lent.keys
        return lent.keys


class _Entry(Generic[T]):
    """What is lent to one account. Times are monotonic."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.keys: T | None = None
        self.ends = 0.0
        self.since = 0.0
        self.next_try = 0.0
