"""A newcomer's walk: from nothing to a pool of the sandbox that serves a queue.

docs/pools.md tells it step by step, with a picture of each.
"""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

PICTURES = ("queue", "jobs", "servers", "pool")


def walk_to_a_pool(page: Any, take: Callable[[str], None] = lambda _: None) -> None:
    """Do what the guide says, from any page on. ``take`` is told of each step."""
    main = page.get_by_role("navigation", name="Main")
    main.get_by_role("link", name="Pools").click()
    page.get_by_role("link", name="Create your first pool").click()
    page.get_by_role("link", name="New queue…").click()
    page.get_by_role("link", name="Example queue").click()
    page.get_by_label("Name").fill("example")
    _press_in_place(page, "Test queue")
    page.get_by_text("The queue answers.").wait_for()
    take("queue")
    page.get_by_role("button", name="Save queue").click()
    page.get_by_text("example was saved.").wait_for()
    page.locator(".choices").get_by_text("example", exact=True).click()
    page.get_by_label("Labels").fill("os=linux")
    _press_in_place(page, "Read the queue and match")
    page.get_by_text("this pool").first.wait_for()
    take("jobs")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name").fill("builds")
    page.get_by_label("Maximum servers").fill("5")
    page.get_by_label("Idle time").fill("60")
    _press_in_place(page, "Show first plan")
    page.get_by_text("Its plan now").wait_for()
    take("servers")
    page.get_by_role("button", name="Create pool").click()
    page.get_by_text("builds was saved.").wait_for()
    page.get_by_text("working").wait_for()
    busy = re.compile(r"[1-9]\d* busy\.")
    expect(page.locator("#why-pool")).to_contain_text(busy, timeout=60_000)
    page.get_by_role("button", name="Dismiss").first.click()
    take("pool")


def _press_in_place(page: Any, name: str) -> None:
    """Press a button that refreshes its form, and wait until that is done."""
    page.get_by_role("button", name=name).click()
    page.locator("form[aria-busy]").wait_for(state="detached")
