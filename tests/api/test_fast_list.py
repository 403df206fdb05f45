"""The fast list: ETags, 304s and cached bytes are never stale."""

import base64
import json
from functools import partial
from typing import Any

import pytest
from django.db import connections, transaction
from django.http import StreamingHttpResponse
from django.test.utils import CaptureQueriesContext

from servers.api.server_list import fragments, segments
from servers.models import Server, Token
from servers.models.fields import EncryptedTextField
from servers.operations.change import Change, change_server
from servers.operations.templates import save_template
from tests.api.conftest import Call
from tests.support.fleet import provision
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

READS = ["servers:read"]
SECRETS = ["servers:read", "secrets:read"]


def queries(call: Call, path: str, **more: Any) -> int:
    with CaptureQueriesContext(connections["default"]) as seen:
        assert call("GET", path, **more).status_code in {200, 304}
    return len(seen)


def test_no_number_of_queries_grows_with_the_servers(call: Call) -> None:
    counts = []
    for more in (1, 12, 230):
        for _ in range(more):
            provision()
        call("GET", "/api/me")  # the token is known from here on
        cold = queries(call, "/api/servers")
        warm = queries(call, "/api/servers")
        Server.objects.filter(pk=provision().pk).update(address="10.1.1.1")
        moved = queries(call, "/api/servers")
        page = queries(call, "/api/servers?limit=1000&state=pending")
        counts.append((cold, warm, moved, page))
    assert set(counts) == {(3, 1, 3, 3)}


def test_a_list_of_several_segments_is_sent_piece_by_piece(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "ROWS", 2)
    names = {provision().name for _ in range(5)}
    answer = call("GET", "/api/servers")
    assert isinstance(answer, StreamingHttpResponse)  # joined, they would be copied
    pieces = list(answer)
    assert len(pieces) == 3
    assert answer["Content-Length"] == str(sum(map(len, pieces)))
    assert {row["name"] for row in json.loads(b"".join(pieces))} == names


def test_one_server_costs_three_queries_and_one_while_nothing_changes(
    call: Call,
) -> None:
    path = f"/api/servers/{provision().name}"
    call("GET", "/api/me")
    assert queries(call, path) == 3
    etag = call("GET", path)["ETag"]
    assert queries(call, path) == 1
    assert queries(call, path, headers={"if-none-match": etag}) == 1
    provision()
    assert queries(call, path) == 2


@pytest.mark.parametrize("query", ["", "?state=pending", "?label=a:b", "?limit=1"])
def test_a_known_etag_is_a_304_without_a_body(call: Call, query: str) -> None:
    server = provision(labels={"a": "b"})
    path = f"/api/servers{query}"
    first = call("GET", path)
    for known in (first["ETag"], f'"x", W/{first["ETag"]}', "*"):
        again = call("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again["ETag"] == first["ETag"]
        assert "Content-Type" not in again
    assert first["Cache-Control"] == "no-store"  # it has keys
    assert queries(call, path, headers={"if-none-match": first["ETag"]}) == 1
    change_server(server.name, Change(labels={"a": "c"}, capacity=7))
    after = call("GET", path, headers={"if-none-match": first["ETag"]})
    assert after.status_code == 200


def test_a_list_by_template_follows_the_templates_name(call: Call) -> None:
    server = provision()
    path = "/api/servers?template=default"
    etag = call("GET", path)["ETag"]
    assert server.template is not None
    server.template.name = "other"
    save_template(server.template)
    after = call("GET", path, headers={"if-none-match": etag})
    assert after.json() == []


def test_the_rights_are_part_of_the_etag(call: Call) -> None:
    server = provision()
    for path in ("/api/servers", f"/api/servers/{server.name}"):
        etag = call("GET", path, scopes=SECRETS)["ETag"]
        answer = call("GET", path, scopes=READS, headers={"if-none-match": etag})
        assert answer.status_code == 200


@pytest.mark.parametrize("kept", [True, False])
def test_kept_bytes_with_secrets_reach_only_those_with_the_right(
    call: Call, settings: Any, kept: bool
) -> None:
    settings.CACHE_SECRETS = kept
    server = provision()
    field = Server._meta.get_field("tls_key")
    assert isinstance(field, EncryptedTextField)
    Server.objects.update(tls_key=field.seal("MARK", server.pk))
    mark = base64.b64encode(b"MARK").decode()
    for path in ("/api/servers", "/api/servers?limit=1", f"/api/servers/{server.name}"):
        for _ in range(2):
            for scopes in (SECRETS, READS):
                text = call("GET", path, scopes=scopes).content.decode()
                assert (mark in text) is (scopes is SECRETS), path
    with_secrets = fragments.encoded_servers(with_secrets=True)
    assert (with_secrets._find(server.pk) is not None) is kept


def test_a_reused_name_is_another_server(call: Call) -> None:
    server = provision(name="one")
    etag = call("GET", "/api/servers/one")["ETag"]
    Server.objects.filter(pk=server.pk).update(hidden=True)
    assert call("GET", "/api/servers/one").status_code == 404
    again = provision(name="one")
    answer = call("GET", "/api/servers/one", headers={"if-none-match": etag})
    assert answer.status_code == 200
    assert Server.objects.get(hidden=False).pk == again.pk


def test_inside_a_transaction_no_cache_is_used(call: Call) -> None:
    server = provision()
    call("GET", "/api/servers")
    with transaction.atomic():
        Server.objects.filter(pk=server.pk).update(address="10.9.9.9")
        answer = call("GET", "/api/servers")
        assert answer.json()[0]["address"] == "10.9.9.9"
        assert "ETag" not in answer


def test_a_just_revoked_token_is_refused(call: Call) -> None:
    for _ in range(2):
        assert call("GET", "/api/servers").status_code == 200
    Token.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert call("GET", "/api/servers").status_code == 401


def test_no_list_is_older_than_an_answered_write(call: Call) -> None:
    """Each writer changes its own server, and reads what it has just written."""
    rounds, writers = 25, 4
    names = [provision(name=f"w{number}").name for number in range(writers)]
    call("GET", "/api/servers")
    stale: list[str] = []
    done: list[int] = []

    def write(name: str) -> None:
        etag = ""
        for capacity in range(1, rounds + 1):
            body = json.dumps({"capacity": capacity})
            changed = call(
                "PATCH",
                f"/api/servers/{name}",
                data=body,
                content_type="application/json",
            )
            assert changed.status_code == 200, changed.content
            answer = call("GET", "/api/servers", headers={"if-none-match": etag})
            if answer.status_code != 200:
                stale.append(f"{name} {capacity}: {answer.status_code}")
                continue
            etag = answer["ETag"]
            shown = {row["name"]: row["capacity"] for row in answer.json()}
            one = call("GET", f"/api/servers/{name}").json()
            if (shown[name], one["capacity"]) != (capacity, capacity):
                stale.append(f"{name} {capacity}: {shown[name]} {one['capacity']}")
        done.append(1)

    at_once(*(partial(write, name) for name in names))
    assert stale == []
    assert len(done) == writers
