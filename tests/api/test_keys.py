"""The keys of servers: one set for all attempts, stored encrypted, wiped at the end."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from servers.models import Attempt, Event, Host, Instance, Server, Template
from servers.operations.templates import save_template
from servers.operations.terminate import retry_server, terminate_server
from servers.records.keys import find_client_keys, find_keys
from tests.api.conftest import Call
from tests.support.fleet import Workshop, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)

CERTIFICATES = ("ca_cert", "tls_cert")
PRIVATE = ("ca_key", "tls_key")


def set_up_docker() -> None:
    template = Template.objects.get()
    template.cloud_init = "docker"
    save_template(template)


def read_table(table: str) -> str:
    """Return a table's content as it is stored."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return repr(cursor.fetchall())


def test_all_attempts_of_a_server_have_the_keys_of_the_first(
    workshop: Workshop,
) -> None:
    account = make_fleet(no_capacity=["small"])
    set_up_docker()
    server = provision()
    workshop.run_until(lambda: Server.objects.filter(attempt_number=1).exists())
    first = find_keys(server.pk)
    assert first is not None
    assert first.until > server.created_at + timedelta(days=364)
    account.options = {**account.options, "no_capacity": []}
    account.save()
    workshop.run_to("running", server)
    assert server.attempt_number > 1
    assert find_keys(server.pk) == first
    # A retry uses them, too, unless they are about to end.
    for ends in (False, True):
        Server.objects.filter(pk=server.pk).update(state="error", instance_id="")
        Attempt.objects.update(outcome="abandoned")
        Instance.objects.all().delete()
        if ends:
            Host.objects.update(keys_until=server.created_at + timedelta(hours=1))
        retry_server(server.name)
        workshop.run_to("running", server)
        assert (find_keys(server.pk) == first) is not ends
    # Another server has others.
    other = provision()
    workshop.run_to("running", other)
    others = find_keys(other.pk)
    assert others is not None
    assert others.ca_cert != first.ca_cert


def test_private_keys_are_stored_encrypted_and_wiped_at_the_end(
    workshop: Workshop, call: Call
) -> None:
    set_up_docker()
    server = provision()
    workshop.run_to("running", server)
    keys = find_keys(server.pk)
    assert keys is not None
    secret = [
        line
        for pem in (keys.ca_key, keys.client_key, keys.daemon_key)
        for line in pem.splitlines()
        if not line.startswith("-----")
    ]
    stored = read_table("servers_server") + read_table("servers_host")
    assert not [line for line in secret if line in stored]
    told = json.dumps(list(Event.objects.values("reason", "kind")), default=str)
    assert not [line for line in secret if line in told]

    shown = call("GET", f"/api/servers/{server.name}").json()
    expected = {
        "ca_key": keys.ca_key,
        "ca_cert": keys.ca_cert,
        "tls_key": keys.client_key,
        "tls_cert": keys.client_cert,
    }
    assert {name: decode(shown[name]) for name in expected} == expected
    scopes = ["servers:read", "servers:write"]
    less = call("GET", f"/api/servers/{server.name}", scopes=scopes).json()
    assert [less[name] for name in PRIVATE] == ["", ""]
    assert [decode(less[name]) for name in CERTIFICATES] == [
        keys.ca_cert,
        keys.client_cert,
    ]

    terminate_server(server.name)
    workshop.run_to("stopped", server)
    ended = call("GET", f"/api/servers/{server.name}").json()
    assert [ended[name] for name in PRIVATE] == ["", ""]
    assert decode(ended["tls_cert"]) == keys.client_cert
    host = Host.objects.get()
    assert host.daemon_key == ""
    assert host.daemon_cert == keys.daemon_cert
    assert find_keys(server.pk) is None
    assert find_client_keys(server.pk) is None


def test_a_template_that_sets_nothing_up_has_no_keys(
    workshop: Workshop, call: Call
) -> None:
    server = provision()
    workshop.run_to("running", server)
    assert not Host.objects.exists()
    shown = call("GET", f"/api/servers/{server.name}").json()
    assert [shown[name] for name in (*PRIVATE, *CERTIFICATES)] == [""] * 4


def decode(text: Any) -> str:
    return base64.b64decode(text).decode()
