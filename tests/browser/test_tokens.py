"""The walk of a token, in a real Chromium."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from servers.access.tokens import check_token
from tests.support.browser import check_looks
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.pure


def test_a_token_is_made_copied_and_revoked(
    visit: Callable[..., Any], workshop: Any
) -> None:
    make_fleet()
    page = visit("root", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/tokens/")
    check_looks(page)
    page.keyboard.press("n")
    page.get_by_label("Name").fill("drone-autoscaler-" + "x" * 60)
    page.get_by_label("servers:write").check()
    check_looks(page)
    page.get_by_role("button", name="Create token").click()
    check_looks(page)
    page.get_by_role("button", name="Copy token").click()
    page.get_by_text("Copied.", exact=True).wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert check_token(text, now=timezone.now()) is not None
    page.get_by_role("link", name="Done").click()
    check_looks(page)
    page.get_by_role("link", name="Revoke… drone").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("Calls with it are now refused").wait_for()
    assert check_token(text, now=timezone.now()) is None
