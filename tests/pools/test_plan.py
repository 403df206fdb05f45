"""What a pool's plan does, and what it says."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.growth import Bounds, Spent
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.plan import Plan, Pool, plan
from servers.lifecycle.pools.policy import (
    DAY,
    Policy,
    Window,
    check_policy,
    parse_policy,
)
from servers.lifecycle.pools.sharing import Use, share_room

pytestmark = pytest.mark.pure

NOW = 1_800_000_000.0
LONG_AGO = NOW - 7200
DAILY: dict[str, Any] = {"cost_per_day": 9, "price": 0.5}


def make_member(name: str, **given: Any) -> Member:
    values = {
        "phase": Phase.READY,
        "slots": 2,
        "created_at": LONG_AGO,
        "boots_until": LONG_AGO + 600,
        "ready_at": LONG_AGO + 90,
        **given,
    }
    return Member(name, **values)


def booting(name: str, **given: Any) -> Member:
    recent = {"phase": Phase.BOOTING, "created_at": NOW - 60, "ready_at": None}
    return make_member(name, **{**recent, "boots_until": NOW + 540, **given})


def wait(number: int, *, since: float = NOW - 30) -> list[Job]:
    return [Job(f"p{each}", JobState.PENDING, since) for each in range(number)]


def run(server: str, number: int = 1) -> list[Job]:
    names = [f"r-{server}-{each}" for each in range(number)]
    return [Job(name, JobState.RUNNING, NOW - 60, server) for name in names]


def ask(
    *members: Member,
    jobs: list[Job] | None = None,
    memo: Memo | None = None,
    bounds: Bounds | None = None,
    at: float = NOW,
    demand: dict[str, Any] | None = None,
    frozen: bool = False,
    **settings: Any,
) -> Plan:
    policy = Policy(**{"slots": 2, **settings})
    pool = Pool(policy, memo or Memo(), bounds or Bounds(), frozen)
    shown = Demand(**{"at": at, "jobs": tuple(jobs or ()), **(demand or {})})
    return plan(pool, shown, members, at)


def wall(*when: int) -> datetime:
    """Return what a clock on a wall shows."""
    return datetime(*when)  # type: ignore[arg-type]  # noqa: DTZ001


IDLE = Memo(idle_since={"a": NOW - 900, "b": NOW - 600, "c": NOW - 301})


def test_waiting_jobs_get_servers_by_the_slots_of_each() -> None:
    planned = ask(jobs=wait(5))
    assert planned.create == 3
    assert planned.why == (
        "5 waiting jobs; 0 free or booting slots, 0 busy.",
        "3 servers will be created.",
    )


def test_free_and_booting_slots_are_taken_into_account() -> None:
    jobs = [*wait(4), *run("a")]
    assert ask(make_member("a"), booting("b"), jobs=jobs).create == 1


@pytest.mark.parametrize(
    "useless",
    [
        make_member("x", phase=Phase.BROKEN),
        make_member("x", phase=Phase.ENDING),
        make_member("x", cordon=Cordon.OTHER),
        booting("x", boots_until=NOW - 1),
    ],
)
def test_what_serves_no_job_is_no_capacity_but_counts_against_max(
    useless: Member,
) -> None:
    assert ask(useless, jobs=wait(1)).create == 1
    planned = ask(useless, jobs=wait(1), max=1)
    assert planned.create == 0
    assert planned.why[-1] == "1 more server would be needed, but the maximum is 1."


def test_servers_that_only_the_minimum_asks_for_are_told_so() -> None:
    assert ask(min=2).why[-1] == "2 servers will be created, because the minimum is 2."
    assert ask(jobs=wait(4), min=2).why[-1] == "2 servers will be created."


def test_jobs_that_the_ci_holds_or_that_just_came_need_no_server() -> None:
    held = [Job("h", JobState.HELD, NOW - 60)]
    assert ask(jobs=held).create == 0
    planned = ask(jobs=wait(1, since=NOW - 10), job_delay=30)
    assert planned.create == 0
    assert planned.next_at == NOW + 20
    assert ask(jobs=wait(1, since=NOW - 30), job_delay=30).create == 1


def test_jobs_on_servers_of_others_are_no_concern() -> None:
    assert ask(make_member("a"), jobs=[*run("static-7", 9), *wait(2)]).create == 0


@pytest.mark.parametrize(
    ("settings", "busy", "created"),
    [
        ({"spare": 3}, 0, 1),
        ({"spare": 2}, 0, 0),
        ({"spare_factor": 1.5}, 2, 2),
        ({"spare_factor": 1.5, "spare_limit": 2}, 2, 1),
    ],
)
def test_spare_slots_are_kept(
    settings: dict[str, Any], busy: int, created: int
) -> None:
    assert ask(make_member("a"), jobs=run("a", busy), **settings).create == created


def test_min_is_kept_without_any_job_and_without_broken_servers() -> None:
    assert ask(min=2).create == 2
    broken = make_member("x", phase=Phase.BROKEN)
    assert ask(broken, make_member("a"), min=2).create == 1


@pytest.mark.parametrize(
    ("settings", "bounds", "memo", "created", "words"),
    [
        ({"max": 2}, {}, {}, 2, "the maximum is 2"),
        ({"in_flight": 1}, {}, {}, 1, "at most 1 boot at once"),
        ({"burst": 4}, {}, {"created": ((NOW - 30, 1),)}, 3, "created per minute"),
        ({"burst": 4}, {}, {"created": ((NOW - 61, 1),)}, 4, "created per minute"),
        ({}, {"room": 1}, {}, 1, "the account has no room for more"),
        ({"cost_per_hour": 0.5, "price": 0.1}, {}, {}, 5, "at most 0.5 an hour"),
        (DAILY, {"spent": Spent(9.0)}, {}, 0, "but 9.00 of today's budget of 9 is"),
        (DAILY, {"spent": Spent(8.5)}, {}, 1, "the rest doesn't pay for an hour of"),
        (DAILY, {"spent": Spent(0.0)}, {}, 10, ""),
        (
            DAILY,
            {"spent": Spent(8.75, 1.2, ("EUR",))},
            {},
            0,
            (
                "but 8.75 EUR of today's budget of 9 is spent (1.20 of it is "
                "assumed, because some prices are unknown) and the rest doesn't pay "
                "for an hour of another server."
            ),
        ),
        (
            DAILY,
            {"spent": Spent(1.0, 0.0, ("", "EUR"))},
            {},
            0,
            "billed in several currencies (one without a name and EUR), which can't",
        ),
        ({}, {}, {"failures": 3, "failed_at": NOW - 29}, 0, "boots failed"),
        ({}, {}, {"failures": 3, "failed_at": NOW - 30}, 1, "boots failed"),
        ({}, {}, {"failures": 9, "failed_at": NOW - 599}, 0, "boots failed"),
    ],
)
def test_no_limit_is_passed_and_each_is_told(
    settings: dict[str, Any],
    bounds: dict[str, Any],
    memo: dict[str, Any],
    created: int,
    words: str,
) -> None:
    planned = ask(jobs=wait(20), bounds=Bounds(**bounds), memo=Memo(**memo), **settings)
    assert planned.create == created
    assert words in planned.why[-1]


def test_a_day_s_budget_is_there_again_the_next_day_and_takes_no_server_away() -> None:
    spent = Bounds(spent=Spent(8.75))
    members = (make_member("a"), make_member("b"))
    planned = ask(*members, jobs=[*run("a"), *wait(5)], bounds=spent, **DAILY)
    assert (planned.create, planned.cordon, planned.stop) == (0, (), ())
    # What it has counts: an hour of four more servers is there, but not of six.
    spent = Bounds(spent=Spent(6.0))
    assert ask(*members, jobs=wait(40), bounds=spent, **DAILY).create == 4
    late = (NOW // 86400 + 1) * 86400 - 30
    planned = ask(jobs=wait(1), bounds=Bounds(spent=Spent(9)), at=late, **DAILY)
    assert planned.next_at == late + 30


def test_a_paused_queue_creates_nothing_and_stops_what_is_idle() -> None:
    planned = ask(jobs=wait(3), demand={"paused": True}, min=1)
    assert planned.create == 0
    assert "the queue is paused" in planned.why[-1]
    assert ask(make_member("a"), memo=IDLE, demand={"paused": True}).cordon == ("a",)


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


def test_a_job_that_free_servers_pass_over_stops_counting_for_an_hour() -> None:
    member = make_member("a")
    first = ask(member, jobs=wait(1))
    assert first.memo.passed_since == {"p0": NOW}
    later = ask(member, jobs=wait(1), memo=first.memo, at=NOW + 600, idle=9999)
    assert later.figures["passed"] == 1
    assert later.figures["waiting"] == 0
    assert "Check its labels." in later.why[-1]
    # It stays so when the last server has gone, but not for ever.
    gone = ask(jobs=wait(1), memo=later.memo, at=NOW + 660)
    assert gone.create == 0
    assert ask(jobs=wait(1), memo=gone.memo, at=NOW + 4200).create == 1


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


def test_jobs_of_nobody_take_no_slot_of_a_server_that_says_it_is_idle() -> None:
    others = [Job(f"r{number}", JobState.RUNNING, NOW - 9) for number in range(9)]
    unnamed = {"names_servers": False}
    idle, silent = make_member("a", busy=0), make_member("b")
    planned = ask(idle, silent, jobs=[*others, *wait(2)], demand=unnamed)
    assert (planned.figures["free"], planned.create) == (2, 0)
    assert ask(silent, jobs=[*others, *wait(2)], demand=unnamed).create == 1


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


def test_a_boot_that_is_late_has_not_failed() -> None:
    late = booting("x", boots_until=NOW - 700)
    planned = ask(late, jobs=wait(1), memo=Memo(broken_since={"x": NOW - 700}))
    assert planned.stop == ()
    assert planned.memo.failures == 0
    assert planned.memo.broken_since == {}
    assert planned.create == 1  # nobody counts on it


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


@pytest.mark.parametrize(
    ("zone", "local", "least"),
    [
        ("Europe/Berlin", wall(2026, 7, 1, 7, 59), 0),
        ("Europe/Berlin", wall(2026, 7, 1, 8, 0), 3),
        ("Europe/Berlin", wall(2026, 1, 5, 17, 59), 3),
        ("Europe/Berlin", wall(2026, 1, 5, 18, 0), 0),
        ("Europe/Berlin", wall(2026, 7, 4, 12, 0), 0),  # a Saturday
        ("America/New_York", wall(2026, 3, 9, 8, 0), 3),  # a day after the change
        ("America/New_York", wall(2026, 3, 6, 8, 0), 3),
    ],
)
def test_windows_follow_the_clock_on_the_wall_also_across_summer_time(
    zone: str, local: datetime, least: int
) -> None:
    policy = Policy(zone=zone, windows=(Window("* 8-17 * * 1-5", min=3),))
    assert policy.at(local.replace(tzinfo=ZoneInfo(zone)).timestamp()).min == least


def test_an_hour_that_is_left_out_has_no_window_and_one_that_is_repeated_has_two() -> (
    None
):
    policy = Policy(zone="Europe/Berlin", windows=(Window("* 2 * * *", min=1),))
    for day, hours in ((wall(2026, 3, 29), 0), (wall(2026, 10, 25), 2)):
        start = day.replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
        open_ = [policy.at(start + 60 * each).min for each in range(24 * 60)]
        assert sum(open_) == hours * 60


def test_of_several_windows_the_last_wins_and_min_never_passes_max() -> None:
    windows = (Window("* * * * *", min=5, idle=60), Window("* * * * *", max=2, spare=1))
    policy = Policy(max=9, windows=windows).at(NOW)
    assert (policy.min, policy.max, policy.spare, policy.idle) == (2, 2, 1, 60)


def test_whole_numbers_that_json_writes_with_a_point_are_whole() -> None:
    stored = {"min": 2.0, "windows": [{"cron": "* * * * *", "spare": 3.0, "max": None}]}
    policy, wrong = parse_policy(stored)
    assert not wrong
    found = policy.at(NOW)
    assert (repr(found.min), repr(found.spare), repr(found.max)) == ("2", "3", "10")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"min": 3, "max": 2}, "min"),
        ({"slots": 0}, "slots"),
        ({"idle": -1}, "idle"),
        ({"idle": float("nan")}, "idle"),
        ({"max": 10**9}, "max"),
        ({"max_age": 60, "min_age": 60}, "max_age"),
        ({"cost_per_hour": 1}, "cost_per_hour"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"windows": (Window("every day"),)}, "windows"),
        ({"windows": (Window("* * * * * *"),)}, "windows"),
        ({"windows": (Window("0 0 31 2 *", min=1),)}, "windows"),  # no such day
        ({"windows": (Window("* * * * *", min=-1),)}, "windows"),
        ({"windows": (Window("* * * * *", min=2, max=1),)}, "windows"),
        ({}, ""),
    ],
)
def test_a_policy_that_makes_no_sense_is_explained(
    settings: dict[str, Any], name: str
) -> None:
    wrong = check_policy(Policy(**settings))
    assert set(wrong) == ({name} if name else set())
    assert all(sentence.endswith(".") for sentence in wrong.values())


def test_a_pool_that_floods_leaves_others_what_they_needed_of_late() -> None:
    uses = {"a": Use(2, peak=6), "b": Use(0, least=1), "c": Use(1, peak=50)}
    # An equal share of 30 is 10: c is kept 9, a 4 and b 1.
    assert share_room(30, uses) == {"a": 17, "b": 14, "c": 22}
    assert share_room(3, uses) == {"a": 0, "b": 0, "c": 0}
    assert share_room(5, {}) == {}
