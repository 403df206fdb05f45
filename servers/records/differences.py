"""Describe changes with old and new values. Secrets only show that they changed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.db.models import Model

from servers.models.placement import PLACEMENT_FIELDS, PlacementFields

MAX_LETTERS: Final = 200  # of one value
_WORDS: Final = {
    "max_servers": "server limit",
    "order": "order of placements",
    "overrides": "allowed overrides",
    "cloud_init": "set up",
    "readiness": "ready when",
    "daemon_json": "daemon.json",
    "pull_images": "images to pull",
    "prune_hours": "delete unused images after hours",
    "local_disk": "use the local disk",
    "ssh_keys": "SSH public keys",
    "drain_seconds": "drain timeout",
    "on_health_lost": "if health is lost",
}


def read_values(row: Model | None, names: Iterable[str]) -> dict[str, Any]:
    """Return some fields of a row to compare with later, or {} for None."""
    return {} if row is None else {name: getattr(row, name) for name in names}


def read_placements(placements: Iterable[PlacementFields]) -> dict[str, Any]:
    """Return the first placement's fields, and each fallback as one value."""
    found: dict[str, Any] = {}
    for number, placement in enumerate(placements):
        values = read_values(placement, PLACEMENT_FIELDS)
        if number == 0:
            found |= values
        else:
            told = {name: value for name, value in values.items() if value}
            found[f"fallback {number}"] = told
    return found


def list_differences(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    secret: Iterable[str] = (),
    seconds: Iterable[str] = (),
) -> Iterator[str]:
    """Yield ``size: small → large`` for each value that differs.

    For names in ``secret`` it yields ``credentials replaced`` (or added, removed).
    Names in ``seconds`` are durations; 0 of ``ttl`` means no limit.
    """
    for name in dict.fromkeys([*after, *before]):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        words = _WORDS.get(name, name.replace("_", " "))
        if name in secret:
            what = "replaced" if was and now else "added" if now else "removed"
            yield f"{words} {what}"
        elif name in seconds:
            old, new = (_describe_seconds(name, value) for value in (was, now))
            yield f"{words}: {old} → {new}"
        elif isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _list_keys(words, was, now)
        else:
            yield f"{words}: {_describe(was)} → {_describe(now)}"


def _list_keys(
    words: str, was: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[str]:
    for key in sorted({*was, *now}):
        old, new = was.get(key), now.get(key)
        if old != new:
            yield f"{words} {key}: {_describe(old)} → {_describe(new)}"


def _describe_seconds(name: str, value: Any) -> str:
    return "no limit" if name == "ttl" and not value else f"{value or 0} s"


def _describe(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        value = ", ".join(f"{name}={each}" for name, each in value.items())
    elif isinstance(value, list | tuple):
        value = ", ".join(
            " ".join(str(part) for part in each.values())
            if isinstance(each, Mapping)
            else str(each)
            for each in value
        )
    text = "none" if value in ("", None) else str(value)
    return text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS - 1]}…"
