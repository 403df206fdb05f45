"""The admin under the strict policy, in light and dark."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.fleet import make_fleet, provision

pytestmark = pytest.mark.pure


def test_the_admin_has_the_colours_of_the_pages_and_breaks_no_policy(
    visit: Callable[..., Any], workshop: Any
) -> None:
    make_fleet()
    provision()
    page = visit("root", reduced_motion="reduce")
    colours = []
    for path in ("/servers/", "/admin/servers/server/"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(path)
            colours.append(
                page.evaluate(
                    """() => getComputedStyle(
                      document.querySelector("#header") ?? document.body
                    ).backgroundColor"""
                )
            )
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]
