"""What may be done derives from the table, the rights and the row; all has words."""

import dataclasses
import re

import pytest
from django.contrib.auth.models import AnonymousUser, User

from servers.dashboard.shared import messages
from servers.lifecycle.states import Event, State
from servers.lifecycle.transitions import allowed
from servers.models import Server
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
    acts = {act.name for act in messages.actions_for(server, root)}
    events = allowed(state)
    assert ("retry" in acts) is (Event.RETRY_REQUESTED in events)
    assert ("terminate" in acts) is (Event.STOP_REQUESTED in events)
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
