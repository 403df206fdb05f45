"""Whole walks in a real Chromium, against the whole service as a user runs it.

Nothing is reloaded here: what a person waits for comes into sight by itself.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import expect

from servers.drill.service import Service
from tests.support.moto import reset_moto

pytestmark = [pytest.mark.pure, pytest.mark.slow]

Enter = Callable[[Service], AbstractContextManager[Any]]


def open_page_of(page: Any, name: str) -> None:
    """Follow the navigation."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name, level=1).wait_for()


def test_a_new_admin_makes_watches_and_ends_a_server_without_reading_anything(
    enter: Enter,
) -> None:
    with Service() as service, enter(service) as page:
        page.get_by_text("There are no servers yet").wait_for()
        page.get_by_role("link", name="Create your first server").click()
        page.get_by_role("button", name="Create 1 server").click()
        page.get_by_text("Creating agent-").wait_for()
        name = page.url.rstrip("/").rpartition("/")[2]
        # It boots under their eyes, and tells how long each step took.
        page.get_by_text("since its create call").wait_for()
        page.get_by_text("Booted in").wait_for()
        history = page.get_by_role("region", name="History")
        for words in ("Requested", "Instance identified", "Ready for builds"):
            history.get_by_text(words).first.wait_for()
        page.get_by_role("link", name="Terminate…").click()
        dialog = page.get_by_role("dialog", name=f"Terminate {name}?")
        dialog.get_by_label("Type its name").fill(name)
        dialog.get_by_role("button", name="Terminate").click()
        page.get_by_text(f"Terminating {name}.").wait_for()
        history.get_by_text("Confirmed gone").wait_for()
        open_page_of(page, "Activity")
        act = page.get_by_role("row").filter(has_text="Termination requested")
        act.filter(has_text="user:admin").get_by_role("link", name=name).click()
        page.wait_for_url(re.compile(name))
        page.get_by_role("heading", name="Termination").wait_for()


def test_an_admin_with_a_real_cloud_adds_it_tries_it_and_ends_two_of_three(
    enter: Enter, moto_url: str
) -> None:
    reset_moto(moto_url)
    with Service() as service, enter(service) as page:
        page.get_by_role("link", name="Add account").first.click()
        page.get_by_role("link", name="Amazon EC2").click()
        page.get_by_label("Name").fill("aws")
        page.get_by_label("Region").fill("eu-central-1")
        page.get_by_label("Endpoint").fill(moto_url)
        page.get_by_label("Access key id").fill("AKIATEST")
        page.get_by_label("Secret access key").fill("made-up")
        page.get_by_role("button", name="Test").click()
        page.get_by_text("These credentials may destroy instances.").wait_for()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("aws was saved.").wait_for()
        page.get_by_role("link", name="Create template").click()
        page.get_by_label("Name", exact=True).fill("builds")
        page.get_by_label("Image", exact=True).fill("ami-12c6146b")
        page.get_by_label("Size", exact=True).fill("t3.micro")
        page.get_by_role("button", name="Save").last.click()
        page.get_by_text("builds was saved.").wait_for()
        page.get_by_role("button", name="Try template").click()
        page.get_by_text("The server was ready after").wait_for()
        trial = page.url
        open_page_of(page, "Servers")
        page.get_by_role("link", name="New server").click()
        page.get_by_role("radio", name="builds").check()
        page.get_by_label("Count").fill("3")
        page.get_by_role("button", name="Create 3 servers").click()
        page.get_by_text("Creating agent-").wait_for()
        rows = page.get_by_role("row").filter(has_text="t3.micro")
        rows = rows.filter(has_text="running")
        expect(rows).to_have_count(3)
        for row in rows.all()[:2]:
            row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Terminate…").click()
        dialog = page.get_by_role("dialog", name="Terminate 2 servers?")
        dialog.get_by_label("Type 2").fill("2")
        dialog.get_by_role("button", name="Terminate 2 servers").click()
        page.get_by_role("heading", name="Terminate: 2 of 2 done").wait_for()
        page.goto(trial)
        page.get_by_text("terminated, and confirmed gone").wait_for()
