"""What is new shows at once on a page that is seen, and costs nothing on another."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from servers.models import Server
from servers.operations.change import Change, change_server
from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]
HIDE = """hidden => Object.defineProperty(
  document, "hidden", {value: hidden, configurable: true})"""


@pytest.fixture(autouse=True)
def fleet(transactional_db: None, workshop: Any) -> None:
    make_fleet()


def test_a_new_server_shows_within_two_seconds_and_takes_nothing_from_a_person(
    visit: Visit,
) -> None:
    provision(name="one")
    page = visit("operator", follows=True)
    page.goto("/servers/")
    page.get_by_label("Select one", exact=True).check()
    page.get_by_label("Search").fill("half a wo")
    for name in ("two", "three", "four"):
        provision(name=name)
        began = time.monotonic()
        page.get_by_role("link", name=name, exact=True).wait_for()
        # A second to be asked, the rest to be sent; the bound is for a loaded machine.
        assert time.monotonic() - began < 15
    assert page.get_by_label("Select one", exact=True).is_checked()
    assert page.get_by_label("Search").input_value() == "half a wo"
    Server.objects.filter(name="one").update(error="it fell over")
    page.get_by_text("it fell over").wait_for(timeout=15000)
    page.goto("/")
    change_server("two", Change(capacity=940))
    coming = sum(Server.objects.values_list("capacity", flat=True))
    tile = page.locator(".stat", has_text="booting capacity")
    tile.get_by_text(str(coming)).wait_for(timeout=15000)


def test_an_unseen_tab_asks_nothing_and_a_page_at_rest_only_that(visit: Visit) -> None:
    provision(name="one")
    page = visit("operator", follows=True)
    page.goto("/servers/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("//")[2]))
    with page.expect_response("**/pulse/") as answer:
        pass
    assert answer.value.status == 304
    assert answer.value.request.headers.get("if-none-match")
    page.evaluate(HIDE, True)
    page.wait_for_timeout(1500)  # what was on its way has come
    asked.clear()
    provision(name="two")
    page.wait_for_timeout(2500)
    assert asked == []
    page.evaluate(HIDE, False)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("link", name="two", exact=True).wait_for()


def test_without_the_pulse_the_page_is_polled_as_before(
    visit: Visit, watch: Any
) -> None:
    watch.expect("pulse")
    provision(name="one")
    page = visit("operator", follows=True)
    page.route("**/pulse/", lambda route: route.abort())
    page.goto("/servers/")
    page.wait_for_timeout(1500)
    provision(name="two")
    # Something moves in it: every three seconds.
    page.get_by_role("link", name="two", exact=True).wait_for(timeout=10_000)
    assert not page.locator("#connection").inner_text()
