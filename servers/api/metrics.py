"""The metrics, read from the database so that every process reports the same.

They are about the whole fleet, whoever asks.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Sum
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from servers.access.reach import all_accounts, all_servers
from servers.api.cost_metrics import collect_costs
from servers.api.pool_metrics import collect_pools
from servers.lifecycle.states import State, Verdict
from servers.messaging.standstill import Cause, find_fresh, find_standstill
from servers.models import (
    Account,
    Attempt,
    Counter,
    Fleet,
    Heartbeat,
    Instance,
    Location,
)
from servers.placing.location_gate import is_confirmed
from servers.records.counters import (
    ATTEMPTS,
    BOOT_BUCKETS,
    BOOT_SECONDS,
    BOOTS,
    FAILURES,
)
from servers.records.ledger import database_now
from servers.reports.leaks.load import report_leaks
from servers.reports.leaks.shapes import DECIDED, NONE, UNOWNED
from servers.reports.selectors import count_by_state


def make_registry() -> CollectorRegistry:
    """Return a registry that reads the database on each collection."""
    registry = CollectorRegistry()
    registry.register(_DatabaseCollector())
    return registry


class _DatabaseCollector(Collector):
    """Gauges of the whole fleet, in a handful of queries."""

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        states = count_by_state()
        yield _gauge(
            "serverfleet_servers",
            "Servers by state.",
            "state",
            {state.value: states.get(state.value, 0) for state in State},
        )
        capacity = (
            all_servers()
            .filter(state=State.RUNNING)
            .aggregate(sum=Sum("capacity"))["sum"]
        )
        yield GaugeMetricFamily(
            "serverfleet_capacity_running",
            "Builds that the running servers can run at once.",
            value=capacity or 0,
        )
        verdicts = _count(Instance.objects.filter(live=True), "verdict")
        yield _gauge(
            "serverfleet_instances",
            "Live instances with the fleet's tag, by verdict.",
            "verdict",
            {
                verdict.value: verdicts.get(verdict.value, 0)
                for verdict in Verdict
                if verdict is not Verdict.GONE
            },
        )
        yield _gauge(
            "serverfleet_attempts_kept",
            "Create attempts in the database, by outcome.",
            "outcome",
            _count(Attempt.objects.all(), "outcome"),
        )
        yield from self._collect_listings()
        fleet, now = Fleet.objects.get(), database_now()
        yield from _collect_switches(fleet, now)
        yield from _collect_processes(fleet, now)
        yield from _collect_proof(now)
        yield from collect_costs(now)
        yield from collect_pools(now)
        yield from _collect_counters()

    def _collect_listings(self) -> Iterator[Metric]:
        now = database_now()
        age = GaugeMetricFamily(
            "serverfleet_listing_age_seconds",
            "Age of the last complete listing of a location.",
            labels=["account", "region"],
        )
        failures = GaugeMetricFamily(
            "serverfleet_listing_failures",
            "How many listings of a location have failed in a row.",
            labels=["account", "region"],
        )
        for location in Location.objects.select_related("account"):
            labels = [location.account.name, location.region]
            failures.add_metric(labels, location.failures)
            if location.compared_at is not None:
                age.add_metric(labels, (now - location.compared_at).total_seconds())
        yield age
        yield failures


def _collect_switches(fleet: Fleet, now: datetime) -> Iterator[Metric]:
    oldest = (
        all_servers()
        .filter(next_step_at__lte=now)
        .aggregate(oldest=Min("next_step_at"))["oldest"]
    )
    for name, text, value in (
        ("paused", "1 while the pause flag is set.", fleet.paused),
        ("destroys_frozen", "1 while all destroys are frozen.", fleet.destroys_frozen),
        (
            "confirmed",
            "1 if this database is confirmed as the fleet's own, else 0.",
            is_confirmed(fleet),
        ),
        (
            "tick_age_seconds",
            "Seconds since a tick last ran; updated at most every 5 s.",
            (now - (fleet.ticked_at or fleet.created_at)).total_seconds(),
        ),
        (
            "due_seconds",
            "How long the oldest due step has been waiting.",
            (now - oldest).total_seconds() if oldest else 0,
        ),
    ):
        yield GaugeMetricFamily(f"serverfleet_{name}", text, value=float(value))
    breakers = GaugeMetricFamily(
        "serverfleet_breaker",
        "The circuit breaker of an account: 0 closed, 1 half-open, 2 open.",
        labels=["account"],
    )
    order = [
        Account.Breaker.CLOSED,
        Account.Breaker.HALF_OPEN,
        Account.Breaker.OPEN,
    ]
    for account, state in all_accounts().values_list("name", "breaker"):
        breakers.add_metric([account], order.index(Account.Breaker(state)))
    yield breakers


def _collect_processes(fleet: Fleet, now: datetime) -> Iterator[Metric]:
    """Yield the states of workers and schedulers, and why no work is done."""
    rows = list(Heartbeat.objects.all())
    fresh = find_fresh(rows, now=now)
    processes = GaugeMetricFamily(
        "serverfleet_processes",
        "Workers and schedulers (beat) by state: working, hanging or silent.",
        labels=["kind", "state"],
    )
    for kind in Heartbeat.Process:
        of_kind = [row for row in fresh if row.kind == kind]
        hanging = sum(bool(row.trouble) for row in of_kind)
        total = sum(row.kind == kind for row in rows)
        processes.add_metric([kind, "working"], len(of_kind) - hanging)
        processes.add_metric([kind, "hanging"], hanging)
        processes.add_metric([kind, "silent"], total - len(of_kind))
    yield processes
    found = find_standstill(rows, fleet, now=now)
    yield _gauge(
        "serverfleet_standstill",
        "1 for the cause while no work is being done, else 0.",
        "cause",
        {cause: int(found is not None and found.cause == cause) for cause in Cause},
    )


def _collect_proof(now: datetime) -> Iterator[Metric]:
    """Yield the numbers of /leaks/."""
    report = report_leaks(now=now)
    leaks = GaugeMetricFamily(
        "serverfleet_leaks",
        "Live instances that no server owns, by verdict, inside or outside the bound.",
        labels=["account", "region", "verdict", "outside"],
    )
    for location in report.locations:
        labels = [location.location.account.name, location.location.region]
        for verdict in (*UNOWNED, DECIDED):
            counted = location.by_verdict.get(verdict, NONE)
            leaks.add_metric([*labels, str(verdict), "false"], counted.inside)
            leaks.add_metric([*labels, str(verdict), "true"], counted.outside)
    yield leaks
    ending = (
        all_servers()
        .filter(state=State.STOPPING)
        .aggregate(count=Count("id"), oldest=Min("state_since"))
    )
    yield GaugeMetricFamily(
        "serverfleet_unconfirmed",
        "Terminated servers that are not yet confirmed gone.",
        value=ending["count"],
    )
    oldest = ending["oldest"]
    yield GaugeMetricFamily(
        "serverfleet_unconfirmed_oldest_seconds",
        "How long the oldest of them has been stopping.",
        value=(now - oldest).total_seconds() if oldest else 0,
    )


def _collect_counters() -> Iterator[Metric]:
    counters: dict[str, dict[str, float]] = {}
    for name, label, value in Counter.objects.values_list("name", "label", "value"):
        counters.setdefault(name, {})[label] = value
    for name, text, label in (
        (ATTEMPTS, "Finished create attempts, by outcome.", "outcome"),
        (FAILURES, "Failed calls and steps, by reason.", "reason"),
    ):
        counter = CounterMetricFamily(f"serverfleet_{name}", text, labels=[label])
        for value_label, value in sorted(counters.get(name, {}).items()):
            counter.add_metric([value_label], value)
        yield counter
    boots = counters.get(BOOTS, {})
    total = 0.0
    buckets = []
    for le in BOOT_BUCKETS:
        total += boots.get(le, 0.0)
        buckets.append((le, total))
    yield HistogramMetricFamily(
        "serverfleet_boot_seconds",
        "Time from the create call of a server until it was running.",
        buckets=buckets,
        sum_value=counters.get(BOOT_SECONDS, {}).get("", 0.0),
    )


def _count(rows: Any, field: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(field).annotate(Count("pk")))


def _gauge(
    name: str, help_text: str, label: str, values: dict[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
