"""A template's boot times: over time as a chart and a table, and by version."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers.dashboard.templates.boot_chart import compare_boots, load_steps
from servers.models import Attempt, Template, TemplateVersion
from servers.records.ledger import database_now
from servers.reports.overview import RANGES
from tests.support.fleet import change_template, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


def boot(version: int, seconds: float, *, hours: float = 1) -> None:
    """Write down a boot of some version that was ready so long ago."""
    recipe = TemplateVersion.objects.get(number=version)
    ready = database_now() - timedelta(hours=hours)
    number = Attempt.objects.count()
    Attempt.objects.create(
        server_uid=recipe.pk,
        server_name=f"s{number}",
        number=number,
        account=recipe.placements.get().account,
        recipe=recipe,
        key=f"k{number}",
        token="t",
        asked_at=ready - timedelta(seconds=seconds),
        lease_end=ready,
        ready_at=ready,
        outcome="accepted",
    )


@pytest.fixture
def template() -> Template:
    make_fleet()
    template = change_template(image="ubuntu-26.04")
    for seconds in (40, 50, 60):
        boot(1, seconds, hours=30)
    for seconds in (20, 22, 90):
        boot(2, seconds)
    return template


def test_versions_are_compared(template: Template) -> None:
    refused = Attempt.objects.filter(recipe__number=2).first()
    assert refused is not None
    Attempt.objects.filter(pk=refused.pk).update(
        outcome="refused", answer_class="Quota", closed_at=database_now(), ready_at=None
    )
    new, old = compare_boots(template, now=database_now())
    assert (new.number, new.boots.count, new.failed) == (2, 2, 1)
    assert (old.number, old.boots.count, old.failed) == (1, 3, 0)
    assert old.boots.p50 == pytest.approx(50, abs=0.11)
    assert old.boots.p95 == pytest.approx(60, abs=0.11)


def test_each_step_has_its_percentiles_and_empty_ones_stay(template: Template) -> None:
    for chosen in RANGES:
        steps = load_steps(template, chosen, now=database_now())
        assert len(steps) == chosen.steps
        counted = sum(step.boots.count for step in steps)
        assert counted == (3 if chosen.name == "24h" else 6)
    day = load_steps(template, RANGES[0], now=database_now())
    (only,) = [step for step in day if step.boots.count]
    assert only.boots.p50 == pytest.approx(22, abs=0.11)


def test_the_page_shows_both_and_costs_the_same_for_any_number(
    template: Template,
) -> None:
    client = log_in(make_person("viewer"))
    client.get("/templates/default/")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/templates/default/?range=7d").content.decode()
        counts.append(len(queries))
        for number in range(20):
            boot(2, 30 + number)
    assert counts[0] == counts[1]
    assert 'data-kind="boots"' in page
    assert 'data-low="' in page
    assert "#version-2" in page
    assert "<script>" not in page  # the strict policy takes files alone
    wrong = client.get("/templates/default/?range=<b>")
    assert wrong.status_code == 200


def test_a_template_without_boots_says_so() -> None:
    make_fleet()
    page = log_in(make_person("viewer")).get("/templates/default/").content.decode()
    assert "No server of this template became ready in the last 7 days." in page
