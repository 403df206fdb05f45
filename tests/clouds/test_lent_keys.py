"""When keys that are lent are fetched anew, and what shows none of them."""

import pytest

from servers.clouds.amazon.connection import Keys
from servers.outgoing.errors import UnreachableError
from servers.outgoing.lent import Lent, LentCache

pytestmark = pytest.mark.pure


def lent(name: str, ends: float) -> Lent[Keys]:
    return Lent(Keys(name, "needle-secret", "needle-token"), ends)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now


def test_keys_are_renewed_before_they_end_and_kept_while_that_fails() -> None:
    clock = Clock()
    cache = LentCache[Keys](uptime=clock.read, clock=clock.read)
    names = iter("abcdefgh")

    def fetch() -> Lent[Keys]:
        return lent(next(names), clock.now + 3600)

    def fail() -> Lent[Keys]:
        raise UnreachableError("No answer.")

    assert cache.find(b"k", fetch, wait=1).access_key_id == "a"
    clock.now += 3600 - LentCache.REFRESH - 1
    assert cache.find(b"k", fetch, wait=1).access_key_id == "a"
    clock.now += 2
    assert cache.find(b"k", fail, wait=1).access_key_id == "a"
    # Not asked again at every call.
    assert cache.find(b"k", fetch, wait=1).access_key_id == "a"
    clock.now += LentCache.AGAIN
    assert cache.find(b"k", fetch, wait=1).access_key_id == "b"
    clock.now += 3601
    with pytest.raises(UnreachableError, match="No answer"):
        cache.find(b"k", fail, wait=1)
    assert cache.find(b"k", fetch, wait=1).access_key_id == "c"


def test_keys_that_the_cloud_takes_no_longer_are_fetched_anew() -> None:
    clock = Clock()
    cache = LentCache[Keys](uptime=clock.read, clock=clock.read)
    names = iter("abc")

    def fetch() -> Lent[Keys]:
        return lent(next(names), clock.now + 3600)

    cache.find(b"k", fetch, wait=1)
    cache.forget(b"k")  # just lent: another reason than their age
    assert cache.find(b"k", fetch, wait=1).access_key_id == "a"
    clock.now += LentCache.LEAST
    cache.forget(b"k")
    assert cache.find(b"k", fetch, wait=1).access_key_id == "b"


def test_a_clock_that_is_ahead_does_not_fetch_at_every_call() -> None:
    clock = Clock()
    cache = LentCache[Keys](uptime=clock.read, clock=lambda: clock.now + 86400)
    names = iter("abc")

    def fetch() -> Lent[Keys]:
        return lent(next(names), clock.now + 3600)

    for _ in range(5):
        assert cache.find(b"k", fetch, wait=1).access_key_id == "a"


def test_no_secret_is_shown_by_what_holds_it() -> None:
    assert "needle" not in repr(lent("a", 1.0))
