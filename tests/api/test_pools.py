"""``/api/queues`` and ``/api/pools`` over a fake Drone server."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from servers import pools
from servers.models import Pool, PoolJob, Queue, Server
from servers.operations.visits import take_place
from servers.records.ledger import database_now
from tests.api.conftest import Call
from tests.clouds.fakes.base import running
from tests.queues.fakes.drone import FakeDrone

pytestmark = pytest.mark.django_db(transaction=True)

LINUX = {"os": "linux", "arch": "amd64"}


@pytest.fixture
def drone() -> Iterator[FakeDrone]:
    with running(FakeDrone()) as fake:
        yield fake


def create_queue(send: Call, drone: FakeDrone, **more: Any) -> Any:
    body = {
        "name": "drone",
        "kind": "drone",
        "url": drone.url,
        "credentials": {"token": "token-one"},
        **more,
    }
    return send("POST", "/api/queues", body)


def create_pool(send: Call, **more: Any) -> Any:
    body = {"name": "linux", "template": "default", "queue": "drone", "labels": LINUX}
    return send("POST", "/api/pools", {**body, **more})


def test_a_queue_and_a_pool_are_created_tested_followed_and_deleted(
    send: Call, drone: FakeDrone
) -> None:
    assert create_queue(send, drone).status_code == 201
    answer = create_pool(send, policy={"max": 5})
    assert answer.status_code == 201, answer.content
    drone.add()
    drone.add(arch="arm64")
    tested = send("POST", "/api/queues/drone/test").json()
    assert tested["works"]
    shown = [(job["pool"], job["missing"]) for job in tested["jobs"]]
    assert shown == [
        ("linux", []),
        ("", ["arch=arm64"]),
    ]
    assert Queue.objects.get().jobs == []  # a test stores nothing
    pools.read_queue(Queue.objects.get().pk)
    pools.plan_pools([Pool.objects.get().pk])
    queue = send("GET", "/api/queues/drone").json()
    assert queue["jobs"] == {"pending": 2, "held": 0, "running": 0}
    assert "credentials" not in queue
    pool = send("GET", "/api/pools/linux").json()
    assert pool["why"][-1] == "1 server will be created."
    assert pool["figures"]["waiting"] == 1
    (planned,) = send("GET", "/api/pools/linux/plans").json()
    assert planned["changed"]
    assert planned["why"] == pool["why"]
    (policy,) = send("GET", "/api/pools/linux/policies").json()
    assert (policy["number"], policy["policy"]) == (1, {"max": 5})
    (server,) = Server.objects.all()
    assert send("GET", f"/api/servers/{server.name}/details").json()["pool"] == "linux"
    assert send("DELETE", "/api/queues/drone").status_code == 409
    assert send("DELETE", "/api/pools/linux?drain=true").status_code == 204
    server.refresh_from_db()
    assert server.state in {"shutdown", "stopping", "stopped"}
    assert send("DELETE", "/api/queues/drone").status_code == 204


def test_a_queue_that_can_t_be_read_is_told_by_its_test(
    send: Call, drone: FakeDrone
) -> None:
    create_queue(send, drone, credentials={"token": "wrong"})
    tested = send("POST", "/api/queues/drone/test").json()
    assert (tested["works"], tested["jobs"]) == (False, [])
    assert "The token is not valid." in tested["message"]
    assert "wrong" not in tested["message"].replace("is wrong", "")


def test_only_so_many_queues_are_tested_at_once(send: Call, drone: FakeDrone) -> None:
    create_queue(send, drone)
    with take_place(), take_place():
        tested = send("POST", "/api/queues/drone/test").json()
    assert not tested["works"]
    assert tested["message"].startswith("Other tests are running.")
    assert not drone.calls
    assert send("POST", "/api/queues/drone/test").json()["works"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"template": "no-such"}, "template"),
        ({"queue": "no-such"}, "queue"),
        ({"policy": {"min": 9, "max": 1}}, "policy"),
        ({"policy": "5"}, "policy"),
        ({"labels": {"os": 1}}, "labels"),
        ({"why": ["x"]}, "why"),
        ({"priority": 1.5}, "priority"),
    ],
)
def test_what_is_wrong_with_a_pool_is_a_400_at_its_field(
    send: Call, drone: FakeDrone, body: dict[str, Any], field: str
) -> None:
    create_queue(send, drone)
    answer = create_pool(send, **body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not Pool.objects.exists()


def test_a_change_keeps_what_it_does_not_name(send: Call, drone: FakeDrone) -> None:
    create_queue(send, drone)
    create_pool(send, policy={"max": 5})
    changed = send("PATCH", "/api/pools/linux", {"dry": True, "frozen": True}).json()
    assert (changed["dry"], changed["frozen"]) == (True, True)
    assert changed["policy"] == {"max": 5}
    moved = send("PATCH", "/api/queues/drone", {"url": "https://other.example.com"})
    assert moved.status_code == 400
    assert "enter all credentials again" in moved.json()["message"]
    assert send("PATCH", "/api/queues/drone", {"enabled": False}).status_code == 200
    assert Queue.objects.get().credentials


def test_a_pools_own_jobs_are_replayed(send: Call, drone: FakeDrone) -> None:
    create_queue(send, drone)
    create_pool(send, policy={"max": 5, "price": 0.5})
    empty = send("GET", "/api/pools/linux/replay").json()
    assert (empty["jobs"], empty["points"]) == (0, [])
    now = database_now()
    pool = Pool.objects.get()
    PoolJob.objects.create(
        queue=pool.queue,
        key="1" * 32,
        pool=pool,
        queued_at=now - timedelta(minutes=20),
        started_at=now - timedelta(minutes=18),
        ended_at=now - timedelta(minutes=10),
    )
    found = send("GET", "/api/pools/linux/replay?vary=min&days=1").json()
    assert (found["jobs"], found["boot"]) == (1, 90)
    assert [each["changes"] for each in found["points"][:2]] == [{}, {"min": 1}]
    assert all(each["cost"] > 0 for each in found["points"])
    for query in ("vary=max", "days=0", "days=31", "days=x"):
        answer = send("GET", f"/api/pools/linux/replay?{query}")
        assert answer.status_code == 400, query
    assert send("GET", "/api/pools/other/replay").status_code == 404
