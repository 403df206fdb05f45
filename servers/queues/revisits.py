"""What answers said, kept with their ETags.

A CI system that is asked with the ETag of an earlier answer says 304 if nothing has
changed, which costs little or nothing of a rate limit. What is kept is read from the
answers already, and stays in the memory of a process.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from servers.outgoing.reply import Reply

T = TypeVar("T")
MAX_KEPT: Final = 5000


@dataclass(frozen=True, slots=True)
class _Kept:
    etag: str
    value: Any


class Revisits:
    """A cache by key. Safe to use from any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def visit(
        self,
        key: tuple[object, ...],
        ask: Callable[[Mapping[str, str]], Reply],
        parse: Callable[[Reply], T],
    ) -> T:
        """Return what an answer says, parsed. ``ask`` gets the headers to send.

        ``key`` names who asks what, without a secret, and always has the same
        ``parse``.
        """
        with self._lock:
            known = self._kept.get(key)
        reply = ask({"If-None-Match": known.etag} if known else {})
        if known is not None and reply.status == 304:
            value: T = known.value
            etag = known.etag
        else:
            value, etag = parse(reply), reply.headers.get("ETag", "")
        with self._lock:
            self._kept.pop(key, None)
            if etag:
                self._kept[key] = _Kept(etag, value)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return value
