"""Take the pictures: ``python -m tests.screenshots [folder]``.

Without a folder those that the docs show are taken, into docs/images; with one every
page, light and dark, wide and narrow: ``servers-dark-narrow.png``.
"""

import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from servers.drill.service import ROOT, Service
from tests.support.browser import NARROW, WIDE, Watch, run_chromium
from tests.support.moto import run_moto
from tests.support.pool_walk import walk_to_a_pool

IMAGES: Final = ROOT / "docs" / "images"
WHO: Final = "ada"
WORD: Final = "correct-horse-battery"
HEIGHTS: Final = {WIDE: 900, NARROW: 780}
MAX_HIGH: Final = 1100


SHOWN: Final = ("README.md", "docs/guide.md", "docs/pools.md")
WALK: Final = "pool-walk-"  # before the names of the pictures of the walk to a pool


Names = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One page: its name, its path, and a link or button to press there."""

    name: str
    path: str
    press: str = ""


def main() -> None:
    """Make the fleet, and take what was asked for."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    listed = set() if len(sys.argv) > 1 else list_shown()
    folder.mkdir(parents=True, exist_ok=True)
    if not listed or any(name.startswith(WALK) for name in listed):
        take_walk(folder, listed)
    with (
        run_moto() as amazon,
        Service(SERVERFLEET_ADMIN_USERNAME=WHO) as service,
    ):
        pictures = make_fleet(service, amazon)
        take_all(service, pictures, folder, listed)
    sys.stdout.write(f"The pictures are in {folder}.\n")


def list_shown() -> set[str]:
    """Return the names of the pictures that the docs show."""
    text = "".join((ROOT / page).read_text() for page in SHOWN)
    return set(re.findall(r"images/([\w-]+\.png)", text))


def make_fleet(service: Service, amazon: str) -> list[Picture]:
    """Fill the service's database from here, beside its own processes."""
    for name in [*os.environ]:
        if name.startswith("SERVERFLEET_") or name.endswith("_URL"):
            del os.environ[name]
    os.environ.update(service.env, DJANGO_SETTINGS_MODULE="serverfleet.settings")
    import django
    from django.db import connections

    django.setup()
    from tests.screenshots.fleet import build_fleet
    from tests.screenshots.history import tell_history

    build_fleet(amazon)
    tell_history()
    pictures = list(list_pictures())
    connections.close_all()
    return pictures


def list_pictures() -> Iterator[Picture]:
    """Yield every page, with names that the fleet has made up."""
    from servers.models import Server

    def find(**where: Any) -> str:
        return Server.objects.filter(hidden=False, **where).latest("created_at").name

    running = find(state="running", template__name="linux")
    failed = find(state="error", template__name="windows")
    waiting = find(state="pending", template__name="linux-large")
    draining = find(state="shutdown", template__name="legacy")
    yield Picture("overview", "/?range=7d")
    yield Picture("servers", "/servers/")
    yield Picture("server", f"/servers/{running}/")
    yield Picture("server-error", f"/servers/{failed}/")
    yield Picture("server-waiting", f"/servers/{waiting}/")
    yield Picture("server-draining", f"/servers/{draining}/")
    yield Picture("terminate-now", f"/servers/{draining}/", "Terminate now…")
    yield Picture("terminate", f"/servers/{running}/", "Terminate…")
    yield Picture("new-server", "/servers/new/?template=linux")
    yield Picture("accounts", "/accounts/")
    yield Picture("account", "/accounts/rack-dublin/")
    yield Picture("new-account", "/accounts/new/?kind=amazon")
    yield Picture("templates", "/templates/")
    yield Picture("template", "/templates/linux/")
    yield Picture("edit-template", "/templates/linux/change/")
    yield Picture("trial", "/templates/linux/trial/")
    yield Picture("pools", "/pools/")
    yield Picture("pool", "/pools/linux/")
    yield Picture("edit-pool", "/pools/linux/change/")
    yield Picture("queue", "/queues/example/")
    yield Picture("leaks", "/leaks/")
    yield Picture("tokens", "/tokens/")
    yield Picture("new-token", "/tokens/new/")
    yield Picture("activity", "/activity/")
    yield Picture("system", "/system/")
    yield Picture("pause", "/", "Set pause flag…")
    yield Picture("api-docs", "/api/docs")
    yield Picture("admin", "/admin/servers/server/")


def take_all(
    service: Service, pictures: Iterable[Picture], folder: Path, listed: set[str]
) -> None:
    """Take each picture in every look."""
    address = f"127.0.0.1:{service.port}"
    watch = Watch(address)
    names = [(str(service.data), "var"), (f"{socket.gethostname()}:", "build-1:")]
    pictures = [Picture("login", "/login/"), *pictures]
    with run_chromium() as browser:
        for width, look in ((WIDE, "wide"), (NARROW, "narrow")):
            context = browser.new_context(
                base_url=f"http://{address}",
                viewport={"width": width, "height": HEIGHTS[width]},
                reduced_motion="reduce",
                is_mobile=True,  # its scroll bars take no place
            )
            watch.follow(context)
            page = context.new_page()
            for picture in pictures:
                for scheme in ("light", "dark"):
                    name = f"{picture.name}-{scheme}-{look}.png"
                    if not listed or name in listed:
                        page.emulate_media(color_scheme=scheme)
                        take(page, picture, folder / name, names)
                if picture.name == "login":
                    log_in(page)
            context.close()
    watch.close()


def take_walk(folder: Path, listed: set[str]) -> None:
    """Take the steps of the walk to a first pool, in each scheme, on a new service."""
    with run_chromium() as browser, Service(SERVERFLEET_ADMIN_USERNAME=WHO) as service:
        address = f"127.0.0.1:{service.port}"
        context = browser.new_context(
            base_url=f"http://{address}",
            viewport={"width": WIDE, "height": HEIGHTS[WIDE]},
            reduced_motion="reduce",
            is_mobile=True,
        )
        page = context.new_page()
        log_in(page)

        def take_step(step: str) -> None:
            high = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": WIDE, "height": min(high, MAX_HIGH)})
            for scheme in ("light", "dark"):
                name = f"{WALK}{step}-{scheme}-wide.png"
                if not listed or name in listed:
                    page.emulate_media(color_scheme=scheme)
                    page.wait_for_timeout(200)
                    page.screenshot(path=folder / name)
            page.set_viewport_size({"width": WIDE, "height": HEIGHTS[WIDE]})

        walk_to_a_pool(page, take_step)
        context.close()


# The pictures name no machine.
_RENAME: Final = """names => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    for (const [from, to] of names)
      walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
}"""


def log_in(page: Any) -> None:
    """Sign in as the first admin."""
    page.goto("/login/")
    page.get_by_label("Username").fill(WHO)
    page.get_by_label("Password").fill(WORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


def take(page: Any, picture: Picture, path: Path, names: Names) -> None:
    """Take a page as high as it is, up to a bound; a dialog over what is in sight."""
    size = page.viewport_size
    page.goto(picture.path)
    high = size["height"]
    if picture.press:
        page.get_by_text(picture.press, exact=True).first.click()
        page.get_by_role("dialog").wait_for()
    else:
        whole = page.evaluate("document.documentElement.scrollHeight")
        high = max(high, min(whole, MAX_HIGH))
    page.set_viewport_size({"width": size["width"], "height": high})
    page.wait_for_timeout(200)
    page.evaluate(_RENAME, names)
    page.screenshot(path=path)
    page.set_viewport_size(size)


if __name__ == "__main__":
    main()
