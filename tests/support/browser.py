"""A real Chromium, and the rules that every page must follow."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NARROW: Final = 360
WIDE: Final = 1440
Scheme = Literal["light", "dark"]
Look = tuple[int, tuple[Scheme, ...]]
LOOKS: Final[tuple[Look, ...]] = (
    (NARROW, ("light", "dark")),
    (WIDE, ("light", "dark")),
)
# Each width once and each scheme once, for the many similar pages.
CROSSED: Final[tuple[tuple[Look, ...], ...]] = (
    ((NARROW, ("light",)), (WIDE, ("dark",))),
    ((NARROW, ("dark",)), (WIDE, ("light",))),
)


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """Start one browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        browser.close()


@dataclass
class Watch:
    """Record what no page may do: errors, violations, failures, other hosts.

    A test that causes one on purpose declares it: ``watch.expect("regular
    expression")``.
    """

    host: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Watch all pages of a context."""
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        context.on("request", self._check)
        context.on("requestfailed", self._fail)
        context.on("response", self._see)

    def expect(self, pattern: str) -> None:
        """Allow messages that match."""
        self.expected.append(pattern)

    def close(self) -> None:
        """Fail if anything unexpected was recorded."""
        left = [
            problem
            for problem in self.problems
            if not any(re.search(pattern, problem) for pattern in self.expected)
        ]
        if left:
            raise AssertionError("\n".join(left))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"console: {message.text} {message.location}")

    def _check(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in {self.host, ""}:
            self.problems.append(f"foreign: {request.url}")

    def _fail(self, request: Request) -> None:
        # Leaving a page cancels its requests.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed: {request.url} {request.failure}")

    def _see(self, response: Response) -> None:
        if response.status >= 500:
            self.problems.append(f"status: {response.status} {response.url}")


@cache
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


def find_faults(page: Page, *, preload: bool = True) -> list[str]:
    """Return what axe-core finds on the current page.

    ``preload`` reads the style sheets for the one rule on screen orientation. This adds
    a style to pages that have one for print.
    """
    page.evaluate(_axe())
    found: Any = page.evaluate(
        "preload => axe.run(document, {resultTypes: ['violations'], preload})", preload
    )
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


_OVERFLOW: Final = """direction => {
  const root = document.documentElement;
  root.dir = direction;
  return root.scrollWidth - root.clientWidth;
}"""


def check_looks(
    page: Page, looks: Sequence[Look] = LOOKS, *, is_admin: bool = False
) -> None:
    """Check accessibility and overflow, in light and dark, narrow and wide.

    The admin becomes right-to-left only by language, with a separate style sheet.
    """
    page.wait_for_load_state()  # right after a click, the new document may be empty
    faults = []
    for width, schemes in looks:
        page.set_viewport_size({"width": width, "height": 900})
        for direction in ("ltr",) if is_admin else ("rtl", "ltr"):
            overflow = page.evaluate(_OVERFLOW, direction)
            if overflow > 0:
                faults.append(f"{width} px, {direction}: too wide by {overflow} px")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            found = find_faults(page, preload=not is_admin)
            faults += [f"{width} px, {scheme}: {fault}" for fault in found]
    if faults:
        raise AssertionError(f"{page.url}:\n" + "\n".join(faults))


def poll_now(page: Page) -> int:
    """Make the page refresh at once, and return the answer's status."""
    with page.expect_response(
        lambda response: bool(response.request.headers.get("x-live"))
    ) as answer:
        page.evaluate("document.dispatchEvent(new Event('fleet:poll'))")
    # The answer's changes are in the page after the tasks that it started.
    page.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(done)))")
    return answer.value.status
