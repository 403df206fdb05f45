"""The equivalent API call follows the form, in the words of the server."""

from collections.abc import Callable
from typing import Any

import pytest

from servers.models import Server
from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def fleet(transactional_db: None, workshop: Any) -> None:
    make_fleet()


def test_it_is_written_as_it_is_typed_and_the_same_as_by_the_server(
    visit: Visit,
) -> None:
    page = visit("operator")
    page.goto("/servers/new/")
    call = page.locator("#call")
    page.get_by_text("Equivalent API call").click()
    assert '-d \'{"template": "default"}\'' in call.inner_text()
    page.get_by_text("More: image").click()
    for field, text in (
        ("Name", "Not_It's <b> ü"),
        ("Count", "3"),
        ("Image", "debian"),
        ("Capacity", "2"),
        ("Time to live", "90"),
        ("Labels", "team=web\nno sign\n a = b=c \n=x"),
    ):
        page.get_by_label(field).fill(text)
    typed = call.inner_text()
    for part in ('"count": 3', '"ttl": 5400', '"labels": {"team": "web", "a": "b=c"'):
        assert part in typed
    page.get_by_role("button", name="Create 3 servers").click()
    page.locator("[role=alert]").first.wait_for()
    assert page.locator("#call").text_content() == typed
    page.get_by_label("Count").fill("1")
    page.get_by_label("Name").fill("")
    assert "count" not in call.inner_text()
    assert '"name"' not in call.inner_text()
    plain = visit("", java_script_enabled=False)
    plain.context.add_cookies(page.context.cookies())
    plain.goto("/servers/new/")
    assert '{"template": "default"}' in plain.locator("#call").text_content()
    assert not Server.objects.exists()


def test_it_follows_the_form_of_a_dialog(visit: Visit) -> None:
    provision(name="one")
    Server.objects.update(state="error", error="no image", instance_id="i-1")
    page = visit("operator")
    page.goto("/servers/one/")
    page.get_by_role("link", name="Terminate…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Equivalent API call").click()
    call = dialog.locator("[data-call]")
    assert call.inner_text().endswith("/api/servers/one")
    dialog.get_by_role("checkbox").check()
    assert call.inner_text().endswith("/api/servers/one?force=true'")
    dialog.get_by_role("checkbox").uncheck()
    assert call.inner_text().endswith("/api/servers/one")
