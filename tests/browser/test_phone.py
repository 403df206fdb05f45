"""The tables on a phone, in a real Chromium."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from servers.access.tokens import issue_token
from servers.models import Heartbeat, Instance, Pool, Queue, Template
from tests.support.browser import NARROW
from tests.support.fleet import make_fleet, provision
from tests.support.pools import make_pool
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


def test_on_a_phone_the_pages_of_pools_show_all_figures(visit: Visit) -> None:
    make_fleet()
    template = Template.objects.get(name="default")
    busy = make_pool()
    failing = Queue.objects.create(name="forgejo-berlin", kind="forgejo", problem="No.")
    # All states of a pool, and its widest figures.
    figures = {"waiting": 20_000, "busy": 4, "servers": 1000, "wanted": 1000}
    values = {"template": template, "figures": figures}
    idle, unread = (
        Queue.objects.create(name=name, kind="push", enabled=enabled)
        for name, enabled in (("pushed-by-scripts", False), ("unread", True))
    )
    for queue in (busy.queue, failing, idle, unread):
        Pool.objects.create(name=f"of-{queue}", queue=queue, **values)
    Queue.objects.update(counts={"pending": 20_000, "running": 20_000})
    # A narrow window has a scroll bar besides.
    small = {"width": NARROW - 40, "height": 780}
    page = visit("admin", viewport=small, is_mobile=True, has_touch=True)
    for path in ("/pools/", "/queues/ci/", "/pools/linux/change/"):
        page.goto(path)
        assert page.evaluate(_TOO_WIDE) == []
