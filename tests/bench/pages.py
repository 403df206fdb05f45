"""What the pages cost in a real Chromium, with 5,000 servers."""

import statistics
from collections.abc import Iterator
from typing import Any, Final

from playwright.sync_api import Page, Request

from servers.drill.service import Service
from tests.bench.rates import UNLIMITED, fill, still
from tests.bench.table import Row
from tests.support.browser import run_chromium

SERVERS: Final = 5000
PATHS: Final = ("/", "/servers/")
MAX_KB: Final = {"script and style": 60, "document": 100}
ROUNDS: Final = 5

_PAINT: Final = """new Promise(done => new PerformanceObserver(list =>
    done(list.getEntries().at(-1).startTime)
).observe({type: 'largest-contentful-paint', buffered: true}))"""


def measure_pages() -> Iterator[Row]:
    """Yield size and largest contentful paint of first views, as a new visitor has."""
    with Service(**UNLIMITED) as service, run_chromium() as browser:
        still(service)
        fill(service, SERVERS)
        for path in PATHS:
            views = []
            for _ in range(ROUNDS):
                context = browser.new_context(
                    base_url=f"http://127.0.0.1:{service.port}"
                )
                page = context.new_page()
                log_in(page)
                views.append(view(page, path))
                context.close()
            yield from report(path, views)


def log_in(page: Page) -> None:
    """Sign in as the first admin, with nothing else in the browser's cache."""
    page.goto("/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("correct-horse-battery")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


def view(page: Page, path: str) -> dict[str, float]:
    """Return sizes in kB as transferred, and the paint in milliseconds."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    seen: list[Request] = []

    def note(request: Request) -> None:
        seen.append(request)

    page.on("requestfinished", note)
    page.goto(path, wait_until="load")
    sizes = {"script and style": 0, "document": 0}
    for request in seen:
        size = request.sizes()["responseBodySize"]
        if request.resource_type in {"script", "stylesheet"}:
            sizes["script and style"] += size
        elif request.resource_type == "document":
            sizes["document"] += size
    paint: Any = page.evaluate(_PAINT)
    return {
        **{what: size / 1000 for what, size in sizes.items()},
        "paint": float(paint),
    }


def report(path: str, views: list[dict[str, float]]) -> Iterator[Row]:
    """Yield the rows of one page."""
    for what, most in MAX_KB.items():
        size = statistics.median(each[what] for each in views)
        yield (
            f"page {path}, first view: {what}",
            f"{size:.1f} kB",
            f"{most} kB",
            f"{size / most:.2f}",
        )
    paint = statistics.median(each["paint"] for each in views)
    yield (f"page {path}: largest contentful paint", f"{paint:.0f} ms", "–", "–")


if __name__ == "__main__":
    from tests.bench.table import print_table

    print_table(list(measure_pages()))
