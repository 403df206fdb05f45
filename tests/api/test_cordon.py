"""``POST /api/servers/{name}/cordon`` and ``/uncordon``."""

from typing import Any

import pytest

from servers.models import Event, Server
from servers.operations.terminate import terminate_server
from tests.api.conftest import Call
from tests.support.fleet import Workshop, provision

pytestmark = pytest.mark.django_db(transaction=True)


def list_kinds(server: Server) -> list[str]:
    rows = Event.objects.filter(server_uid=server.pk, kind__contains="cordon")
    return list(rows.order_by("id").values_list("kind", flat=True))


def list_names(call: Call, query: str) -> list[str]:
    answer = call("GET", f"/api/servers?{query}")
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()]


@pytest.mark.pure
def test_a_cordon_shows_in_the_details_the_history_and_the_filter_only(
    call: Call,
) -> None:
    one, other = provision(name="one"), provision(name="other")
    before = call("GET", "/api/servers/one").json()
    answer = call("POST", "/api/servers/one/cordon", scopes=["servers:write"])
    assert (answer.status_code, answer.json()) == (200, before)
    assert call("POST", "/api/servers/one/cordon").status_code == 200
    assert list_kinds(one) == ["cordoned"]
    details: Any = call("GET", "/api/servers/one/details").json()
    assert details["cordoned"] is True
    assert list_names(call, "cordoned=true") == ["one"]
    assert list_names(call, "cordoned=0") == ["other"]
    answer = call("POST", "/api/servers/one/uncordon")
    assert (answer.status_code, answer.json()) == (200, before)
    assert call("POST", "/api/servers/one/uncordon").status_code == 200
    assert list_kinds(one) == ["cordoned", "uncordoned"]
    assert list_names(call, "cordoned=true") == []
    assert list_kinds(other) == []


@pytest.mark.pure
def test_who_may_not_change_servers_can_not_cordon_them(call: Call) -> None:
    server = provision(name="one")
    for act in ("cordon", "uncordon"):
        path = f"/api/servers/one/{act}"
        assert call("POST", path, scopes=["servers:read"]).status_code == 403
        assert call("GET", path).status_code == 405
        answer = call("POST", f"/api/servers/none/{act}")
        assert answer.status_code == 404
        assert "no server named 'none'" in answer.json()["message"]
    for wrong in ("cordoned=maybe", "cordoned=", "cordoned=true&cordoned=true"):
        answer = call("GET", f"/api/servers?{wrong}")
        assert "cordoned" in answer.json()["errors"], wrong
    assert list_kinds(server) == []


def test_a_cordon_outlasts_the_boot_and_a_retry_and_termination_cordons_for_good(
    call: Call, workshop: Workshop
) -> None:
    server = provision(name="one")
    call("POST", "/api/servers/one/cordon")
    workshop.run_to("running", server)
    assert server.cordoned
    Server.objects.filter(pk=server.pk).update(state="error", instance_id="")
    assert call("POST", "/api/servers/one/cordon").status_code == 200
    Server.objects.filter(pk=server.pk).update(state="running", cordoned=False)
    terminate_server("one")
    server.refresh_from_db()
    assert server.cordoned
    # It gets no builds anyway, so that is no event.
    assert call("POST", "/api/servers/one/cordon").status_code == 200
    answer = call("POST", "/api/servers/one/uncordon")
    assert answer.status_code == 409
    assert "being terminated" in answer.json()["message"]
    assert list_kinds(server) == ["cordoned"]
