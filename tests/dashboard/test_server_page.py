"""The page of one server: steps, why, history, connection, changes, its end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.dashboard.servers.connect import write_call
from servers.dashboard.servers.steps import Usual, draw_boot, draw_end, weigh_boots
from servers.models import Event, Server
from servers.operations.change import Change, change_server
from servers.reports.connections import list_connections
from tests.support.drone import Drone, read_exports
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def operator(transactional_db: None, workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("operator"))


@pytest.mark.pure
def test_steps_are_stays_in_a_state_of_the_last_boot_alone() -> None:
    moves = [
        ("pending", at(-100)),
        ("creating", at(-99)),
        ("error", at(-90)),
        ("pending", at(0)),
        ("creating", at(2)),
        ("created", at(4)),
        ("staging", at(10)),
        ("running", at(40)),
        ("shutdown", at(100)),
        ("stopping", at(160)),
    ]
    usual = Usual(14.0, {"creating": 2.0, "created": 6.0, "staging": 5.0})
    boot = draw_boot(moves, usual, now=at(200))
    assert boot is not None
    assert [step.seconds for step in boot.steps] == [2, 2, 6, 30]
    assert (boot.seconds, boot.queued, boot.usual, boot.is_ready) == (38, 2, 14, True)
    assert [step.tone for step in boot.steps] == ["good", "good", "good", "warn"]
    assert [(step.x, step.width) for step in boot.steps] == (
        [(0, 50), (50, 50), (100, 150), (250, 750)]
    )
    end = draw_end(moves, now=at(200))
    assert end is not None
    assert [(step.seconds, step.tone) for step in end.steps] == (
        [(60, "good"), (40, "moving")]
    )


@pytest.mark.pure
def test_a_boot_that_failed_or_still_goes_on_is_told_as_that() -> None:
    moves = [("pending", at(0)), ("creating", at(1)), ("error", at(3))]
    boot = draw_boot(moves, Usual(), now=at(9))
    assert boot is not None
    assert (boot.seconds, boot.has_failed, boot.steps[-1].tone) == (2, True, "bad")
    boot = draw_boot(moves[:2], Usual(), now=at(9))
    assert boot is not None
    assert (boot.seconds, boot.steps[-1].is_current) == (8, True)
    assert draw_boot([], Usual(), now=at(0)) is None
    # Tries without end: the last ones are drawn, the others counted.
    tries = [(state, at(i)) for i in range(9) for state in ("pending", "creating")]
    boot = draw_boot(tries, Usual(), now=at(99))
    assert boot is not None
    assert (len(boot.steps), boot.left_out) == (12, 6)


@pytest.mark.pure
def test_the_usual_is_the_median_of_boots_that_came_to_be_ready() -> None:
    def boot(staging: float, *, ready: bool = True) -> list[tuple[str, datetime, str]]:
        moves = [
            ("pending", at(0), "requested"),
            ("creating", at(60), "attempt_written"),
            ("pending", at(70), "attempt_refused"),
            ("creating", at(90), "attempt_written"),
            ("staging", at(91), "address_seen"),
        ]
        if ready:
            moves.append(("running", at(91 + staging), "ready"))
        return [*moves, ("shutdown", at(500), "stop_requested")]

    usual = weigh_boots([boot(1), boot(7), boot(100), boot(5, ready=False)])
    assert usual == {"creating": 1, "staging": 7}
    assert weigh_boots([]) == {}


@pytest.mark.pure
def test_lines_tell_what_exists_and_hold_no_token() -> None:
    server = Server(name="one", state="running", address="::1")
    lines = {line.key: line.command for line in list_connections(server, origin="o")}
    assert set(lines) == {"ssh", "drone-login", "drone-info"}
    place = "https://tools.example.com/fleet"
    found = {line.key: line.command for line in list_connections(server, origin=place)}
    drone = Drone.from_environment(read_exports(found["drone-login"], TOKEN="sf_a_b"))
    assert (drone.host, drone.path, drone.token) == (
        "tools.example.com",
        "/fleet",
        "sf_a_b",
    )
    server.ca_cert = server.tls_cert = "pem"
    lines = {line.key: line.command for line in list_connections(server, origin="o")}
    name = f"{server.pk.hex}.serverfleet.internal"
    assert f"-H tcp://{name}:2376" in lines["docker"]
    assert lines["docker-name"].startswith(f"echo '::1 {name}' | ")
    assert "--tls " in lines["docker-tls"]
    assert "-H tcp://[::1]:2376" in lines["docker-tls"]
    assert lines["connect"] == ".venv/bin/python manage.py connect one"
    assert "drone-env" in lines
    assert list(list_connections(Server(name="one"), origin="o")) == []
    call = write_call("POST", "https://x/api", '{"name": "it\'s"}')
    assert call == (
        'curl -X POST -H "Authorization: Bearer $TOKEN" -H \'Content-Type: '
        "application/json' -d '{\"name\": \"it'\"'\"'s\"}' https://x/api"
    )


def test_the_page_tells_the_whole_story(operator: Client, workshop: Workshop) -> None:
    workshop.run_to("running", provision(name="before"), provision(name="too"))
    server = provision(name="one", labels={"team": "web"}, ttl=7200)
    page = operator.get("/servers/one/").content.decode()
    assert "A worker can start on it now." in page or "listing" in page
    workshop.run_to("running", server)
    page = operator.get("/servers/one/").content.decode()
    for words in (
        "Booted in",
        "usually takes",
        "Waiting for an address",
        f"ssh root@{server.address}",
        "This instance is simulated, so nothing answers at its address.",
        "drone server info one",
        "curl -X DELETE -H &quot;Authorization: Bearer $TOKEN&quot;",
        "(time to live: 2 h",
        "/servers/?label=team%3Dweb",
        "The cloud created",
        f"&quot;id&quot;: &quot;{server.instance_id}&quot;",
    ):
        assert words in page, words
    assert "docker --tlsverify" not in page
    assert "Certificates" not in page


def test_its_queries_do_not_grow_with_its_history(
    operator: Client, workshop: Workshop
) -> None:
    server = provision(name="one")
    workshop.run_to("running", server, provision())
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            operator.get("/servers/one/")
        counts.append(len(queries))
        Event.objects.bulk_create(
            Event(server=server, server_uid=server.pk, kind="changed", reason="x")
            for _ in range(200)
        )
        workshop.run_to("running", provision(), provision())
    assert counts[0] == counts[1] <= 13


def test_secrets_are_for_those_with_the_right_and_never_on_the_page(
    operator: Client,
) -> None:
    server = provision(name="one")
    server.address = "10.0.0.1"
    server.ca_cert, server.tls_cert, server.tls_key = "CA PEM", "CERT PEM", "KEY PEM"
    server.ca_key, server.secret = "CA KEY", "hush-hush"
    server.save()
    root = log_in(make_person("root"))
    for client in (operator, root):
        page = client.get("/servers/one/").content.decode()
        assert "docker --tlsverify" in page
        # The button at the top leads to the commands, without JavaScript.
        assert page.index('href="#connect"') < page.index('id="connect">Connect</h2>')
        assert not any(word in page for word in ("KEY PEM", "CA KEY", "hush-hush"))
        assert client.get("/servers/one/files/cert.pem").content == b"CERT PEM"
    assert "key.pem</a>" in root.get("/servers/one/").content.decode()
    assert "key.pem</a>" not in operator.get("/servers/one/").content.decode()
    key = root.get("/servers/one/files/key.pem")
    assert (key.content, key["Cache-Control"]) == (b"KEY PEM", "no-store")
    assert operator.get("/servers/one/files/key.pem").status_code == 404
    for name in ("ca_key", "secret", "..", "x"):
        assert root.get(f"/servers/one/files/{name}").status_code == 404


def edit(client: Client, **changes: Any) -> Any:
    """Send the form as it was opened, with changes."""
    form = client.get("/servers/one/edit/").context["form"]
    data = {name: form[name].value() for name in form.fields}
    data |= {f"initial-{name}": data[name] for name in ("ttl", "capacity")}
    return lambda: client.post("/servers/one/edit/", data | changes, follow=True)


def test_labels_ttl_and_capacity_are_changed_and_wrong_ones_told_at_their_field(
    operator: Client,
) -> None:
    provision(name="one", labels={"a": "b"}, ttl=90)
    assert (
        b"was changed" in edit(operator, labels="a=c\nteam=web", capacity="7")().content
    )
    server = Server.objects.get()
    assert server.labels == {"a": "c", "team": "web"}
    assert (server.ttl, server.capacity) == (90, 7)  # what was left alone is as it was
    for wrong, words in (
        ({"labels": "none"}, "does not have the form name=value"),
        ({"labels": "A;=b"}, "letters, digits, spaces"),
        ({"labels": "<b>=x"}, "letters, digits, spaces"),
        ({"labels": "a=\0"}, "Null characters"),
        ({"ttl": "-1"}, "greater than or equal to 0"),
        ({"ttl": "x"}, "whole number"),
        ({"capacity": "0"}, "greater than or equal to 1"),
    ):
        assert words in edit(operator, **wrong)().content.decode()
    server.refresh_from_db()
    assert server.labels == {"a": "c", "team": "web"}
    edit(operator, ttl="10")()
    server.refresh_from_db()
    assert server.ttl == 600


def test_a_change_undoes_nobody_elses_unseen(operator: Client) -> None:
    provision(name="one", labels={"a": "b"})
    send, send_number = edit(operator, labels="a=mine"), edit(operator, capacity="9")
    change_server("one", Change(labels={"a": "theirs"}, ttl=60))
    answer = send()
    assert b"Someone else has changed the labels" in answer.content
    assert b"a=theirs" in answer.content
    assert Server.objects.get().labels == {"a": "theirs"}
    # A change of something else goes through, and takes nothing back.
    send_number()
    server = Server.objects.get()
    assert (server.labels, server.ttl, server.capacity) == ({"a": "theirs"}, 60, 9)
    # Who has read what they are now may send it again.
    form = answer.context["form"]
    again = {name: form[name].value() for name in form.fields}
    again |= {"initial-ttl": again["ttl"], "initial-capacity": again["capacity"]}
    operator.post("/servers/one/edit/", again)
    assert Server.objects.get().labels == {"a": "mine"}
    Server.objects.update(state="stopped")
    stopped = edit(operator, labels="b=c")().content
    assert b"has stopped and can&#x27;t be changed" in stopped


def test_the_end_asks_for_the_name_and_says_what_is_lost(
    operator: Client, workshop: Workshop
) -> None:
    server = provision(name="one")
    workshop.run_to("running", server)
    asked = operator.get("/servers/one/terminate/").content.decode()
    assert "ServerFleet can&#x27;t see its builds, so those that run fail." in asked
    assert "curl -X DELETE" in asked
    for typed in ("", "two", "<b>one</b>", "one\0"):
        text = operator.post(
            "/servers/one/terminate/", {"confirm": typed, "force": "on"}
        ).content.decode()
        assert "Nothing was done. Type one to confirm." in text
        assert "<b>one</b>" not in text
    server.refresh_from_db()
    assert server.want == "run"
    operator.post("/servers/one/protect/")
    asked = operator.get("/servers/one/terminate/").content.decode()
    assert "It is protected. Unprotect it first." in asked
    assert "danger final" not in asked
    answer = operator.post("/servers/one/terminate/", {"confirm": "one"}, follow=True)
    assert b"is protected. Unprotect it first." in answer.content
    operator.post("/servers/one/unprotect/")
    operator.post("/servers/one/terminate/", {"confirm": "one"})
    workshop.run_to("stopped", server)
    # The other one's form, or the way back.
    again = operator.post("/servers/one/terminate/", {"confirm": "one"}, follow=True)
    assert b"already terminating or stopped" in again.content
    assert b"Termination" in again.content


def test_who_comes_from_elsewhere_is_led_back_there(
    operator: Client, workshop: Workshop
) -> None:
    server = provision(name="one")
    workshop.run_to("running", server)
    path = "/servers/one/terminate/"
    asked = operator.get(f"{path}?next=/").content.decode()
    assert '<input type="hidden" name="next" value="/">' in asked
    for next_ in ("//evil.example", "https://evil.example", "javascript:alert(1)"):
        assert "evil" not in operator.get(path, {"next": next_}).content.decode()
        answer = operator.post(path, {"confirm": "one", "next": next_})
        assert answer["Location"] == "/servers/one/"
    assert operator.post(path, {"confirm": "one", "next": "/"})["Location"] == "/"
