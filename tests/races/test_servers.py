"""A server whose button several admins press in the same moment."""

from collections.abc import Mapping
from typing import Any

import pytest

from servers.models import Event, Server
from tests.support.crew import (
    ROUNDS,
    Person,
    count_events,
    fill_for_all,
    find_form,
    find_winner,
    last_event,
    press,
    send_at_once,
    sort_out,
)
from tests.support.fleet import provision

pytestmark = pytest.mark.django_db(transaction=True)


def make_servers(prefix: str, **columns: Any) -> list[str]:
    """Make a server for each round, in a state."""
    names = [f"{prefix}-{number}" for number in range(ROUNDS)]
    for name in names:
        server = provision(name=name)
        Server.objects.filter(pk=server.pk).update(**columns)
    return names


def test_a_server_ends_once(crew: list[Person]) -> None:
    for name in make_servers("run", state="running", instance_id="i", address="10.0.0"):
        told = press(crew, f"/servers/{name}/terminate/", confirm=name)
        asked, _ = sort_out(
            told,
            f"Terminating {name}.",
            f"{name} is already terminating or stopped.",
        )
        assert asked >= 1
        assert (
            Event.objects.filter(server_name=name, kind="stop_requested").count() == 1
        )
        assert Server.objects.get(name=name).state in {"shutdown", "stopping"}


def test_a_server_leaves_the_list_once(crew: list[Person]) -> None:
    for name in make_servers("bad", state="error", error="no image"):
        told = press(crew, f"/servers/{name}/terminate/")
        removed, _ = sort_out(
            told,
            f"{name} was removed from the list.",
            f"There is no server named '{name}'.",
        )
        assert removed == 1
        assert (
            Event.objects.filter(server_name=name, kind="stop_requested").count() == 1
        )
        assert Server.objects.get(name=name).hidden


def test_a_server_begins_anew_once(crew: list[Person]) -> None:
    for name in make_servers("retry", state="error", error="no image"):
        told = press(crew, f"/servers/{name}/retry/")
        retried, *_ = sort_out(
            told,
            f"Retrying {name}.",
            f"{name} has changed meanwhile. Reload and look again.",
            f"{name} is pending. Only a server in error can be retried.",
        )
        assert retried == 1
        events = Event.objects.filter(server_name=name, kind="retry_requested")
        assert events.count() == 1
        server = Server.objects.get(name=name)
        assert (server.state, server.error) == ("pending", "")


def test_one_of_retry_and_removal_wins(crew: list[Person]) -> None:
    for name in make_servers("both", state="error", error="no image"):
        since = last_event()
        path = f"/servers/{name}/"
        sent: list[tuple[str, Mapping[str, Any]]]
        sent = [(f"{path}retry/", {}), (f"{path}terminate/", {})] * 2
        told = send_at_once(crew, sent)
        server = Server.objects.get(name=name)
        retries = count_events(since, kind="retry_requested")
        # Who removes one that begins anew asks for the end of that.
        assert retries <= 1
        assert count_events(since, kind="stop_requested") == 1
        assert server.want == "gone"
        assert server.hidden is (retries == 0)
        for one in told[::2]:
            assert "Retrying " in one.text or one.status == 404 or one.said


def test_a_server_is_protected_once(crew: list[Person]) -> None:
    for name in make_servers("safe"):
        since = last_event()
        told = press(crew, f"/servers/{name}/protect/")
        sort_out(told, f"{name} is protected.")
        assert count_events(since) == 1


def test_nobody_writes_over_labels_that_were_not_seen(crew: list[Person]) -> None:
    for name in make_servers("label"):
        since = last_event()
        path = f"/servers/{name}/edit/"
        forms = fill_for_all(crew, path)
        for number, form in enumerate(forms):
            form["labels"] = f"n=x{number}"
        told = send_at_once(crew, [(path, form) for form in forms])
        changed, _ = sort_out(
            told, f"{name} was changed.", "Someone else has changed the labels"
        )
        assert changed == 1
        assert count_events(since) == 1
        won = find_winner(told, f"{name} was changed.")
        assert Server.objects.get(name=name).labels == {"n": f"x{won}"}


def test_those_who_tick_the_same_servers_end_each_once(crew: list[Person]) -> None:
    names = make_servers("tick")
    forms = []
    for person in crew:
        asked = person.post("/servers/act/", {"act": "terminate", "server": names})
        forms.append(find_form(asked))
    since = last_event()
    told = send_at_once(crew, [(form.action, form.fill()) for form in forms])
    assert {one.status for one in told} == {200}
    assert count_events(since, kind="stop_requested") == ROUNDS
    for one in told:
        assert "Terminate: " in one.text


def test_a_server_is_cordoned_once(crew: list[Person]) -> None:
    for name in make_servers("cordon", state="running", instance_id="i"):
        since = last_event()
        press(crew, f"/servers/{name}/cordon/")
        assert count_events(since, kind="cordoned") == 1
        assert Server.objects.get(name=name).cordoned


def test_nobody_takes_the_cordon_from_a_server_that_ends(crew: list[Person]) -> None:
    for name in make_servers("ends", state="running", instance_id="i"):
        path = f"/servers/{name}/"
        sent: list[tuple[str, Mapping[str, Any]]]
        sent = [(f"{path}uncordon/", {}), (f"{path}terminate/", {"confirm": name})] * 2
        since = last_event()
        send_at_once(crew, sent)
        assert count_events(since, kind="stop_requested") == 1
        server = Server.objects.get(name=name)
        assert server.cordoned
        # An uncordon is an event only if it came first, when there was no cordon yet.
        assert count_events(since, kind="uncordoned") == 0
