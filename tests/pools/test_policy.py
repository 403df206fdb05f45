"""A pool's policy: its windows by the clock on the wall, and what makes no sense."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from servers.lifecycle.pools.policy import Policy, Window, check_policy, parse_policy
from tests.pools.planning import NOW

pytestmark = pytest.mark.pure


def wall(*when: int) -> datetime:
    """Return what a clock on a wall shows."""
    return datetime(*when)  # type: ignore[arg-type]  # noqa: DTZ001


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
        ({"stale": 0}, "stale"),
        ({"idle": float("nan")}, "idle"),
        ({"max": 10**9}, "max"),
        ({"max_age": 60, "min_age": 60}, "max_age"),
        ({"cost_per_hour": 1}, "cost_per_hour"),
        ({"cost_per_hour": 1e6, "price": 1e-310}, "price"),
        ({"billing": 5e-324}, "billing"),
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
