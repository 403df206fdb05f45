"""A cloud that tells only after its answer that it has no capacity: Compute Engine."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.models import Account, Attempt, Instance, Server
from servers.operations.account_test import probe_account
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.clouds.benches.google import GoogleBench
from tests.exactly_once.clouds import make_fake
from tests.support.fleet import Workshop, change_template, provision

# The cloud's answers decide, and no database.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def google(workshop: Workshop) -> Iterator[tuple[Account, Any]]:
    """An account with an open gate, and the fake behind it."""
    bench = GoogleBench()
    with bench.run() as fake:
        account = make_fake(bench).account
        change_template(
            options={"zone": "europe-west1-b"},
            fallbacks=[{"options": {"zone": "europe-west1-c"}}],
        )
        workshop.run_until(
            lambda: account.locations.filter(listings__isnull=False).exists()
        )
        yield account, fake


def test_a_lack_of_capacity_that_shows_late_falls_back_at_once_and_is_remembered(
    google: tuple[Account, Any], workshop: Workshop
) -> None:
    _, fake = google
    fake.no_capacity, fake.placing = 1, 3600.0
    server = provision()
    workshop.run_until(
        lambda: Server.objects.filter(pk=server.pk, state="created").exists()
    )
    server.refresh_from_db()
    assert server.error == ""
    why = explain_server(server, now=database_now())
    assert "looking for capacity" in why.sentence
    fake.placing = 0.0
    fake.advance(3600.0)
    workshop.run_to("running", server)
    first, second = Attempt.objects.filter(server_uid=server.pk).order_by("number")
    assert (first.outcome, first.answer_class) == ("abandoned", "NoCapacity")
    assert "does not have enough resources" in first.answer
    assert not first.is_unfinished
    assert second.outcome == "accepted"
    assert second.instance_id.startswith("europe-west1-c/")
    # The zone is not tried again for a while, and the other one is.
    other = provision()
    workshop.run_to("running", other)
    (only,) = Attempt.objects.filter(server_uid=other.pk)
    assert only.instance_id.startswith("europe-west1-c/")
    terminate_server(server.name)
    terminate_server(other.name)
    workshop.run_to("stopped", server, other)
    assert not Instance.objects.filter(live=True).exists()


def test_an_unanswered_insert_that_failed_falls_back_before_the_call_has_settled(
    google: tuple[Account, Any], workshop: Workshop
) -> None:
    account, fake = google
    timings = {**account.options["timings"], "settle": 600.0, "grace": 600.0}
    account.options = {**account.options, "timings": timings}
    account.save()
    fake.no_capacity = 1
    fake.cut(role="create")
    server = provision()
    workshop.run_to("running", server)
    first, second = Attempt.objects.filter(server_uid=server.pk).order_by("number")
    assert first.outcome == "abandoned"
    assert second.instance_id.startswith("europe-west1-c/")
    assert len([each for each in fake.seen if each.role == "create"]) == 2


def test_a_spot_instance_that_google_took_back_is_told_as_such(
    google: tuple[Account, Any], workshop: Workshop
) -> None:
    _, fake = google
    change_template(spot=True, fallbacks=[])
    server = provision()
    workshop.run_to("running", server)
    fake.take_back(fake.machines[server.instance_id], lasts=0.0)
    # Its end was between two listings: a look by its id finds the operation.
    workshop.run_to("error", server)
    assert "took its spot instance back" in server.error
    assert not Instance.objects.filter(live=True).exists()


def test_an_account_is_tested_in_words(google: tuple[Account, Any]) -> None:
    account, fake = google
    findings = probe_account(account)
    said = " ".join(each.message for each in findings)
    assert all(each.works for each in findings), said
    assert "CPUS" in said
    fake.denied = {"compute.disks.create"}
    said = " ".join(e.message for e in probe_account(account) if not e.works)
    assert "compute.disks.create" in said
    assert not [each for each in fake.seen if each.role == "create"]
