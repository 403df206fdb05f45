"""``PUT /api/pools/{name}/demand``: a client pushes the jobs that a pool follows."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from servers import pools
from servers.models import Pool, PoolPlan, Queue, Server, Token
from servers.reconciler import tick
from servers.records.ledger import database_now
from tests.api.conftest import Call
from tests.support.fleet import Workshop

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/pools/linux/demand"
JOB = {"id": "1", "state": "pending", "labels": {"os": "linux"}}


@pytest.fixture
def push(send: Call) -> Call:
    """A pool that follows a pushed queue, and how to push to it."""
    body = {"name": "pushed", "kind": "push"}
    assert send("POST", "/api/queues", body).status_code == 201
    pool: dict[str, Any] = {"name": "linux", "template": "default", "queue": "pushed"}
    pool |= {"labels": {"os": "linux", "gpu": "yes"}, "policy": {"idle": 0}}
    assert send("POST", "/api/pools", pool).status_code == 201

    def run(seq: int, **body: Any) -> Any:
        scopes = body.pop("scopes", ["demand:write"])
        return send("PUT", PATH, {"seq": seq, "ttl": 60, **body}, scopes=scopes)

    return run


def plan() -> Pool:
    pools.plan_pools([Pool.objects.get().pk])
    return Pool.objects.get()


def test_what_is_pushed_is_followed_at_once(
    push: Call, send: Call, workshop: Workshop
) -> None:
    jobs = [{**JOB, "since": 1_700_000_000, "title": "build 1"}]
    jobs += [{**JOB, "id": "2", "labels": {"os": "windows"}}]
    jobs += [{**JOB, "id": "3", "state": "running", "server": "elsewhere"}]
    answer = push(7, jobs=jobs)
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["queue"], told["seq"]) == ("pushed", 7)
    assert told["jobs"] == {"pending": 2, "held": 0, "running": 1}
    assert 0 < told["expires"] - time.time() <= 61
    # No poll is waited for: the push itself has the pool planned.
    pool = Pool.objects.get()
    workshop.run_until(lambda: Server.objects.filter(pool=pool).count() == 1)
    tested = send("POST", "/api/queues/pushed/test").json()
    assert tested["works"]
    shown = [(job["pool"], job["missing"], job["title"]) for job in tested["jobs"]]
    assert shown[:2] == [("linux", [], "build 1"), ("", ["os=windows"], "")]
    queue = send("GET", "/api/queues/pushed").json()
    assert (queue["expires"], queue["problem"]) == (told["expires"], "")


def test_nothing_is_read_from_a_queue_that_is_pushed(push: Call) -> None:
    queue = Queue.objects.get()
    tick()
    pools.read_queue(queue.pk)
    queue.refresh_from_db()
    assert (queue.next_read_at, queue.fence, queue.problem) == (None, 0, "")


def test_numbers_are_enough(push: Call) -> None:
    counts = [{"labels": {"os": "linux"}, "pending": 3, "running": 0, "held": 1}]
    assert push(1, counts=counts).status_code == 200
    pool = plan()
    assert pool.why[-1] == "2 servers will be created."
    assert pool.figures["held"] == 1
    ids = [job[0] for job in Queue.objects.get().jobs]
    assert len(set(ids)) == 4
    assert all(ids)
    push(2, counts=[{**counts[0], "pending": 2, "held": 0}])
    assert [job[0] for job in Queue.objects.get().jobs] == ids[1:3]


def test_an_idle_server_may_go_although_jobs_run_if_the_client_says_so(
    push: Call, send: Call, workshop: Workshop
) -> None:
    policy = {"idle": 0, "cooldown": 0, "max": 2}
    send("PATCH", "/api/pools/linux", {"policy": policy})
    push(1, counts=[{"pending": 4, "running": 0}])
    running = Server.objects.filter(state="running")
    workshop.run_until(lambda: running.count() == 2)
    busy, idle = running.order_by("name")
    counts = [{"pending": 0, "running": 1}]
    push(2, counts=counts)
    plan()
    assert not running.filter(cordoned=True).exists()
    push(3, counts=counts, agents={busy.name: 1, idle.name: 0})
    plan()
    assert [server.name for server in running.filter(cordoned=True)] == [idle.name]


def test_a_push_that_has_expired_is_unknown_and_never_zero(push: Call) -> None:
    push(1, counts=[{"pending": 2, "running": 0}])
    plan()
    assert Server.objects.count() == 1
    push(2, jobs=[])
    Queue.objects.update(expires_at=database_now() - timedelta(seconds=30))
    (said,) = plan().why
    assert said == (
        "What was last pushed to the queue has expired. Nothing changes until the "
        "next push."
    )
    assert not Server.objects.filter(cordoned=True).exists()
    # Nothing is known, so the plan is no point of the pool's chart.
    assert PoolPlan.objects.latest("pk").figures == {}
    # The next push is enough to go on.
    assert push(3, jobs=[]).status_code == 200
    assert plan().why[0].startswith("0 waiting jobs")


def test_its_own_time_to_live_holds_and_not_the_age_that_the_policy_allows(
    push: Call, send: Call
) -> None:
    send("PATCH", "/api/pools/linux", {"policy": {"stale": 5}})
    at = int(database_now().timestamp()) - 20
    push(1, at=at, counts=[{"pending": 1, "running": 0}])
    assert plan().why[-1] == "1 server will be created."


def test_an_older_push_is_refused_and_the_latest_may_be_repeated(push: Call) -> None:
    jobs = [JOB]
    assert push(10, jobs=jobs).status_code == 200
    before = Queue.objects.get()
    again = push(10, jobs=jobs)
    assert again.status_code == 200
    assert Queue.objects.get().answered_at == before.answered_at
    for seq, other in ((10, []), (9, []), (9, jobs)):
        refused = push(seq, jobs=other)
        assert refused.status_code == 409
        assert f"seq {seq} is not above 10" in refused.json()["message"]
    assert len(Queue.objects.get().jobs) == 1


def test_of_many_pushes_at_once_the_highest_wins(push: Call) -> None:
    def run(seq: int) -> int:
        try:
            status: int = push(seq, counts=[{"pending": seq, "running": 0}]).status_code
            return status
        finally:
            connections.close_all()

    push(1, jobs=[])  # the token is there
    with ThreadPoolExecutor(4) as crowd:
        statuses = list(crowd.map(run, range(2, 30)))
    assert set(statuses) <= {200, 409}
    queue = Queue.objects.get()
    assert (queue.seq, len(queue.jobs)) == (29, 29)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"seq": 0}, "seq", "from 1"),
        ({"seq": "1"}, "seq", "Send a whole number"),
        ({"seq": 2**53}, "seq", "from 1"),
        ({"ttl": 0}, "ttl", "from 1 to 86400"),
        ({"ttl": 86401}, "ttl", "from 1 to 86400"),
        ({"ttl": None}, "ttl", "whole number"),
        ({"at": 2**33}, "at", "in the future. Check the clock"),
        ({"at": 1_700_000_000}, "at", "before it arrived. Check the clock"),
        ({"counts": []}, "jobs", "either jobs or counts"),
        ({"jobs": None}, "jobs", "array"),
        ({"jobs": ["x"]}, "jobs", "Job 1: use an object"),
        ({"jobs": [{**JOB, "id": ""}]}, "jobs", "Job 1: id"),
        ({"jobs": [{"id": "1"}]}, "jobs", "Job 1: state"),
        ({"jobs": [JOB, JOB]}, "jobs", "Job 2: another job has"),
        ({"jobs": [{**JOB, "state": "queued"}]}, "jobs", "pending, held, running"),
        ({"jobs": [{**JOB, "labels": ["a"]}]}, "jobs", "labels must be an object"),
        ({"jobs": [{**JOB, "labels": {"a": 1}}]}, "jobs", "labels must be an object"),
        ({"jobs": [{**JOB, "since": "now"}]}, "jobs", "since"),
        ({"jobs": [{**JOB, "since": -1}]}, "jobs", "since"),
        ({"jobs": [{**JOB, "title": "a\nb"}]}, "jobs", "title"),
        ({"jobs": [{**JOB, "server": "a" * 201}]}, "jobs", "server"),
        ({"jobs": [{**JOB, "colour": "red"}]}, "jobs", "any of id, state"),
        ({"paused": "no"}, "paused", "true or false"),
        ({"more": 1}, "more", "Unknown field"),
        ({"agents": []}, "agents", "an object"),
        ({"agents": {"agent-1": -1}}, "agents", "a whole number from 0"),
        ({"agents": {"": 1}}, "agents", "names of servers"),
    ],
)
def test_what_is_wrong_with_a_push_is_told_at_its_field(
    push: Call, body: dict[str, Any], field: str, words: str
) -> None:
    answer = push(**{"seq": 1, "jobs": [], **body})
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert list(errors) == [field]
    assert words in errors[field][0]
    assert Queue.objects.get().seq is None


@pytest.mark.parametrize(
    ("count", "words"),
    [
        ({"pending": 1}, "Count 1: running is missing"),
        ({"running": 1}, "Count 1: pending is missing"),
        ({"pending": -1, "running": 0}, "Count 1: pending must be a whole number"),
        ({"pending": True, "running": 0}, "Count 1: pending must be a whole number"),
        ({"pending": 1.5, "running": 0}, "Count 1: pending must be a whole number"),
        ({"pending": 20_000, "running": 1}, "at most 20,000 jobs in all"),
        ({"pending": 20_001, "running": 0}, "Count 1: pending must be a whole number"),
        ({"pending": 0, "running": 0, "labels": 3}, "Count 1: labels"),
        ({"pending": 0, "running": 0, "done": 3}, "any of labels, pending"),
    ],
)
def test_what_is_wrong_with_a_number_is_told(
    push: Call, count: dict[str, Any], words: str
) -> None:
    answer = push(1, counts=[count])
    assert answer.status_code == 400
    assert words in answer.json()["errors"]["counts"][0]


def test_a_body_that_is_too_large_is_refused(push: Call) -> None:
    answer = push(
        1, jobs=[{**JOB, "id": str(n), "title": "x" * 150} for n in range(2000)]
    )
    assert answer.status_code == 413
    assert push(1, counts=[{"pending": 0, "running": 0}] * 501).status_code == 400


def test_a_token_for_pushes_can_do_nothing_else(push: Call, send: Call) -> None:
    only = [Token.Scope.DEMAND_WRITE.value]
    assert push(1, jobs=[]).status_code == 200
    for method, path in (
        ("GET", "/api/servers"),
        ("GET", "/api/pools"),
        ("POST", "/api/servers"),
        ("PATCH", "/api/pools/linux"),
        ("POST", "/api/queues/pushed/test"),
    ):
        assert send(method, path, {"dry": True}, scopes=only).status_code == 403
    assert push(2, jobs=[], scopes=["servers:write"]).status_code == 403
    assert push(2, jobs=[], scopes=["fleet:admin"]).status_code == 200


def test_only_a_queue_of_the_kind_push_is_pushed_to(push: Call, send: Call) -> None:
    assert send("PUT", "/api/pools/other/demand", {"seq": 1}).status_code == 404
    push(5, jobs=[JOB])
    send("PATCH", "/api/queues/pushed", {"enabled": False})
    refused = push(6, jobs=[])
    assert refused.status_code == 409
    assert "is disabled" in refused.json()["message"]
    other = {"kind": "drone", "url": "https://drone.example.com", "enabled": True}
    other["credentials"] = {"token": "any"}
    send("PATCH", "/api/pools/linux", {"labels": {"os": "linux"}})
    assert send("PATCH", "/api/queues/pushed", other).status_code == 200
    queue = Queue.objects.get()
    assert (queue.jobs, queue.seq, queue.expires_at) == ([], None, None)
    assert queue.next_read_at is not None
    refused = push(7, jobs=[])
    assert refused.status_code == 409
    assert "is read from Drone" in refused.json()["message"]


def test_a_pushed_queue_has_no_url_and_no_poll(send: Call) -> None:
    for more, field in (
        ({"url": "https://ci.example.com"}, "url"),
        ({"options": {"poll": 3}}, "options"),
        ({"credentials": {"token": "x"}}, "credentials"),
    ):
        answer = send("POST", "/api/queues", {"name": "p", "kind": "push", **more})
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [field]


def test_its_test_says_that_nothing_was_pushed_or_that_it_expired(
    push: Call, send: Call
) -> None:
    tested = send("POST", "/api/queues/pushed/test").json()
    assert not tested["works"]
    assert "Nothing has been pushed" in tested["message"]
    push(1, jobs=[])
    assert send("POST", "/api/queues/pushed/test").json()["works"]
    Queue.objects.update(expires_at=database_now())
    assert "expired" in send("POST", "/api/queues/pushed/test").json()["message"]
