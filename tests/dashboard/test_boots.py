"""Boot time is one thing: from the create call until ready, on whatever page."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from servers.dashboard.servers.choices import list_choices
from servers.dashboard.servers.steps import draw_boot, find_usual, list_moves
from servers.dashboard.templates.stats import read_records
from servers.lifecycle.states import Verdict
from servers.models import Attempt, Event, Fleet, Instance, Server, Template
from servers.operations.unowned import adopt_unowned
from servers.reconciler import purge_history
from servers.records.boots import read_boots
from servers.records.ledger import database_now
from servers.reports.overview import RANGES, load_overview
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

QUEUED = timedelta(minutes=2)


def wait_in_line(server: Server) -> None:
    """Have a server be waiting for its create call for two minutes."""
    begun = database_now() - QUEUED
    Server.objects.filter(pk=server.pk).update(created_at=begun, state_since=begun)
    Event.objects.filter(server_uid=server.pk).update(at=begun)


def boot_of(server: Server) -> float:
    """What the attempt's two moments say."""
    attempt = Attempt.objects.get(server_uid=server.pk, number=server.attempt_number)
    assert attempt.ready_at is not None
    return (attempt.ready_at - attempt.asked_at).total_seconds()


def test_every_page_tells_the_same_boot_without_what_waited_before_it(
    workshop: Workshop,
) -> None:
    make_fleet()
    server, other = provision(name="one"), provision(name="two")
    wait_in_line(server)
    wait_in_line(other)
    workshop.run_to("running", server, other)
    now = database_now()
    template = Template.objects.get()
    usual = min(boot_of(server), boot_of(other))  # the lower of two is their median
    tenth = pytest.approx(usual, abs=0.11)
    assert usual < 30 < QUEUED.total_seconds()
    assert read_boots(now=now)[template.pk].p50 == tenth
    assert load_overview(RANGES[0], now=now).boots.p50 == tenth
    assert read_records(now=now)[template.pk].boots.p50 == tenth
    (choice,) = list_choices(Fleet.objects.get(), now=now)
    assert choice.boot_seconds == tenth
    found = find_usual(server, now=now)
    assert found.boot == tenth
    assert "pending" not in found.steps
    moves = list_moves(Event.objects.filter(server_uid=server.pk).order_by("id"))
    boot = draw_boot(moves, found, now=now)
    assert boot is not None
    assert boot.seconds == pytest.approx(boot_of(server), abs=0.2)
    assert boot.queued == pytest.approx(120, abs=30)
    page = log_in(make_person("viewer")).get("/servers/one/").content.decode()
    assert "Queued for 2 min" in page


def test_the_metric_counts_from_the_create_call(workshop: Workshop) -> None:
    make_fleet()
    server = provision()
    wait_in_line(server)
    workshop.run_to("running", server)
    text = Client().get("/metrics").content.decode()
    (total,) = re.findall(r"^serverfleet_boot_seconds_sum (\S+)$", text, re.MULTILINE)
    assert float(total) == pytest.approx(boot_of(server), abs=0.2)


def test_boots_outlive_their_servers(workshop: Workshop) -> None:
    make_fleet()
    server = provision()
    workshop.run_to("running", server)
    Server.objects.update(state="stopped", stopped_at=database_now() - timedelta(9))
    purge_history()
    assert not Server.objects.exists()
    assert read_boots(now=database_now())[Template.objects.get().pk].count == 1


def test_an_adopted_instance_has_no_boot_time(workshop: Workshop) -> None:
    make_fleet()
    server = provision()
    workshop.run_to("running", server)
    Server.objects.all().delete()
    Instance.objects.all().delete()
    Attempt.objects.all().delete()
    found = Instance.objects.filter(verdict=Verdict.UNEXPLAINED)
    workshop.run_until(found.exists)
    adopted = adopt_unowned(found.get().pk)
    workshop.run_to("running", adopted)
    assert Attempt.objects.get().ready_at is None
    assert read_boots(now=database_now()) == {}
