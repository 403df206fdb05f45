"""Connect to a server's daemon with what the API gives, as people would."""

import base64
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from servers.models import Account, Event, Server
from servers.operations.terminate import terminate_server
from tests.api.conftest import Call
from tests.support.dockerd import Dockerd, make_keys, require_dockerd
from tests.support.fleet import Workshop, provision
from tests.support.machines import provision_at, run_machine, set_up_docker, wait_for
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)

FILES = ("ca.pem", "cert.pem", "key.pem")


class Ready(NamedTuple):
    server: Server
    daemon: Dockerd
    told: dict[str, Any]
    folder: Path  # with the files


@pytest.fixture
def ready(workshop: Workshop, call: Call, tmp_path: Path) -> Iterator[Ready]:
    """A running server with a real daemon, and what the API says about it."""
    require_dockerd()
    set_up_docker()
    server, address = provision_at(Account.objects.get())
    wait_for(workshop, server, "Nothing accepts connections")
    with run_machine(server, address) as daemon:
        workshop.run_to("running", server)
        told = call("GET", f"/api/servers/{server.name}/connect").json()
        write_files(tmp_path, told["files"])
        yield Ready(server, daemon, told, tmp_path)


def write_files(folder: Path, files: dict[str, str]) -> None:
    assert sorted(files) == sorted(FILES)
    for name, text in files.items():
        (folder / name).write_text(text)


