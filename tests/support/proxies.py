"""The proxies whose configuration ships."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.caddy import find_caddy, run_caddy, run_caddy_with_tls
from tests.support.nginx import find_nginx, run_nginx, run_nginx_with_tls


@dataclass(frozen=True)
class Proxy:
    """How to find a proxy, and how to run it in front of a port of this machine.

    With TLS, it yields its address and the CA of its certificate.
    """

    find: Callable[[], str]
    run: Callable[[int], AbstractContextManager[int]]
    run_with_tls: Callable[[int], AbstractContextManager[tuple[str, str]]]
    missing: str


PROXIES: Final = {
    "nginx": Proxy(find_nginx, run_nginx, run_nginx_with_tls, "there is no nginx"),
    "caddy": Proxy(
        find_caddy, run_caddy, run_caddy_with_tls, "there is no Caddy 2.7 or newer"
    ),
}


def get_proxy(name: str) -> Proxy:
    """Return a proxy, or skip the test if this machine doesn't have it."""
    proxy = PROXIES[name]
    if not proxy.find():
        pytest.skip(proxy.missing)
    return proxy
