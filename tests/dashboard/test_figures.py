"""The figures of the overview: what happened, and how long boots took."""

from datetime import timedelta

import pytest

from servers.models import Attempt, Event
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from servers.reports.overview import RANGES, load_overview
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.trouble import write_history

pytestmark = pytest.mark.django_db(transaction=True)


def test_figures_count_what_happened_and_how_long_boots_took() -> None:
    make_fleet()
    write_history(hours=30, boot=40.0)
    for chosen in RANGES:
        figures = load_overview(chosen, now=database_now())
        assert len(figures.steps) == chosen.steps
        since = figures.steps[0].at
        ready = Event.objects.filter(kind="ready", at__gte=since).count()
        assert figures.created == ready > 0
        assert figures.boots.count == Event.objects.filter(kind="ready").count()
        assert 28 <= (figures.boots.p50 or 0) <= (figures.boots.p95 or 0) <= 61
        assert figures.before.count == 0
    Event.objects.update(at=database_now() - timedelta(days=9))
    Attempt.objects.update(ready_at=database_now() - timedelta(days=9))
    figures = load_overview(RANGES[0], now=database_now())
    assert (figures.created, figures.boots.count) == (0, 0)


def test_destroyed_are_those_that_had_an_instance(workshop: Workshop) -> None:
    make_fleet()
    never, had = provision(name="never"), provision(name="had")
    terminate_server("never")
    workshop.run_to("running", had)
    terminate_server("had")
    workshop.run_to("stopped", never, had)
    gone = Event.objects.filter(kind="absence_confirmed").count()
    figures = load_overview(RANGES[0], now=database_now())
    assert (gone, figures.destroyed) == (2, 1)


def test_a_create_without_an_answer_counts_as_failed(workshop: Workshop) -> None:
    make_fleet(faults={"timeout_before": 1})
    provision()
    workshop.run_until(Attempt.objects.filter(outcome="absent").exists)
    figures = load_overview(RANGES[0], now=database_now())
    assert figures.failures == (("UnknownOutcome", 1),)
