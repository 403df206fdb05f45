"""Counters for the metrics: one statement each, last in every lock order."""

import collections
from collections.abc import Sequence
from typing import Final

from django.db.models import F, FloatField

from servers.models import Counter
from servers.outgoing.errors import CallError
from servers.records.prepared import Prepared, Slot

ATTEMPTS: Final = "attempts"
FAILURES: Final = "step_failures"
BOOTS: Final = "boots"
BOOT_SECONDS: Final = "boot_seconds"
# Upper bounds in seconds. The last bucket takes the rest.
BOOT_BUCKETS: Final = ("10", "20", "30", "60", "90", "120", "180", "300", "600", "+Inf")
FAULT: Final = "Fault"

_ROW: Final = Prepared(
    Counter,
    lambda slot: Counter.objects.filter(name=slot("name"), label=slot("label")),
)
_ADDED: Final = {"value": F("value") + Slot("by", FloatField())}


def count(name: str, label: str = "", *, by: float = 1) -> None:
    """Add to a counter, in the caller's transaction if there is one."""
    key = {"name": name, "label": label}
    if not _ROW.update(_ADDED, **key, by=by):
        # If two processes get here, the second uses the row of the first.
        Counter.objects.bulk_create(
            [Counter(name=name, label=label)], ignore_conflicts=True
        )
        _ROW.update(_ADDED, **key, by=by)


def count_failure(error: CallError) -> None:
    """Count a failed call by the class of its error."""
    count(FAILURES, type(error).__name__.removesuffix("Error"))


def count_fault() -> None:
    """Count a step that failed because of a bug in ServerFleet."""
    count(FAILURES, FAULT)


def count_boots(seconds: Sequence[float]) -> None:
    """Count servers that became ready so many seconds after their create calls."""
    buckets = collections.Counter(
        next(le for le in BOOT_BUCKETS if each <= float(le)) for each in seconds
    )
    # In the order of the buckets, because other transactions count too.
    for bucket in sorted(buckets, key=BOOT_BUCKETS.index):
        count(BOOTS, bucket, by=buckets[bucket])
    if buckets:
        count(BOOT_SECONDS, by=sum(seconds))
