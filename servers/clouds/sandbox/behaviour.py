"""How a sandbox behaves: its times, limits and fault rates."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

FAULTS: Final = {
    "timeout_before": "The create call times out before anything is created.",
    "timeout_after": "The create call times out, but the instance is created.",
    "server_error": "Any call fails with 503 and has no effect.",
    "throttled": "Any call fails with 429 and Retry-After.",
    "unreachable": "Any call fails to connect and is never sent.",
    "partial_listing": "A page of the listing fails.",
    "stale_listing": "The listing is out of date (see Staleness).",
    "interrupts": "A spot instance is taken back some time after booting; listings "
    "announce it (see Staleness).",
    "vanish": "A new instance disappears some time after booting.",
    "never_boots": "A new instance never gets an address.",
    "fails": "A new instance fails while booting.",
    "stops": "A new instance stops some time after booting (see Staleness).",
    "slow_destroy": "The destroy call returns at once but takes effect late (see "
    "Staleness).",
    "slow": "Any call returns late (see Hang).",
    "address_changes": "A new instance changes its address some time after booting.",
    "unhealthy": "A server fails its health checks once it runs.",
    "leaves_volume": "A destroyed instance leaves a volume behind.",
}
# The label and the description of each setting, for people.
WORDS: Final = {
    "boot": ("Boot time", "Create-to-active time in seconds"),
    "latency": ("Latency", "Duration of each call in seconds"),
    "processing": ("Processing time", "Request-to-create time in seconds"),
    "visibility": ("Visibility lag", "Create-to-listed time in seconds"),
    "destroying": ("Destroy time", "Destroy-to-terminated time in seconds"),
    "listed": (
        "Listed after the end",
        "How long listings show a terminated instance, in seconds",
    ),
    "stale": ("Staleness", "Delay of stale listings and slow destroys in seconds"),
    "hang": ("Hang", "Delay of calls that are slow or time out, in seconds"),
    "build": (
        "Build time",
        "How long a build goes on after its server is terminated, in seconds",
    ),
    "well": (
        "Healthy time",
        "How long an unhealthy server passes its health checks at first, in seconds",
    ),
    "calls_per_minute": (
        "Calls per minute",
        "Calls above this rate are throttled; 0 means no limit",
    ),
    "quota": ("Quota", "Instance limit across all regions; 0 means no limit"),
    "seed": ("Seed", "The same seed produces the same faults at the same calls"),
    "power_on": (
        "Separate power-on",
        "An instance is created stopped, and a second call switches it on",
    ),
    "no_capacity": (
        "Out of capacity",
        "Sizes that have run out: size, region/size or region/*",
    ),
    "denied": (
        "Denied calls",
        "Such as create, destroy or list, or region/list for one region",
    ),
    "sizes": ("Sizes", "Available sizes"),
    "images": ("Images", "Available images"),
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Times in seconds, rates from 0 to 1."""

    boot: float = 5.0  # from created to active
    latency: float = 0.02  # of each call, before and after its effect together
    processing: float = 0.05  # from sent to created
    visibility: float = 0.0  # from created to visible
    destroying: float = 1.0  # from the destroy call to terminated
    listed: float = 60.0  # how long a terminated instance stays in listings
    stale: float = 3.0
    hang: float = 0.5  # how long a call that times out takes
    build: float = 0.0  # how long a build goes on in a drain
    well: float = 0.0  # how long an unhealthy server passes its checks at first
    calls_per_minute: float = 0.0  # 0 for no limit
    quota: float = 0.0  # instance limit across all regions; 0 for no limit
    seed: float = 0.0
    power_on: bool = False  # a second call switches an instance on
    no_capacity: tuple[str, ...] = ()  # size, region/size or region/* that ran out
    denied: tuple[str, ...] = ()  # what the token may not do: create, region/list …
    sizes: tuple[str, ...] = ("small", "medium", "large")
    images: tuple[str, ...] = ("ubuntu-24.04", "debian-12")
    faults: Mapping[str, float] = field(default_factory=dict)

    def strikes(self, fault: str, call: int) -> bool:
        """Tell whether ``fault`` hits call number ``call``. The seed decides."""
        rate = self.faults.get(fault, 0.0)
        if rate <= 0:
            return False
        # Not for secrets: the choice must be repeatable.
        return random.Random(f"{self.seed}:{fault}:{call}").random() < rate  # noqa: S311

    def plan_boot(self, call: int, start: float) -> dict[str, float | None]:
        """Return when an instance that starts to boot at ``start`` changes."""
        plan: dict[str, float | None] = {}
        if not self.strikes("never_boots", call):
            plan["active_at"] = active = start + self.boot
            if self.strikes("stops", call):
                plan["stopped_at"] = active + self.stale
            if self.strikes("address_changes", call):
                plan["moved_at"] = active + self.stale
        if self.strikes("fails", call):
            plan["failed_at"] = start + self.boot / 2
        return plan


NUMBERS: Final = tuple(
    known.name for known in fields(Behaviour) if isinstance(known.default, float)
)
LISTS: Final = ("no_capacity", "denied", "sizes", "images")


def read_behaviour(options: Mapping[str, Any]) -> Behaviour:
    """Return the behaviour for an account's options. Raise ValueError if invalid."""
    known: dict[str, Any] = {}
    for name in NUMBERS:
        if name in options:
            known[name] = float(options[name])
    if "power_on" in options:
        known["power_on"] = bool(options["power_on"])
    for name in LISTS:
        if name in options:
            entries = options[name]
            if not isinstance(entries, list) or not all(
                isinstance(entry, str) for entry in entries
            ):
                raise ValueError(f"{name} must be a list of text values")
            known[name] = tuple(entries)
    faults = options.get("faults", {})
    if not isinstance(faults, Mapping) or not set(faults) <= set(FAULTS):
        raise ValueError(f"faults must be an object of rates: {', '.join(FAULTS)}")
    if any(isinstance(rate, bool | str) for rate in faults.values()):
        raise ValueError("each rate in faults must be a number")
    rates = {name: float(rate) for name, rate in faults.items()}
    if not all(0 <= rate <= 1 for rate in rates.values()):
        raise ValueError("each rate in faults must be from 0 to 1")
    return Behaviour(**known, faults=rates)
