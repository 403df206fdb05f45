"""Fifty changes arrive while a person works on a page: nothing is lost, or missed."""

from collections.abc import Callable
from typing import Any

import pytest

from servers.models import Server
from servers.operations.change import Change, change_server
from tests.support.browser import poll_now
from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]

# Where things stand in the window, and what the person has in hand.
HELD = """ids => [
  document.activeElement.id,
  document.activeElement.selectionStart ?? null,
  window.scrollY,
  getSelection().toString(),
  ...ids
    .map((id) => document.getElementById(id).getBoundingClientRect().top)
    .map(Math.round),
]"""
# What the page says, but for ages that tick.
WORDS = """() => {
  const copy = document.getElementById("live").cloneNode(true);
  const left = copy.querySelectorAll("[data-ago], time, input, #ticked");
  left.forEach((one) => one.remove());
  return copy.textContent.replace(/[0-9.]+ s\\b/g, "").split(/\\s+/).join(" ");
}"""


@pytest.fixture(autouse=True)
def fleet(transactional_db: None, workshop: Any) -> None:
    make_fleet()


def test_the_list_keeps_all_that_a_person_does_while_fifty_changes_arrive(
    visit: Visit,
) -> None:
    names = [f"s-{number:02}" for number in range(50)]
    for name in names:
        provision(name=name)
    page = visit("operator")
    address = "/servers/?ordering=name"
    page.goto(address)
    # By keys each arrow chooses anew: nothing is sent before Enter.
    page.get_by_label("Template").focus()
    page.keyboard.press("ArrowDown")
    search = page.get_by_label("Search")
    search.fill("half a word")
    for name in ("s-03", "s-44"):
        page.get_by_label(f"Select {name}", exact=True).check()
    search.focus()
    search.evaluate("field => field.setSelectionRange(4, 4)")
    page.evaluate("scrollTo(0, 150)")
    row = page.get_by_label("Select s-03", exact=True).get_attribute("id")
    last = page.get_by_label("Select s-44", exact=True).get_attribute("id")
    before = page.evaluate(HELD, [row, last])
    assert before[:3] == ["search", 4, 150]
    for number, name in enumerate(names):
        change_server(name, Change(capacity=number + 100))
        if number % 10 == 9:
            assert poll_now(page) == 200
            assert page.evaluate(HELD, [row, last]) == before
    # The same with a row's text marked, and another server coming and going.
    page.get_by_label("Select s-44", exact=True).focus()
    page.evaluate(
        "getSelection().selectAllChildren(document.querySelectorAll('th a')[7])"
    )
    before = page.evaluate(HELD, [row, last])
    assert before[0] == last
    for number in range(5):
        Server.objects.filter(name="s-49").update(error=f"wrong {number}")
        provision(name=f"t-{number}")
        assert poll_now(page) == 200
        assert page.evaluate(HELD, [row, last]) == before
    assert poll_now(page) == 304
    assert search.input_value() == "half a word"
    assert page.get_by_label("Template").input_value() == "default"
    assert page.get_by_text("2 selected:").is_visible()
    fresh = page.context.new_page()
    fresh.goto(address)
    assert page.evaluate(WORDS) == fresh.evaluate(WORDS)
    assert "149" in page.evaluate(WORDS)
    assert "wrong 4" in page.evaluate(WORDS)
    page.get_by_label("Template").press("Enter")
    page.wait_for_url("**template=default**")


def test_a_servers_page_keeps_what_is_open_focused_and_in_sight(visit: Visit) -> None:
    provision(name="one")
    page = visit("operator", viewport={"width": 1440, "height": 400})
    page.goto("/servers/one/")
    details = page.locator("#live details:not([open]) > summary")
    opened = details.count()
    assert opened >= 1
    for summary in details.all():
        summary.click()
    page.locator("#raw-more summary").focus()
    page.evaluate("document.getElementById('raw-more').scrollIntoView()")
    bottom = "document.getElementById('raw-more').getBoundingClientRect().top"
    top = page.evaluate(bottom)
    page.evaluate("window.node = document.activeElement")
    for number in range(50):
        change_server("one", Change(labels={"round": str(number)}))
        if number % 10 == 9:
            assert poll_now(page) == 200
            assert page.evaluate("node === document.activeElement && node.isConnected")
            # The history above grows: what the person reads stays where it is.
            assert abs(page.evaluate(bottom) - top) < 2
            assert page.locator("#live details:not([open])").count() == 0
    fresh = page.context.new_page()
    fresh.goto("/servers/one/")
    assert page.evaluate(WORDS) == fresh.evaluate(WORDS)
    assert page.get_by_text("round=49").count() >= 1
