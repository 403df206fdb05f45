"""The tables on a phone, in a real Chromium."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from servers.access.tokens import issue_token
from servers.models import Heartbeat, Instance
from tests.support.browser import NARROW
from tests.support.fleet import make_fleet, provision
from tests.support.trouble import open_breaker, start_processes

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]

_TOO_WIDE = """[...document.querySelectorAll(".table")]
  .filter(table => table.scrollWidth > table.clientWidth)
  .map(table => `${table.ariaLabel}: ${table.scrollWidth - table.clientWidth} px`)"""


def test_on_a_phone_no_table_is_wider_than_the_screen(
    visit: Visit, workshop: Any
) -> None:
    make_fleet()
    server = provision(name="linux-large-vmylagl7")
    workshop.run_to("running", server)
    Instance.objects.create(
        account=server.account,
        instance_id="sb-298a07edfe72",
        key="k",
        first_seen=server.created_at,
        verdict="unexplained",
        live=True,
    )
    open_breaker(server.account)
    start_processes()
    # One has stopped responding, which takes more words.
    Heartbeat.objects.filter(kind="beat").update(
        seen_at=server.created_at - timedelta(days=4)
    )
    issue_token("nightly-cleanup", scopes=["servers:read"])
    phone = {"width": NARROW, "height": 780}
    page = visit("admin", viewport=phone, is_mobile=True, has_touch=True)
    found = []
    for path in (
        *("/servers/", f"/servers/{server.name}/", "/templates/"),
        *("/templates/default/", "/templates/default/change/", "/accounts/"),
        *("/accounts/sandbox/", "/leaks/", "/tokens/", "/activity/", "/system/"),
    ):
        page.goto(path)
        found += [f"{path} {each}" for each in page.evaluate(_TOO_WIDE)]
    assert found == []
