"""A list in segments equals the list, and a change rebuilds few of them."""

import json
import random
from uuid import UUID

import pytest

from servers.api.server_list.segments import (
    ROWS,
    Segment,
    Whole,
    make_segment,
    make_whole,
    plan,
)

pytestmark = pytest.mark.pure

Rows = dict[UUID, int]


def encode(pk: UUID, version: int) -> bytes:
    return json.dumps({"id": str(pk), "version": version}).encode()


def build(rows: Rows, old: Whole) -> Whole:
    segments = [
        part
        if isinstance(part, Segment)
        else make_segment([(pk, version, encode(pk, version)) for pk, version in part])
        for part in plan(list(rows.items()), old.segments)
    ]
    return make_whole(1, segments)


def read(whole: Whole) -> list[tuple[str, int]]:
    rows = json.loads(b"".join(whole.pieces))
    return [(row["id"], row["version"]) for row in rows]


def some_rows(count: int) -> Rows:
    return {UUID(int=number): 0 for number in range(count)}


@pytest.mark.parametrize("count", [0, 1, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS + 7])
def test_the_pieces_are_the_list(count: int) -> None:
    rows = some_rows(count)
    whole = build(rows, make_whole(None, ()))
    assert read(whole) == [(str(pk), version) for pk, version in rows.items()]
    assert b"".join(whole.pieces).endswith(b"]\n")
    for pk, version in rows.items():
        found = whole.find(pk)
        assert found is not None
        assert (found[0], bytes(found[1])) == (version, encode(pk, version))
    assert whole.find(UUID(int=10**9)) is None


def test_a_change_of_one_row_rebuilds_one_segment() -> None:
    rows = some_rows(50 * ROWS)
    before = build(rows, make_whole(None, ()))
    rows[UUID(int=700)] = 1
    after = build(rows, before)
    assert len(set(map(id, after.segments)) - set(map(id, before.segments))) == 1


def test_any_order_of_changes_leaves_the_list_whole_and_the_segments_few() -> None:
    dice = random.Random(7)
    rows = some_rows(10 * ROWS)
    whole = build(rows, make_whole(None, ()))
    for step in range(600):
        act = dice.random()
        if act < 0.4:
            rows[UUID(int=10**6 + step)] = 0
        elif act < 0.7:
            rows[dice.choice(list(rows))] += 1
        else:
            del rows[dice.choice(list(rows))]
        whole = build(rows, whole)
        assert read(whole) == [(str(pk), version) for pk, version in rows.items()]
    assert len(whole.segments) <= 2 * (len(rows) // (ROWS // 2) + 1)


def test_rows_in_another_order_are_another_list() -> None:
    rows = some_rows(4 * ROWS)
    whole = build(rows, make_whole(None, ()))
    turned = dict(reversed(rows.items()))
    assert read(build(turned, whole)) == [(str(pk), 0) for pk in turned]
