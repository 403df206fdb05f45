"""``GET /api/servers/{name}/why`` and ``POST …/retry``."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from servers.access.tokens import issue_token
from servers.models import Account, Heartbeat, Location, Server
from tests.support.fleet import Workshop, make_fleet, make_template, provision
from tests.support.trouble import start_processes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    token = issue_token("why", scopes=["servers:write"])
    return Client(headers={"authorization": f"Bearer {token}"})


def why(client: Client, server: Server) -> Any:
    answer = client.get(f"/api/servers/{server.name}/why")
    assert answer.status_code == 200
    return answer.json()


def test_it_says_in_each_state_what_the_server_is_waiting_for(
    client: Client, workshop: Workshop
) -> None:
    make_fleet()
    server = provision()
    told = why(client, server)
    assert told["state"] == "pending"
    assert "complete listing" in told["why"]
    assert told["next_at"] >= told["since"] > 0
    workshop.run_to("running", server)
    told = why(client, server)
    assert told["why"] == "It is running, as it should be."
    assert told["next_at"] == 0
    assert server.instance_id in told["last_answer"]


@pytest.mark.parametrize(
    ("options", "state", "said"),
    [
        ({"boot": 60.0}, "created", "Waiting for an address."),
        ({}, "staging", "The instance has not called back yet."),
    ],
)
def test_a_booting_server_says_when_the_cloud_is_asked_next(
    client: Client,
    workshop: Workshop,
    settings: Any,
    options: dict[str, Any],
    state: str,
    said: str,
) -> None:
    settings.PUBLIC_URL = "https://fleet.example.com"
    account = make_fleet(**options)
    make_template(
        account, "builder", cloud_init="docker", readiness="callback", agent="none"
    )
    server = provision(template="builder")
    workshop.run_to(state, server)
    start_processes()
    server.refresh_from_db()
    assert server.deadline_at is not None
    deadline = server.deadline_at
    asks, checks = "ServerFleet asks the cloud again.", "It is checked again."
    for listed, following, at in (
        (deadline - timedelta(seconds=9), asks, deadline - timedelta(seconds=9)),
        (deadline + timedelta(seconds=9), checks, deadline),
    ):
        Location.objects.update(next_listing_at=listed)
        told = why(client, server)
        assert (told["why"], told["next"]) == (said, following)
        assert told["next_at"] == pytest.approx(at.timestamp(), abs=1)


def test_it_shows_the_clouds_response_and_a_retry_starts_again(
    client: Client, workshop: Workshop
) -> None:
    account = make_fleet(images=["debian-12"])
    server = provision()
    workshop.run_to("error", server)
    assert "There is no image ubuntu-24.04" in why(client, server)["last_answer"]
    Account.objects.filter(pk=account.pk).update(
        options={**account.options, "images": ["ubuntu-24.04"]}
    )
    answer = client.post(f"/api/servers/{server.name}/retry")
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    again = client.post(f"/api/servers/{server.name}/retry")
    assert again.status_code == 409
    workshop.run_to("running", server)


def test_an_unknown_server_is_reported(client: Client) -> None:
    make_fleet()
    for path in ("none/why", "a/b/why", "%00/why", "why/why"):
        answer = client.get(f"/api/servers/{path}")
        assert answer.status_code == 404
        assert "no server named" in answer.json()["message"]


def test_it_says_what_blocks_work_that_is_due(
    client: Client, workshop: Workshop
) -> None:
    make_fleet()
    workshop.run_until(lambda: bool(Location.objects.get().compared_at))
    server = provision()
    start_processes()
    assert why(client, server)["why"] == "A worker can start on it now."
    Heartbeat.objects.filter(kind="worker").update(trouble="its loop hangs")
    assert "The worker hangs, so nothing is created" in why(client, server)["why"]
    Heartbeat.objects.filter(kind="worker").delete()
    told = why(client, server)
    assert "No worker is online, so nothing is created" in told["why"]
    assert told["next"].startswith("Start a worker")
