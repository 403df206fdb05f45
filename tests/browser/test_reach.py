"""Anything within reach: Ctrl-K, j and k, themes, times in the reader's zone, views."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browser import check_looks
from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def fleet(transactional_db: None, workshop: Any) -> None:
    make_fleet()
    for name in ("one", "two", "three"):
        provision(name=name)


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.textContent")).strip()


def test_ctrl_k_jumps_to_anything_by_keys_alone(visit: Visit) -> None:
    page = visit("operator")
    page.goto("/templates/")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Jump to").wait_for()
    page.keyboard.type("thr")
    page.locator("#jump-hits").get_by_text("three", exact=True).wait_for()
    check_looks(page)
    page.keyboard.press("ArrowDown")
    assert "three" in focused(page)
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "jump-q"
    page.keyboard.press("Enter")
    page.wait_for_url("**/servers/three/")
    # `/` opens it where the page has no search of its own, and Escape closes it.
    page.keyboard.press("/")
    page.get_by_role("dialog", name="Jump to").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    plain = visit("viewer", java_script_enabled=False)
    plain.goto("/")
    plain.get_by_role("link", name="Jump to").click()
    plain.get_by_label("Part of a name").fill("two")
    plain.get_by_role("button", name="Search").click()
    plain.get_by_role("link", name="Server two").click()
    plain.wait_for_url("**/servers/two/")


def test_j_and_k_walk_through_a_list_and_x_selects(visit: Visit) -> None:
    page = visit("operator")
    page.goto("/servers/?ordering=name")
    for key, name in (("j", "one"), ("j", "three"), ("j", "two"), ("j", "two")):
        page.keyboard.press(key)
        assert focused(page) == name
    page.keyboard.press("k")
    assert focused(page) == "three"
    page.keyboard.press("x")
    assert page.get_by_label("Select three", exact=True).is_checked()
    page.get_by_label("Search").fill("jk")
    assert page.get_by_label("Search").input_value() == "jk"
    page.goto("/servers/?ordering=name")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/servers/one/")


def test_a_theme_is_chosen_in_the_menu_at_once_and_without_javascript(
    visit: Visit,
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = visit("viewer", color_scheme="light")
    page.goto("/")
    light = page.evaluate(ground)
    page.get_by_text("viewer", exact=True).click()
    menu = page.locator("details.menu > div")
    box, side = menu.bounding_box(), page.locator(".side").bounding_box()
    assert box["x"] + box["width"] <= side["x"] + side["width"]
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    plain = visit("operator", java_script_enabled=False)
    plain.goto("/servers/")
    plain.get_by_text("operator", exact=True).click()
    plain.get_by_role("button", name="Dark").click()
    assert plain.locator("html[data-theme=dark]").count() == 1


def test_times_are_told_in_the_readers_zone(visit: Visit) -> None:
    page = visit("viewer", timezone_id="Asia/Kolkata")
    page.goto("/servers/one/")
    stamp = page.locator(".timeline time[data-at]").first
    utc = stamp.get_attribute("datetime")
    hour, minute = int(utc[11:13]), int(utc[14:16])
    local = f"{(hour * 60 + minute + 330) // 60 % 24:02}:{(minute + 30) % 60:02}"
    assert local in stamp.inner_text()
    assert local in page.locator(".timeline time[data-ago]").first.get_attribute(
        "title"
    )
    plain = visit("operator", java_script_enabled=False, timezone_id="Asia/Kolkata")
    plain.goto("/servers/one/")
    text = plain.locator(".timeline time[data-at]").first.inner_text()
    assert text.endswith("UTC")
    assert utc[11:16] in text


def test_a_view_is_saved_used_and_deleted(visit: Visit) -> None:
    page = visit("viewer")
    page.goto("/servers/?state=pending")
    page.get_by_role("link", name="Save view…").click()
    dialog = page.get_by_role("dialog", name="Save this view")
    dialog.get_by_label("Name").fill("Waiting")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_text("View Waiting was saved.").wait_for()
    check_looks(page)
    page.goto("/servers/")
    page.get_by_role("link", name="Waiting").click()
    page.wait_for_url("**/servers/?state=pending")
    page.get_by_role("button", name="Delete view Waiting").click()
    page.get_by_text("View Waiting was deleted.").wait_for()
    assert page.get_by_role("link", name="Waiting").count() == 0


def test_what_went_well_is_said_and_goes_and_can_be_dismissed(visit: Visit) -> None:
    page = visit("operator")
    page.goto("/servers/one/")
    page.get_by_role("button", name="Protect", exact=True).click()
    said = page.get_by_text("one is protected.")
    said.wait_for()
    said.wait_for(state="detached", timeout=40_000)
    page.get_by_role("button", name="Unprotect").click()
    page.get_by_role("button", name="Dismiss").click()
    assert page.locator(".said .message").count() == 0


@pytest.mark.parametrize("path", ["/guide/", "/guide/settings/", "/start/", "/jump/"])
def test_the_guide_and_the_first_steps_are_accessible_in_every_look(
    visit: Visit, path: str
) -> None:
    page = visit("admin")
    page.goto(path)
    check_looks(page)
