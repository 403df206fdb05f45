"""Filters, order and pages of the list: always a bare array, and clear errors."""

import json
from typing import Any

import pytest

from servers.models import Server
from servers.operations.provision import Request, provision_servers
from tests.api.conftest import Call
from tests.support.fleet import provision

pytestmark = pytest.mark.django_db(transaction=True)


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()]


@pytest.fixture
def three(call: Call) -> None:
    provision(name="a-one", labels={"team": "red", "0": "zero", "a.b__c": "odd"})
    provision(name="b-two", labels={"team": "blue"}, size="large")
    provision(name="c-three", region="north")
    Server.objects.filter(name="b-two").update(state="running", address="10.9.8.7")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["a-one", "b-two", "c-three"]),
        ("state=running", ["b-two"]),
        ("state=running,pending", ["a-one", "b-two", "c-three"]),
        ("size=large", ["b-two"]),
        ("region=north", ["c-three"]),
        ("account=sandbox&search=three", ["c-three"]),
        ("account=none", []),
        ("provider=sandbox&state=pending", ["a-one", "c-three"]),
        ("provider=amazon", []),
        ("template=default&search=two", ["b-two"]),
        ("template=other", []),
        ("label=team:red", ["a-one"]),
        ("label=team:re", []),
        ("label=team", ["a-one", "b-two"]),
        ("label=team=red", ["a-one"]),
        ("label=tea", []),
        ("label=:x", []),
        ("label=0", ["a-one"]),
        ("label=a.b__c:odd", ["a-one"]),
        ("label=0:zero", ["a-one"]),
        ("label=nothing:such", []),
        ("search=10.9.8", ["b-two"]),
        ("search=%25", []),
        ("created_after=1", ["a-one", "b-two", "c-three"]),
        ("created_after=2100-01-01T00:00:00Z", []),
        ("created_after=2100-01-01T00:00:00", []),
        ("ordering=-name", ["c-three", "b-two", "a-one"]),
        ("ordering=-created&limit=1", ["c-three"]),
    ],
)
def test_the_list_is_filtered_and_ordered(
    call: Call, three: None, query: str, found: list[str]
) -> None:
    assert names(call("GET", f"/api/servers?{query}")) == found


@pytest.mark.pure
@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "state=flying",
        "state=",
        "state=running&state=error",
        "label=%3Dx",
        "label=te%21m",
        "ordering=secret",
        "ordering=--name",
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1.5",
        "limit=%D9%A1",
        "offset=x",
        "offset=99999999999",
        "created_after=yesterday",
        "created_after=2026-13-01T00:00:00Z",
        "search=%00",
        "search=" + "x" * 256,
        "secret=x",
        "ca_key=x",
    ],
)
def test_wrong_and_unknown_parameters_are_refused_by_name(
    call: Call, query: str
) -> None:
    answer = call("GET", f"/api/servers?{query}")
    assert answer.status_code == 400
    name = query.partition("=")[0]
    assert answer.json()["message"].startswith(f"{name}: ")
    assert name in answer.json()["errors"]


def test_pages_hold_each_server_once_and_link_to_each_other(call: Call) -> None:
    made = {row.name for row in provision_servers(Request(count=7))}
    seen: list[str] = []
    path = "/api/servers?limit=3&ordering=created"
    pages = 0
    while path:
        answer = call("GET", path)
        seen += names(answer)
        pages += 1
        assert answer["X-Total-Count"] == "7"
        links = dict(
            reversed(part.strip().split("; ")) for part in answer["Link"].split(",")
        )
        assert {'rel="first"', 'rel="last"'} <= set(links)
        assert ('rel="prev"' in links) == (pages > 1)
        path = links.get('rel="next"', "").strip("<>").removeprefix("http://testserver")
    assert pages == 3
    assert len(seen) == 7
    assert set(seen) == made


def test_a_page_costs_two_queries_more_than_its_token(
    call: Call, django_assert_num_queries: Any
) -> None:
    for count in (1, 20):
        provision_servers(Request(count=count))
        call("GET", "/api/servers?limit=100")
        with django_assert_num_queries(3):
            call("GET", "/api/servers?limit=100&label=team:red")


def test_the_events_are_read_by_cursor_to_the_end(call: Call) -> None:
    server = provision(name="agent-events")
    provision_servers(Request(count=5))
    path, seen = "/api/events?limit=2", []
    while path:
        answer = call("GET", path)
        seen += [event["id"] for event in answer.json()]
        path = answer.get("Link", "").partition(">")[0].removeprefix("<")
        path = path.removeprefix("http://testserver")
    everything = call("GET", "/api/events?limit=500").json()
    assert seen == [event["id"] for event in everything]
    assert seen == sorted(set(seen))
    own = call("GET", f"/api/servers/{server.name}/events").json()
    assert [event["kind"] for event in own] == ["requested"]
    assert own[0]["to"] == "pending"
    newest = call("GET", f"/api/events?after={seen[-1]}").json()
    assert newest == []
    for query in (
        "after=-1",
        "after=x",
        "limit=0",
        "limit=501",
        "wait=x",
        "after=1&after=2",
    ):
        answer = call("GET", f"/api/events?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["message"]


def test_details_and_attempts_have_what_the_contract_lacks(
    call: Call, workshop: Any
) -> None:
    server = provision(name="agent-x", labels={"team": "red"}, ttl=3600)
    workshop.run_to("running", server)
    told = call("GET", "/api/servers/agent-x/details").json()
    assert told["labels"] == {"team": "red"}
    assert (told["ttl"], told["template"], told["account"]) == (
        3600,
        "default",
        "sandbox",
    )
    assert list(told["reached"]) == [
        "pending",
        "creating",
        "created",
        "staging",
        "running",
    ]
    (attempt,) = call("GET", "/api/servers/agent-x/attempts").json()
    assert attempt["outcome"] == "accepted"
    assert attempt["instance"] == server.instance_id
    assert "token" not in attempt
    for part in ("details", "attempts", "events", "why"):
        answer = call("GET", f"/api/servers/nobody/{part}")
        assert answer.status_code == 404
        assert "no server named" in answer.json()["message"]


def test_a_patch_changes_only_what_it_can(call: Call) -> None:
    provision(name="agent-p")
    path = "/api/servers/agent-p"
    body = {"labels": {"a": "b"}, "ttl": 60, "capacity": 4, "protected": True}
    answer = call("PATCH", path, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == body
    assert call("DELETE", path).status_code == 409
    for wrong in (
        {},
        {"state": "running"},
        {"ttl": "60"},
        {"ttl": True},
        {"ttl": -1},
        {"capacity": 0},
        {"capacity": 1.5},
        {"protected": 1},
        {"labels": {"a=b": "c"}},
        {"labels": {"a": 1}},
        {"labels": None},
        {"name": "other"},
    ):
        answer = call(
            "PATCH", path, data=json.dumps(wrong), content_type="application/json"
        )
        assert answer.status_code == 400, wrong
        assert answer.json()["message"]
    row = Server.objects.get()
    assert (row.ttl, row.capacity, row.protected, row.labels) == (
        60,
        4,
        True,
        {"a": "b"},
    )
    denied = call("PATCH", path, scopes=["servers:read"])
    assert denied.status_code == 403


def test_me_returns_the_caller_and_its_scopes(call: Call) -> None:
    told = call("GET", "/api/me", scopes=["servers:write"]).json()
    assert told["name"].startswith("token:t")
    assert told["scopes"] == ["servers:read", "servers:write"]
    assert told["expires"] == 0
    assert call("GET", "/api/me", scopes=None).status_code == 401
