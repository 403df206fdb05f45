"""The encoded servers of this process: made once for each version of a row.

A list is the bytes of its rows, joined. Of each row a process keeps what it last
encoded, under the row's version, which the database's triggers raise with any change of
what is served; so a list costs one narrow query, and the encoding of the rows that
moved. The whole list is kept joined, under the stamp of all rows: while nothing moves
it costs no query at all.

Kept bytes are apart for callers with and without ``secrets:read``. Where secrets must
not stay in memory (``SERVERFLEET_CACHE_SECRETS=0``) those with secrets are made anew
each time.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson
from django.conf import settings
from django.db.models import QuerySet

from servers.api.wire import render_server
from servers.models import Server
from servers.selectors import list_servers

MOST_KEPT: Final = 50_000
# Up to so many rows are read by their ids; of more, all are read.
_FEW: Final = 200
# Rows that are there at once: they take more memory than their bytes.
_CHUNK: Final = 200

Key = tuple[Any, int]  # a server's id and version
Kept = dict[Any, tuple[int, bytes]]


class Shelf:
    """What is kept for one kind of caller."""

    def __init__(self, *, with_secrets: bool) -> None:
        self.with_secrets = with_secrets
        self._kept: Kept = {}
        self._whole: tuple[int, bytes] | None = None
        # Reentrant for nobody: whoever comes second waits, and finds it made.
        self._lock = threading.Lock()

    def join_all(self, stamp: int | None) -> bytes:
        """Return the whole list; ``stamp`` was read before, or is not to be had."""
        if not self._keeps or stamp is None:
            return _enclose(row for _, row in self._encode(list_servers(), {}))
        whole = self._whole
        if whole is not None and whole[0] == stamp:
            return whole[1]
        with self._lock:
            if self._whole is not None and self._whole[0] == stamp:
                return self._whole[1]
            self._whole = None  # its memory is needed for the next
            kept = {}
            for key, row in self._encode(list_servers(), self._kept):
                kept[key[0]] = (key[1], row)
            self._kept = kept
            body = _enclose(row for _, row in kept.values())
            self._whole = (stamp, body)
            return body

    def join(self, rows: QuerySet[Server]) -> bytes:
        """Return some rows, in their order."""
        pairs = list(self._encode(rows, self._kept if self._keeps else {}))
        self._keep(pairs)
        return _enclose(row for _, row in pairs)

    def encode(self, key: Key) -> bytes | None:
        """Return one server and its line's end; None where it is gone meanwhile."""
        pk, version = key
        kept = self._kept.get(pk) if self._keeps else None
        if kept is None or kept[0] != version:
            pairs = list(self._encode(Server.objects.filter(pk=pk), {}))
            if not pairs:
                return None
            self._keep(pairs)
            kept = (pairs[0][0][1], pairs[0][1])
        return kept[1] + b"\n"

    @property
    def _keeps(self) -> bool:
        return not self.with_secrets or bool(settings.CACHE_SECRETS)

    def _keep(self, pairs: list[tuple[Key, bytes]]) -> None:
        if not self._keeps:
            return
        if len(self._kept) + len(pairs) > MOST_KEPT:
            self._kept = {}
        self._kept.update((key[0], (key[1], row)) for key, row in pairs)

    def _encode(
        self, rows: QuerySet[Server], kept: Kept
    ) -> Iterator[tuple[Key, bytes]]:
        """Yield the rows in their order, those that are still there. Two queries."""
        keys = list(rows.values_list("pk", "version"))
        missing = [pk for pk, version in keys if kept.get(pk, (None,))[0] != version]
        few = len(missing) <= _FEW
        stale = Server.objects.filter(pk__in=missing) if few else rows
        fresh: Kept = {}
        for server in stale.iterator(_CHUNK) if missing else ():
            row = render_server(server, with_secrets=self.with_secrets)
            fresh[server.pk] = (server.version, orjson.dumps(row))
        for pk, _ in keys:
            found = fresh.get(pk) or kept.get(pk)
            if found is not None:
                yield (pk, found[0]), found[1]


def _enclose(rows: Iterable[bytes]) -> bytes:
    return b"".join((b"[", b",".join(rows), b"]\n"))


_open: Final = Shelf(with_secrets=False)
_secret: Final = Shelf(with_secrets=True)


def shelf(*, with_secrets: bool) -> Shelf:
    """Return what is kept for callers with or without ``secrets:read``."""
    return _secret if with_secrets else _open
