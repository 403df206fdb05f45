"""The encoded servers of this process. Each version of a row is encoded once.

The whole list is cached under the stamp of all rows, so it costs no query while nothing
changes. After a change, one narrow query finds the changed rows by their version, which
the database's triggers raise whenever a served value changes. Only those rows are read
and encoded.

Callers with and without ``secrets:read`` have separate caches. If secrets must not stay
in memory (``SERVERFLEET_CACHE_SECRETS=0``), responses with secrets are encoded each
time.
"""

import threading
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import QuerySet

from servers.access.reach import reach_servers
from servers.api.server_list.segments import (
    Bytes,
    Key,
    Row,
    Segment,
    Whole,
    make_segment,
    make_whole,
    plan,
)
from servers.freshness.stamped_cache import Kept
from servers.models import Server
from servers.reports.selectors import find_key, list_servers
from servers.reports.server_json import render_server

# Rows cached in addition to the whole list, from filtered lists and single requests.
MAX_KEPT: Final = 2000
MAX_NAMES: Final = 10_000
# Up to this many rows are read by their ids. For more, all rows are read.
_FEW: Final = 200
# Rows in memory at once: they take more memory than their encoded bytes.
_CHUNK: Final = 200

_NOTHING: Final = make_whole(None, ())


class EncodedServers:
    """The cache for one kind of caller."""

    def __init__(self, *, with_secrets: bool) -> None:
        self.with_secrets = with_secrets
        self._whole = _NOTHING
        self._rows: dict[UUID, Row] = {}
        # A request that arrives while the list is built waits, and uses the result.
        self._lock = threading.Lock()

    def list_all(self, stamp: int | None) -> tuple[bytes, ...]:
        """Return the pieces of the whole list. ``stamp``, if any, was read before."""
        if not self._keeps or stamp is None:
            return self._make_whole(None, ()).pieces
        whole = self._whole
        if whole.stamp != stamp:
            with self._lock:
                whole = self._whole
                if whole.stamp != stamp:
                    whole = self._whole = self._make_whole(stamp, whole.segments)
                    self._rows = {}
        return whole.pieces

    def _make_whole(self, stamp: int | None, known: Iterable[Segment]) -> Whole:
        rows = list_servers()
        parts = list(plan(_read_keys(rows), tuple(known)))
        loose = [key for part in parts if isinstance(part, list) for key in part]
        encoded = self._encode(loose, rows)
        segments = []
        for part in parts:
            if isinstance(part, Segment):
                segments.append(part)
                continue
            found = [(pk, *encoded[pk]) for pk, _ in part if pk in encoded]
            if found:
                segments.append(make_segment(found))
        return make_whole(stamp, segments)

    def list_some(self, rows: QuerySet[Server]) -> tuple[bytes, ...]:
        """Return some rows, in their order."""
        keys = _read_keys(rows)
        encoded = self._encode(keys, rows)
        found = [(pk, *encoded[pk]) for pk, _ in keys if pk in encoded]
        for each in found:
            self._keep(*each)
        return make_whole(None, [make_segment(found)] if found else ()).pieces

    def encode(self, key: Key) -> bytes | None:
        """Return one server and a newline, or None if it is gone by now."""
        found = self._encode([key], reach_servers()).get(key[0])
        if found is None:
            return None
        self._keep(key[0], *found)
        return b"".join((found[1], b"\n"))

    @property
    def _keeps(self) -> bool:
        return not self.with_secrets or bool(settings.CACHE_SECRETS)

    def _find(self, pk: UUID) -> Row | None:
        if not self._keeps:
            return None
        return self._rows.get(pk) or self._whole.find(pk)

    def _keep(self, pk: UUID, version: int, row: Bytes) -> None:
        # A memoryview is part of the whole list, which is cached already.
        if not self._keeps or isinstance(row, memoryview):
            return
        if len(self._rows) >= MAX_KEPT:
            self._rows = {}
        self._rows[pk] = (version, row)

    def _encode(self, keys: list[Key], rows: QuerySet[Server]) -> dict[UUID, Row]:
        """Return the rows of ``keys`` except those that are gone. One query at most.

        ``rows`` contains at least the rows of ``keys``.
        """
        encoded = {}
        stale = []
        for pk, version in keys:
            row = self._find(pk)
            if row is not None and row[0] == version:
                encoded[pk] = row
            else:
                stale.append(pk)
        if not stale:  # even building a query without running it takes time
            return encoded
        few = reach_servers().filter(pk__in=stale) if len(stale) <= _FEW else rows
        for server in few.iterator(_CHUNK):
            wire = render_server(server, with_secrets=self.with_secrets)
            encoded[server.pk] = (server.version, orjson.dumps(wire))
        return encoded


def _read_keys(rows: QuerySet[Server]) -> list[Key]:
    return list(rows.values_list("pk", "version"))


def find_name(name: str, stamp: int | None) -> Key:
    """Return the key of the visible server with a name. Raise NotFoundError."""
    keys = _names.under(stamp)
    if (key := keys.get(name)) is None:
        key = keys[name] = find_key(name)
    return key


_names: Final = Kept[str, Key](most=MAX_NAMES)
_open: Final = EncodedServers(with_secrets=False)
_secret: Final = EncodedServers(with_secrets=True)


def encoded_servers(*, with_secrets: bool) -> EncodedServers:
    """Return the cache for callers with or without ``secrets:read``."""
    return _secret if with_secrets else _open
