"""The page of the API's description in a real browser, with its security policy."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

pytestmark = [
    pytest.mark.pure,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium"),
]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    # Playwright runs an event loop in this thread.
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=list(QUIET)
        )
        yield browser.new_page()
        browser.close()


def test_it_renders_and_tries_a_call_without_console_messages(
    page: Page, live_server: Any
) -> None:
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(f"{live_server.url}/api/docs")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "img-src 'self' data:" in policy
    assert "unsafe" not in policy
    page.locator("#operations-servers-createServers").wait_for()
    assert page.locator(".opblock").count() > 40
    page.click("#operations-service-getVersion .opblock-summary-control")
    page.click("#operations-service-getVersion .try-out__btn")
    page.click("#operations-service-getVersion .execute")
    shown = page.locator("#operations-service-getVersion .live-responses-table")
    shown.get_by_text('"version"').wait_for()
    assert said == []
    assert all(url.startswith((live_server.url, "data:image/")) for url in asked), asked


def test_no_other_page_allows_data_images(client: Any, db: None) -> None:
    assert "data:" not in client.get("/login/")["Content-Security-Policy"]
    assert client.post("/api/docs").json()["message"]
