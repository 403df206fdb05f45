"""What a pool's plan makes of boots that fail, are late, or are for jobs that ended."""

from dataclasses import replace
from typing import Any

import pytest

from servers.lifecycle.pools.members import Member, Phase
from servers.lifecycle.pools.memo import Memo
from tests.pools.planning import NOW, ask, booting, make_member, wait

pytestmark = pytest.mark.pure


def test_jobs_that_end_while_servers_boot_for_them_leave_these_for_the_next() -> None:
    first = ask(jobs=wait(4))
    assert first.why[-1] == "2 servers will be created."
    boots = [booting(name, created_at=NOW) for name in "ab"]
    second = ask(*boots, at=NOW + 10, memo=first.memo)
    assert not second.changes
    assert second.why == ("0 waiting jobs; 4 free or booting slots, 0 busy.",)
    # Once they are ready, they are as idle as any.
    ready = [make_member(n, created_at=NOW, ready_at=NOW + 40) for n in "ab"]
    third = ask(*ready, at=NOW + 50, memo=second.memo)
    assert not third.changes
    last = ask(*ready, at=NOW + 400, memo=third.memo)
    assert last.cordon == ("a", "b")
    assert "not needed for 5 min" in last.why[-1]


def test_boots_that_fail_in_a_row_are_counted_once_and_forgotten_after_a_success() -> (
    None
):
    failed = [
        make_member(f"x{number}", phase=Phase.BROKEN, ready_at=None)
        for number in range(3)
    ]
    planned = ask(*failed, jobs=wait(9))
    assert planned.memo.failures == 3
    assert planned.create == 0
    again = ask(*failed, jobs=wait(9), memo=planned.memo, at=NOW + 30)
    assert again.memo.failures == 3
    assert again.create == 1
    ready = make_member("a", ready_at=NOW + 60)
    healed = ask(*failed, ready, jobs=wait(9), memo=again.memo, at=NOW + 60)
    assert healed.memo.failures == 0
    assert healed.create == 4


def test_boots_that_fail_together_slow_creations_down_once() -> None:
    def fail(number: int, **more: float) -> list[Member]:
        return [
            make_member(f"x{each}", phase=Phase.BROKEN, ready_at=None, **more)
            for each in range(number)
        ]

    first = ask(*fail(7), jobs=wait(9))
    assert first.memo.failures == 3
    # Two more of them show it a moment later.
    late = ask(*fail(9), jobs=wait(9), memo=first.memo, at=NOW + 5)
    assert (late.memo.failures, late.memo.failed_at) == (3, NOW + 5)
    assert ask(*fail(9), jobs=wait(9), memo=late.memo, at=NOW + 35).create == 1
    tried = make_member("y", phase=Phase.BROKEN, ready_at=None, created_at=NOW + 36)
    again = ask(*fail(9), tried, jobs=wait(9), memo=late.memo, at=NOW + 50)
    assert again.memo.failures == 4


def test_servers_that_fail_soon_after_they_are_ready_slow_creations_down_too() -> None:
    def fail(number: int, **more: Any) -> list[Member]:
        given = {"phase": Phase.BROKEN, "failed_early": True, **more}
        return [make_member(f"x{each}", **given) for each in range(number)]

    planned = ask(*fail(3), jobs=wait(9))
    assert (planned.memo.failures, planned.create) == (3, 0)
    assert "the last 3 servers failed soon after their boots" in planned.why[1]
    assert ask(*fail(3, failed_early=False), jobs=wait(9)).create == 5
    memo = replace(planned.memo, failed_at=NOW - 100)

    def follow(**more: Any) -> int:
        other = make_member("a", **more)
        return ask(*fail(3), other, jobs=wait(9), memo=memo).memo.failures

    # That the next one is ready says little: so were they.
    assert follow(ready_at=NOW - 99) == 3
    assert follow(ready_at=NOW - 101, phase=Phase.ENDING) == 3
    # But if it served to its end, or for long, it shows that it can.
    assert follow(ready_at=NOW - 99, phase=Phase.ENDING) == 0
    memo = replace(memo, failed_at=NOW - 700)
    assert follow(ready_at=NOW - 599) == 3
    assert follow(ready_at=NOW - 600) == 0


def test_a_boot_that_is_late_has_not_failed() -> None:
    late = booting("x", boots_until=NOW - 700)
    planned = ask(late, jobs=wait(1), memo=Memo(broken_since={"x": NOW - 700}))
    assert planned.stop == ()
    assert planned.memo.failures == 0
    assert planned.memo.broken_since == {}
    assert planned.create == 1  # nobody counts on it
