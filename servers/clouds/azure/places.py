"""The clouds that Microsoft runs: where their APIs are, and where they sign in.

Source: Azure's documentation, "National clouds" and "Azure Resource Manager endpoints".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from servers.clouds.base import CloudConfig

PUBLIC: Final = "public"
CLOUDS: Final = {
    PUBLIC: "Azure",
    "usgov": "Azure Government (United States)",
    "china": "Azure in China (21Vianet)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The address of an API, of its sign-in, and what a token for it is valid for."""

    api: str
    login: str
    resource: str
    # Whether its API takes tags for what is created inside of a virtual machine. The
    # other clouds get new versions later, and nothing tells when.
    tags_parts: bool = False


_PLACES: Final[Mapping[str, Place]] = {
    PUBLIC: Place(
        "https://management.azure.com",
        "https://login.microsoftonline.com",
        "https://management.azure.com/",
        tags_parts=True,
    ),
    "usgov": Place(
        "https://management.usgovcloudapi.net",
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net/",
    ),
    "china": Place(
        "https://management.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
        "https://management.chinacloudapi.cn/",
    ),
}
_OWN: Final = frozenset(urlsplit(place.api).hostname for place in _PLACES.values())


def find_place(config: CloudConfig) -> Place:
    """Return where an account's calls go.

    An endpoint that is not Microsoft's own signs in by itself, so that the secret goes
    nowhere else.
    """
    known = _PLACES.get(str(config.options.get("cloud") or PUBLIC), _PLACES[PUBLIC])
    endpoint = config.endpoint.rstrip("/")
    if not endpoint:
        return known
    for place in _PLACES.values():
        if is_own(endpoint) and urlsplit(endpoint).hostname == _host(place):
            return replace(place, api=endpoint)
    return replace(known, api=endpoint, login=endpoint)


def is_own(url: str) -> bool:
    """Tell whether an endpoint is Microsoft's own, over HTTPS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname in _OWN and parts.port is None


def _host(place: Place) -> str:
    return urlsplit(place.api).hostname or ""
