"""The proxy through which a call to a cloud goes.

The environment sets it, as for curl and the clouds' own tools: HTTPS_PROXY for https://,
HTTP_PROXY for http://, ALL_PROXY for both, and NO_PROXY for hosts to call directly.
Addresses of this machine are always called directly.
"""

import ipaddress
import os
from typing import Final
from urllib.parse import urlsplit

from requests.utils import should_bypass_proxies

_SCHEMES: Final = frozenset({"http", "https"})


class ProxyError(ValueError):
    """The proxy setting can't be used. ``message`` says which one, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _read_variable(name: str) -> str:
    # Lower case first, like curl.
    return os.environ.get(name.lower()) or os.environ.get(name) or ""


def find_proxy(url: str) -> str:
    """Return the URL of the proxy for a URL, "" for none. Raises ProxyError."""
    parts = urlsplit(url)
    name = f"{parts.scheme.upper()}_PROXY"
    name = name if _read_variable(name) else "ALL_PROXY"
    proxy = _read_variable(name)
    if not proxy or _is_here(parts.hostname or "") or _is_exempt(url):
        return ""
    check_proxy(name, proxy)
    return proxy if "://" in proxy else f"http://{proxy}"


def check_proxy(name: str, proxy: str) -> None:
    """Raise ProxyError if the proxy in a variable can't be used."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        usable = parts.scheme in _SCHEMES and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ProxyError(
            f"{name} is set but can't be used. Set it to a proxy such as "
            "http://proxy.example.com:3128."
        )


def list_problems() -> list[str]:
    """Return what is wrong with the proxy settings in the environment."""
    problems = []
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        if proxy := _read_variable(name):
            try:
                check_proxy(name, proxy)
            except ProxyError as error:
                problems.append(error.message)
    if _read_variable("HTTP_PROXY") and not (
        _read_variable("HTTPS_PROXY") or _read_variable("ALL_PROXY")
    ):
        problems.append(
            "HTTP_PROXY is set but HTTPS_PROXY is not. Clouds are called over HTTPS, "
            "so these calls bypass the proxy. Set HTTPS_PROXY as well."
        )
    return problems


def explain_way(url: str) -> str:
    """Return a sentence on how the proxy settings affect a URL, or "".

    It leaves out the user and password that a proxy's URL may contain.
    """
    parts = urlsplit(url)
    try:
        proxy = find_proxy(url)
    except ProxyError as error:
        return error.message
    if proxy:
        return f"Calls go through the proxy {name_proxy(proxy)}."
    if _read_variable(f"{parts.scheme.upper()}_PROXY") or _read_variable("ALL_PROXY"):
        host = (parts.hostname or "")[:100]
        if _is_here(host):
            return ""
        return f"The proxy is not used because NO_PROXY exempts {host}."
    if parts.scheme == "https" and _read_variable("HTTP_PROXY"):
        return "HTTP_PROXY is not used for HTTPS. Set HTTPS_PROXY as well."
    return ""


def name_proxy(proxy: str) -> str:
    """Return a proxy's host and port."""
    parts = urlsplit(proxy)
    host = parts.hostname or ""
    return f"{host}:{parts.port}" if parts.port else host


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine, which a remote proxy can't reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_exempt(url: str) -> bool:
    no_proxy = _read_variable("NO_PROXY")
    if no_proxy.strip() == "*":
        return True
    return bool(no_proxy) and bool(should_bypass_proxies(url, no_proxy=no_proxy))
