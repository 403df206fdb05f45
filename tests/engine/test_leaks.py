"""The leak report in the API, on the page and at the command line."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from servers.access.tokens import issue_token
from servers.clouds.base import FLEET_TAG, KEY_TAG, SERVER_TAG
from servers.lifecycle.keys import make_key
from servers.models import Account, Attempt, Instance, Location, Server
from servers.operations.terminate import terminate_server
from servers.operations.unowned import destroy_unowned
from servers.records.ledger import database_now
from servers.reports.leaks.load import list_history, report_leaks
from tests.support.fleet import Workshop, live_keys, make_fleet, provision, world_of
from tests.support.worlds import add_instance

pytestmark = pytest.mark.django_db(transaction=True)


def add(account: Account, key: str) -> None:
    _, server, _, _ = key.rsplit("-", 3)
    tags = {FLEET_TAG: "ci", SERVER_TAG: server, KEY_TAG: key}
    add_instance(
        world_of(account), region="", tags=tags, now=time.time(), name="from-a-backup"
    )


@pytest.fixture
def unowned(workshop: Workshop) -> Instance:
    """An instance that the database does not know, next to one server."""
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    add(account, str(make_key("ci", server.pk, 9)))
    workshop.run_until(
        lambda: Instance.objects.filter(verdict="unexplained", live=True).exists()
    )
    return Instance.objects.get(verdict="unexplained")


def api(method: str, path: str, *scopes: str) -> Any:
    token = issue_token(f"test {time.time_ns()}", scopes=scopes)
    client = Client(headers={"authorization": f"Bearer {token}"})
    return client.generic(method, path)


def test_a_fleet_at_rest_is_clean_and_says_what_was_compared(
    workshop: Workshop,
) -> None:
    make_fleet()
    assert not report_leaks(now=database_now()).is_clean  # nothing is known yet
    server = provision()
    workshop.run_to("running", server)
    report = api("GET", "/api/leaks", "servers:read").json()
    assert report["clean"] is True
    (location,) = report["scopes"]
    assert (location["account"], location["live"], location["owned"]) == (
        "sandbox",
        1,
        1,
    )
    assert location["compared"] > 0
    assert (location["findings"], location["unconfirmed"]) == ([], [])


def test_an_orphan_is_named_until_it_is_gone(workshop: Workshop) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    add(account, Attempt.objects.get().key)
    workshop.run_until(lambda: Instance.objects.filter(verdict="orphan").exists())
    (location,) = report_leaks(now=database_now()).locations
    (finding,) = location.findings
    assert finding.instance.verdict == "orphan"
    assert "condemned" in finding.next or "destruction" in finding.next
    workshop.run_until(lambda: not live_keys(account))
    workshop.run_until(lambda: not Instance.objects.filter(live=True).exists())
    assert report_leaks(now=database_now()).is_clean


def test_a_person_destroys_an_unexplained_instance(
    workshop: Workshop, unowned: Instance
) -> None:
    account = Account.objects.get()
    path = f"/api/leaks/{unowned.pk}/destroy"
    assert api("POST", path, "servers:write").status_code == 403
    assert api("POST", path, "fleet:admin").status_code == 204
    assert api("POST", path, "fleet:admin", "servers:read").status_code == 409
    workshop.run_until(lambda: len(live_keys(account)) == 1)
    assert api("POST", "/api/leaks/99999/destroy", "fleet:admin").status_code == 404


def test_a_decided_instance_is_in_progress_and_no_leak(
    workshop: Workshop, unowned: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    # It has waited for a person for a day, and the cloud takes its time.
    long_ago = database_now() - timedelta(days=1)
    Instance.objects.filter(pk=unowned.pk).update(first_seen=long_ago)
    assert not report_leaks(now=database_now()).is_clean
    destroy_unowned(unowned.pk)
    report = report_leaks(now=database_now())
    assert report.is_clean
    (finding,) = report.locations[0].findings
    assert (finding.is_under_way, finding.waits, finding.outside) == (
        True,
        False,
        False,
    )
    assert "condemned" in finding.next
    told = api("GET", "/api/leaks", "servers:read").json()
    assert told["clean"] is True
    (shown,) = told["scopes"][0]["findings"]
    assert (shown["under_way"], shown["waits"]) == (True, False)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = client.get("/leaks/").content.decode()
    assert "being destroyed" in page
    assert "Not proven" not in page
    assert "Adopt or destroy it." not in page.partition(">History<")[0]
    call_command("sweep", "--dry-run")
    assert "NOT CLEAN" not in capsys.readouterr().out
    metrics = client.get("/metrics").content.decode()
    labels = 'account="sandbox",outside="false",region="",verdict='
    assert f'serverfleet_leaks{{{labels}"decided"}} 1.0' in metrics
    assert f'serverfleet_leaks{{{labels}"unexplained"}} 0.0' in metrics
    # Its bound starts again with the decision.
    later = database_now() + report.locations[0].bound + timedelta(seconds=1)
    (late,) = report_leaks(now=later).locations[0].findings
    assert late.outside


def test_a_decision_about_an_unexplained_instance_lets_creates_go_on(
    workshop: Workshop, unowned: Instance
) -> None:
    server = provision()
    workshop.run_for(0.3)
    server.refresh_from_db()
    assert server.state == "pending"
    Instance.objects.filter(pk=unowned.pk).update(
        condemned_at=database_now(), next_step_at=None
    )
    workshop.run_to("running", server)


def test_an_adopted_instance_keeps_running_as_a_server(
    workshop: Workshop, unowned: Instance
) -> None:
    account = Account.objects.get()
    answer = api("POST", f"/api/leaks/{unowned.pk}/adopt", "fleet:admin")
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["state"], shown["id"]) == ("created", unowned.instance_id)
    adopted = Server.objects.get(name="from-a-backup")
    workshop.run_to("running", adopted)
    workshop.run_for(1.0)
    assert len(live_keys(account)) == 2
    assert report_leaks(now=database_now()).is_clean
    terminate_server(adopted.name)
    workshop.run_to("stopped", adopted)
    assert len(live_keys(account)) == 1


def test_the_page_shows_it_and_its_buttons_work(
    workshop: Workshop, unowned: Instance
) -> None:
    viewer = Client()
    viewer.force_login(User.objects.create_user("vi", is_staff=False))
    assert viewer.get("/leaks/").status_code == 403
    admin = Client()
    admin.force_login(User.objects.create_superuser("ada"))
    page = admin.get("/leaks/").content.decode()
    assert unowned.instance_id in page
    assert "Adopt or destroy it." in page
    assert viewer.post(f"/leaks/{unowned.pk}/destroy/").status_code == 403
    done = admin.post(f"/leaks/{unowned.pk}/destroy/", follow=True)
    assert b"The instance will be destroyed" in done.content
    again = admin.post(f"/leaks/{unowned.pk}/adopt/", follow=True)
    assert b"no longer needs a decision" in again.content


def test_sweep_prints_it_and_fails_where_something_is_outside(
    workshop: Workshop, unowned: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("sweep", "--dry-run")
    assert "unexplained" in capsys.readouterr().out
    early = unowned.first_seen.replace(year=2020)
    Instance.objects.filter(pk=unowned.pk).update(first_seen=early)
    with pytest.raises(CommandError, match="past the bound"):
        call_command("sweep")
    assert "NOT CLEAN" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no account"):
        call_command("sweep", "--account", "nobody")


def test_the_report_asks_the_same_number_of_queries_for_any_number_of_servers(
    workshop: Workshop, django_assert_max_num_queries: Any
) -> None:
    make_fleet()
    for count in (1, 15):
        servers = [provision() for _ in range(count)]
        workshop.run_to("running", *servers)
        for server in servers:
            terminate_server(server.name)
        now = database_now()
        with django_assert_max_num_queries(7):
            report_leaks(now=now)


@pytest.fixture
def held(workshop: Workshop) -> list[Instance]:
    """Eight instances whose attempts are closed: too many to destroy automatically."""
    make_fleet()
    servers = [provision() for _ in range(8)]
    workshop.run_to("running", *servers)
    Attempt.objects.update(outcome="absent")
    workshop.run_until(lambda: Location.objects.filter(held=8).exists())
    return list(Instance.objects.order_by("pk"))


def test_many_orphans_at_once_are_destroyed_only_if_a_person_decides_so(
    workshop: Workshop, held: list[Instance]
) -> None:
    report = api("GET", "/api/leaks", "servers:read").json()
    assert report["clean"] is False
    (location,) = report["scopes"]
    assert location["held"] == 8
    assert all(finding["waits"] for finding in location["findings"])
    assert "needs a decision" in location["findings"][0]["next"]
    assert [event["kind"] for event in report["history"]] == ["held"]

    path = f"/api/leaks/{held[0].pk}/destroy"
    assert api("POST", path, "servers:write").status_code == 403
    assert api("POST", path, "fleet:admin").status_code == 204
    again = api("POST", path, "fleet:admin")
    assert again.status_code == 409
    assert "no longer needs a decision" in again.json()["message"]

    User.objects.create_superuser("admin", password="a long enough password")
    client = Client()
    client.force_login(User.objects.get())
    page = client.get("/leaks/").content.decode()
    assert "Destroy all 8" in page
    assert f"Destroy {held[1].instance_id}" in page
    done = client.post(
        "/leaks/destroy-held/", {"account": "sandbox", "region": ""}, follow=True
    )
    assert "7 instances will be destroyed." in done.content.decode()
    workshop.run_until(lambda: not Instance.objects.filter(live=True).exists())
    kinds = [event.kind for event in list_history()]
    assert kinds.count("condemned") == 8
    assert kinds.count("orphan_gone") == 8
    assert not Location.objects.filter(held__gt=0).exists()


def test_what_is_not_held_cannot_be_destroyed_in_bulk(workshop: Workshop) -> None:
    make_fleet()
    workshop.run_to("running", provision())
    client = Client(
        headers={"authorization": f"Bearer {issue_token('a', scopes=['fleet:admin'])}"}
    )
    for body, status in (
        ({"account": "sandbox"}, 409),
        ({"account": "nobody"}, 404),
        ({}, 400),
    ):
        answer = client.post(
            "/api/leaks/destroy-held", body, content_type="application/json"
        )
        assert answer.status_code == status
        assert answer.json()["message"]
    assert Instance.objects.filter(live=True).count() == 1


def test_an_instance_that_reappears_is_unexplained_not_ours(
    workshop: Workshop, unowned: Instance
) -> None:
    Instance.objects.filter(pk=unowned.pk).update(live=False, verdict="gone")
    workshop.run_until(
        lambda: Instance.objects.filter(pk=unowned.pk, verdict="unexplained").exists()
    )
