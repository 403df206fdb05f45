"""What a pool's plan creates for its jobs, and what it says."""

from typing import Any

import pytest

from servers.lifecycle.pools.demand import Job, JobState
from servers.lifecycle.pools.growth import Bounds, Spent
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from tests.pools.planning import DAILY, IDLE, NOW, ask, booting, make_member, run, wait

pytestmark = pytest.mark.pure


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
        (
            {},
            {},
            {"failures": 3, "failed_at": NOW - 9, "after_ready": True},
            0,
            "the last 3 servers failed soon after their boots, so only one",
        ),
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


def test_jobs_of_nobody_take_no_slot_of_a_server_that_says_it_is_idle() -> None:
    others = [Job(f"r{number}", JobState.RUNNING, NOW - 9) for number in range(9)]
    unnamed = {"names_servers": False}
    idle, silent = make_member("a", busy=0), make_member("b")
    planned = ask(idle, silent, jobs=[*others, *wait(2)], demand=unnamed)
    assert (planned.figures["free"], planned.create) == (2, 0)
    assert ask(silent, jobs=[*others, *wait(2)], demand=unnamed).create == 1
