"""What may be done derives from the table, the rights and the row; all has words."""

import dataclasses
import re

import pytest
from django.contrib.auth.models import AnonymousUser, User

from servers.dashboard.shared import messages
from servers.lifecycle.states import Event, State
from servers.lifecycle.transitions import allowed
from servers.models import Account, Host, Server, TemplateVersion
from servers.records.ledger import Fact
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person


@pytest.mark.pure
def test_every_state_and_every_kind_of_event_has_its_words() -> None:
    assert set(messages.TONES) == set(messages.MEANINGS) == set(State)
    assert set(messages.HAPPENED) == {*Event, *Fact}


@pytest.mark.pure
def test_every_state_and_tone_has_its_icon_and_its_colour() -> None:
    from django.conf import settings

    icons = (settings.BASE_DIR / "static" / "icons.svg").read_text()
    badges = (settings.BASE_DIR / "static" / "css" / "badge.css").read_text()
    for state in State:
        assert f'<symbol id="{state}"' in icons
    for tone in set(messages.TONES.values()):
        assert re.search(rf"^\.{tone} {{", badges, re.MULTILINE)


@pytest.mark.pure
@pytest.mark.parametrize("state", State)
def test_the_acts_are_those_of_the_table(state: State) -> None:
    root = User(is_superuser=True, is_active=True)
    server = Server(name="one", state=state, instance_id="i-1")
    server.recipe, server.account = TemplateVersion(), Account(kind="sandbox")
    acts = {act.name for act in messages.actions_for(server, root)}
    events = allowed(state)
    assert ("retry" in acts) is (Event.RETRY_REQUESTED in events)
    assert ("terminate" in acts) is (Event.STOP_REQUESTED in events)
    cordons = state not in {State.ERROR, State.STOPPED, State.STOPPING, State.SHUTDOWN}
    assert ("cordon" in acts) is cordons
    assert messages.actions_for(server, AnonymousUser()) == []


@pytest.mark.pure
def test_protection_and_leftovers_say_why_not() -> None:
    root = User(is_superuser=True, is_active=True)
    server = Server(name="one", state=State.ERROR, protected=True)
    acts = messages.actions_for(server, root, leftovers="It may have an instance.")
    said = {act.name: act.why_not for act in acts}
    assert said == {
        "retry": "It may have an instance.",
        "unprotect": "",
        "terminate": "It is protected. Unprotect it first.",
    }
    assert all(dataclasses.is_dataclass(act) for act in acts)


@pytest.mark.django_db(transaction=True)
def test_a_person_sees_the_acts_of_the_role_and_each_works(workshop: Workshop) -> None:
    make_fleet()
    server = provision(name="one")
    viewer, operator = log_in(make_person("viewer")), log_in(make_person("operator"))
    assert b"act-terminate" not in viewer.get("/servers/one/").content
    assert viewer.post("/servers/one/protect/").status_code == 403
    assert b"act-terminate" in operator.get("/servers/one/").content
    operator.post("/servers/one/protect/")
    text = operator.get("/servers/one/").content
    assert b"It is protected. Unprotect it first." in text
    assert b"act-terminate" not in text
    operator.post("/servers/one/unprotect/")
    server.refresh_from_db()
    assert not server.protected
    assert operator.post("/servers/none/protect/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_force_is_offered_only_where_it_changes_something(workshop: Workshop) -> None:
    make_fleet()
    server = provision(name="one")
    operator = log_in(make_person("operator"))
    for state, is_offered in ((State.RUNNING, False), (State.ERROR, True)):
        Server.objects.update(state=state, instance_id="i-1")
        asked = operator.get("/servers/one/terminate/").content
        assert (b'name="force"' in asked) is is_offered
        form = {"act": "terminate", "server": "one"}
        asked = operator.post("/servers/act/", form).content
        assert (b'name="force"' in asked) is is_offered
    Server.objects.update(state=State.SHUTDOWN)
    assert b"act-terminate" not in operator.get("/servers/one/").content
    Server.objects.update(state=State.ERROR)
    operator.post("/servers/one/terminate/", {"force": "on"})
    server.refresh_from_db()
    assert server.hidden


@pytest.mark.django_db(transaction=True)
def test_a_cordoned_server_is_marked_everywhere_until_it_is_uncordoned(
    workshop: Workshop,
) -> None:
    make_fleet()
    server = provision(name="one")
    workshop.run_to("running", server)
    operator = log_in(make_person("operator"))
    mark = 'Its page says what that stops.">cordoned<'
    pages = ("/servers/one/", "/servers/")
    is_cordoned = "one is cordoned. ServerFleet does not know what starts builds on it"
    for act, said, is_marked in (
        ("cordon", is_cordoned, True),
        ("cordon", is_cordoned, True),
        ("uncordon", "one is no longer cordoned.", False),
    ):
        answer = operator.post(f"/servers/one/{act}/", follow=True).content.decode()
        assert said in answer
        other = "uncordon" if is_marked else "cordon"
        assert f'id="act-{other}"' in answer
        for page in pages:
            assert (mark in operator.get(page).content.decode()) is is_marked
        capacity = operator.get("/").context
        assert (capacity["ready"], capacity["cordoned"]) == (
            (0, server.capacity) if is_marked else (server.capacity, 0)
        )
    operator.post("/servers/one/terminate/", {"confirm": "one"})
    assert mark not in operator.get("/servers/one/").content.decode()
    refused = operator.post("/servers/one/uncordon/", follow=True)
    assert b"being terminated or has stopped" in refused.content


@pytest.mark.django_db(transaction=True)
def test_what_a_termination_waits_for_is_said_before_and_meanwhile(
    workshop: Workshop,
) -> None:
    make_fleet(build=600.0)
    servers = [provision(name=name) for name in ("one", "two")]
    workshop.run_to("running", *servers)
    operator = log_in(make_person("operator"))
    asked = operator.get("/servers/one/terminate/").content.decode()
    assert "once its running builds have finished, after 1 h at the latest" in asked
    assert "Until then, builds can still be started on it from outside." in asked
    assert "Terminate now, without waiting for builds (force)" in asked
    both = {"act": "terminate", "server": ["one", "two"]}
    asked = operator.post("/servers/act/", both).content.decode()
    assert "after 1 h at the latest" in asked
    assert "Terminate now, without waiting for builds (force)" in asked
    operator.post("/servers/one/terminate/", {"confirm": "one"})
    workshop.run_until(Host.objects.exists)
    page = operator.get("/servers/one/").content.decode()
    assert "Still running: simulated-build. It waits until" in page
    assert "Terminate now…" in page
    asked = operator.get("/servers/one/terminate/").content.decode()
    assert "Terminate one now?" in asked
    assert "These builds are still running and will fail: simulated-build." in asked
    answer = operator.post("/servers/one/terminate/", {"force": "on"}, follow=True)
    assert b"one no longer waits for builds." in answer.content
    # Nothing is left to ask for.
    assert "Terminate now…" not in operator.get("/servers/one/").content.decode()
    asked = operator.get("/servers/one/terminate/").content.decode()
    assert "It is already terminating or stopped." in asked
