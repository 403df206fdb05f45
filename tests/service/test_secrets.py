"""No secret in the raw database, nor in the whole log of a run."""

from pathlib import Path

import pytest

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import Service

NEEDLES = (
    "needle-secret-access-key",
    "needle-user-data",
    "needle-server-secret",
    "needle-ca-key",
    "needle-tls-key",
)
CODE = """
from servers.models import *
from servers.operations.provision import Request, provision_servers
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
account = save_account(
    Account(name="aws", kind="amazon", region="eu-central-1",
            endpoint="http://127.0.0.1:9"),
    credentials={"access_key_id": "AKIA", "secret_access_key": NEEDLES[0]})
save_template(Template(name="aws", user_data=NEEDLES[1]), [TemplatePlacement(
    account=account, region="eu-central-1", image="ami-1", size="t3.micro")])
(server,) = provision_servers(Request(name="with-secrets"))
server.secret, server.ca_key, server.tls_key = NEEDLES[2:]
server.save()
template = Template(name="docker", cloud_init="docker")
save_template(template, [TemplatePlacement(
    account=Account.objects.get(name="sandbox"), image="debian-12", size="small")])
provision_servers(Request(name="with-keys", template="docker"))
again = Server.objects.get(pk=server.pk)
assert again.secret == NEEDLES[2], "it must be readable with the key"
assert Template.objects.get(name="aws").user_data == NEEDLES[1]
"""
KEYS = """
from servers.records.keys import find_keys
from servers.models import Server
keys = find_keys(Server.objects.get(name="with-keys").pk)
for pem in (keys.ca_key, keys.daemon_key, keys.client_key):
    print("\\n".join(line for line in pem.splitlines() if len(line) > 40))
"""


def raw_bytes(folder: Path) -> bytes:
    return b"".join(
        path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "keys" not in path.parts
    )


def test_the_raw_database_and_the_log_hold_no_secret(
    shared: Service, postgresql: PostgreSQL | None
) -> None:
    done = shared.command("shell", "-v", "0", "-c", f"NEEDLES = {NEEDLES!r}\n{CODE}")
    assert done.returncode == 0, done.stderr
    shared.wait_state("running", "with-keys")
    done = shared.command("shell", "-v", "0", "-c", KEYS)
    lines = done.stdout.split()
    assert len(lines) > 5, done.stderr
    _, shown = shared.call("GET", "/api/servers/with-keys/connect")
    assert set(shown["files"]["key.pem"].splitlines()) & set(lines)
    shared.call("POST", "/api/servers", {"template": "aws", "name": "refused"})
    shared.wait_state("running", "with-secrets")
    _, shown = shared.call("GET", "/api/servers/with-secrets")
    assert shown["secret"] == NEEDLES[2]
    shared.call("GET", f"/api/servers?token={shared.token}")
    everything = raw_bytes(shared.data)
    if postgresql is not None:
        shared.command("shell", "-c", "from django.db import connection as c; "
                        "c.cursor().execute('CHECKPOINT')")  # fmt: skip
        everything += raw_bytes(postgresql.folder / "data")
    assert b"with-secrets" in everything
    for needle in (*NEEDLES, *lines):
        assert needle.encode() not in everything, needle
    secret = shared.token.split("_", 2)[2]
    # It is in the block of the first start, which goes to the terminal, and only there.
    assert everything.count(secret.encode()) == shared.log().count(secret)
    assert secret not in shared.log().split("These credentials are shown")[1]


@pytest.mark.sqlite
def test_no_child_is_started_with_the_first_admins_password(shared: Service) -> None:
    assert shared.process is not None
    password = shared.env["SERVERFLEET_ADMIN_PASSWORD"].encode()
    parents = {
        int(stat.parent.name): int(stat.read_text().rpartition(")")[2].split()[1])
        for stat in Path("/proc").glob("[0-9]*/stat")
    }
    found, wave = set(), {shared.process.pid}
    while wave:
        wave = {pid for pid, parent in parents.items() if parent in wave}
        found |= wave
    assert len(found) > 4  # broker, web, worker, scheduler, and web processes
    for pid in found:
        assert password not in Path(f"/proc/{pid}/environ").read_bytes(), pid
