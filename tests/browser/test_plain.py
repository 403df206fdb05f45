"""The essential acts in a browser without JavaScript: plain forms, page by page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from servers.models import Account, Fleet, Server, Template, Token
from tests.support.fleet import make_fleet, provision
from tests.support.people import make_person

pytestmark = pytest.mark.pure

PASSWORD = "a long enough password"


def test_the_essential_acts_need_no_javascript(
    visit: Callable[..., Any], workshop: Any
) -> None:
    make_fleet()
    workshop.run_to("error", provision(name="broken", image="nothing"))
    user = make_person("admin")
    # The web server knows no hasher of the tests.
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt")
    user.save()
    page = visit("", java_script_enabled=False)

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    page.goto("/servers/broken/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    press("Log in")
    press("Retry")
    page.get_by_text("Retrying broken.").wait_for()
    assert Server.objects.get().state == "pending"

    page.goto("/")
    page.get_by_role("link", name="Set pause flag…").click()
    page.get_by_label("Note for other people").fill("maintenance")
    press("Set pause flag")
    page.get_by_text("maintenance").first.wait_for()
    assert Fleet.objects.get().paused
    page.get_by_role("button", name="Clear pause flag").click()
    page.get_by_text("The pause flag is cleared").wait_for()

    page.goto("/accounts/")
    page.get_by_role("link", name="New account").click()
    page.get_by_role("link", name="Sandbox").click()
    page.get_by_label("Name").fill("drill")
    press("Test account")
    page.get_by_text("works and shows").wait_for()
    assert page.get_by_label("Name").input_value() == "drill"
    press("Save account")
    page.get_by_text("drill was saved.").wait_for()
    assert Account.objects.filter(name="drill").exists()

    page.goto("/templates/")
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name", exact=True).fill("big")
    page.get_by_label("Account", exact=True).first.select_option("drill")
    page.get_by_label("Image", exact=True).fill("debian-12")
    page.get_by_label("Size", exact=True).fill("large")
    press("Save template")
    page.get_by_text("big was saved.").wait_for()
    assert Template.objects.get(name="big").placements.get().account.name == "drill"

    page.goto("/tokens/")
    page.get_by_role("link", name="Create your first token").click()
    page.get_by_label("Name").fill("ci")
    page.get_by_label("servers:read").check()
    press("Create token")
    secret = page.locator("#secret").inner_text()
    assert secret.startswith(f"sf_{Token.objects.get().public_id}_")

    page.get_by_role("link", name="Servers", exact=True).first.click()
    page.locator(".menu summary").click()
    press("Log out")
    page.get_by_label("Username").wait_for()
    page.goto("/servers/")
    assert page.url.endswith("/login/?next=/servers/")
