"""Links in answers: what a server says where the next page or another resource is."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

_LINKS: Final = re.compile(r"<([^<>]+)>\s*((?:;[^,<>]*)?)")
_PORTS: Final = {"http": 80, "https": 443}


def find_link(header: str, rel: str) -> str:
    """Return the target of a Link header with this relation, or "" (RFC 8288)."""
    for target, parameters in _LINKS.findall(header):
        given = {each.strip() for each in parameters.split(";")}
        if given & {f'rel="{rel}"', f"rel={rel}"}:
            return str(target)
    return ""


def read_query(link: str) -> dict[str, str]:
    """Return the query of a link."""
    parts = split_link(link)
    return dict(parse_qsl(parts.query)) if parts is not None else {}


def split_link(url: str) -> SplitResult | None:
    """Return the parts of a link; None if it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def name_origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port: who gets what is sent there."""
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port
