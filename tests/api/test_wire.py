"""The wire rules of the Drone Autoscaler's API, byte for byte if required."""

import base64
import json
import re
from typing import Any

import pytest

from servers.models import Server
from tests.api.conftest import Call
from tests.support.fleet import Workshop, provision

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = [
    "id",
    "provider",
    "state",
    "name",
    "image",
    "region",
    "size",
    "address",
    "capacity",
    "secret",
    "error",
    "ca_key",
    "ca_cert",
    "tls_key",
    "tls_cert",
    "created",
    "updated",
    "started",
    "stopped",
]


NUMBERS = {"capacity", "created", "updated", "started", "stopped"}


def test_a_server_has_nineteen_fields_in_their_order_and_types(call: Call) -> None:
    answer = call("POST", "/api/servers", content_type="")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.endswith(b"}\n")
    server = json.loads(answer.content)
    assert list(server) == FIELDS
    for name, value in server.items():
        assert type(value) is (int if name in NUMBERS else str), name
    assert server["state"] == "pending"
    assert re.fullmatch(r"agent-[a-z0-9]{8}", server["name"])
    assert server["created"] > 0
    assert (server["started"], server["stopped"]) == (0, 0)


def test_the_list_is_a_bare_array_oldest_first(call: Call) -> None:
    assert call("GET", "/api/servers").content == b"[]\n"
    names = [provision().name for _ in range(3)]
    assert [row["name"] for row in call("GET", "/api/servers").json()] == names


def test_keys_are_base64_of_pem_and_hidden_without_the_right(call: Call) -> None:
    server = provision()
    server.ca_key, server.ca_cert = "PRIVATE PEM", "PEM"
    server.tls_key, server.tls_cert, server.secret = "TLS PEM", "CERT", "s3cret"
    server.save()
    shown = call("GET", f"/api/servers/{server.name}").json()
    assert base64.b64decode(shown["ca_key"]) == b"PRIVATE PEM"
    assert base64.b64decode(shown["tls_cert"]) == b"CERT"
    assert shown["secret"] == "s3cret"
    for scopes in (["servers:read"], ["servers:write"], ["fleet:admin"]):
        hidden = call("GET", f"/api/servers/{server.name}", scopes=scopes).json()
        assert (hidden["secret"], hidden["ca_key"], hidden["tls_key"]) == ("", "", "")
        assert base64.b64decode(hidden["ca_cert"]) == b"PEM"


def test_delete_is_idempotent_and_keeps_the_server_visible(
    call: Call, workshop: Workshop
) -> None:
    server = provision()
    workshop.run_to("running", server)
    path = f"/api/servers/{server.name}"
    answer = call("DELETE", path)
    assert (answer.status_code, answer.json()["state"]) == (200, "shutdown")
    assert call("DELETE", path).status_code == 200
    workshop.run_to("stopped", server)
    answer = call("DELETE", path)
    assert (answer.status_code, answer.json()["state"]) == (200, "stopped")
    assert call("GET", path).json()["stopped"] > 0


