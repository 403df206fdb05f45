"""The pages of pools in a real Chromium."""

from collections.abc import Callable
from datetime import timedelta
from math import sin
from typing import Any

import pytest

from servers.models import Pool, PoolJob, PoolPlan, Queue, Server
from servers.records.ledger import database_now
from tests.support.browser import check_looks, poll_now
from tests.support.fleet import make_fleet, provision
from tests.support.pools import make_pool

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]


def make_busy_pool() -> Pool:
    """Create a pool with an hour of plans and jobs behind it."""
    make_fleet()
    pool, now = make_pool(), database_now()
    Pool.objects.update(
        enabled=True,
        figures={"waiting": 3, "busy": 4, "free": 4, "idle": 2, "servers": 4},
        policy={"min": 1, "max": 10, "windows": [{"cron": "* 8-17 * * 1-5", "min": 3}]},
    )
    Queue.objects.update(enabled=True, read_from=now, answered_at=now)
    for minute in range(60):
        at, wave = now - timedelta(minutes=minute), 1 + sin(minute / 9)
        figures = {
            "waiting": round(3 * wave),
            "busy": round(5 * wave),
            "idle": 2,
            "free": 4,
        }
        PoolPlan.objects.create(
            pool=pool,
            at=at,
            why=[f"{minute} waiting jobs; 4 free or booting slots, 4 busy."],
            figures=figures,
            changed=minute % 7 == 0,
        )
        queued = at - timedelta(seconds=40 * wave)
        PoolJob.objects.create(
            queue=pool.queue, pool=pool, key=minute, queued_at=queued, started_at=at
        )
    for number in range(3):
        provision(name=f"linux-{number}")
    Server.objects.update(pool=pool)
    return pool


def test_the_pages_of_pools_look_well_and_follow_what_changes(visit: Visit) -> None:
    pool = make_busy_pool()
    page = visit("admin")
    page.goto("/pools/")
    check_looks(page)
    page.get_by_role("link", name="linux", exact=True).click()
    page.get_by_role("img", name="Demand").wait_for()
    check_looks(page)
    page.get_by_text("Show as table").click()
    check_looks(page)
    Pool.objects.filter(pk=pool.pk).update(why=["Something else is so."])
    poll_now(page)
    page.get_by_text("Something else is so.").wait_for()
    page.get_by_role("button", name="Freeze terminations").click()
    page.get_by_text("linux terminates no servers until you unfreeze it.").wait_for()
    page.get_by_role("link", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Drain and terminate").check()
    check_looks(page)
    dialog.get_by_role("button", name="Delete").click()
    page.get_by_text(
        "linux was deleted. 3 servers will be drained and terminated."
    ).wait_for()
    check_looks(page)


def test_a_dry_pool_and_the_hook_of_a_queue_look_well(visit: Visit) -> None:
    pool = make_busy_pool()
    compared = {"others": 5, "other_servers": 3, "would": 2}
    Pool.objects.update(dry=True, figures={**pool.figures, **compared})
    PoolPlan.objects.update(figures=compared)
    page = visit("admin")
    page.goto("/pools/linux/")
    page.get_by_role("img", name="Other servers").wait_for()
    check_looks(page)
    page.goto("/queues/ci/")
    page.get_by_role("link", name="Set up hook").click()
    check_looks(page)
    page.get_by_role("button", name="Set secret").click()
    page.get_by_role("button", name="Copy secret").wait_for()
    check_looks(page)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Remove hook…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove hook").click()
    page.get_by_text("ci no longer accepts hooks.").wait_for()


def test_a_pools_page_is_read_and_switched_without_javascript(visit: Visit) -> None:
    make_busy_pool()
    page = visit("admin", java_script_enabled=False)
    page.goto("/pools/linux/?range=1h")
    assert page.locator(".picture path.demand").get_attribute("d")
    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("linux now only says what it would do.").wait_for()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_label("Keep them").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("linux was deleted. 3 servers stay.").wait_for()


def test_a_queue_and_a_pool_are_tested_and_created_in_a_browser(visit: Visit) -> None:
    make_fleet()
    page = visit("admin")
    page.goto("/queues/new/?next=/pools/new/")
    check_looks(page)
    page.get_by_role("link", name="Example queue").click()
    page.get_by_label("Name").fill("try")
    page.get_by_label("Labels of its jobs").fill("os=linux, gpu=yes")
    page.get_by_role("button", name="Test queue").click()
    page.get_by_text("no pool").first.wait_for()
    check_looks(page)
    page.get_by_role("button", name="Save queue").click()
    page.locator(".choices").get_by_text("try", exact=True).click()
    check_looks(page)
    # What is wrong keeps the step, and what was typed.
    page.get_by_label("Labels").fill("os=linux")
    page.get_by_role("button", name="Read the queue and match").click()
    page.get_by_text("This pool lacks gpu=yes").first.wait_for()
    check_looks(page)
    page.get_by_label("Labels").fill("os=linux\ngpu=yes")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("More settings").click()
    check_looks(page)
    page.get_by_label("Minimum servers").fill("20")
    page.get_by_role("button", name="Create pool").click()
    page.get_by_label("Name").fill("gpu")
    page.get_by_role("button", name="Create pool").click()
    page.get_by_text("Use at most max.").wait_for()
    page.get_by_label("Minimum servers").fill("0")
    page.get_by_label("dry run").check()
    page.get_by_role("button", name="Create pool").click()
    page.get_by_text("gpu was saved.").wait_for()
    page.get_by_role("link", name="Edit pool").click()
    page.get_by_role("button", name="Show plan").click()
    page.get_by_text("Its plan now").wait_for()
    check_looks(page)
    page.goto("/queues/try/")
    check_looks(page)
    page.get_by_role("link", name="Delete…").click()
    page.get_by_text("These pools follow it: gpu.").wait_for()


def test_a_replay_is_looked_at_and_a_setting_used(visit: Visit) -> None:
    pool, now = make_busy_pool(), database_now()
    for number in range(60):
        queued = now - timedelta(minutes=9 * number + 10)
        PoolJob.objects.filter(key=str(number)).update(
            queued_at=queued,
            started_at=queued + timedelta(seconds=20),
            ended_at=queued + timedelta(minutes=6),
        )
    page = visit("admin")
    page.goto("/pools/linux/")
    page.get_by_role("link", name="Replay its jobs").click()
    page.get_by_role("heading", name="Replay", exact=True).wait_for()
    check_looks(page)
    page.get_by_role("button", name="Use Idle time 10 min").click()
    page.get_by_text("Idle time of linux is now 10 min.").wait_for()
    pool.refresh_from_db()
    assert pool.policy["idle"] == 600
