"""The metrics: read from the database, so that every process gives the same."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Sum
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from servers.ledger import database_now
from servers.lifecycle.states import State, Verdict
from servers.models import Attempt, Instance, Scope, Server
from servers.selectors import count_by_state, is_paused


def make_registry() -> CollectorRegistry:
    """Return a registry that reads the database when it is asked."""
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
        capacity = Server.objects.filter(state=State.RUNNING).aggregate(
            sum=Sum("capacity")
        )["sum"]
        yield GaugeMetricFamily(
            "serverfleet_capacity_running",
            "Builds that running servers can take at once.",
            value=capacity or 0,
        )
        verdicts = _count(Instance.objects.filter(live=True), "verdict")
        yield _gauge(
            "serverfleet_instances",
            "Live instances under the fleet's tag, by verdict.",
            "verdict",
            {
                verdict.value: verdicts.get(verdict.value, 0)
                for verdict in Verdict
                if verdict is not Verdict.GONE
            },
        )
        yield _gauge(
            "serverfleet_attempts",
            "Create attempts kept, by outcome.",
            "outcome",
            _count(Attempt.objects.all(), "outcome"),
        )
        yield from self._collect_listings()
        yield GaugeMetricFamily(
            "serverfleet_paused",
            "1 while automatic creation is paused.",
            value=int(is_paused()),
        )

    def _collect_listings(self) -> Iterator[Metric]:
        now = database_now()
        age = GaugeMetricFamily(
            "serverfleet_listing_age_seconds",
            "Age of the last complete listing of a scope.",
            labels=["account", "region"],
        )
        failures = GaugeMetricFamily(
            "serverfleet_listing_failures",
            "Listings of a scope that failed in a row.",
            labels=["account", "region"],
        )
        for scope in Scope.objects.select_related("account"):
            labels = [scope.account.name, scope.region]
            failures.add_metric(labels, scope.failures)
            if scope.compared_at is not None:
                age.add_metric(labels, (now - scope.compared_at).total_seconds())
        yield age
        yield failures


def _count(rows: Any, field: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(field).annotate(Count("pk")))


def _gauge(
    name: str, help_text: str, label: str, values: dict[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
