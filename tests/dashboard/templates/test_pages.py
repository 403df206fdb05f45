"""The templates' pages: what they make, how they do, and what changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from servers.models import Account, Attempt, Event, Server, Template
from servers.records.ledger import database_now
from tests.dashboard.templates.forms import fill, new
from tests.support.fleet import Workshop, provision
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


def test_versions_tell_what_changed_and_who_did_it(admin: Client) -> None:
    path = "/templates/default/change/"
    changes = {"size": "large", "labels": "a=b", "user_data": "needle-1", "ttl": "90"}
    admin.post(path, fill(admin, path, **changes))
    admin.post(path, fill(admin, path, user_data="needle-2"))
    admin.post(path, fill(admin, path, forget_user_data="on"))
    text = admin.get("/templates/default/").content.decode()
    for words in (
        "Version 4",
        "size: small → large",
        "labels a: none → b",
        "ttl: no limit → 5400 s",
        "user data added",
        "user data replaced",
        "user data removed",
        "by user:ada",
        "First version",
    ):
        assert words in text
    assert "needle" not in text


def test_one_template_is_the_default_at_a_time(admin: Client) -> None:
    admin.post("/templates/new/", new(admin))
    told = admin.post("/templates/big/default/", follow=True)
    assert b"big is now the default" in told.content
    told = admin.post("/templates/big/default/", follow=True)
    assert b"already the default" in told.content
    assert [row.name for row in Template.objects.filter(is_default=True)] == ["big"]


def test_a_template_with_servers_is_not_deleted_and_says_why(admin: Client) -> None:
    provision()
    page = admin.get("/templates/default/delete/").content
    assert b"1 server created from it has not stopped yet." in page
    assert b">Back</a>" in page
    told = admin.post("/templates/default/delete/", follow=True)
    assert b"1 server created from it has not stopped yet." in told.content
    admin.post("/templates/new/", new(admin))
    admin.post("/templates/big/delete/")
    assert not Template.objects.filter(name="big").exists()


def test_a_try_is_begun_watched_and_ends_by_itself(
    admin: Client, workshop: Workshop
) -> None:
    assert b"No recent trial run" in admin.get("/templates/default/trial/").content
    assert b"the last trial run" not in admin.get("/templates/default/").content
    begun = admin.post("/templates/default/try/")
    assert begun["Location"] == "/templates/default/trial/"
    admin.post("/templates/default/try/")
    server = Server.objects.get()
    assert b"in progress" in admin.get("/templates/default/trial/").content
    assert b"Result of the last trial run" in admin.get("/templates/default/").content
    workshop.run_to("stopped", server)
    text = admin.get("/templates/default/trial/").content.decode()
    assert "The server was ready after" in text
    assert "terminated, and confirmed gone" in text
    Account.objects.update(enabled=False)
    told = admin.post("/templates/default/try/", follow=True)
    assert b"is disabled" in told.content


def test_the_record_is_of_late_and_costs_the_same_for_any_number(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    for count in range(20):
        admin.post("/templates/new/", new(admin, name=f"t{count}"))
    servers = [provision(template="t1") for _ in range(10)]
    now = database_now()
    for count, server in enumerate(servers):
        row = Server.objects.filter(pk=server.pk)
        asked = now - timedelta(minutes=5)
        row.update(created_at=asked, started_at=asked + timedelta(seconds=2))
        Event.objects.filter(server=server).update(at=asked)
        if count < 8:
            # The cloud had it started long before it was ready.
            ready = asked + timedelta(seconds=40 + count)
            Event.objects.create(server=server, kind="ready", at=ready)
            Attempt.objects.create(
                server=server,
                server_uid=server.pk,
                number=1,
                account=server.account,
                recipe=server.recipe,
                key=server.name,
                token="t",
                asked_at=asked,
                lease_end=asked,
                ready_at=ready,
            )
            row.update(state="running")
        else:
            row.update(state="error", error="no capacity")
    old = Server.objects.filter(pk=servers[0].pk)
    old.update(created_at=now - timedelta(days=30))
    admin.get("/templates/")  # with what it has to say of the forms
    for path, most in (("/templates/", 10), ("/templates/t1/", 17)):
        with django_assert_max_num_queries(most):
            page = admin.get(path)
        with django_assert_max_num_queries(3):
            again = admin.get(path, headers={"if-none-match": page["ETag"]})
        assert again.status_code == 304
        text = page.content.decode()
        assert "43 s" in text
        assert "22 %" in text
        assert len(text) < 100_000


def test_a_viewer_looks_and_may_not_touch(admin: Client) -> None:
    viewer = log_in(make_person("viewer"))
    for path in ("/templates/", "/templates/default/", "/templates/default/trial/"):
        text = viewer.get(path).content.decode()
        main = text[text.index("<main") :]
        assert "<form" not in main
        assert "New template" not in main
        assert "Edit template</a>" not in main
    for path in (
        "new",
        *(f"default/{a}" for a in ("change", "try", "default", "delete")),
    ):
        assert viewer.post(f"/templates/{path}/", {"name": "x"}).status_code == 403
    assert admin.get("/templates/none/").status_code == 404
    assert admin.get("/templates/%00/").status_code == 404
