"""The encoded servers of this process: made once for each version of a row.

A list is the bytes of its rows, joined. The whole list is kept joined, under the stamp
of all rows: while nothing moves it costs no query. When something has moved, one narrow
query tells which rows, by the version that the database's triggers raise with any
change of what is served; only those are read and encoded, and the rest is copied from
the list as it was.

Kept bytes are apart for callers with and without ``secrets:read``. Where secrets must
not stay in memory (``SERVERFLEET_CACHE_SECRETS=0``) those with secrets are made anew
each time.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import QuerySet

from servers.api.wire import render_server
from servers.models import Server
from servers.selectors import find_key, list_servers

# Rows that are kept besides the whole list: of filtered lists, and single ones.
MOST_KEPT: Final = 2000
MOST_NAMES: Final = 10_000
# Up to so many rows are read by their ids; of more, all are read.
_FEW: Final = 200
# Rows that are there at once: they take more memory than their bytes.
_CHUNK: Final = 200

Key = tuple[UUID, int]  # a server's id and version
Row = tuple[int, bytes | memoryview]  # its version and its JSON


@dataclass(frozen=True, slots=True)
class _Whole:
    """The whole list as it was under a stamp, and where in it each row stands."""

    stamp: int | None = None
    body: bytes = b""
    spans: Mapping[UUID, tuple[int, int, int]] = field(default_factory=dict)

    def get(self, pk: UUID) -> Row | None:
        span = self.spans.get(pk)
        if span is None:
            return None
        version, start, end = span
        return version, memoryview(self.body)[start:end]


class Shelf:
    """What is kept for one kind of caller."""

    def __init__(self, *, with_secrets: bool) -> None:
        self.with_secrets = with_secrets
        self._whole = _Whole()
        self._rows: dict[UUID, Row] = {}
        # Whoever comes while the list is made waits, and finds it made.
        self._lock = threading.Lock()

    def join_all(self, stamp: int | None) -> bytes:
        """Return the whole list; ``stamp`` was read before, or is not to be had."""
        if not self._keeps or stamp is None:
            return _enclose(row for _, _, row in self._encode(list_servers()))
        whole = self._whole
        if whole.stamp != stamp:
            with self._lock:
                whole = self._whole
                if whole.stamp != stamp:
                    whole = self._whole = self._make_whole(stamp)
        return whole.body

    def _make_whole(self, stamp: int) -> _Whole:
        rows = list(self._encode(list_servers()))
        body = _enclose(row for _, _, row in rows)
        spans = {}
        start = 1
        for pk, version, row in rows:
            spans[pk] = (version, start, start + len(row))
            start += len(row) + 1
        self._rows = {}
        return _Whole(stamp, body, spans)

    def join(self, rows: QuerySet[Server]) -> bytes:
        """Return some rows, in their order."""
        encoded = list(self._encode(rows))
        for pk, version, row in encoded:
            self._keep(pk, version, row)
        return _enclose(row for _, _, row in encoded)

    def encode(self, key: Key) -> bytes | None:
        """Return one server and its line's end; None where it is gone meanwhile."""
        pk, version = key
        found = self._find(pk)
        if found is None or found[0] != version:
            for _, fresh, row in self._encode(Server.objects.filter(pk=pk)):
                self._keep(pk, fresh, row)
                found = (fresh, row)
        return None if found is None else b"".join((found[1], b"\n"))

    @property
    def _keeps(self) -> bool:
        return not self.with_secrets or bool(settings.CACHE_SECRETS)

    def _find(self, pk: UUID) -> Row | None:
        if not self._keeps:
            return None
        return self._rows.get(pk) or self._whole.get(pk)

    def _keep(self, pk: UUID, version: int, row: bytes | memoryview) -> None:
        # What stands in the whole list is kept there.
        if not self._keeps or isinstance(row, memoryview):
            return
        if len(self._rows) >= MOST_KEPT:
            self._rows = {}
        self._rows[pk] = (version, row)

    def _encode(
        self, rows: QuerySet[Server]
    ) -> Iterator[tuple[UUID, int, bytes | memoryview]]:
        """Yield id, version and JSON of the rows, in their order. Two queries."""
        keys = list(rows.values_list("pk", "version"))
        kept = {pk: found for pk, _ in keys if (found := self._find(pk)) is not None}
        stale = [pk for pk, version in keys if kept.get(pk, (None,))[0] != version]
        few = Server.objects.filter(pk__in=stale) if len(stale) <= _FEW else rows
        for server in few.iterator(_CHUNK) if stale else ():
            row = render_server(server, with_secrets=self.with_secrets)
            kept[server.pk] = (server.version, orjson.dumps(row))
        for pk, _ in keys:
            found = kept.get(pk)
            if found is not None:  # else it was purged in between
                yield pk, *found


class _Names:
    """Which server has a name, under the stamp of all rows."""

    def __init__(self) -> None:
        self._kept: tuple[int, dict[str, Key]] = (0, {})

    def find(self, name: str, stamp: int | None) -> Key:
        """Return the key of the visible server of a name; NotFoundError."""
        if stamp is None:
            return find_key(name)
        kept_at, keys = self._kept
        if kept_at != stamp or len(keys) >= MOST_NAMES:
            keys = {}
            self._kept = (stamp, keys)
        key = keys.get(name)
        if key is None:
            key = keys[name] = find_key(name)
        return key


def _enclose(rows: Iterable[bytes | memoryview]) -> bytes:
    return b"".join((b"[", b",".join(rows), b"]\n"))


names: Final = _Names()
_open: Final = Shelf(with_secrets=False)
_secret: Final = Shelf(with_secrets=True)


def shelf(*, with_secrets: bool) -> Shelf:
    """Return what is kept for callers with or without ``secrets:read``."""
    return _secret if with_secrets else _open
