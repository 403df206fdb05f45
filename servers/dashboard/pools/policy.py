"""A pool's policy in forms and on pages: what each setting is called, and its words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from servers.lifecycle.pools.policy import Policy
from servers.wording import say_duration


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``unit`` is "s" for durations, or "" for numbers."""

    name: str
    label: str
    help: str
    unit: str = ""


GROUPS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Size": (
        Setting("min", "Minimum servers", "Kept even while no job waits."),
        Setting(
            "max",
            "Maximum servers",
            "Every server that is not confirmed gone counts, even a failed one.",
        ),
        Setting(
            "spare",
            "Spare slots",
            "Kept free, so that the next jobs start at once. A server has as many "
            "slots as its template's capacity.",
        ),
        Setting(
            "idle",
            "Idle time",
            "How long a server must be idle before it may be terminated.",
            "s",
        ),
    ),
    "More spare slots": (
        Setting(
            "spare_factor",
            "Share of busy slots",
            "To keep free: 0.2 means a fifth as many as are busy.",
        ),
        Setting(
            "spare_limit", "Spare limit", "The most slots to keep free. 0: no limit."
        ),
    ),
    "How fast it grows": (
        Setting(
            "job_delay",
            "Job delay",
            "How long a job waits before a server is created for it.",
            "s",
        ),
        Setting("burst", "Creations per minute", "0: no limit."),
        Setting("in_flight", "Boots at once", "0: no limit."),
        Setting(
            "passed_over",
            "Passed over after",
            "How long a job may wait although slots are free, before it no longer "
            "counts.",
            "s",
        ),
        Setting(
            "stale",
            "Queue timeout",
            "If the queue's last answer is older, nothing changes.",
            "s",
        ),
    ),
    "How fast it shrinks": (
        Setting(
            "cooldown",
            "Cooldown",
            "How long after a creation no server is terminated.",
            "s",
        ),
        Setting("min_age", "Minimum age", "A younger server is not terminated.", "s"),
        Setting(
            "max_age", "Maximum age", "An older server is replaced. 0: never.", "s"
        ),
        Setting(
            "max_uses",
            "Maximum jobs",
            "A server that has run as many is replaced. 0: never.",
        ),
        Setting(
            "billing",
            "Billing period",
            "The period that the cloud charges in full. Servers are terminated at its "
            "end.",
            "s",
        ),
        Setting(
            "keep_broken",
            "Keep failed servers",
            "How long you can look at a failed server before it is terminated.",
            "s",
        ),
    ),
    "Cost": (
        Setting("price", "Price per server-hour", "What one server of the pool costs."),
        Setting(
            "cost_per_hour", "Cost limit per hour", "For all servers. 0: no limit."
        ),
        Setting(
            "cost_per_day",
            "Budget per day",
            "For all servers, on a day in UTC. Once it is spent, no server is created, "
            "and existing ones stay. 0: no limit.",
        ),
    ),
}
# Written as text, not as numbers.
TEXTS: Final = frozenset({"zone", "windows"})
USUAL: Final = Policy()
MAX_DIGITS: Final = 20  # of a number in a window


def list_settings(stored: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a pool's policy says: its size, and what is not as usual."""
    for title, group in GROUPS.items():
        for each in group:
            value = stored.get(each.name, getattr(USUAL, each.name))
            if title == "Size" or value != getattr(USUAL, each.name):
                yield each.label, _show(each, value)
    if windows := stored.get("windows"):
        yield "Time zone", str(stored.get("zone", USUAL.zone))
        for line in write_windows(windows).splitlines():
            yield "Window", line


def _show(each: Setting, value: Any) -> str:
    if each.unit and isinstance(value, int | float):
        return say_duration(float(value)) if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def write_windows(windows: list[Mapping[str, Any]]) -> str:
    """Return windows as lines: ``* 8-17 * * 1-5 min=3 idle=600``."""
    lines = []
    for each in windows:
        given = [f"{k}={v:g}" for k, v in each.items() if k != "cron" and v is not None]
        lines.append(" ".join([str(each["cron"]), *given]))
    return "\n".join(lines)


def read_windows(text: str) -> list[dict[str, Any]]:
    """Return the windows that lines say. Raise ValueError with what is wrong."""
    windows = []
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = line.split()
        found: dict[str, Any] = {"cron": " ".join(parts[:5])}
        for part in parts[5:]:
            name, _, value = part.partition("=")
            if name not in {"min", "max", "spare", "idle"} or not _is_number(value):
                raise ValueError(
                    f"{part[:40]!r} is not min, max, spare or idle with a number. "
                    "Write a line such as: * 8-17 * * 1-5 min=3"
                )
            found[name] = float(value) if "." in value else int(value)
        windows.append(found)
    return windows


def _is_number(text: str) -> bool:
    digits = text.replace(".", "", 1)
    return len(text) <= MAX_DIGITS and digits.isascii() and digits.isdigit()
