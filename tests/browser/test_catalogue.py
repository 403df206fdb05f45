"""The catalogue of an account on a phone, and the spot box of the template form."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from servers.models import Template
from servers.operations.catalogue import refresh_catalogue
from tests.support.browser import NARROW, check_looks
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]

# As long as the ids of a gallery's images, with nothing to break them at.
LONG = "x-builders-shared-gallery-images-ubuntu-24-04-lts-with-docker-and-caches-v7"


def test_the_catalogue_is_read_and_searched_on_a_phone(visit: Visit) -> None:
    account = make_fleet(images=["ubuntu-24.04", LONG, f"{LONG}-arm64"])
    refresh_catalogue(account, account.region, seconds=5)
    page = visit("admin", viewport={"width": NARROW, "height": 740}, has_touch=True)
    page.goto("/accounts/sandbox/catalogue/")
    check_looks(page)
    page.set_viewport_size({"width": NARROW, "height": 740})
    # What is too wide moves in its own table, never the page.
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    table = page.get_by_role("region", name="Images")
    expect(table.get_by_text("ubuntu-24.04").first).to_be_visible()
    for name in ("Words of an image or size", "Region"):
        box = page.get_by_label(name, exact=True).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW
        assert box["height"] >= 40, name  # for a thumb
    page.get_by_label("Words of an image or size").fill("arm64")
    page.get_by_role("button", name="Search").tap()
    expect(page.get_by_text("No size contains these words.")).to_be_visible()
    expect(table.get_by_role("row")).to_have_count(2)  # with its heading
    check_looks(page)
    page.set_viewport_size({"width": NARROW, "height": 740})
    page.get_by_role("button", name="Ask the cloud now").tap()
    page.get_by_text("As the cloud reported").wait_for()
    expect(page.get_by_label("Words of an image or size")).to_have_value("arm64")


def test_the_spot_box_is_saved_for_each_placement_by_itself(visit: Visit) -> None:
    make_fleet()
    page = visit("admin")
    page.goto("/templates/new/")
    page.get_by_label("Name", exact=True).fill("cheap")
    page.get_by_label("Image", exact=True).fill("debian-12")
    page.get_by_label("Size", exact=True).fill("small")
    spot = page.get_by_label("Spot instance", exact=True)
    expect(spot).not_to_be_checked()
    expect(page.get_by_text("the cloud may take it back")).to_be_visible()
    spot.check()
    page.get_by_role("button", name="Add fallback").click()
    # A new fallback starts as a copy.
    expect(spot).to_have_count(2)
    expect(spot.last).to_be_checked()
    spot.last.uncheck()
    check_looks(page)
    page.get_by_label("Image", exact=True).first.press("Enter")
    page.get_by_text("cheap was saved.").wait_for()
    template = Template.objects.get(name="cheap")
    assert [each.spot for each in template.placements.all()] == [True, False]
    expect(page.locator(".label", has_text="spot")).to_have_count(1)
    page.get_by_role("link", name="Edit template").click()
    expect(spot.first).to_be_checked()
    expect(spot.last).not_to_be_checked()
    spot.first.uncheck()
    page.get_by_label("Image", exact=True).first.press("Enter")
    page.get_by_text("cheap was saved.").wait_for()
    assert not any(each.spot for each in template.placements.all())