def test_delete_of_an_errored_server_without_instance_answers_204_and_then_404(
    call: Call, workshop: Workshop
) -> None:
    server = provision(image="no-such-image")
    workshop.run_to("error", server)
    path = f"/api/servers/{server.name}"
    answer = call("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    answer = call("GET", path)
    assert answer.status_code == 404
    assert server.name in answer.json()["message"]


@pytest.mark.parametrize(
    ("forces", "status"),
    [
        (["1", "t", "T", "TRUE", "true", "True"], 204),
        (["0", "f", "F", "FALSE", "false", "False"], 200),
    ],
)
def test_force_is_read_as_go_reads_it(
    call: Call, forces: list[str], status: int
) -> None:
    """Force removes a server in error at once, although it has an instance."""
    server = provision()
    for force in forces:
        Server.objects.update(state="error", instance_id="i-1", hidden=False)
        answer = call("DELETE", f"/api/servers/{server.name}?force={force}")
        assert answer.status_code == status
        assert Server.objects.get().hidden is (status == 204)


@pytest.mark.parametrize("force", ["yes", "2", "tRuE", "%00", "1&force=0"])
def test_any_other_force_is_refused_and_nothing_changes(call: Call, force: str) -> None:
    server = provision()
    answer = call("DELETE", f"/api/servers/{server.name}?force={force}")
    assert answer.status_code == 400
    assert "force" in answer.json()["errors"]
    server.refresh_from_db()
    assert server.state == "pending"


def test_pause_and_resume_apply_to_every_process(call: Call) -> None:
    assert call("GET", "/varz", scopes=None).json() == {"paused": False}
    assert call("POST", "/api/pause").status_code == 204
    assert call("GET", "/varz", scopes=None).json() == {"paused": True}
    assert call("POST", "/api/servers").status_code == 200
    assert call("POST", "/api/resume").status_code == 204
    assert call("GET", "/varz", scopes=None).json() == {"paused": False}


def test_health_version_and_metrics_need_no_token(call: Call) -> None:
    assert call("GET", "/healthz", scopes=None).status_code == 200
    version = call("GET", "/version", scopes=None).json()
    assert list(version) == ["source", "version", "commit"]
    metrics = call("GET", "/metrics", scopes=None)
    assert metrics.status_code == 200
    assert 'serverfleet_servers{state="pending"} 0.0' in metrics.content.decode()


def test_metrics_can_have_their_own_token(call: Call, settings: Any) -> None:
    settings.METRICS_OPEN, settings.METRICS_TOKEN = False, "m"
    assert call("GET", "/metrics", scopes=None).status_code == 401
    given = {"authorization": "Bearer m"}
    assert call("GET", "/metrics", scopes=None, headers=given).status_code == 200


def test_no_token_is_401_and_too_few_rights_are_403(call: Call) -> None:
    provision(name="one")
    for method, path in (
        ("GET", "/api/servers"),
        ("POST", "/api/servers"),
        ("GET", "/api/servers/one"),
        ("DELETE", "/api/servers/one"),
        ("POST", "/api/pause"),
        ("POST", "/api/resume"),
    ):
        answer = call(method, path, scopes=None)
        assert answer.status_code == 401, (method, path)
        assert answer["WWW-Authenticate"] == "Bearer"
        assert "token" in answer.json()["message"]
        wrong = call(
            method, path, scopes=None, headers={"authorization": "Bearer sf_a_b"}
        )
        assert wrong.status_code == 401
        if method != "GET":
            poor = call(method, path, scopes=["servers:read"])
            assert poor.status_code == 403
            assert "servers:write" in poor.json()["message"]
    assert Server.objects.get().state == "pending"


def test_head_answers_like_get_without_a_body_and_options_tells_the_methods(
    call: Call,
) -> None:
    answer = call("HEAD", "/api/servers")
    assert (answer.status_code, answer.content) == (200, b"")
    answer = call("OPTIONS", "/api/servers")
    assert answer.status_code == 204
    assert {"GET", "POST"} <= set(answer["Allow"].split(", "))


def test_a_body_sets_the_fields_of_servers(call: Call) -> None:
    body = {"name": "big-one", "size": "large", "capacity": 7, "labels": {"team": "x"}}
    answer = call(
        "POST", "/api/servers", data=json.dumps(body), content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    server = Server.objects.get()
    assert (server.name, server.size, server.capacity) == ("big-one", "large", 7)
    assert server.labels == {"team": "x"}
    several = call(
        "POST", "/api/servers", data='{"count": 3}', content_type="application/json"
    )
    assert len(several.json()) == 3


def test_a_cap_is_named_and_nothing_is_created(call: Call) -> None:
    from servers.models import Account

    Account.objects.update(max_servers=2)
    answer = call(
        "POST", "/api/servers", data='{"count": 3}', content_type="application/json"
    )
    assert answer.status_code == 409
    assert "limit of 2 servers" in answer.json()["message"]
    assert "only 2 more" in answer.json()["message"]
    assert not Server.objects.exists()


def test_a_taken_name_is_a_409(call: Call) -> None:
    provision(name="taken")
    answer = call(
        "POST", "/api/servers", data='{"name": "taken"}', content_type="text/json"
    )
    assert answer.status_code == 409
    assert answer.json()["errors"]["name"]


def test_the_request_id_is_echoed_and_reaches_the_event(call: Call) -> None:
    from servers.models import Event

    answer = call("POST", "/api/servers", headers={"x-request-id": "abc-123"})
    assert answer["X-Request-ID"] == "abc-123"
    assert Event.objects.get(kind="requested").request_id == "abc-123"
    strange = call("GET", "/api/servers", headers={"x-request-id": "a b\n<script>"})
    assert re.fullmatch(r"[0-9a-f]{16}", strange["X-Request-ID"])
