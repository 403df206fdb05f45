"""The CI of a pool's queue is told which servers get no more jobs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers import pools
from servers.models import Account, Pool, Queue, Server, Template
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.pools import delete_pool, save_pool
from servers.operations.provision import Request, provision_servers
from servers.operations.queues import save_queue
from servers.operations.terminate import terminate_server
from servers.queues.cordons import Cordoned
from servers.queues.woodpecker.adapter import Woodpecker
from tests.clouds.fakes.base import running
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.woodpecker import FakeWoodpecker
from tests.support.fleet import Workshop

pytestmark = [pytest.mark.django_db(transaction=True)]

LABELS = {"platform": "linux/amd64"}


@pytest.fixture
def woodpecker() -> Iterator[FakeWoodpecker]:
    with running(FakeWoodpecker()) as fake:
        yield fake


@pytest.fixture
def pool(woodpecker: FakeWoodpecker, account: Account) -> Pool:
    """Return a pool whose servers only this test changes."""
    queue = Queue(name="ci", kind="woodpecker", url=woodpecker.url)
    save_queue(queue, credentials={"token": "token-one"})
    template = Template.objects.get(name="default")
    made = Pool(name="linux", template=template, queue=queue, labels=LABELS, dry=True)
    return save_pool(made)


@pytest.fixture
def server(pool: Pool, woodpecker: FakeWoodpecker, workshop: Workshop) -> Server:
    """Return a running server of the pool, whose agent is registered."""
    (made,) = provision_servers(Request(template="default", pool=pool.pk))
    workshop.run_to("running", made)
    woodpecker.connect(made.name)
    return made


def list_cordoned(fake: FakeWoodpecker) -> list[str]:
    return [agent["name"] for agent in fake.agents.values() if agent["no_schedule"]]


def count_changes(fake: FakeWoodpecker) -> int:
    return sum(method == "PATCH" for method, _ in fake.calls)


def read_queue() -> Queue:
    pools.read_queue(Queue.objects.get().pk)
    return Queue.objects.get()


def test_a_cordon_reaches_the_ci_at_once_and_is_taken_back(
    woodpecker: FakeWoodpecker, server: Server, workshop: Workshop
) -> None:
    cordon_server(server.name)
    workshop.turn()
    assert list_cordoned(woodpecker) == [server.name]
    uncordon_server(server.name)
    workshop.turn()
    assert list_cordoned(woodpecker) == []
    assert Queue.objects.get().cordons == {}


def test_a_termination_keeps_jobs_away_while_it_drains(
    woodpecker: FakeWoodpecker, server: Server, workshop: Workshop
) -> None:
    terminate_server(server.name)
    workshop.turn()
    assert list_cordoned(woodpecker) == [server.name]
    workshop.run_to("stopped", server)
    assert read_queue().cordons == {}


def test_what_the_ci_was_told_is_not_told_again(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    cordon_server(server.name)
    for _ in range(3):
        assert read_queue().cordons == {server.name: "told"}
    assert count_changes(woodpecker) == 1
    assert woodpecker.count_calls()["GET /api/agents"] == 1


def test_the_queue_is_read_after_the_cordon(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    woodpecker.calls.clear()
    cordon_server(server.name)
    read_queue()
    assert [path for _, path in woodpecker.calls] == [
        "/api/agents",
        "/api/agents/{id}",
        "/api/queue/info",
    ]


def test_an_agent_that_somebody_else_cordoned_stays_so(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    (agent,) = woodpecker.agents.values()
    agent["no_schedule"] = True
    cordon_server(server.name)
    assert read_queue().cordons == {server.name: "theirs"}
    uncordon_server(server.name)
    assert read_queue().cordons == {}
    assert list_cordoned(woodpecker) == [server.name]
    assert count_changes(woodpecker) == 0


@pytest.mark.parametrize("is_after", [False, True])
def test_whoever_dies_at_the_call_leaves_a_cordon_that_is_taken_back(
    woodpecker: FakeWoodpecker,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    is_after: bool,
) -> None:
    cordon = Woodpecker.cordon

    def die(self: Woodpecker, *args: Any, **options: Any) -> Cordoned:
        if is_after:
            cordon(self, *args, **options)
        raise SystemExit

    cordon_server(server.name)
    with monkeypatch.context() as patch:
        patch.setattr(Woodpecker, "cordon", die)
        with pytest.raises(SystemExit):
            read_queue()
    Queue.objects.update(lease_until=None)  # it has expired
    assert Queue.objects.get().cordons == {server.name: "asked"}
    assert bool(list_cordoned(woodpecker)) is is_after
    uncordon_server(server.name)
    read_queue()
    assert list_cordoned(woodpecker) == []
    cordon_server(server.name)
    assert read_queue().cordons == {server.name: "told"}


def test_a_ci_that_fails_is_said_and_asked_again(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    cordon_server(server.name)
    woodpecker.forbidden["token-one"] = {"cordon"}
    queue = read_queue()
    assert "not an administrator" in queue.cordon_problem
    assert queue.problem == ""
    woodpecker.forbidden.clear()
    queue = read_queue()
    assert queue.cordon_problem == ""
    assert list_cordoned(woodpecker) == [server.name]


def test_a_problem_ends_with_its_cause(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    cordon_server(server.name)
    woodpecker.fail(1, role="agents")
    assert read_queue().cordon_problem
    Server.objects.filter(pk=server.pk).update(state="stopped")
    queue = read_queue()
    assert (queue.cordon_problem, queue.cordons) == ("", {})


def test_an_agent_that_registers_late_is_cordoned_then(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    woodpecker.agents.clear()
    cordon_server(server.name)
    assert read_queue().cordons == {server.name: "asked"}
    woodpecker.connect(server.name)
    read_queue()
    assert list_cordoned(woodpecker) == [server.name]


def test_a_deleted_pool_s_server_can_be_let_go_again(
    woodpecker: FakeWoodpecker, server: Server, pool: Pool
) -> None:
    cordon_server(server.name)
    read_queue()
    delete_pool(pool, drain=False)
    assert read_queue().cordons == {server.name: "told"}
    uncordon_server(server.name)
    read_queue()
    assert list_cordoned(woodpecker) == []


def test_a_queue_at_another_address_was_told_nothing(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    cordon_server(server.name)
    queue = read_queue()
    queue.url = "https://ci.example.com"
    save_queue(queue, credentials={"token": "token-two"})
    assert Queue.objects.get().cordons == {}


def test_the_ci_is_called_outside_of_transactions(
    woodpecker: FakeWoodpecker,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cordon = Woodpecker.cordon
    open_ones: list[bool] = []

    def note(self: Woodpecker, *args: Any, **options: Any) -> Cordoned:
        open_ones.append(connection.in_atomic_block)
        return cordon(self, *args, **options)

    monkeypatch.setattr(Woodpecker, "cordon", note)
    cordon_server(server.name)
    read_queue()
    assert open_ones == [False]


def test_another_process_at_the_ci_is_not_disturbed(
    woodpecker: FakeWoodpecker, server: Server, pool: Pool
) -> None:
    cordon_server(server.name)
    held = pools.holding.claim_queue(pool.queue_id)
    assert held is not None
    pools.cordon_agents(pool.pk)
    assert count_changes(woodpecker) == 0
    held.release()
    pools.cordon_agents(pool.pk)
    assert list_cordoned(woodpecker) == [server.name]


def test_without_cordons_a_read_costs_one_query_more(
    woodpecker: FakeWoodpecker, server: Server
) -> None:
    def count(run: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as queries:
            run()
        return sum("servers_server" in each["sql"] for each in queries)

    assert count(read_queue) == 1
    assert woodpecker.count_calls()["GET /api/agents"] == 0


def test_a_runner_that_can_t_come_back_is_removed_only_once_its_server_ends(
    account: Account, workshop: Workshop
) -> None:
    with running(FakeGitHub()) as github:
        queue = Queue(
            name="ci",
            kind="github",
            url=github.url,
            options={"organization": "acme", "poll": 3600},
        )
        save_queue(queue, credentials={"token": "token-one"})
        template = Template.objects.get(name="default")
        pool = save_pool(Pool(name="linux", template=template, queue=queue, dry=True))
        (server,) = provision_servers(Request(template="default", pool=pool.pk))
        workshop.run_to("running", server)
        number = github.add_runner(server.name, busy=True)
        cordon_server(server.name)
        workshop.turn()
        assert read_queue().cordons == {}
        uncordon_server(server.name)
        terminate_server(server.name)
        assert read_queue().cordons == {server.name: "asked"}
        assert list(github.runners) == [number]
        github.runners[number]["busy"] = False
        assert read_queue().cordons == {server.name: "told"}
        assert not github.runners
        workshop.run_to("stopped", server)
        assert read_queue().cordons == {}
