"""A server drains before its instance is destroyed, on a sandbox that simulates it."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from servers import engine
from servers.api.serializers.server_details import DetailsSerializer
from servers.engine.looks import weigh_look
from servers.engine.waits import Rest
from servers.lifecycle.conditions import Known, Machine, Met, NotYet
from servers.lifecycle.decisions import Probe
from servers.lifecycle.states import Event as Moved
from servers.lifecycle.states import State
from servers.machine.readiness import READINESS, Readiness
from servers.models import Event, Host, Server, Template, TemplateVersion
from servers.operations.fleet import freeze_destroys
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.lifecycle.deciding import NOW, ago, snapshot
from tests.support.fleet import Workshop, live_keys, make_fleet, provision, world_of
from tests.support.worlds import turn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    settings.DRAIN_RECHECK = 0.2


def set_timeout(seconds: int) -> None:
    template = Template.objects.get()
    template.drain_seconds = seconds
    save_template(template)


def run_one(workshop: Workshop, **options: Any) -> Server:
    make_fleet(**options)
    server = provision()
    workshop.run_to("running", server)
    return server


def say_drained(server: Server) -> str:
    return Event.objects.get(server=server, kind="drained").reason


def look_once(workshop: Workshop, server: Server) -> None:
    workshop.run_until(lambda: Host.objects.filter(server=server).exists())


def test_it_waits_for_the_build_that_why_names_and_then_ends(
    workshop: Workshop,
) -> None:
    server = run_one(workshop, build=3.0)
    terminate_server(server.name)
    began = time.monotonic()
    look_once(workshop, server)
    server.refresh_from_db()
    why = explain_server(server, now=database_now())
    assert server.state == "shutdown"
    assert server.cordoned
    for said in (why.sentence, server.waiting):
        assert said.startswith("Waiting for 1 build to finish.")
        assert "Still running: simulated-build. It waits until" in said
    assert Host.objects.get().builds == ["simulated-build"]
    details = DetailsSerializer(server).data
    assert details["builds"] == ["simulated-build"]
    assert details["problem"] == "Waiting for 1 build to finish."
    assert len(live_keys(server.account)) == 1
    workshop.run_to("stopped", server)
    assert time.monotonic() - began >= 2.5
    assert say_drained(server) == "The simulated build has finished."
    assert live_keys(server.account) == []


def test_force_ends_a_drain_that_is_under_way_once(workshop: Workshop) -> None:
    server = run_one(workshop, build=600.0)
    terminate_server(server.name)
    look_once(workshop, server)
    terminate_server(server.name)  # asking again changes nothing
    assert not Event.objects.filter(server=server, kind="forced").exists()
    for _ in range(2):
        terminate_server(server.name, force=True)
    assert Event.objects.filter(server=server, kind="forced").count() == 1
    workshop.run_to("stopped", server)
    assert say_drained(server).startswith("Terminated with force")
    # Of a server that has stopped, nothing is left to force.
    terminate_server(server.name, force=True)
    assert Event.objects.filter(server=server, kind="forced").count() == 1


def test_it_ends_at_the_timeout_and_says_what_still_ran(workshop: Workshop) -> None:
    make_fleet(build=600.0)
    set_timeout(1)
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server, seconds=20)
    said = "The drain timeout has passed. Still running: simulated-build."
    assert say_drained(server) == said


def test_an_instance_that_stops_has_no_builds(workshop: Workshop) -> None:
    server = run_one(workshop, build=600.0)
    terminate_server(server.name)
    look_once(workshop, server)
    turn(world_of(server.account), server.instance_id, "stopped", time.time())
    workshop.run_to("stopped", server)
    assert "shows its instance as 'stopped'" in say_drained(server)


def test_a_frozen_fleet_drains_and_then_waits(workshop: Workshop) -> None:
    server = run_one(workshop, build=0.5)
    freeze_destroys(frozen=True)
    terminate_server(server.name)
    workshop.run_to("stopping", server)
    workshop.run_for(0.5)
    assert len(live_keys(server.account)) == 1
    freeze_destroys(frozen=False)
    workshop.run_to("stopped", server)


def test_what_never_became_ready_is_destroyed_at_once(workshop: Workshop) -> None:
    make_fleet(build=600.0, boot=600.0)
    server = provision()
    workshop.run_to("created", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert say_drained(server) == "It was never ready, so no build runs on it."
    assert not Host.objects.exists()


class Looked:
    """A condition whose look does what a test says."""

    def __init__(self, look: Callable[..., Met | NotYet]) -> None:
        self.look = look

    def judge(self, _address: str, _now: datetime) -> Callable[..., Met | NotYet]:
        return self.look


def drain_by(
    look: Callable[..., Met | NotYet],
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    *,
    seconds: int = 60,
) -> Server:
    """Terminate a server whose kind of readiness drains by ``look``."""
    machine = Machine(drained=Looked(look))
    kind = Readiness("it is there", lambda _: machine, has_host=True)
    monkeypatch.setitem(READINESS, "odd", kind)
    make_fleet()
    set_timeout(seconds)
    TemplateVersion.objects.update(readiness="odd")
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    return server


def test_a_bug_in_a_look_holds_nothing_up_past_the_timeout(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*, timeout: float) -> Met:
        raise ZeroDivisionError

    server = drain_by(fail, workshop, monkeypatch, seconds=1)
    workshop.run_to("stopped", server, seconds=30)
    assert "The drain timeout has passed. A look failed because of a bug" in (
        say_drained(server)
    )


def test_what_an_overslept_worker_found_is_not_recorded(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def oversleep(*, timeout: float) -> NotYet:
        # Meanwhile, another worker took over.
        Server.objects.update(fence=F("fence") + 1)
        return NotYet("Builds run.", builds=("old",))

    server = drain_by(oversleep, workshop, monkeypatch)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "shutdown"
    assert server.waiting == ""
    assert not Host.objects.filter(checked_at__isnull=False).exists()


def test_a_look_that_began_before_the_cordon_settled_is_repeated(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DRAIN_RECHECK = 1.0
    looks = []

    def look(*, timeout: float) -> Met:
        looks.append(timeout)
        time.sleep(0.1)
        return Met("No build runs.")

    server = drain_by(look, workshop, monkeypatch)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert "Looking once more" in server.waiting
    workshop.run_to("stopped", server)
    # Before the moment has passed, one look for the hint and one for the call above.
    # On a busy machine that moment may have passed by the second one.
    assert len(looks) in {2, 3}
    assert say_drained(server) == "No build runs."
    assert max(looks) <= 5


@pytest.mark.pure
def test_a_look_keeps_its_pace_and_no_state_is_outlasted() -> None:
    probe = Probe("10.0.0.1", Known(Met("")), Moved.READY, timedelta(seconds=6))
    hour = NOW + timedelta(hours=1)

    def rest(state: State, until: datetime | None = None, **more: Any) -> Rest:
        seen = snapshot(state, **more)
        found = NotYet("Not yet.", until)
        decided = weigh_look(probe, found, seen, began=NOW, now=NOW)
        assert isinstance(decided, Rest)
        return decided

    later = NOW + timedelta(seconds=6)
    assert rest(State.STAGING).until == later
    assert rest(State.STAGING, hour).until == hour
    soon = NOW + timedelta(seconds=1)
    assert rest(State.STAGING, hour, deadline_at=soon).until == soon
    # A deadline that has passed waits for a listing, and is no reason to hurry.
    assert rest(State.STAGING, deadline_at=ago(1)).until == later
    assert rest(State.STAGING, ago(1)).until == later
    draining: dict[str, Any] = {"state_since": ago(10), "drain": timedelta(seconds=11)}
    draining["was_ready"] = True
    assert rest(State.SHUTDOWN, hour, **draining).until == soon
