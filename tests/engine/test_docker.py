"""Readiness and health over the Docker API, with real daemons and with impostors."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers import engine
from servers.engine import look_slots
from servers.engine.look_slots import Pace
from servers.machine.certificates import issue_keys, name_server
from servers.models import Event, Server
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from tests.support import impostors
from tests.support.dockerd import IMAGE, require_dockerd, run_dockerd
from tests.support.fleet import Workshop, make_fleet
from tests.support.machines import (
    keys_of,
    provision_at,
    run_machine,
    set_up_docker,
    wait_for,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {Pace.NEW: 0.3, Pace.QUICK: 0.3, Pace.SLOW: 0.5}
    monkeypatch.setattr(look_slots, "SECONDS", seconds)


def test_a_server_runs_once_docker_answers_and_has_the_images(
    workshop: Workshop, settings: Any
) -> None:
    require_dockerd()
    settings.HEALTH_INTERVAL = 0.2
    account = make_fleet()
    set_up_docker(pull_images=["tool:1", IMAGE])
    server, address = provision_at(account)
    said = wait_for(workshop, server, "Nothing accepts connections")
    assert said.startswith(f"Nothing accepts connections on {address} port 2376. ")
    assert "is probably still installing Docker, since " in said
    with run_machine(server, address) as daemon:
        said = wait_for(workshop, server, "still pulling")
        assert said == "Docker answers. The instance is still pulling: tool:1."
        daemon.docker("tag", IMAGE, "tool:1")
        workshop.run_to("running", server)
        ready = Event.objects.get(server=server, kind="ready").reason
        assert ready.startswith("Docker ")
        assert ready.endswith(" answers.")
        # It hangs for a moment, and is not lost.
        daemon.send(signal.SIGSTOP)
        wait_for(workshop, server, "didn't send a complete answer in time")
        daemon.send(signal.SIGCONT)
        workshop.run_until(
            lambda: Server.objects.filter(waiting="", state="running").exists()
        )
        daemon.send(signal.SIGKILL)
        workshop.run_to("error", server)
    assert server.error.startswith("It failed 3 checks in a row. Nothing accepts")
    terminate_server(server.name)
    workshop.run_to("stopped", server)


# What a database does is tested by the life above.
@pytest.mark.sqlite
def test_a_drain_waits_for_a_running_build_and_force_does_not(
    workshop: Workshop, settings: Any
) -> None:
    require_dockerd()
    settings.DRAIN_RECHECK = 0.1
    account = make_fleet()
    set_up_docker(build_labels={"ci": "build"})
    with ExitStack() as stack:
        servers, daemons = [], []
        for _ in range(2):
            server, address = provision_at(account)
            rows = Server.objects.filter(pk=server.pk).exclude(instance_id="")
            workshop.run_until(rows.exists)
            daemon = stack.enter_context(run_machine(server, address))
            daemon.run("sleep", "600", name="job-7", labels={"ci": "build"})
            daemon.run("sleep", "600", name="cache", labels={"ci": "no"})
            servers.append(server)
            daemons.append(daemon)
        workshop.run_to("running", *servers)
        for server in servers:
            terminate_server(server.name)
            said = wait_for(workshop, server, "job-7")
            assert "cache" not in said
            assert " It waits until " in said
        daemons[0].docker("kill", "job-7")
        terminate_server(servers[1].name, force=True)
        workshop.run_to("stopped", *servers)
        for server, said in zip(
            servers, ("No build runs.", "Terminated with force"), strict=True
        ):
            drained = Event.objects.get(server=server, kind="drained")
            assert drained.reason.startswith(said)
        # Force did not ask the daemon to end anything: its instance goes as it is.
        assert "job-7" in daemons[1].docker("ps", "--format", "{{.Names}}")


# What a database does is tested by the life above.
@pytest.mark.sqlite
def test_words_that_no_database_takes_do_not_hold_up_a_drain(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    set_up_docker(build_labels={"ci": "build"}, drain_seconds=2)
    server, address = provision_at(account)
    wait_for(workshop, server, "Nothing accepts connections")
    now = database_now()
    Server.objects.filter(pk=server.pk).update(state="running", ready_at=now)
    words = rb'{"message": "a\u0000b\ud800"}'
    behave = impostors.answer(words, b"500 Internal Server Error")
    with impostors.listen(address, behave, keys=keys_of(server)):
        terminate_server(server.name)
        workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained").reason
    assert drained == (
        "The drain timeout has passed. The Docker daemon answered: a?b?."
    )


def test_a_look_that_has_to_wait_for_its_turn_keeps_what_the_server_waits_for(
    workshop: Workshop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_fleet()
    set_up_docker()
    server, _ = provision_at(account)
    said = wait_for(workshop, server, "Nothing accepts connections")
    settings.WORKER_THREADS = 4
    monkeypatch.setattr(look_slots, "_in_progress", dict.fromkeys(Pace, 1))
    now = database_now()
    Server.objects.filter(pk=server.pk).update(next_step_at=now)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert (server.state, server.waiting, server.lease_until) == ("staging", said, None)
    assert server.next_step_at is not None
    assert server.next_step_at > now
    # Its deadline does not wait.
    Server.objects.filter(pk=server.pk).update(deadline_at=now, next_step_at=now)
    workshop.run_to("error", server)
    assert said in server.error


Play = Callable[[Server, str, ExitStack], None]


def play_impostor(behave: impostors.Behaviour, **how: Any) -> Play:
    def play(server: Server, address: str, stack: ExitStack) -> None:
        keys = keys_of(server) if how.get("secured") else None
        stack.enter_context(impostors.listen(address, behave, keys=keys))

    return play


def play_dates(days: float) -> Play:
    """Listen with a certificate of the server's own authority that ended, say."""

    def play(server: Server, address: str, stack: ExitStack) -> None:
        began = datetime.now(UTC) - timedelta(days=days)
        old = issue_keys(name_server(server.pk), now=began, days=1)
        # The client trusts the authority that it knows, so that is the old one, too.
        Server.objects.filter(pk=server.pk).update(ca_cert=old.ca_cert)
        stack.enter_context(impostors.listen(address, impostors.hang, keys=old))

    return play


