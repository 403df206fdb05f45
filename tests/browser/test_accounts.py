"""The walk of an account, in a real Chromium."""

from collections.abc import Callable
from typing import Any

import pytest

from servers.models import Account
from tests.support.browser import check_looks
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.pure


def test_an_account_is_tested_without_losing_what_was_typed_then_saved(
    visit: Callable[..., Any], workshop: Any
) -> None:
    make_fleet()
    page = visit("admin")
    page.goto("/accounts/")
    check_looks(page)
    page.get_by_role("link", name="New account").click()
    check_looks(page)
    page.get_by_role("link", name="Sandbox").click()
    page.get_by_label("Name").fill("drill")
    page.get_by_label("Server limit").fill("5")
    page.get_by_text("Cloud settings").click()
    page.get_by_label("Token", exact=True).fill("typed")
    page.get_by_label("Expected token").fill("other")
    page.get_by_label("Timeout after").fill("0.5")
    test = page.get_by_role("button", name="Test")
    test.click()
    page.locator("#findings .bad").first.wait_for()
    check_looks(page)
    assert page.get_by_label("Token", exact=True).input_value() == "typed"
    page.get_by_label("Expected token").fill("typed")
    test.click()
    page.get_by_text("These credentials may destroy instances.").wait_for()
    assert not Account.objects.filter(name="drill").exists()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("drill was saved.").wait_for()
    assert Account.objects.get(name="drill").options["faults"] == {"timeout_after": 0.5}
    check_looks(page)
    page.get_by_role("button", name="Scan for orphans now").click()
    page.get_by_text("Listing started").wait_for()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("drill was deleted").wait_for()
