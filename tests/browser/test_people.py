"""People in a real browser: a one-time password from its page to its end."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.support.browser import check_looks
from tests.support.fleet import make_fleet
from tests.support.people import make_person

pytestmark = pytest.mark.pure

PASSWORD = "violet-harbour-7"


def test_a_person_is_created_chooses_a_password_and_is_deactivated(
    visit: Callable[..., Any],
) -> None:
    make_fleet()
    page = visit("admin")
    page.goto("/people/")
    check_looks(page)
    page.get_by_role("link", name="New person").click()
    page.get_by_label("Username").fill("tomek")
    page.get_by_label("Role").select_option("operator")
    check_looks(page)
    page.get_by_role("button", name="Create person").click()
    one_time = page.locator("#secret").inner_text()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("heading", name="tomek").wait_for()
    check_looks(page)

    theirs = visit("")
    theirs.goto("/login/")
    theirs.get_by_label("Username").fill("tomek")
    theirs.get_by_label("Password").fill(one_time)
    theirs.get_by_role("button", name="Log in").click()
    theirs.get_by_role("heading", name="Choose your password").wait_for()
    check_looks(theirs)
    theirs.get_by_label("Old password").fill(one_time)
    theirs.get_by_label("New password", exact=True).fill(PASSWORD)
    theirs.get_by_label("New password confirmation").fill(PASSWORD)
    theirs.get_by_role("button", name="Change password").click()
    theirs.get_by_role("heading", name="Overview").wait_for()

    page.get_by_role("link", name="Deactivate…").click()
    page.get_by_role("heading", name="Deactivate tomek?").wait_for()
    check_looks(page)
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_text("tomek is deactivated.").wait_for()
    theirs.goto("/servers/")
    theirs.get_by_role("heading", name="Log in").wait_for()
    assert not User.objects.get(username="tomek").is_active


def test_who_is_no_staff_is_told_so_and_finds_a_way_back(
    visit: Callable[..., Any], watch: Any
) -> None:
    make_fleet()
    watch.expect("403")
    page = visit(user=make_person("viewer"))
    page.goto("/admin/")
    page.get_by_text("The Django admin is for staff only.").wait_for()
    page.get_by_role("link", name="Go to the overview").click()
    page.get_by_role("heading", name="Overview").wait_for()
