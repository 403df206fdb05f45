"""The activity: who did what, by filters and cursor."""

from typing import Any

import pytest

from servers.models import Event
from servers.operations.fleet import pause_fleet
from servers.tracing import bound
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(workshop: Workshop) -> Any:
    make_fleet()
    with bound(actor="user:ada", request_id="req-1"):
        provision(name="one")
    with bound(actor="token:ci"):
        provision(name="two")
    with bound(actor="worker"):
        pause_fleet(note="<script>alert(1)</script>")
    return log_in(make_person("viewer"))


def rows(client: Any, query: str = "") -> list[Event]:
    page = client.get(f"/activity/{query}")
    assert page.status_code == 200
    return [event for event, _ in page.context["events"]]


def test_every_act_is_there_with_who_and_links_both_ways(client: Any) -> None:
    text = client.get("/activity/").content.decode()
    assert '<a href="/servers/one/">one</a>' in text
    assert "user:ada" in text
    assert "req-1" in text
    assert "<script>alert" not in text
    assert [event.pk for event in rows(client)] == list(
        Event.objects.order_by("-pk").values_list("pk", flat=True)
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?who=people", ["one"]),
        ("?who=tokens", ["two"]),
        ("?who=workers", [""]),
        ("?actor=ci", ["two"]),
        ("?server=one", ["one"]),
        ("?kind=paused", [""]),
        ("?kind=requested&who=people", ["one"]),
        ("?server=%00&actor=%00&kind=zzz&before=9e9&after=-1&who=x", []),
    ],
)
def test_filters_narrow_it(client: Any, query: str, names: list[str]) -> None:
    assert [event.server_name for event in rows(client, query)] == names


def test_a_server_that_is_over_leads_to_its_history(client: Any) -> None:
    Event.objects.create(kind="hidden", server_name="gone", actor="user:ada")
    assert "/activity/?server=gone" in client.get("/activity/").content.decode()


def test_the_cursor_leads_there_and_back_whatever_comes_meanwhile(client: Any) -> None:
    Event.objects.bulk_create(
        Event(kind="changed", reason=str(number)) for number in range(120)
    )
    everything = list(Event.objects.order_by("-pk").values_list("pk", flat=True))
    first = client.get("/activity/").context
    Event.objects.create(kind="changed")
    second = client.get(f"/activity/?before={first['older']}").context
    third = client.get(f"/activity/?before={second['older']}").context
    seen = [event.pk for page in (first, second, third) for event, _ in page["events"]]
    assert seen == everything
    assert third["older"] is None
    back = client.get(f"/activity/?after={third['newer']}").context
    assert [row.pk for row, _ in back["events"]] == [
        row.pk for row, _ in second["events"]
    ]


def test_it_costs_the_same_queries_for_any_history(
    client: Any, django_assert_max_num_queries: Any
) -> None:
    Event.objects.bulk_create(
        Event(kind="changed", server_name=f"s-{number}") for number in range(60)
    )
    with django_assert_max_num_queries(9):
        page = client.get("/activity/")
    assert len(page.content) < 60_000
