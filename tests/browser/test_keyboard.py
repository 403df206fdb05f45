"""By keyboard alone: all that can be pressed is reached, seen, and left again."""

from collections.abc import Callable
from typing import Any

import pytest

from servers.models import Server
from tests.support.crawl import list_paths, make_everything
from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]

# All that a pointer could press or fill in, of a group of radios the chosen one. What a
# scrolling region holds is reached by itself.
REACHABLE = """() => {
  const fields = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  window.all = [...document.querySelectorAll(fields)].filter((one) =>
    one.checkVisibility() && !one.disabled && one.tabIndex >= 0 &&
    one.type !== "hidden" &&
    !(one.type === "radio" && !one.checked && one.form.querySelector(
      `[type=radio][name="${one.name}"]:checked`)) && !one.closest("dialog"));
  return all.length;
}"""
# The one in focus: its place among them, and whether it can be told from the others.
FOCUSED = """() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return [all.indexOf(one), seen, one.outerHTML.slice(0, 120)];
}"""
LEFT_OUT = (
    "found => all.filter((_, i) => !found.includes(i)).map((one) => one.outerHTML)"
)


def walk(page: Any, path: str) -> None:
    """Press Tab to the end of a page; hold it to what a pointer could reach."""
    page.goto(path)
    count = page.evaluate(REACHABLE)
    assert count > 10, path
    found = []
    for _ in range(count):
        page.keyboard.press("Tab")
        place, seen, text = page.evaluate(FOCUSED)
        assert seen, f"{path}: the focus can't be seen: {text}"
        found.append(place)
    # In the order of the page.
    assert [place for place in found if place >= 0] == sorted(found), path
    assert page.evaluate(LEFT_OUT, found) == [], path


def test_tab_reaches_every_act_of_every_page_and_shows_where_it_is(
    visit: Visit, workshop: Any
) -> None:
    make_everything()
    paths = list_paths()
    page = visit("root")
    for name in (
        *("overview", "servers", "server", "new-server", "leaks", "account"),
        *("change-account", "template", "change-template", "new-token", "activity"),
    ):
        walk(page, paths[name])


def test_a_server_is_made_and_ended_by_keys_and_the_focus_comes_back(
    visit: Visit, workshop: Any
) -> None:
    make_fleet()
    provision(name="other")
    page = visit("operator", reduced_motion="reduce")
    press, write = page.keyboard.press, page.keyboard.type
    page.goto("/")
    press("g")
    press("s")
    page.wait_for_url("**/servers/")
    press("n")
    page.wait_for_url("**/servers/new/")
    page.get_by_label("Name").focus()
    write("mine")
    press("Enter")
    page.get_by_text("Creating mine.").wait_for()
    # What moves stands still for who asked for that.
    assert (
        page.evaluate(
            """() => Math.max(...document.getAnimations().map((one) =>
          one.effect.getComputedTiming().endTime), 0)"""
        )
        < 10
    )
    page.locator("#act-edit").focus()
    press("Enter")
    page.get_by_role("dialog").wait_for()
    for _ in range(12):  # it keeps the focus
        press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || "
            "!!document.activeElement.closest('dialog')"
        )
    press("Escape")
    assert page.evaluate("document.activeElement.id") == "act-edit"
    for act in ("act-clone", "act-cordon", "act-protect", "act-terminate"):
        press("Tab")
        assert page.evaluate("document.activeElement.id") == act
    press("Enter")
    page.get_by_role("dialog", name="Terminate mine?").wait_for()
    press("Tab")
    while page.evaluate("document.activeElement.textContent") != "Terminate server":
        press("Tab")
    press("Enter")
    page.get_by_text("Terminating mine.").wait_for()
    assert Server.objects.get(name="mine").want == "gone"


def test_a_closed_dialog_takes_the_focus_from_nothing_that_has_it_since(
    visit: Visit,
) -> None:
    make_fleet()
    provision(name="mine")
    page = visit("operator")
    page.goto("/servers/mine/")
    for gone, expected in ((False, "act-protect"), (True, "act-edit")):
        page.locator("#act-edit").focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for()
        # What closes it, and a key at once: no event comes between the two. Or its
        # link is another one by then, which the browser doesn't know.
        focused = page.evaluate(
            """async (gone) => {
                const link = document.getElementById("act-edit");
                if (gone) link.replaceWith(link.cloneNode(true));
                document.querySelector("dialog[open]").close();
                if (!gone) document.getElementById("act-protect").focus();
                await new Promise((resolve) => setTimeout(resolve, 100));
                return document.activeElement.id;
            }""",
            gone,
        )
        assert focused == expected
