"""A long list as segments of encoded rows, of which a new list shares all but a few.

A list of 5,000 servers has 40 MB. Were it one piece, each change of one row would make
another 40 MB, while clients still read the ones before. In segments of some rows only
those are made anew in which a row moved, and the others stay where they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from uuid import UUID

ROWS: Final = 128
# Smaller segments are joined with what stands beside them.
_FEWEST: Final = ROWS // 2

Key = tuple[UUID, int]  # a row's id and version
Bytes = bytes | memoryview
Row = tuple[int, Bytes]  # its version and its JSON


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows that stand one after the other. Each begins with a comma in ``body``."""

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
    """Yield the list of ``keys`` as segments that still fit, and keys between them."""
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
    """A list under its stamp: the pieces as they are sent, and where each row is."""

    stamp: int | None
    segments: tuple[Segment, ...]
    pieces: tuple[bytes, ...]
    places: Mapping[UUID, tuple[Segment, int]]

    def find(self, pk: UUID) -> Row | None:
        """Return a row; None where there is no such."""
        place = self.places.get(pk)
        return None if place is None else place[0].row(place[1])


def make_whole(stamp: int | None, segments: Sequence[Segment]) -> Whole:
    """Return the list of the segments, as a JSON array with a newline at its end."""
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
