"""One Chromium and one web server per test process, on the database of the tests.

``visit(role)`` opens a page as somebody: ``page = visit("operator"); page.goto("/")``.
A test fails on any error, violation of the policy, failed request or foreign host.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from servers.drill.service import Service


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """The browser, gone before the tests of another folder begin."""
    from tests.support.browser import run_chromium

    # Playwright's loop runs in this thread; Django would take it for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with run_chromium() as browser:
        yield browser
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def site(django_db_setup: None) -> Iterator[str]:
    """The address of the web server."""
    from django.db import connection

    from tests.support.site import run_site

    with run_site(Path(connection.settings_dict["NAME"])) as address:
        yield address


@pytest.fixture
def watch(site: str) -> Any:
    """What no page may do; see tests/support/browser.py."""
    from tests.support.browser import Watch

    return Watch(urlsplit(site).netloc)


# Nothing changed, as /pulse/ says it: tests that look themselves are not overtaken.
_STILL = """{
  const ask = window.fetch;
  window.fetch = (url, ...rest) => String(url).endsWith("/pulse/")
    ? Promise.resolve(new Response(null, { status: 304 })) : ask(url, ...rest);
}"""


@pytest.fixture
def visit(
    transactional_db: None, workshop: Any, chromium: Any, site: str, watch: Any
) -> Iterator[Callable[..., Any]]:
    """Open a page as a person of a role, or as a stranger (no role).

    It refreshes at its slow pace, or when told to; with ``follows`` as for people.
    """
    from django.conf import settings

    from tests.support.people import make_person, session_cookie

    contexts = []

    def open_page(
        role: str = "admin", *, user: Any = None, follows: bool = False, **options: Any
    ) -> Any:
        options = {"viewport": {"width": 1440, "height": 900}, **options}
        context = chromium.new_context(base_url=site, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        watch.follow(context)
        if not follows:
            context.add_init_script(_STILL)
        if user is None and role:
            user = make_person(role)
        if user is not None:
            cookie = {"name": settings.SESSION_COOKIE_NAME, "url": site}
            context.add_cookies([{**cookie, "value": session_cookie(user)}])
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    watch.close()


@pytest.fixture
def enter(chromium: Any) -> "Callable[[Service], AbstractContextManager[Any]]":
    """Log in to a running service, as who has its address and a password does."""
    from tests.support.browser import Watch

    @contextmanager
    def log_in(service: "Service") -> Iterator[Any]:
        host = f"127.0.0.1:{service.port}"
        context = chromium.new_context(
            base_url=f"http://{host}", viewport={"width": 1440, "height": 900}
        )
        # Long, for what workers and clouds do meanwhile.
        context.set_default_timeout(40_000)
        watch = Watch(host)
        watch.follow(context)
        try:
            page = context.new_page()
            page.goto("/")
            page.get_by_label("Username").fill("admin")
            page.get_by_label("Password").fill("correct-horse-battery")
            page.get_by_role("button", name="Log in").click()
            page.get_by_role("heading", name="Overview").wait_for()
            yield page
        finally:
            context.close()
        watch.close()

    return log_in
