"""Which servers a pool's plan stops, which it keeps, and when it looks again."""

from dataclasses import replace
from typing import Any

import pytest

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.plan import Pool, plan
from servers.lifecycle.pools.policy import DAY, Policy
from tests.pools.planning import IDLE, NOW, ask, make_member, run, wait

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("demand", "memo", "words"),
    [
        ({"complete": False}, {}, "only a part of its jobs"),
        ({"at": NOW - 2}, {"seen_at": NOW - 1}, "older than the one before"),
        ({"at": NOW + 60}, {}, "The clock was set back since the queue's last answer."),
    ],
)
def test_what_the_queue_does_not_show_for_sure_changes_nothing(
    demand: dict[str, Any], memo: dict[str, Any], words: str
) -> None:
    before = replace(IDLE, **memo)
    planned = ask(make_member("a"), jobs=wait(9), memo=before, demand=demand, min=3)
    assert planned.hold
    assert not planned.changes
    assert planned.memo == before
    assert words in planned.why[0]


def test_an_old_answer_and_none_change_nothing() -> None:
    pool = Pool(Policy(min=3), IDLE)
    for demand in (None, Demand(NOW - 121, tuple(wait(9)))):
        planned = plan(pool, demand, (make_member("a"),), NOW)
        assert planned.hold
        assert not planned.changes
        assert planned.memo == IDLE


def test_after_the_clock_was_set_back_a_pool_goes_on_at_once() -> None:
    year = 365 * DAY
    later = ask(make_member("a"), jobs=wait(4, since=NOW), at=NOW + year, burst=2)
    assert later.create == 1
    memo = replace(
        later.memo, idle_since={"a": NOW + year}, cordoned_at={"c": NOW + year}
    )
    memo = replace(memo, failures=9, failed_at=NOW + year)
    # The answer of before tells nothing. The next one does.
    held = ask(make_member("a"), memo=memo, demand={"at": NOW + year})
    assert held.hold
    planned = ask(make_member("a"), at=NOW + 1, memo=held.memo)
    assert planned.why == ("0 waiting jobs; 2 free or booting slots, 0 busy.",)
    times = (
        *planned.memo.idle_since.values(),
        *(at for at, _ in planned.memo.created),
        *(planned.memo.seen_at, planned.memo.created_at, planned.memo.failed_at),
    )
    assert max(times) <= NOW + 1
    went = ask(make_member("a"), at=NOW + 400, memo=planned.memo)
    assert went.cordon == ("a",)


def test_a_server_that_dies_while_it_drains_is_replaced_for_its_job() -> None:
    # Until it is proven gone it counts against max.
    drains = make_member("a", phase=Phase.ENDING)
    still = ask(drains, jobs=run("a"), max=1)
    assert still.why == ("0 waiting jobs; 0 free or booting slots, 1 busy.",)
    lost = ask(drains, jobs=wait(1), max=1)
    assert lost.why[-1] == "1 more server would be needed, but the maximum is 1."
    assert not lost.changes
    gone = ask(jobs=wait(1), max=1, memo=lost.memo)
    assert gone.why[-1] == "1 server will be created."


def test_idle_servers_go_the_longest_idle_first_down_to_min_and_spare() -> None:
    three = [make_member(name) for name in "abc"]
    assert ask(*three, memo=IDLE).cordon == ("a", "b", "c")
    assert ask(*three, memo=IDLE, min=1).cordon == ("a", "b")
    assert ask(*three, memo=IDLE, spare=3).cordon == ("a",)
    planned = ask(*three, memo=IDLE, idle=600)
    assert planned.cordon == ("a", "b")
    assert planned.why[-1] == ("2 servers will get no new jobs: not needed for 10 min.")


def test_a_large_server_that_is_needed_keeps_no_smaller_one() -> None:
    # The template's capacity was another one when the first was created.
    members = [make_member("a", slots=8), *map(make_member, "bc")]
    assert ask(*members, memo=IDLE, spare=8).cordon == ("b", "c")


def test_the_next_look_is_when_the_next_server_may_go() -> None:
    memo = Memo(idle_since={"a": NOW - 290})
    assert ask(make_member("a"), memo=memo).next_at == NOW + 10


