"""Each list costs the same for any number of rows."""

import uuid
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.admin.filters import MAX_COUNTED, BoundedPaginator
from servers.models import (
    Account,
    Attempt,
    Counter,
    Event,
    IdempotentRequest,
    Instance,
    Leftover,
    Listing,
    Location,
    Server,
    Template,
    TemplateVersion,
    Token,
)
from servers.records.ledger import database_now
from tests.support.fleet import provision

pytestmark = pytest.mark.django_db(transaction=True)

# Session, user, two counts, the rows, and one for each filter by a related row.
MOST = 8


def make_rows(start: int, count: int) -> None:
    """Make so many rows of every model."""
    now = database_now()
    account, server = Account.objects.get(), Server.objects.order_by("name")[0]
    template, recipe = Template.objects.get(), TemplateVersion.objects.get()
    for number in range(start, start + count):
        region = f"r{number}"
        location = Location.objects.create(account=account, region=region)
        Listing.objects.create(location=location, started_at=now, finished_at=now)
        here: dict[str, Any] = {"account": account, "region": region}
        made = Server.objects.create(
            **here, name=f"s{number}", capacity=1, recipe=recipe, template=template
        )
        attempt = Attempt.objects.create(
            **here,
            server=made,
            server_uid=made.pk,
            number=1,
            key=f"k{number}",
            asked_at=now,
            lease_end=now,
        )
        Instance.objects.create(
            **here, instance_id=f"i{number}", attempt=attempt, first_seen=now
        )
        Leftover.objects.create(
            **here, resource_id=f"v{number}", kind="volume", first_seen=now
        )
        Event.objects.create(server=server, account=account, kind="ready")
        Token.objects.create(
            name=f"t{number}", public_id=f"{number}", user=User.objects.first()
        )
        Counter.objects.create(name="boots", label=f"{number}")
        IdempotentRequest.objects.create(caller="c", key=f"{number}", digest="d")


def test_no_list_has_a_query_per_row(client: Client) -> None:
    provision(name="a")
    counts: dict[str, list[int]] = {}
    for start, rows in ((0, 2), (2, 60)):
        make_rows(start, rows)
        for model in django_admin.site._registry:
            if model._meta.app_label != "servers":
                continue
            path = f"/admin/servers/{model._meta.model_name}/"
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(path).status_code == 200
            counts.setdefault(path, []).append(len(queries))
            wide = [
                query["sql"]
                for query in queries
                if any(w in query["sql"] for w in ("MIN(", "MAX(", "DISTINCT"))
                and "servers_location" not in query["sql"]
            ]
            assert not wide, path
    assert {path: few for path, (few, many) in counts.items() if few != many} == {}
    assert {path: n for path, (n, _) in counts.items() if n > MOST} == {}


def test_a_server_page_and_a_template_page_have_no_query_per_row(
    client: Client,
) -> None:
    server, template = provision(), Template.objects.get()
    version = TemplateVersion.objects.get()
    paths = (
        f"/admin/servers/server/{server.pk}/change/",
        f"/admin/servers/template/{template.pk}/change/",
    )
    counts = []
    for start in (2, 12, 22):  # the first fills caches
        for number in range(start, start + 10):
            version.pk, version.number = uuid.uuid4(), number
            version.save(force_insert=True)
            Event.objects.create(server=server, kind="ready", account=server.account)
        with CaptureQueriesContext(connection) as queries:
            for path in paths:
                assert client.get(path).status_code == 200
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_counting_ends_where_paging_does(django_assert_num_queries: Any) -> None:
    Counter.objects.bulk_create(Counter(name="n", label=str(n)) for n in range(3))
    with django_assert_num_queries(1) as queries:
        assert BoundedPaginator(Counter.objects.order_by("pk"), 50).count == 3
    assert f"LIMIT {MAX_COUNTED}" in queries[0]["sql"]
    assert BoundedPaginator([1, 2], 50).count == 2


def test_filters_and_searches_narrow_and_bear_any_text(client: Client) -> None:
    provision(name="a")
    make_rows(0, 3)
    text = client.get("/admin/servers/server/?region=r1").content.decode()
    assert "s1" in text
    assert ">s2<" not in text
    assert client.get("/admin/servers/event/?kind=ready").status_code == 200
    for name in ("region", "state__exact", "kind", "q", "e", "account__id__exact"):
        answer = client.get(f"/admin/servers/server/?{name}=%00")
        assert answer.status_code == 400, name
    assert "0 servers" in client.get("/admin/servers/server/?region=x").content.decode()
    assert client.get("/admin/servers/event/?p=x").status_code in {200, 302}


def test_acts_on_accounts_templates_and_locations_are_the_operations(
    client: Client,
) -> None:
    def act(model: str, action: str, pk: Any) -> str:
        answer = client.post(
            f"/admin/servers/{model}/",
            {"action": action, "_selected_action": [str(pk)]},
            follow=True,
        )
        return answer.content.decode()

    account, template = Account.objects.get(), Template.objects.get()
    assert "works and shows 0 instances of this fleet" in act(
        "account", "test", account.pk
    )
    assert "Listing started: sandbox" in act("account", "scan", account.pk)
    location = Location.objects.get()
    assert "Listing started: sandbox" in act("location", "list_now", location.pk)
    assert "Trial run started: default" in act("template", "try_them", template.pk)
    assert Server.objects.get().name.startswith("try-default-")
    assert "Default template: default" in act("template", "make_default", template.pk)
    held = Instance.objects.create(
        account=account, instance_id="i", first_seen=database_now(), verdict="ours"
    )
    assert "no longer needs a decision" in act("instance", "destroy", held.pk)
    assert Event.objects.filter(actor="user:ada").count() >= 3
