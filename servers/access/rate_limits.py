"""Counts of requests and failures per key and window, shared by all processes.

A request must not cost a round trip to the cache. So each process counts for itself. At
fixed intervals it adds its count to the shared cache and gets the total of all
processes. A limit can be exceeded only by the requests in between. While the cache is
down, each process counts alone.
"""

import hashlib
import ipaddress
import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# How many keys a process counts at once. Strangers can choose some of them.
MAX_KEYS: Final = 20_000
# How long not to use a cache that failed: each try can take half a second.
REST_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Count:
    """The count of one key in one window."""

    shared: int = 0  # of all processes, as last read from the cache
    own: int = 0  # counted here since then
    exchanged_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a caller's limit. ``reset`` is the seconds left in the window."""

    limit: int
    remaining: int
    reset: int
    refused: bool = False


class Counter:
    """Counts by key in the current window of ``window`` seconds.

    ``every`` is the minimum number of seconds between two exchanges of a key with the
    cache. With 0, every call is an exchange.
    """

    def __init__(self, name: str, *, window: int, every: float) -> None:
        self.name = name
        self.window = window
        self.every = every
        self._lock = threading.Lock()
        self._number = 0
        self._counts: dict[str, _Count] = {}
        self._rest_until = 0.0

    def note(self, key: str) -> int:
        """Count one more. Return the count in this window."""
        return self._look(key, 1)

    def count(self, key: str) -> int:
        """Return the count in this window."""
        return self._look(key, 0)

    def give_back(self, key: str) -> None:
        """Count one less, because a reserved request was not used."""
        self._look(key, -1)

    def take(self, key: str, limit: int) -> Standing:
        """Count one more. Return whether that is within ``limit``."""
        used = self.note(key)
        return Standing(limit, max(0, limit - used), self.reset(), used > limit)

    def reset(self) -> int:
        """Return the seconds until the window ends, at least 1."""
        return max(1, self.window - int(time.time()) % self.window)

    def forget(self) -> None:
        """Forget what this process has counted."""
        with self._lock:
            self._counts.clear()
            self._rest_until = 0.0

    def _look(self, key: str, more: int) -> int:
        now = time.monotonic()
        with self._lock:
            count = self._find(key, now)
            count.own += more
            known = count.shared + count.own
            if now < self._rest_until or now < count.exchanged_at + self.every:
                return known
            # Set before the exchange, so that only one thread waits for it.
            count.exchanged_at = now
            number, added, count.own = self._number, count.own, 0
        total = self._exchange(f"{self.name}:{number}:{_shorten(key)}", added)
        with self._lock:
            if total is None:
                count.own += added
                self._rest_until = now + REST_SECONDS
            elif self.every:
                # Another thread may have read a newer total.
                count.shared = max(count.shared, total)
            else:
                count.shared = total
            known = count.shared + count.own
        return known if self.every or total is None else total

    def _find(self, key: str, now: float) -> _Count:
        number = int(time.time()) // self.window
        if number != self._number:
            self._number = number
            self._counts.clear()
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= MAX_KEYS:
                # Drop the oldest key to make room.
                del self._counts[next(iter(self._counts))]
            # Most strangers send one request, so their key never reaches the cache.
            seen = now if self.every else 0.0
            count = self._counts[key] = _Count(exchanged_at=seen)
        return count

    def _exchange(self, name: str, added: int) -> int | None:
        """Add to the shared count and return it, or None if the cache is down."""
        try:
            if not added:
                return int(cache.get(name, 0))
            if added < 0:
                return self._increase(name, added)
            if cache.add(name, added, self.window * 2):
                return added
            return self._increase(name, added)
        except (RedisError, OSError, ValueError, TypeError) as error:
            logger.warning(
                "The cache is not available (%s). Each process counts alone.",
                type(error).__name__,
            )
            return None

    @staticmethod
    def _increase(name: str, added: int) -> int:
        try:
            return int(cache.incr(name, added))
        except ValueError:
            # The key expired meanwhile. If it is not a number, this fails as well.
            return int(cache.get(name, max(added, 0)))


def find_address(request: HttpRequest) -> str:
    """Return where a request comes from: an IPv4 address, or the /64 of an IPv6 one.

    Behind PROXY_COUNT proxies, it is the address that the outermost proxy saw. Each
    proxy appends its client to X-Forwarded-For; entries before those are not trusted.
    """
    count = settings.PROXY_COUNT
    if count:
        seen = request.headers.get("X-Forwarded-For", "").split(",")
        if len(seen) >= count and (found := _read_network(seen[-count])):
            return found
    peer = str(request.META.get("REMOTE_ADDR", ""))
    return _read_network(peer) or peer


def _read_network(text: str) -> str:
    """Return the address to count, or "" if it is invalid. A port can follow it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    # A household or host can use any address of the network.
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


class NumberSerializer:
    """Stores only numbers in the shared cache.

    Django's own serializer unpickles the values, so anyone who can write to the cache
    could run code here.
    """

    def dumps(self, value: object) -> bytes:
        """Return the bytes to store. Raise TypeError if it is not an integer."""
        if not isinstance(value, int):
            raise TypeError("The cache can only store integers.")
        return b"%d" % value

    def loads(self, data: bytes) -> int:
        """Return the number, or 0 for a value from someone else."""
        try:
            return int(data)
        except ValueError:
            return 0


def _shorten(key: str) -> str:
    # A key can be any text, even a password that was typed into the wrong field.
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]