@pytest.mark.parametrize(
    ("member", "memo", "settings"),
    [
        (make_member("a", protected=True), {}, {}),
        (make_member("a", created_at=NOW - 1000), {}, {"min_age": 1001}),
        (make_member("a"), {"created_at": NOW - 59}, {"cooldown": 60}),
        # 7,200 s is the end of the second hour: a third has just begun.
        (make_member("a", created_at=NOW - 7201), {}, {"billing": 3600}),
        (make_member("a", busy=1), {}, {}),
    ],
)
def test_an_idle_server_stays_while_something_speaks_for_it(
    member: Member, memo: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert ask(member, memo=replace(IDLE, **memo), **settings).cordon == ()


def test_a_server_goes_in_the_last_part_of_its_paid_hour() -> None:
    member = make_member("a", created_at=NOW - 7200 + 359)
    assert ask(member, memo=IDLE, billing=3600).cordon == ("a",)


def test_a_server_is_stopped_only_once_a_later_snapshot_shows_it_idle() -> None:
    first = ask(make_member("a"), memo=IDLE)
    assert (first.cordon, first.stop) == (("a",), ())
    held = make_member("a", cordon=Cordon.POOL)
    assert ask(held, memo=first.memo).stop == ()
    assert ask(held, memo=first.memo, at=NOW + 10).stop == ("a",)
    assert ask(held, jobs=run("a"), memo=first.memo, at=NOW + 10).stop == ()


def test_frozen_stops_are_held() -> None:
    held = make_member("a", cordon=Cordon.POOL)
    memo = Memo(cordoned_at={"a": NOW - 60})
    planned = ask(held, memo=memo, frozen=True)
    assert planned.stop == ()
    assert planned.why[-1] == "Nothing is terminated, because the pool is frozen."


def test_what_the_pool_cordoned_serves_again_before_anything_is_created() -> None:
    held = [make_member(name, cordon=Cordon.POOL) for name in "ab"]
    planned = ask(*held, jobs=wait(1), memo=Memo(cordoned_at={"a": NOW, "b": NOW}))
    assert (planned.uncordon, planned.create) == (("a",), 0)
    theirs = make_member("a", cordon=Cordon.OTHER)
    planned = ask(theirs, jobs=wait(1))
    assert (planned.uncordon, planned.create) == ((), 1)


def test_a_server_past_its_age_or_uses_leaves_busy_or_not_and_never_comes_back() -> (
    None
):
    old, used = make_member("a"), make_member("b", created_at=NOW - 60, used=5)
    limits: dict[str, Any] = {"max_age": 3600, "max_uses": 5}
    for member in (old, used):
        planned = ask(member, jobs=run(member.name), min=1, **limits)
        assert planned.cordon == (member.name,)
        held = replace(member, cordon=Cordon.POOL)
        planned = ask(held, jobs=[*run(member.name), *wait(1)], **limits)
        assert (planned.uncordon, planned.create, planned.stop) == ((), 1, ())


def test_age_takes_a_tenth_of_a_pool_at_a_time() -> None:
    many = [make_member(f"s{number:02}") for number in range(20)]
    jobs = [job for member in many for job in run(member.name)]
    assert len(ask(*many, jobs=jobs, max=20, max_age=3600).cordon) == 2


def test_a_lower_max_lets_the_idle_go_first_and_kills_nothing() -> None:
    members = [make_member(name) for name in "abc"]
    jobs = [*run("a", 2), *run("b", 1)]
    planned = ask(*members, jobs=jobs, max=1)
    assert planned.cordon == ("c", "b")
    assert planned.stop == ()


def test_a_queue_that_names_no_servers_keeps_all_that_may_be_busy() -> None:
    members = [make_member("a"), make_member("b")]
    nameless = [Job("r", JobState.RUNNING, NOW - 9)]
    unnamed = {"names_servers": False}
    planned = ask(*members, jobs=nameless, memo=IDLE, demand=unnamed)
    assert planned.cordon == ()
    assert planned.figures["free"] == 3
    told = [make_member("a", busy=0), make_member("b", busy=1)]
    assert ask(*told, jobs=nameless, memo=IDLE, demand=unnamed).cordon == ("a",)
    assert ask(*members, memo=IDLE, demand=unnamed).cordon == ("a", "b")
    # It may be one that counts for another pool.
    unnamed["elsewhere"] = True
    assert ask(*members, memo=IDLE, demand=unnamed).cordon == ()
    assert ask(*told, memo=IDLE, demand=unnamed).cordon == ("a",)


def test_a_broken_server_is_kept_for_a_while_and_then_stopped() -> None:
    broken = make_member("x", phase=Phase.BROKEN)
    first = ask(broken)
    assert first.memo.broken_since == {"x": NOW}
    assert ask(broken, memo=first.memo, at=NOW + 599).stop == ()
    later = ask(broken, memo=first.memo, at=NOW + 600)
    assert later.stop == ("x",)
    assert later.why[-1] == "1 failed server will be terminated."
    kept = replace(broken, protected=True)
    assert ask(kept, memo=first.memo, at=NOW + 600).stop == ()
    assert ask(broken, memo=first.memo, at=NOW + 600, frozen=True).stop == ()
    assert ask(broken, memo=first.memo, at=NOW + 600, keep_broken=0).stop == ()
