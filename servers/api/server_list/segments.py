"""A long list as segments of encoded rows. A new list shares most of them.

A list of 5,000 servers takes 40 MB. In one piece, each change of one row would allocate
another 40 MB while clients still read the previous list. With segments, only those with
a changed row are built again, and the others are shared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from uuid import UUID

ROWS: Final = 128
# Smaller segments are merged with their neighbours.
_FEWEST: Final = ROWS // 2

Key = tuple[UUID, int]  # a row's id and version
Bytes = bytes | memoryview
Row = tuple[int, Bytes]  # its version and its JSON


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows. Each begins with a comma in ``body``."""

    keys: tuple[Key, ...]
    body: bytes
    starts: tuple[int, ...]  # one more than there are rows

    def row(self, index: int) -> Row:
        """Return a row, without its comma."""
        start, end = self.starts[index], self.starts[index + 1]
        return self.keys[index][1], memoryview(self.body)[start + 1 : end]


def make_segment(rows: Sequence[tuple[UUID, int, Bytes]]) -> Segment:
    """Return the segment of some rows: ids, versions and JSON."""
    body = b"".join(part for _, _, row in rows for part in (b",", row))
    starts = accumulate((len(row) + 1 for _, _, row in rows), initial=0)
    return Segment(tuple((pk, version) for pk, version, _ in rows), body, tuple(starts))


def plan(
    keys: Sequence[Key], known: Sequence[Segment]
) -> Iterator[Segment | list[Key]]:
    """Yield ``keys`` as the segments that are still valid and lists of other keys."""
    starts = {each.keys[0]: each for each in known if len(each.keys) >= _FEWEST}
    loose: list[Key] = []
    position = 0
    while position < len(keys):
        segment = starts.get(keys[position])
        if segment is not None:
            end = position + len(segment.keys)
            if tuple(keys[position:end]) == segment.keys:
                if loose:
                    yield loose
                    loose = []
                yield segment
                position = end
                continue
        loose.append(keys[position])
        position += 1
        if len(loose) == ROWS:
            yield loose
            loose = []
    if loose:
        yield loose


@dataclass(frozen=True, slots=True)
class Whole:
    """A list with its stamp, the pieces to send, and the place of each row."""

    stamp: int | None
    segments: tuple[Segment, ...]
    pieces: tuple[bytes, ...]
    places: Mapping[UUID, tuple[Segment, int]]

    def find(self, pk: UUID) -> Row | None:
        """Return a row, or None if it is not in the list."""
        place = self.places.get(pk)
        return None if place is None else place[0].row(place[1])


def make_whole(stamp: int | None, segments: Sequence[Segment]) -> Whole:
    """Return the list of the segments, as a JSON array with a final newline."""
    pieces = [segment.body for segment in segments]
    if pieces:
        pieces[0] = b"[" + pieces[0][1:]
        pieces[-1] += b"]\n"
    else:
        pieces = [b"[]\n"]
    places = {
        key[0]: (segment, index)
        for segment in segments
        for index, key in enumerate(segment.keys)
    }
    return Whole(stamp, tuple(segments), tuple(pieces), places)
