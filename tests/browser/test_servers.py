"""Servers in a real Chromium: made, watched, changed, ended, and many by ticks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from servers.models import Server
from servers.operations.change import Change, change_server
from tests.support.browser import check_looks, poll_now
from tests.support.fleet import make_fleet, provision
from tests.support.people import make_person

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def fleet(transactional_db: None, workshop: Any) -> None:
    make_fleet()


def tick(page: Any, *names: str) -> None:
    for name in names:
        page.get_by_label(f"Select {name}", exact=True).check()


def test_a_new_admin_makes_watches_changes_and_ends_a_server(
    visit: Visit, workshop: Any
) -> None:
    page = visit("operator")
    page.goto("/servers/")
    page.get_by_role("link", name="Create your first server").click()
    page.get_by_role("radio", name="default").focus()
    page.get_by_label("Name").fill("first")
    page.get_by_text("More: image").click()
    page.get_by_label("Labels").fill("team=web")
    page.get_by_role("button", name="Create 1 server").dblclick()
    page.get_by_text("Creating first.").wait_for()
    server = Server.objects.get()
    workshop.run_to("running", server)
    assert poll_now(page) == 200
    page.get_by_text("Booted in").wait_for()
    page.get_by_role("link", name="Change…").press("Enter")
    dialog = page.get_by_role("dialog", name="Change first")
    dialog.get_by_label("Labels").fill("team=builds")
    check_looks(page)
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="team=builds").click()
    page.get_by_role("link", name="first").click()
    page.get_by_role("link", name="Terminate…").click()
    end = page.get_by_role("button", name="Terminate server", exact=True)
    page.get_by_label("Type its name").fill("frist")
    end.click()
    page.get_by_text("Nothing was done. Type first").wait_for()
    page.get_by_label("Type its name").fill("first")
    end.click()
    page.get_by_text("Terminating first.").wait_for()
    workshop.run_to("stopped", server)
    poll_now(page)
    page.get_by_role("heading", name="Termination").wait_for()


def test_ticked_servers_are_ended_through_one_dialog_and_reported(
    visit: Visit, workshop: Any
) -> None:
    made = [provision(name=name) for name in ("one", "two", "three")]
    workshop.run_to("running", *made)
    page = visit("operator")
    page.goto("/servers/?ordering=name")
    tick(page, "one", "two")
    page.get_by_text("2 selected:").wait_for()
    page.get_by_role("button", name="Retry…").press("Enter")
    page.get_by_role("dialog").get_by_text("This can't be done").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "bulk-retry"
    page.get_by_role("button", name="Terminate…").press("Enter")
    dialog = page.get_by_role("dialog", name="Terminate 2 servers?")
    dialog.wait_for()
    assert page.evaluate("document.activeElement.id") == "id_confirm"
    check_looks(page)
    dialog.get_by_label("Type 2").fill("2")
    dialog.get_by_role("button", name="Terminate 2 servers").click()
    page.get_by_role("heading", name="Terminate: 2 of 2 done").wait_for()
    check_looks(page)
    page.get_by_role("link", name="Back to the list").click()
    page.wait_for_url("**/servers/?ordering=name")
    assert Server.objects.filter(want="gone").count() == 2
    # Nothing ticked: the sentence, once.
    page.get_by_role("button", name="Label…").click()
    page.get_by_text("Select some servers first").wait_for()
    assert page.get_by_text("Select some servers first").count() == 1


def test_without_javascript_the_same_is_done_by_pages(
    visit: Visit, workshop: Any
) -> None:
    made = [provision(name=name) for name in ("one", "two")]
    workshop.run_to("running", *made)
    page = visit("operator", java_script_enabled=False)
    page.goto("/servers/")
    tick(page, "one", "two")
    page.get_by_role("button", name="Label…").click()
    page.get_by_label("Labels to set").fill("no sign")
    page.get_by_role("button", name="Label 2 servers").click()
    page.get_by_text("does not have the form name=value").wait_for()
    page.get_by_label("Labels to set").fill("team=web")
    page.get_by_role("button", name="Label 2 servers").click()
    page.get_by_role("heading", name="Label: 2 of 2 done").wait_for()
    page.goto("/servers/?label=team%3Dweb")
    tick(page, "two")
    page.get_by_role("button", name="Terminate…").click()
    page.get_by_label("Type 1").fill("1")
    page.get_by_role("button", name="Terminate 1 server").click()
    page.get_by_role("heading", name="Terminate: 1 of 1 done").wait_for()
    page.goto("/servers/new/")
    page.get_by_label("Name").fill("three")
    page.get_by_role("button", name="Create servers", exact=True).click()
    page.get_by_text("Creating three.").wait_for()


def test_the_button_of_a_new_server_says_how_many_it_makes(visit: Visit) -> None:
    page = visit("operator")
    page.goto("/servers/new/")
    button = page.locator("button[data-counts]")
    for typed, words in (
        ("3", "Create 3 servers"),
        ("", "Create servers"),
        ("-1", "Create servers"),
        ("1", "Create 1 server"),
    ):
        page.get_by_label("Count").fill(typed)
        assert button.inner_text() == words
    plain = visit("", user=User.objects.get(), java_script_enabled=False)
    plain.goto("/servers/new/")
    assert plain.locator("button[data-counts]").inner_text() == "Create servers"


def test_a_refresh_keeps_ticks_and_a_half_typed_search(
    visit: Visit, workshop: Any
) -> None:
    for name in ("one", "two", "three"):
        provision(name=name)
    page = visit(user=make_person("operator"))
    page.goto("/servers/")
    tick(page, "two")
    page.get_by_label("Search").fill("half a wo")
    for number in range(5):
        change_server("one", Change(capacity=number + 10))
        provision(name=f"new-{number}")
        assert poll_now(page) == 200
    page.get_by_role("link", name="new-4").wait_for()
    assert page.get_by_label("Select two", exact=True).is_checked()
    assert page.get_by_text("1 selected:").count() == 1
    assert page.get_by_label("Search").input_value() == "half a wo"
    page.get_by_label("Select all on this page").check()
    page.get_by_text("8 selected:").wait_for()
    page.get_by_label("Search").fill("")
    page.get_by_label("Template").select_option("default")
    page.wait_for_url("**template=default**")


def test_all_of_a_filter_is_ended_from_a_bar_that_stays_in_sight_on_a_phone(
    visit: Visit,
) -> None:
    for number in range(55):
        provision(name=f"s-{number:02}")
    page = visit("operator", viewport={"width": 360, "height": 740}, has_touch=True)
    page.goto("/servers/?ordering=name")
    bar = page.locator(".bulk")
    box = bar.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 740
    assert box["height"] < 160
    page.get_by_label("All 55 matching").check()
    page.get_by_text("All selected:").wait_for()
    assert page.locator("#rows input[name=server]:checked").count() == 50
    provision(name="a-new-one")
    assert poll_now(page) == 200
    assert page.get_by_label("Select a-new-one").is_checked()
    assert page.get_by_label("All 56 matching").is_checked()
    page.get_by_label("Select s-03", exact=True).uncheck()
    assert not page.get_by_label("All 56 matching").is_checked()
    page.get_by_label("All 56 matching").check()
    check_looks(page)
    page.get_by_role("button", name="Terminate…").click()
    dialog = page.get_by_role("dialog", name="Terminate 56 servers?")
    dialog.get_by_text("s-54").wait_for()
    check_looks(page)
    dialog.get_by_role("button", name="Terminate 56 servers").click()
    page.get_by_role("heading", name="Terminate: 56 of 56 done").wait_for()
    check_looks(page)
    assert Server.objects.filter(want="gone").count() == 56
