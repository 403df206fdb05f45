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
        Setting("min", "Minimum servers", "Kept although nothing waits."),
        Setting(
            "max",
            "Maximum servers",
            "All that are not confirmed gone count, even failed ones.",
        ),
        Setting("spare", "Spare slots", "Kept free, so that the next jobs start."),
        Setting("idle", "Idle time", "Without a job, before a server may go.", "s"),
    ),
    "More spare slots": (
        Setting("spare_factor", "Share of busy slots", "Such as 0.2 for a fifth."),
        Setting("spare_limit", "Most spare slots", "0 means no limit."),
    ),
    "How fast it grows": (
        Setting("job_delay", "Job delay", "That a job waits before it counts.", "s"),
        Setting("burst", "Creations a minute", "0 means no limit."),
        Setting("in_flight", "Boots at once", "0 means no limit."),
        Setting(
            "passed_over",
            "Passed over",
            "That a job may wait beside free slots before it no longer counts.",
            "s",
        ),
        Setting(
            "stale",
            "Answers count for",
            "When the queue's last answer is older, nothing changes.",
            "s",
        ),
    ),
    "How fast it shrinks": (
        Setting("cooldown", "Cooldown", "After a creation, before a server goes.", "s"),
        Setting("min_age", "Minimum age", "Before it, no server goes.", "s"),
        Setting(
            "max_age", "Maximum age", "After it, a server is replaced. 0: never.", "s"
        ),
        Setting("max_uses", "Most jobs", "After them, a server is replaced. 0: never."),
        Setting(
            "billing",
            "Billing period",
            "That the cloud charges as a whole: servers go at its end.",
            "s",
        ),
        Setting(
            "keep_broken",
            "Keep failed servers",
            "So that you can look at them, before they are terminated.",
            "s",
        ),
    ),
    "Cost": (
        Setting("price", "Price per server-hour", "Of one server of the pool."),
        Setting("cost_per_hour", "Most per hour", "For all servers. 0: no limit."),
        Setting(
            "cost_per_day",
            "Most per day",
            "Of UTC, for all servers. When it is spent, none is created, and those "
            "that are there stay. 0: no limit.",
        ),
    ),
}
# Written as text, not as numbers.
TEXTS: Final = frozenset({"zone", "windows"})
USUAL: Final = Policy()


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
    return text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit()
