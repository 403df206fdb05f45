"""The script of an instance calls ServerFleet itself, several at once and badly."""

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from servers.machine.callback.tokens import digest
from servers.models import Account, Attempt, Event, Host, Server
from servers.operations import callback
from servers.operations.terminate import terminate_server
from tests.support.callbacks import CallingInstance
from tests.support.fleet import Workshop, world_of
from tests.support.receivers import receive_more
from tests.support.reporters import (
    URL,
    Reporter,
    give_token,
    make_callback_fleet,
    start_server,
)
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def public_url(settings: Any) -> None:
    settings.PUBLIC_URL = URL


def test_one_secret_is_registered_however_many_come_first(workshop: Workshop) -> None:
    make_callback_fleet()
    token = give_token(start_server(workshop))
    secrets = [f"{number:064x}" for number in range(6)]
    reporters = [Reporter(token, secret) for secret in secrets]
    answers = at_once(*(partial(each.boot, "booting", "a") for each in reporters))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [200] + [401] * 5
    winner = secrets[codes.index(200)]
    assert Host.objects.get().secret_digest == digest(winner)
    assert Reporter(token, winner).boot("ready").status_code == 200


def test_the_end_that_comes_first_counts(workshop: Workshop) -> None:
    make_callback_fleet()
    for _ in range(4):
        server = start_server(workshop)
        reporter = Reporter(give_token(server))
        ends = ("ready", "failed", "booting", "ready")
        answers = at_once(*(partial(reporter.boot, end, "a") for end in ends))
        assert {answer.status_code for answer in answers} == {200}
        host = Host.objects.get(server=server)
        assert host.boot_failed == (host.booted_at is None)


def test_a_report_does_not_outlive_its_attempt(workshop: Workshop) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    old = Reporter(give_token(server))
    assert old.boot("failed", "a", log="old").status_code == 200
    over = threading.Event()
    codes: set[int] = set()

    def insist() -> None:
        while not over.is_set():
            codes.add(old.boot("ready", "b", log="old").status_code)
        connections.close_all()

    thread = threading.Thread(target=insist)
    thread.start()
    try:
        second = Attempt.objects.filter(server=server, number=2)
        workshop.run_until(second.exists)
        workshop.run_to("staging", server)
    finally:
        over.set()
        thread.join(30)
    assert codes <= {200, 401}
    assert 401 in codes
    host = Host.objects.get(server=server)
    reported = (host.secret_digest, host.booted_at, host.boot_failed, host.boot_log)
    assert (host.attempt, *reported) == (2, "", None, False, "")
    assert host.heartbeat_at is None


@contextmanager
def losing_answers(port: int, count: int) -> Iterator[str]:
    """Run a link to a port that passes all on but loses the first answers."""
    ear = socket.create_server(("127.0.0.1", 0))
    lost = 0

    def pass_on(link: socket.socket, loses: bool) -> None:
        with (
            suppress(OSError),
            link,
            socket.create_connection(("127.0.0.1", port), timeout=20) as there,
        ):
            link.settimeout(20)
            head = b""
            while b"\r\n\r\n" not in head:
                head += receive_more(link)
            start, _, body = head.partition(b"\r\n\r\n")
            length = int(start.lower().split(b"content-length:")[1].split()[0])
            while len(body) < length:
                body += receive_more(link)
            lines = start + b"\r\nConnection: close\r\n\r\n"
            there.sendall(lines + body)
            while answer := there.recv(65536):
                if not loses:
                    link.sendall(answer)

    def listen() -> None:
        nonlocal lost
        with suppress(OSError):
            while True:
                link, _ = ear.accept()
                lost += 1
                args = (link, lost <= count)
                threading.Thread(target=pass_on, args=args, daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{ear.getsockname()[1]}"
    finally:
        ear.shutdown(socket.SHUT_RDWR)
        ear.close()
    assert lost > count


def read_token(server: Server) -> str:
    """Return the token in the user data that the cloud got."""
    text = world_of(server.account).read_user_data(server.instance_id)
    (found,) = re.findall(r"cb_[A-Za-z0-9_-]{43}", text)
    return str(found)


def test_an_instance_boots_and_drains_over_a_link_that_loses_answers(
    workshop: Workshop,
    live_server: Any,
    tmp_path: Path,
    monkeypatch: Any,
    settings: Any,
) -> None:
    if not (shutil.which("dash") and shutil.which("curl")):
        pytest.skip("there is no dash or no curl")
    monkeypatch.setattr(callback, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(callback, "DRAINING_SECONDS", 1)
    settings.DRAIN_RECHECK = 0
    make_callback_fleet(cloud_init="docker", build_labels={"ci": "1"})
    world_of(Account.objects.get()).ask_for_user_data()
    server = start_server(workshop)
    token = read_token(server)
    port = live_server.thread.port
    with (
        losing_answers(port, 2) as url,
        CallingInstance(tmp_path / "instance", url, token=token) as instance,
    ):
        instance.log.write_text("== Install Docker\nE: a first try failed\n")
        instance.finish_step("Install Docker", seconds=7)
        instance.start()
        workshop.run_until(lambda: Host.objects.exclude(boot_steps=[]).exists())
        host = Host.objects.get()
        assert (host.boot_steps[0]["seconds"], host.booted_at) == (7.0, None)
        assert host.log_end == "== Install Docker / E: a first try failed"
        instance.finish_boot()
        workshop.run_to("running", server)
        terminate_server(server.name)
        workshop.run_to("stopped", server)
        assert not instance.leaks
    drained = Event.objects.get(server=server, kind="drained")
    assert drained.reason.startswith("The instance reported that its agent")
    assert Server.objects.get().state == "stopped"
