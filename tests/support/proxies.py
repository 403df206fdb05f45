"""The proxies whose configuration ships."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.caddy import find_caddy, run_caddy
from tests.support.nginx import find_nginx, run_nginx


@dataclass(frozen=True)
class Proxy:
    """How to find a proxy, and how to run it in front of a port of this machine."""

    find: Callable[[], str]
    run: Callable[[int], AbstractContextManager[int]]
    missing: str


PROXIES: Final = {
    "nginx": Proxy(find_nginx, run_nginx, "there is no nginx"),
    "caddy": Proxy(find_caddy, run_caddy, "there is no Caddy 2.7 or newer"),
}


def get_proxy(name: str) -> Proxy:
    """Return a proxy, or skip the test if this machine doesn't have it."""
    proxy = PROXIES[name]
    if not proxy.find():
        pytest.skip(proxy.missing)
    return proxy
