"""Keep what was read in this process, as long as a stamp shows that nothing changed."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """Values by key under one stamp, at most ``most`` of them. Safe in any thread."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._kept: tuple[int, dict[_Key, _Value]] = (0, {})

    def find(self, key: _Key, stamp: int | None, load: Callable[[], _Value]) -> _Value:
        """Return the value that ``load`` returns now or returned under this stamp.

        ``stamp`` was read before. With None, nothing is kept. None is never kept.
        """
        if stamp is None:
            return load()
        kept_at, values = self._kept
        if kept_at != stamp or len(values) >= self._most:
            values = {}
            self._kept = (stamp, values)
        value = values.get(key)
        if value is None:
            value = load()
            if value is not None:
                values[key] = value
        return value
