"""A pool's policy: its settings, and what applies at a given time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0  # of UTC, in Unix seconds
MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes in which other settings apply. None leaves a setting as it is.

    ``cron`` matches the minutes themselves, so ``* 8-17 * * 1-5`` is from 8:00 to
    17:59 on working days.
    """

    cron: str
    min: int | None = None
    max: int | None = None
    spare: int | None = None
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A pool's settings. Durations are in seconds; 0 turns a limit off.

    ``windows`` apply in the time zone ``zone``; of several that match, each setting is
    the last one's.
    """

    min: int = 0
    max: int = 10
    slots: int = 1  # jobs at once on one server
    spare: int = 0  # free slots to keep
    spare_factor: float = 0.0  # and in parts of the busy slots
    spare_limit: int = 0
    idle: float = 5 * MINUTE  # without a job before a server may go
    min_age: float = 0.0
    max_age: float = 0.0
    max_uses: int = 0  # jobs before a server is replaced
    job_delay: float = 0.0  # that a job waits before it counts
    burst: int = 0  # creations a minute
    in_flight: int = 0  # boots at once
    cooldown: float = MINUTE  # after a creation, before a server may go
    billing: float = 0.0  # the period that the cloud charges for as a whole
    price: float = 0.0  # of a server and hour
    cost_per_hour: float = 0.0
    cost_per_day: float = 0.0  # of UTC
    keep_broken: float = 10 * MINUTE  # before a server that failed is stopped
    stale: float = 2 * MINUTE  # the age at which a snapshot counts as unknown
    passed_over: float = 10 * MINUTE  # beside free slots, before a job stops counting
    zone: str = "UTC"
    windows: tuple[Window, ...] = ()

    def at(self, now: float) -> "Policy":
        """Return the policy with the settings of the windows that match ``now``."""
        changed: dict[str, float] = {}
        minute = int(now // MINUTE)
        for window in self.windows:
            if _is_open(window.cron, self.zone, minute):
                given = {
                    "min": window.min,
                    "max": window.max,
                    "spare": window.spare,
                    "idle": window.idle,
                }
                changed |= {
                    name: value for name, value in given.items() if value is not None
                }
        if not changed:
            return self
        settled = replace(self, **changed)  # type: ignore[arg-type]
        # A window may lower only the one of them.
        return replace(settled, min=min(settled.min, settled.max))


@lru_cache(maxsize=4096)
def _is_open(cron: str, zone: str, minute: int) -> bool:
    """Tell whether a minute matches, by the clock on the wall.

    The hour that a change to summer time leaves out never matches, and the one that is
    repeated matches twice.
    """
    moment = datetime.fromtimestamp(minute * MINUTE, UTC)
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    upcoming = CronSim(cron, local - timedelta(minutes=1))
    return next(upcoming, None) == local


def parse_policy(stored: Mapping[str, Any]) -> tuple[Policy, dict[str, str]]:
    """Return the policy that JSON values say, and what is wrong, by setting.

    What is wrong keeps its default.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in stored.items():
        usual = _DEFAULTS.get(name)
        if usual is None:
            known = ", ".join(_DEFAULTS)
            wrong[name[:40]] = f"There is no such setting. Use {known}."
        elif name == "windows":
            windows, message = _parse_windows(value)
            values[name] = windows
            if message:
                wrong[name] = message
        elif message := _check_type(value, usual):
            wrong[name] = message
        else:
            values[name] = type(usual)(value)
    return Policy(**values), wrong


def _parse_windows(given: Any) -> tuple[tuple[Window, ...], str]:
    message = "Use a list of at most 50 objects with cron, min, max, spare and idle."
    if not isinstance(given, list) or len(given) > _MAX_WINDOWS:
        return (), message
    windows = []
    for each in given:
        if not isinstance(each, Mapping) or not set(each) <= _WINDOW.keys():
            return (), message
        said = {name: value for name, value in each.items() if value is not None}
        if "cron" not in said:
            return (), message
        if any(_check_type(value, _WINDOW[name]) for name, value in said.items()):
            return (), message
        # JSON may write 2 as 2.0, and servers are counted in whole numbers.
        windows.append(
            Window(**{name: type(_WINDOW[name])(said[name]) for name in said})
        )
    return tuple(windows), ""


def _check_type(value: Any, usual: Any) -> str:
    if isinstance(usual, str):
        fits = isinstance(value, str) and len(value) <= _MAX_LETTERS
        return "" if fits else "Use text."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "Use a number."
    # Of NaN, too, this is false. Python's whole numbers have no end.
    if not abs(value) <= _LARGEST:
        return f"Use a number from 0 to {_LARGEST}."
    if isinstance(usual, int) and int(value) != value:
        return "Use a whole number."
    return ""


_DEFAULTS: Final = {
    name: getattr(Policy(), name) for name in Policy.__dataclass_fields__
}
SETTINGS: Final = frozenset(_DEFAULTS) - {"slots"}  # that a pool may have
_WINDOW: Final[Mapping[str, Any]] = {
    "cron": "",
    "min": 0,
    "max": 0,
    "spare": 0,
    "idle": 0.0,
}
_MAX_WINDOWS: Final = 50
_MAX_LETTERS: Final = 100
_LARGEST: Final = MOST * 10
_SMALLEST: Final = 1e-6  # apart from 0; dividing by less may give infinity


def check_policy(policy: Policy) -> Mapping[str, str]:
    """Return what is wrong with a policy, by setting; empty if nothing."""
    wrong = {
        name: message
        for name in Policy.__dataclass_fields__
        if (message := _check_range(getattr(policy, name)))
    }
    if policy.slots < 1:
        wrong["slots"] = "Use at least 1."
    if not policy.stale:
        # Every answer would be too old, so nothing would ever change.
        wrong["stale"] = "Use more than 0."
    if policy.min > policy.max:
        wrong["min"] = "Use at most max."
    if policy.max_age and policy.max_age <= policy.min_age:
        wrong["max_age"] = "Use more than min_age, or 0 for no limit."
    wrong |= {
        name: "A limit on cost needs the price of a server. Set the price, too."
        for name in ("cost_per_hour", "cost_per_day")
        if getattr(policy, name) and not policy.price
    }
    try:
        ZoneInfo(policy.zone)
    except (OSError, ValueError, KeyError):
        wrong["zone"] = "Use a time zone such as Europe/Berlin."
    for window in policy.windows:
        message = _check_window(window)
        if message:
            wrong["windows"] = message
    return wrong


def _check_range(value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    if not 0 <= value <= _LARGEST:
        return f"Use a number from 0 to {_LARGEST}."
    is_tiny = isinstance(value, float) and 0 < value < _SMALLEST
    return f"Use 0, or at least {_SMALLEST:f}." if is_tiny else ""


def _check_window(window: Window) -> str:
    shown = window.cron[:40]
    try:
        if len(window.cron.split()) != 5:
            raise CronSimError(shown)
        next(CronSim(window.cron, datetime(2024, 1, 1)), None)  # noqa: DTZ001 - a wall clock's
    except CronSimError:
        return f"{shown!r} is not a cron expression. Use one such as * 8-17 * * 1-5."
    given = (window.min, window.max, window.spare, window.idle)
    if any(value is not None and not 0 <= value <= MOST for value in given):
        return f"{shown}: use numbers from 0 to {MOST}."
    if window.min is not None and window.max is not None and window.min > window.max:
        return f"{shown}: use a min that is not above max."
    return ""