def run_with_hosts(
    command: str, folder: Path, hosts: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as if ``hosts`` were in /etc/hosts."""
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}\n")
    inside = f"mount --bind {folder / 'hosts'} /etc/hosts && cd {folder} && {command}"
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", inside],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_lines_and_files_connect_and_nothing_less_does(
    ready: Ready, call: Call, tmp_path: Path
) -> None:
    server, told = ready.server, ready.told
    lines = {line["key"]: line["command"] for line in told["lines"]}
    (hosts,) = [word for word in shlex.split(lines["docker-name"]) if " " in word]
    assert hosts == f"{server.address} {told['tls_name']}"
    done = run_with_hosts(lines["docker"], ready.folder, hosts)
    assert done.returncode == 0, done.stderr
    assert "Server Version" in done.stdout

    # Without the name nothing is sent: the certificate is for no address.
    by_address = lines["docker"].replace(told["tls_name"], server.address)
    done = run_with_hosts(by_address, ready.folder, hosts)
    assert "x509: " in done.stderr
    assert done.returncode
    # Without a client's certificate, and with another server's.
    bare = f"docker --tls -H tcp://{server.address}:2376 info"
    assert run_with_hosts(bare, tmp_path, hosts).returncode
    _, other = make_keys()
    strange = tmp_path / "strange"
    strange.mkdir()
    pems = (other.ca_cert, other.client_cert, other.client_key)
    write_files(strange, dict(zip(FILES, pems, strict=True)))
    done = run_with_hosts(lines["docker"], strange, hosts)
    assert "certificate signed by unknown authority" in done.stderr
    shutil.copy(ready.folder / "ca.pem", strange)
    done = run_with_hosts(lines["docker"], strange, hosts)
    assert done.returncode
    assert "certificate" in done.stderr

    # The strictest client that OpenSSL has.
    strict = (
        f"openssl s_client -connect {server.address}:2376 -verify_return_error "
        f"-x509_strict -verify_hostname {told['tls_name']} -CAfile ca.pem -no-CApath "
        "-no-CAstore -cert cert.pem -key key.pem -brief </dev/null"
    )
    done = run_with_hosts(strict, ready.folder, hosts)
    assert done.returncode == 0, done.stderr
    assert "Verification: OK" in done.stderr

    done = run_with_hosts(lines["docker-tls"], ready.folder, "")
    assert "Server Version" in done.stdout, done.stderr

    # As drone's command line does: the files of the contract, and no check of the name.
    shown = call("GET", f"/api/servers/{server.name}").json()
    columns = ("ca_cert", "tls_cert", "tls_key")
    texts = [base64.b64decode(shown[name]).decode() for name in columns]
    certs = tmp_path / "certs"
    certs.mkdir()
    write_files(certs, dict(zip(FILES, texts, strict=True)))
    env = f"DOCKER_CERT_PATH={certs} DOCKER_HOST=tcp://{shown['address']}:2376"
    done = run_with_hosts(f"{env} docker --tls info", certs, hosts)
    assert "Server Version" in done.stdout, done.stderr


def list_leaks() -> list[str]:
    """Return the processes whose command line holds a key."""
    leaks = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if "PRIVATE KEY" in each.read_text(errors="replace"):
                leaks.append(str(each))
    return leaks


def test_manage_connect_opens_a_socket_and_leaves_nothing_behind(
    ready: Ready, tmp_path: Path
) -> None:
    path = tmp_path / "docker.sock"
    found: list[str] = []

    def use() -> None:
        ends = time.monotonic() + 20
        while not path.exists() and time.monotonic() < ends:
            time.sleep(0.02)
        words = ["docker", "-H", f"unix://{path}", "version"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
        found.append(done.stdout + done.stderr)
        found.extend(list_leaks())
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    out, err = StringIO(), StringIO()
    user = threading.Thread(target=use)
    user.start()
    try:
        name = ready.server.name
        call_command("connect", name, "--socket", str(path), stdout=out, stderr=err)
    finally:
        user.join()
        signal.signal(signal.SIGINT, before)
    assert len(found) == 1
    assert "Server:" in found[0]
    assert out.getvalue() == f"export DOCKER_HOST=unix://{path}\n"
    assert err.getvalue().startswith("Connected to Docker ")
    assert not path.exists()
    reads = Event.objects.filter(kind="keys_read", server=ready.server)
    assert list(reads.values_list("actor", flat=True)[:2]) == [
        "token:t0",
        "command line",
    ]
    path.write_text("mine")
    with pytest.raises(CommandError, match="can't be opened"):
        call_command("connect", name, "--socket", str(path), stdout=out, stderr=err)
    assert path.read_text() == "mine"
    ready.daemon.send(signal.SIGKILL)
    with pytest.raises(CommandError, match="Nothing accepts connections on"):
        call_command("connect", name, stdout=out, stderr=err)


def test_only_who_may_read_secrets_gets_them_and_each_read_is_in_the_history(
    workshop: Workshop, call: Call
) -> None:
    set_up_docker(readiness="address")
    server = provision()
    workshop.run_to("running", server)
    path = f"/api/servers/{server.name}/connect"
    reads = Event.objects.filter(kind="keys_read")
    refused = call("GET", path, scopes=["servers:read", "servers:write"])
    assert refused.status_code == 403
    assert refused.json() == {
        "message": "The API token doesn't have permission to do this. It needs the "
        "scope secrets:read."
    }
    for name in ("viewer", "operator"):
        assert log_in(make_person(name)).get(path).status_code == 403
    assert call("GET", "/api/servers/none/connect").status_code == 404
    assert not reads.exists()

    answer = call("GET", path)
    told = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert told["address"] == server.address
    assert "PRIVATE KEY" in told["files"]["key.pem"]
    assert "PRIVATE KEY" not in told["files"]["ca.pem"] + told["files"]["cert.pem"]
    assert told["valid_until"] > time.time() + 364 * 86400
    assert [each.actor for each in reads.all()] == ["token:t1"]
    root: Client = log_in(make_person("root"))
    root.get(f"/servers/{server.name}/files/cert.pem")
    assert reads.count() == 1
    root.get(f"/servers/{server.name}/files/key.pem")
    assert [each.actor for each in reads.all()] == ["token:t1", "user:root"]

    terminate_server(server.name, force=True)
    workshop.run_to("stopped", server)
    assert call("GET", path).status_code == 409
    with pytest.raises(CommandError, match="has no keys"):
        call_command("connect", server.name)


def test_a_server_without_docker_has_no_files(workshop: Workshop, call: Call) -> None:
    server = provision()
    workshop.run_to("running", server)
    told = call("GET", f"/api/servers/{server.name}/connect").json()
    assert (told["files"], told["tls_name"], told["valid_until"]) == ({}, "", 0)
    assert told["lines"][0]["command"] == f"ssh root@{server.address}"
    assert not Event.objects.filter(kind="keys_read").exists()
    assert "docker" not in json.dumps(told)
