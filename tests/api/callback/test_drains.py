"""Instances that report hear of cordons and drains, and tell of builds and Docker."""

from typing import Any

import pytest
from django.db.models.functions import Now

from servers.lifecycle.conditions import Met, NotYet
from servers.models import Event, Host, Server
from servers.operations.terminate import protect_server, terminate_server
from servers.placing.machines import describe_machine_of
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.api.callback.calling import AGENT, GO_ON
from tests.support.ageing import jump
from tests.support.fleet import Workshop, world_of
from tests.support.reporters import (
    Reporter,
    give_token,
    make_callback_fleet,
    start_server,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_failed_server_hears_of_its_drain_as_soon_as_a_running_one(
    workshop: Workshop,
) -> None:
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    Server.objects.filter(pk=server.pk).update(state="error", error="…")
    # Refused, the instance would wait for minutes before it asks again.
    assert reporter.beat(builds=["b1"]).json() == GO_ON
    terminate_server(server.name)
    assert reporter.beat(builds=["b1"]).json()["drain"] is True


def test_a_heartbeat_is_answered_with_cordon_and_drain(
    workshop: Workshop, settings: Any
) -> None:
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    # Nobody asked for that.
    assert reporter.beat(builds=["b1"], drained=True).json() == GO_ON
    assert Host.objects.get().drained_at is None
    reporter.beat(agent="ended")
    assert Host.objects.get().agent_missing
    Server.objects.filter(pk=server.pk).update(cordoned=True)
    reporter.beat(agent="ended")
    assert not Host.objects.get().agent_missing
    assert reporter.beat(builds=["b1"]).json() == {**GO_ON, "cordon": True}
    terminate_server(server.name)
    drains = {"cordon": True, "drain": True, "again": 5}
    assert reporter.beat(builds=["b1", "b2"]).json() == drains
    Server.objects.filter(pk=server.pk).update(next_step_at=Now())
    waits = Server.objects.filter(
        waiting__startswith="Waiting for 2 builds to finish. Still running: b1, b2. It"
    )
    workshop.run_until(waits.exists)
    server.refresh_from_db()
    assert server.state == "shutdown"
    assert reporter.boot("ready").json() == drains  # its first answer was lost
    # A build that was sent just before the cordon may not have shown yet.
    settings.DRAIN_RECHECK = 3600
    assert reporter.beat(drained=True).json() == drains
    assert Host.objects.get().drained_at is None
    settings.DRAIN_RECHECK = 0
    assert reporter.beat(drained=True).json() == drains
    workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained")
    said = "The instance reported that its agent and its builds ended."
    assert drained.reason == said


def test_a_server_whose_agent_had_its_one_build_ends_by_its_own_report(
    workshop: Workshop, settings: Any
) -> None:
    settings.DRAIN_RECHECK = 0
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    rows = Server.objects.filter(pk=server.pk)
    rows.update(protected=True)
    soon = {**GO_ON, "again": 5}
    assert reporter.beat(agent="spent").json() == soon
    spent_at = Host.objects.get().agent_spent_at
    workshop.run_until(rows.filter(waiting__contains="is protected").exists)
    assert reporter.beat(agent="spent").json() == soon
    host = Host.objects.get()
    assert (host.agent_spent_at, host.agent_missing) == (spent_at, False)
    protect_server(server.name, protected=False)
    workshop.run_to("shutdown", server)
    drains = {"cordon": True, "drain": True, "again": 5}
    assert reporter.beat(agent="spent", drained=True).json() == drains
    workshop.run_to("stopped", server)
    (asked,) = Event.objects.filter(server=server, kind="stop_requested")
    assert asked.reason.startswith("Its agent has ended after the one build that it")
    assert server.error == ""


def test_an_instance_that_was_never_ready_is_told_to_drain_and_waited_for(
    workshop: Workshop, settings: Any
) -> None:
    settings.DRAIN_RECHECK = 0
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    terminate_server(server.name)
    workshop.run_for(0.5)
    server.refresh_from_db()
    # Its agent may take builds, although no report has arrived.
    assert server.state == "shutdown"
    why = explain_server(server, now=database_now()).sentence
    assert why.startswith("It is told to drain once it reports next. It waits until ")
    assert why.endswith("longer if it answers, because the server was never ready.")
    drains = {"cordon": True, "drain": True, "again": 5}
    assert reporter.boot("booting", "Install Docker").json() == drains
    told = Host.objects.get().drain_told_at
    assert told is not None
    assert reporter.beat(builds=["b1"], docker="answers").json() == drains
    assert reporter.beat(builds=[], docker="silent").json() == drains
    assert Host.objects.get().drain_told_at == told
    server.refresh_from_db()
    why = explain_server(server, now=database_now()).sentence
    assert why.startswith(f"It was told to drain at {told:%H:%M:%S} UTC, and has not ")
    assert "never ready" not in why
    assert reporter.beat(drained=True).json() == drains
    workshop.run_to("stopped", server)


def test_what_can_have_no_builds_goes_at_once(workshop: Workshop) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained")
    assert drained.reason == "It was never ready, so no build runs on it."


def test_a_drain_that_nobody_could_hear_of_gives_notice_once_servers_are_back(
    workshop: Workshop, settings: Any
) -> None:
    settings.DRAIN_RECHECK = 0
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    workshop.deaf = True
    terminate_server(server.name)
    workshop.deaf = False
    # ServerFleet was away for two hours, and the timeout was one.
    jump(7200.0, world_of(server.account))
    workshop.run_for(1)
    server.refresh_from_db()
    assert server.state == "shutdown"
    assert Host.objects.get().checked_at is not None
    assert reporter.beat(builds=["b1"]).json()["drain"] is True
    workshop.run_for(0.5)
    server.refresh_from_db()
    assert server.state == "shutdown"
    jump(200.0, world_of(server.account))
    workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained")
    assert drained.reason == "The drain timeout has passed. Still running: b1."


def test_a_docker_that_hangs_fails_the_checks_of_health(workshop: Workshop) -> None:
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    reporter.beat(docker="silent")
    condition = describe_machine_of(server, Host.objects.get()).healthy
    assert condition is not None
    said = NotYet("The instance reported that its Docker does not answer.")
    assert condition.judge("", database_now()) == said
    reporter.beat(docker="answers")
    condition = describe_machine_of(server, Host.objects.get()).healthy
    assert condition is not None
    assert condition.judge("", database_now()) == Met("A heartbeat came.")
    # What an own image sends that knows nothing of it.
    reporter.beat(docker="silent")
    reporter.beat()
    assert not Host.objects.get().docker_silent
    assert reporter.send("heartbeat", {"docker": True}).status_code == 400
