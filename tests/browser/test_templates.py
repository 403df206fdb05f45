"""The walk of a template, in a real Chromium."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from servers.models import Server, Template
from servers.operations.catalogue import refresh_catalogue
from tests.support.browser import check_looks, poll_now
from tests.support.fleet import list_fallbacks, make_fleet

pytestmark = pytest.mark.pure


def test_a_template_is_made_changed_and_tried(
    visit: Callable[..., Any], workshop: Any
) -> None:
    make_fleet()
    page = visit("admin")
    page.goto("/templates/")
    check_looks(page)
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name", exact=True).fill("big")
    page.get_by_label("Image", exact=True).fill("debian-12")
    page.get_by_label("Size", exact=True).fill("large")
    for size in ("small", "medium"):
        page.get_by_role("button", name="Add fallback").click()
        page.get_by_label("Size", exact=True).last.fill(size)
    page.get_by_role("button", name="Move up: fallback 2").click()
    page.get_by_text("More settings").click()
    check_looks(page)
    # Enter saves; the button that is first in sight would move a row.
    page.get_by_label("Image", exact=True).first.press("Enter")
    page.get_by_text("big was saved.").wait_for()
    template = Template.objects.get(name="big")
    assert list_fallbacks(template, "size") == ["medium", "small"]
    check_looks(page)
    page.get_by_role("button", name="Try template").click()
    page.get_by_text("in progress").wait_for()
    check_looks(page)
    workshop.run_to("stopped", Server.objects.get())
    poll_now(page)
    page.get_by_text("terminated, and confirmed gone").wait_for()
    check_looks(page)


def test_a_field_offers_what_its_cloud_has_as_one_types(
    visit: Callable[..., Any],
) -> None:
    account = make_fleet(images=["ubuntu-24.04", "debian-12", "debian-13"])
    refresh_catalogue(account, account.region, seconds=5)
    page = visit("admin")
    page.goto("/templates/new/")
    field = page.get_by_label("Image", exact=True)
    field.press_sequentially("debian")
    options = page.locator("#id_image-offers option")
    expect(options).to_have_count(2)
    assert options.evaluate_all("all => all.map(each => each.value)") == [
        "debian-12",
        "debian-13",
    ]
    page.get_by_role("button", name="Add fallback").click()
    page.get_by_label("Size", exact=True).last.focus()
    expect(page.locator("#id_fallback-1-size-offers option")).to_have_count(3)
    check_looks(page)
