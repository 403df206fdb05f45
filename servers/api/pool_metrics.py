"""The metrics of pools and their queues, from what the last plans found."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from servers.access.reach import all_pools, all_queues
from servers.reports.pool_chart import read_waits

WAITS_OF: Final = timedelta(hours=1)
_COUNTERS: Final = (
    ("plans", "Plans that a pool made."),
    ("changes", "Plans of a pool that created, cordoned, uncordoned or stopped."),
    ("holds", "Plans of a pool that changed nothing, as its queue was unknown."),
    ("idle_seconds", "Slot-seconds that a pool's ready servers had no job."),
)


def collect_pools(now: datetime) -> Iterator[Metric]:
    """Yield the figures of all pools and queues, in three queries."""
    pools = list(all_pools().order_by("name").values("name", "figures", "totals"))
    jobs = _gauge("jobs", "Jobs that wait for a pool, by why.", "state")
    slots = _gauge("slots", "Slots of a pool's servers: jobs at once.", "state")
    servers = _gauge("servers", "Servers of a pool that are not confirmed gone.")
    wanted = _gauge("wanted", "Servers that a pool wants.")
    for pool in pools:
        name, figures = pool["name"], pool["figures"]
        for state in ("waiting", "held", "passed"):
            jobs.add_metric([name, state], figures.get(state, 0))
        for state in ("busy", "idle"):
            slots.add_metric([name, state], figures.get(state, 0))
        booting = figures.get("free", 0) - figures.get("idle", 0)
        slots.add_metric([name, "booting"], max(0, booting))
        servers.add_metric([name], figures.get("servers", 0))
        wanted.add_metric([name], figures.get("wanted", 0))
    yield from (jobs, slots, servers, wanted)
    for total, text in _COUNTERS:
        counter = CounterMetricFamily(
            f"serverfleet_pool_{total}", text, labels=["pool"]
        )
        for pool in pools:
            counter.add_metric([pool["name"]], pool["totals"].get(total, 0))
        yield counter
    yield _collect_waits(now)
    yield from _collect_queues(now)


def _collect_waits(now: datetime) -> Metric:
    waits = _gauge(
        "wait_seconds",
        "How long the jobs had waited that a pool's servers began in the last hour.",
        "quantile",
    )
    for name, found in sorted(read_waits(now=now, lately=WAITS_OF).items()):
        for quantile, seconds in (("0.5", found.p50), ("0.95", found.p95)):
            if seconds is not None:
                waits.add_metric([name, quantile], seconds)
    return waits


def _collect_queues(now: datetime) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "serverfleet_queue_age_seconds",
        "Age of the last answer of an enabled queue.",
        labels=["queue"],
    )
    unmatched = GaugeMetricFamily(
        "serverfleet_queue_unmatched",
        "Jobs of a queue that wait and that no pool can run.",
        labels=["queue"],
    )
    rows = all_queues().filter(enabled=True).order_by("name")
    for name, read_from, sorts in rows.values_list("name", "read_from", "unmatched"):
        if read_from is not None:
            age.add_metric([name], (now - read_from).total_seconds())
        unmatched.add_metric([name], sum(sort["count"] for sort in sorts))
    yield age
    yield unmatched


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"serverfleet_pool_{name}", text, labels=["pool", *labels])
