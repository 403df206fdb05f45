"""The runner of a server is removed from its CI with it, and no other is touched."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from servers import pools
from servers.models import (
    Account,
    Attempt,
    Event,
    Fleet,
    Instance,
    Pool,
    Queue,
    Registration,
    Server,
)
from servers.operations.queues import save_queue
from servers.operations.terminate import terminate_server
from servers.placing.machines import plan_agent_for
from servers.pools.names import name_servers
from servers.queues.base import QueueSnapshot
from tests.queues.fakes.github import FakeGitHub
from tests.support.fleet import Workshop, live_keys
from tests.support.runners import (
    VARIABLE,
    find_row,
    list_names,
    make_name,
    provision_in,
    read_queue,
    settle,
)

pytestmark = [pytest.mark.django_db(transaction=True)]


def age_strays() -> None:
    """Have the listing be due again, and what it showed be old."""
    (queue,) = Queue.objects.all()
    old = {name: at - 3600 for name, at in queue.strays.items()}
    Queue.objects.update(strays=old, runners_at=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize("is_cut", [False, True])
def test_after_a_lost_answer_there_is_another_runner_and_the_first_is_removed(
    github: FakeGitHub,
    account: Account,
    pool: Pool,
    workshop: Workshop,
    is_cut: bool,
) -> None:
    if is_cut:
        github.cut(1, role="register")
    else:
        github.fail(1, role="register", after=True)
    server = provision_in(pool)
    workshop.run_to("running", server)
    first, second = Attempt.objects.order_by("number")
    assert sorted(list_names(github)) == sorted([first.key, second.key])
    assert live_keys(account) == [second.key]
    # Not at once: the call could still take effect.
    read_queue()
    assert len(github.runners) == 2
    settle()
    read_queue()
    assert list_names(github) == [second.key]
    assert (
        not Registration.objects.filter(revoked_at=None)
        .exclude(attempt=second)
        .exists()
    )


def test_a_runner_with_a_job_stays_until_the_job_ends(
    github: FakeGitHub, server: Server
) -> None:
    Server.objects.filter(pk=server.pk).update(state="stopped")
    (runner,) = github.runners.values()
    runner["busy"] = True
    queue = read_queue()
    assert list_names(github) == [find_row(server).key]
    assert queue.runner_problem == ""
    assert "has a job" in find_row(server).problem
    runner["busy"] = False
    read_queue()
    assert github.runners  # not more often than each minute
    settle()
    read_queue()
    assert not github.runners
    assert find_row(server).problem == ""


def test_what_nobody_knows_is_removed_later_and_only_of_this_fleet(
    github: FakeGitHub, account: Account, server: Server
) -> None:
    github.page = 2
    lost, held = make_name("ci"), make_name("ci")
    others = [make_name("ci-prod"), make_name("prod"), "ci-runner", f"{lost}-x", "mine"]
    for name in (lost, held, *others):
        github.add_runner(name)
    Instance.objects.create(
        account=account, instance_id="i-1", key=held, first_seen=timezone.now()
    )
    own = find_row(server).key
    for _ in range(2):
        age_strays()
        read_queue()
    assert sorted(list_names(github)) == sorted([own, held, *others])
    Instance.objects.filter(key=held).update(live=False)
    for _ in range(2):
        age_strays()
        read_queue()
    assert sorted(list_names(github)) == sorted([own, *others])
    # A living server's is left alone, whatever the queue remembers.
    assert find_row(server).revoked_at is None


def test_a_stray_is_not_removed_when_it_is_first_seen(
    github: FakeGitHub, server: Server
) -> None:
    name = make_name("ci")
    github.add_runner(name)
    Queue.objects.update(runners_at=None)
    queue = read_queue()
    assert list(queue.strays) == [name]
    assert name in list_names(github)


def test_a_server_whose_runner_had_its_job_is_terminated(
    github: FakeGitHub, pool: Pool, server: Server, workshop: Workshop
) -> None:
    old = timezone.now() - timedelta(minutes=5)
    Queue.objects.update(runners_at=old)
    Registration.objects.update(registered_at=old)
    # A dry pool ends nothing.
    github.runners.clear()
    read_queue()
    server.refresh_from_db()
    assert server.state == "running"
    Pool.objects.update(dry=False)
    Queue.objects.update(runners_at=old)
    Registration.objects.update(registered_at=timezone.now())
    read_queue()
    server.refresh_from_db()
    assert server.state == "running"  # it may not be listed yet
    Queue.objects.update(runners_at=old)
    Registration.objects.update(registered_at=old)
    read_queue()
    asked = Event.objects.get(server=server, kind="stop_requested")
    assert asked.actor == "pool:linux"
    Pool.objects.update(dry=True)  # nothing takes its place here
    workshop.run_to("stopped", server)


def test_a_server_whose_job_its_ci_shows_as_ended_is_terminated(
    github: FakeGitHub, pool: Pool, server: Server, workshop: Workshop
) -> None:
    workshop.deaf = True
    job = github.add_job("linux")
    github.start(job, find_row(server).key)
    assert [row[4] for row in read_queue().jobs] == [server.name]
    github.finish(job)
    servers = Server.objects.filter(pk=server.pk)
    # What holds the plan's stops holds this one: a dry pool, and a frozen fleet.
    read_queue()
    Pool.objects.update(dry=False)
    Fleet.objects.update(destroys_frozen=True)
    for frozen in (True, False):
        job = github.add_job("linux")
        github.start(job, find_row(server).key)
        read_queue()
        read_queue()
        assert servers.get().state == "running"
        Fleet.objects.update(destroys_frozen=frozen)
        github.finish(job)
        read_queue()
    assert servers.get().state == "shutdown"
    asked = Event.objects.get(server=server, kind="stop_requested")
    assert asked.actor == "pool:linux"
    assert asked.reason.startswith("Its CI shows that the one job of its agent has")


def test_a_queue_that_gets_another_address_leaves_its_servers_alone(
    github: FakeGitHub, pool: Pool, server: Server
) -> None:
    Pool.objects.update(dry=False)
    queue = Queue.objects.get()
    queue.options = {**queue.options, "organization": "team"}
    save_queue(queue, credentials={"token": "token-one"})
    Registration.objects.update(registered_at=timezone.now() - timedelta(minutes=5))
    assert read_queue().runner_problem == ""
    server.refresh_from_db()
    assert server.state == "running"
    assert plan_agent_for(server).environment[VARIABLE]
    assert github.runners


def test_a_copied_database_removes_nothing(
    github: FakeGitHub, server: Server, settings: Any
) -> None:
    Server.objects.update(state="stopped")
    settings.INSTALLATION_ID = "another"
    read_queue()
    assert github.runners
    # And what became a fleet of its own does not touch those of the original.
    settings.INSTALLATION_ID = Fleet.objects.get().fingerprint
    Fleet.objects.update(fleet_id="copy")
    Queue.objects.update(runners_at=None)
    read_queue()
    assert github.runners
    assert find_row(server).revoked_at


def test_a_queue_that_can_t_remove_says_so_and_waits(
    github: FakeGitHub, server: Server
) -> None:
    Server.objects.update(state="stopped")
    github.forbidden["token-one"] = {"runners", "remove"}
    queue = read_queue()
    assert queue.runner_problem
    assert queue.problem == ""
    github.forbidden.clear()
    read_queue()
    assert github.runners
    Queue.objects.update(runners_after=None)
    Registration.objects.update(tried_at=None)
    assert read_queue().runner_problem == ""
    assert not github.runners


def test_a_failed_server_keeps_its_runner_as_long_as_its_instance_lives(
    github: FakeGitHub, server: Server
) -> None:
    Server.objects.update(state="error")
    read_queue()
    assert github.runners
    Instance.objects.update(live=False)
    read_queue()
    assert not github.runners


def test_an_attempt_without_an_answer_keeps_its_runner(
    github: FakeGitHub, server: Server
) -> None:
    Attempt.objects.update(outcome="asked")
    Instance.objects.all().delete()
    Server.objects.update(state="stopping")
    read_queue()
    assert github.runners
    Attempt.objects.update(outcome="absent")
    read_queue()
    assert not github.runners


def test_jobs_and_cordons_name_servers_and_runners(
    github: FakeGitHub, server: Server, workshop: Workshop
) -> None:
    key = find_row(server).key
    github.start(github.add_job("linux"), key)
    queue = read_queue()
    assert [row[4] for row in queue.jobs] == [server.name]
    shown = QueueSnapshot(at=0, jobs=(), agents={key: 1, "other": 0})
    assert name_servers(shown).agents == {server.name: 1, "other": 0}
    # GitHub removes a runner at the cordon of a server that ends, by its name.
    workshop.deaf = True
    terminate_server(server.name)
    assert read_queue().cordons == {server.name: "told"}
    assert not github.runners


def test_a_cordon_finds_the_runner_of_the_last_attempt(server: Server) -> None:
    (first,) = Registration.objects.all()
    key = make_name("ci")
    Registration.objects.create(
        queue=first.queue,
        server_uid=first.server_uid,
        server_name=first.server_name,
        key=key,
        asked_at=first.asked_at + timedelta(minutes=1),
    )
    assert first.queue is not None
    found = pools.names.name_runners(first.queue, [server.name, "other"])
    assert found == {server.name: key, "other": "other"}


def test_queries_do_not_grow_with_runners(
    github: FakeGitHub, pool: Pool, workshop: Workshop
) -> None:
    def count(run: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as queries:
            run()
        return len(queries)

    read_queue()
    idle = count(read_queue)
    found = []
    for number in (1, 5):
        servers = [provision_in(pool) for _ in range(number)]
        workshop.run_to("running", *servers)
        assert count(read_queue) == idle
        Queue.objects.update(runners_at=None)
        listed = count(read_queue)
        Server.objects.update(state="stopped")
        found.append((listed, count(read_queue)))
        assert not github.runners
    assert found[0] == found[1]
