"""What is clipped or left alone at widths between a phone's and a large screen's."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browser import NARROW
from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]

# The tiles of the states by row, and those whose words don't fit.
_TILES = """[...document.querySelectorAll(".states > *")].map(tile => ({
  top: Math.round(tile.getBoundingClientRect().top),
  clipped: [tile, ...tile.querySelectorAll("*")].some(
    part => part.clientWidth && part.scrollWidth > part.clientWidth + 1),
  text: tile.innerText,
}))"""
# Tables that are cut off: they, or what holds them, are wider than what is seen.
_CLIPPED = """(() => {
  const table = document.querySelector("#result_list");
  let seen = table.getBoundingClientRect();
  const cut = [];
  for (let box = table.parentElement; box; box = box.parentElement) {
    const frame = box.getBoundingClientRect();
    const over = seen.right - frame.right;
    if (over > 1) cut.push(`${box.id || box.className || box.tagName}: ${over} px`);
  }
  return cut;
})()"""


@pytest.mark.parametrize("width", [NARROW, 768, 1024, 1280, 1440, 1920])
def test_no_state_is_alone_in_its_row_or_too_wide_for_its_tile(
    visit: Visit, width: int
) -> None:
    make_fleet()
    provision()
    page = visit("admin", viewport={"width": width, "height": 900})
    page.goto("/")
    tiles = page.evaluate(_TILES)
    assert len(tiles) == 9
    assert [tile["text"] for tile in tiles if tile["clipped"]] == []
    rows = [tile["top"] for tile in tiles]
    assert min(rows.count(top) for top in rows) > 1


def test_the_admins_list_of_servers_is_seen_whole_at_1280_px(
    visit: Visit, workshop: Any
) -> None:
    make_fleet()
    server = provision(name="linux-large-vmylagl7")
    workshop.run_to("running", server)
    page = visit("root", viewport={"width": 1280, "height": 900})
    page.goto("/admin/servers/server/")
    assert server.name in page.inner_text("#result_list")
    assert page.evaluate(_CLIPPED) == []


def test_a_phone_shows_why_something_happened(visit: Visit, workshop: Any) -> None:
    make_fleet()
    server = provision()
    workshop.run_to("running", server)
    reason = server.events.exclude(reason="").order_by("-pk")[0].reason
    page = visit("admin", viewport={"width": NARROW, "height": 780}, is_mobile=True)
    page.goto("/activity/")
    page.locator(".note.narrow", has_text=reason).first.wait_for()