def play_other(server: Server, address: str, stack: ExitStack) -> None:
    """Be the daemon of another server."""
    other = issue_keys(name_server(server.pk), now=datetime.now(UTC), days=1)
    stack.enter_context(impostors.listen(address, impostors.hang, keys=other))


def play_dead(server: Server, address: str, stack: ExitStack) -> None:
    """Answer, and be killed before all images are there."""
    daemon = stack.enter_context(run_dockerd(keys_of(server), address=address))
    daemon.send(signal.SIGKILL)


def play_hanging(server: Server, address: str, stack: ExitStack) -> None:
    daemon = stack.enter_context(run_dockerd(keys_of(server), address=address))
    daemon.send(signal.SIGSTOP)


ENDLESS = impostors.repeat(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536)
PLAYS: dict[str, tuple[Play, str]] = {
    "a web server": (
        play_impostor(impostors.answer(impostors.PAGE)),
        "Something answers on the Docker port without TLS.",
    ),
    "a proxy's page over TLS": (
        play_impostor(impostors.answer(impostors.PAGE, b"502 Bad"), secured=True),
        "Something answers on the Docker port, but it is not a Docker daemon.",
    ),
    "an endless body": (
        play_impostor(ENDLESS, secured=True),
        "Something on the Docker port sends an endless answer.",
    ),
    "a byte at a time": (
        play_impostor(impostors.trickle, secured=True),
        "accepts connections, but didn't send a complete answer in time.",
    ),
    "an expired certificate": (play_dates(9), "certificates have expired."),
    "a certificate of tomorrow": (play_dates(-9), "certificate is not valid yet."),
    "another server's daemon": (play_other, "does not have this server's certificate"),
    "a daemon that was killed": (play_dead, "Nothing accepts connections on "),
    "a daemon that hangs": (play_hanging, "didn't send a complete answer in time."),
}


# What a database does is tested by the life above.
@pytest.mark.sqlite
def test_whatever_answers_instead_a_server_fails_at_its_deadline_and_says_why(
    workshop: Workshop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_dockerd()
    longest = 0.0
    advance = engine.advance

    def measure(server_id: Any) -> None:
        nonlocal longest
        began = time.monotonic()
        advance(server_id)
        longest = max(longest, time.monotonic() - began)

    monkeypatch.setattr(engine, "advance", measure)
    settings.BOOT_DEADLINE = 5
    account = make_fleet()
    set_up_docker(pull_images=["none:1"])
    with ExitStack() as stack:
        servers = {}
        for name, (play, _) in PLAYS.items():
            server, address = provision_at(account)
            servers[name] = server
            rows = Server.objects.filter(pk=server.pk).exclude(instance_id="")
            workshop.run_until(rows.exists)
            play(server, address, stack)
        workshop.run_to("error", *servers.values())
    for name, server in servers.items():
        assert "The server was still staging at its deadline." in server.error, name
        assert PLAYS[name][1] in server.error, name
    assert longest < 3
