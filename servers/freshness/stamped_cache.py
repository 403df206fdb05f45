"""Keep what was read in this process, as long as a stamp shows that nothing changed."""

from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """Values by key under one stamp, at most ``most`` of them. Safe in any thread."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._kept: tuple[int, dict[_Key, _Value]] = (0, {})

    def under(self, stamp: int | None) -> dict[_Key, _Value]:
        """Return what is kept under a stamp that was read before, to look up or add to.

        With None, nothing is kept: it is a new dict each time.
        """
        if stamp is None:
            return {}
        kept_at, values = self._kept
        if kept_at != stamp or len(values) >= self._most:
            values = {}
            self._kept = (stamp, values)
        return values
