"""A CI that throttles tells it to one call, and all calls of its queue wait."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from servers.models import Account, Attempt, Pool, Queue, Server
from servers.operations.queue_test import probe_queue, probe_typed
from servers.operations.queues import save_queue
from servers.operations.terminate import terminate_server
from servers.placing import queue_gate
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Request
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.woodpecker import FakeWoodpecker
from tests.support.fleet import Workshop
from tests.support.runners import provision_in, read_queue

pytestmark = [pytest.mark.django_db(transaction=True)]

OFTEN = 1000


def turn_all(workshop: Workshop) -> None:
    """Have everything be due, and run a turn."""
    now = database_now()
    Server.objects.exclude(state="stopped").update(next_step_at=now)
    Queue.objects.update(next_read_at=now)
    workshop.turn()


def read_wait() -> timedelta:
    """Return for how long no call is made."""
    until = Queue.objects.get().refused_until
    return until - database_now() if until else timedelta(0)


def test_one_call_of_many_is_refused_and_the_others_wait(
    github: FakeGitHub,
    pool: Pool,
    server: Server,
    workshop: Workshop,
    admin_client: Client,
) -> None:
    read_queue()
    github.throttle(OFTEN, retry_after=90)
    before = len(github.calls)
    waiting = [provision_in(pool) for _ in range(5)]
    for _ in range(3):
        turn_all(workshop)
    # Its cordon, its runner and the next read of the queue are due, too.
    terminate_server(server.name)
    queue = read_queue()
    assert queue.refused_until
    told = (
        "GitHub Actions asked for fewer calls, so ServerFleet calls it again for the "
        f"queue ci only at {queue.refused_until:%H:%M:%S} UTC."
    )
    assert queue.cordon_problem == told
    for _ in range(3):
        turn_all(workshop)
    queue = read_queue()
    assert probe_queue(queue).message == f"{told} Test it after that."
    (call,) = github.calls[before:]
    assert call[1].endswith("/generate-jitconfig")
    assert timedelta(seconds=60) < read_wait() <= timedelta(seconds=90)
    # Nothing was asked of it, so nothing is wrong with what it showed.
    assert queue.problem == ""
    assert queue.read_after == queue.next_read_at
    assert queue.next_read_at
    assert queue.refused_until
    assert abs(queue.next_read_at - queue.refused_until) < timedelta(seconds=5)
    (refused,) = Attempt.objects.filter(answer_class="Registration")
    sentences = {
        explain_server(each, now=database_now()).sentence
        for each in Server.objects.filter(state="pending").exclude(
            pk=refused.server_uid
        )
    }
    held = f"Its agent can't be registered yet. {told} Retrying automatically."
    assert sentences == {held}
    assert told in admin_client.get("/queues/ci/").text.replace("&#x27;", "'")
    shown = admin_client.get("/api/queues/ci").json()
    assert shown["refused"] == int(queue.refused_until.timestamp())
    github.faults.clear()
    Queue.objects.update(refused_until=database_now())
    workshop.run_to("running", *waiting)
    assert Attempt.objects.filter(answer_class="Registration").count() == 1
    queue = read_queue()
    assert queue.refused_until is None
    assert queue.cordon_problem == ""


def test_a_read_that_is_throttled_holds_up_the_servers_too(
    github: FakeGitHub, pool: Pool, workshop: Workshop
) -> None:
    github.throttle(OFTEN, role="repositories", retry_after=90)
    queue = read_queue()
    assert "secondary rate limit" in queue.problem
    before = len(github.calls)
    provision_in(pool)
    for _ in range(3):
        turn_all(workshop)
    read_queue()
    assert "calls it again for the queue ci only at" in Server.objects.get().waiting
    assert not Attempt.objects.exists()
    assert len(github.calls) == before


def test_after_the_time_one_call_goes_first(github: FakeGitHub, pool: Pool) -> None:
    queue, told = read_queue(), list[str]()

    def arrive(_request: Request) -> None:
        if not told:
            told.append("")
            told.append(probe_queue(Queue.objects.get()).message)
            connection.close()  # this is a thread of the fake's

    Queue.objects.update(refused_until=database_now())
    github.meanwhile = arrive
    assert probe_queue(queue).message == ""
    assert "calls it again for the queue ci only at" in told[1]
    assert read_wait() == timedelta(0)
    # It is refused, or its process dies: then one goes first later.
    Queue.objects.update(refused_until=database_now())
    github.meanwhile = lambda _request: None
    github.throttle(1, retry_after=30)
    assert "secondary rate limit" in probe_queue(queue).message
    assert timedelta(seconds=20) < read_wait() <= timedelta(seconds=30)
    Queue.objects.update(refused_until=database_now())
    gate = queue_gate.calling(queue)
    gate.__enter__()
    assert timedelta(0) < read_wait() <= queue_gate.TRIAL
    Queue.objects.update(refused_until=database_now())
    assert probe_queue(queue).message == ""


def test_no_answer_holds_calls_up_for_long_and_new_credentials_not_at_all(
    github: FakeGitHub, pool: Pool
) -> None:
    queue = read_queue()
    most = timedelta(seconds=queue_gate.MOST_SECONDS)
    github.throttle(1, retry_after=10**8)
    probe_queue(queue)
    assert most - timedelta(seconds=10) < read_wait() <= most
    typed = probe_typed(queue, credentials=None)
    assert "Test it after that." in typed.message
    typed = probe_typed(queue, credentials={"token": "token-two"})
    assert typed.message == ""
    save_queue(Queue.objects.get(), credentials={"token": "token-two"})
    assert read_wait() == timedelta(0)
    # What comes of a call with the former ones counts no more.
    github.throttle(1, retry_after=90)
    probe_queue(queue)
    assert read_wait() == timedelta(0)


def test_a_ci_that_names_no_time_is_left_alone_for_a_moment(account: Account) -> None:
    with running(FakeWoodpecker()) as woodpecker:
        queue = Queue(name="ci", kind="woodpecker", url=woodpecker.url)
        save_queue(queue, credentials={"token": "token-one"})
        woodpecker.throttle()
        read_queue()
        assert timedelta(seconds=5) < read_wait() <= timedelta(seconds=10)
