"""An agent is registered for each server of a pool, before its create call."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from servers import engine
from servers.models import Account, Attempt, Pool, Registration, Server
from servers.models.fields import Ciphertext
from servers.operations.pools import delete_pool
from servers.operations.terminate import terminate_server
from servers.placing.machines import plan_agent_for
from servers.queues.github.registrar import GitHubRunners
from servers.queues.registrars import Registered
from servers.reports.why import explain_server
from tests.queues.fakes import github_runners as fake
from tests.queues.fakes.github import FakeGitHub
from tests.support.fleet import Workshop, live_keys, make_fleet, world_of
from tests.support.runners import (
    VARIABLE,
    find_row,
    list_names,
    make_registering_pool,
    provision_in,
    read_queue,
)

pytestmark = [pytest.mark.django_db(transaction=True)]

SECRET = "aml0L"  # how each of the fake's configurations begins


def is_sealed(row: Registration) -> bool:
    """Tell whether what is stored is encrypted."""
    return isinstance(row.__dict__["environment"], Ciphertext)


def test_the_runner_is_created_before_the_call_and_removed_after_the_server(
    github: FakeGitHub,
    account: Account,
    pool: Pool,
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register = GitHubRunners.register
    before: list[tuple[int, bool, list[str]]] = []

    def note(self: GitHubRunners, *args: Any, **options: Any) -> Registered:
        asked = Registration.objects.filter(registered_at=None).count()
        before.append((asked, connection.in_atomic_block, live_keys(account)))
        return register(self, *args, **options)

    monkeypatch.setattr(GitHubRunners, "register", note)
    server = provision_in(pool)
    workshop.run_to("running", server)
    # Written down and committed, and nothing created yet.
    assert before == [(1, False, [])]
    (attempt,) = Attempt.objects.all()
    assert list_names(github) == live_keys(account) == [attempt.key]
    row = find_row(server)
    assert (row.key, row.server_name) == (attempt.key, server.name)
    assert row.registered_at
    assert is_sealed(row)
    labels = github.runners[int(row.runner_id)]["labels"]
    assert [label["name"] for label in labels] == ["linux"]
    given = plan_agent_for(server).environment[VARIABLE]
    assert given.startswith(SECRET)
    read_queue()
    assert list_names(github) == [attempt.key]
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    read_queue()
    assert list_names(github) == []
    row = find_row(server)
    assert row.revoked_at
    assert row.environment == ""


def test_an_instance_that_calls_back_gets_it_in_its_user_data(
    github: FakeGitHub,
    workshop: Workshop,
    settings: Any,
) -> None:
    settings.PUBLIC_URL = "https://fleet.example.com"
    account = make_fleet(power_on=True)
    world = world_of(account)
    world.ask_for_user_data()
    pool = make_registering_pool(github, readiness="callback")
    server = provision_in(pool)

    def read_user_data() -> str:
        server.refresh_from_db()
        return world.read_user_data(server.instance_id)

    # The call that switches it on sends it, with what the attempt has kept.
    workshop.run_until(lambda: bool(read_user_data()))
    (secret,) = json.loads(find_row(server).environment).values()
    assert f"{VARIABLE}={secret}" in read_user_data()


def test_a_ci_that_fails_delays_the_server_and_is_not_the_cloud_s_fault(
    github: FakeGitHub, account: Account, pool: Pool, workshop: Workshop
) -> None:
    github.fail(1000, role="register")
    server = provision_in(pool)
    closed = Attempt.objects.filter(outcome="absent")
    workshop.run_until(closed.exists)
    server.refresh_from_db()
    assert server.state == "pending"
    said = "The queue ci did not register its agent. GitHub answered 503"
    assert server.waiting.startswith(said)
    why = explain_server(server, now=timezone.now())
    assert why.last_answer.startswith(said)
    assert {row.answer_class for row in closed} == {"Registration"}
    assert live_keys(account) == []
    github.faults.clear()
    workshop.run_to("running", server)
    account.refresh_from_db()
    assert (account.breaker, account.breaker_failures) == ("closed", 0)
    assert Server.objects.get().placement == 0


def test_what_user_data_has_no_room_for_is_no_registration(
    account: Account, pool: Pool, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "write_configuration", lambda _runner: "x" * 7000)
    provision_in(pool)
    workshop.run_until(Attempt.objects.filter(outcome="absent").exists)
    said = f"The queue ci gave {VARIABLE} with more than 6,144 bytes"
    assert Server.objects.get().waiting.startswith(said)
    assert live_keys(account) == []


def test_without_the_right_it_waits_and_says_what_to_allow(
    github: FakeGitHub, pool: Pool, workshop: Workshop
) -> None:
    github.forbidden["token-one"] = {"register"}
    server = provision_in(pool)
    workshop.run_until(Attempt.objects.filter(outcome="absent").exists)
    assert "did not register its agent" in Server.objects.get().waiting
    github.forbidden.clear()
    workshop.run_to("running", server)


def test_a_template_that_says_itself_what_lets_agents_in_registers_none(
    github: FakeGitHub, account: Account, workshop: Workshop
) -> None:
    environment = json.dumps({VARIABLE: "own"})
    pool = make_registering_pool(github, agent_environment=environment)
    server = provision_in(pool)
    workshop.run_to("running", server)
    assert not github.runners
    assert not Registration.objects.exists()
    assert plan_agent_for(server).environment[VARIABLE] == "own"


def test_a_server_whose_pool_is_deleted_waits_and_says_why(
    github: FakeGitHub, pool: Pool, workshop: Workshop
) -> None:
    server = provision_in(pool)
    delete_pool(pool, drain=False)
    workshop.run_until(Attempt.objects.filter(answer_class="Registration").exists)
    assert "only the queue of a pool gives" in Server.objects.get().waiting
    assert not github.runners
    assert server.pk


def test_no_secret_leaves_the_database(
    server: Server,
    admin_client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = find_row(server).key
    row = find_row(server)
    for path in (
        f"/servers/{server.name}/",
        "/pools/linux/",
        "/queues/ci/",
        f"/admin/servers/registration/{row.pk}/change/",
        "/admin/servers/registration/",
    ):
        page = admin_client.get(path)
        assert page.status_code == 200, path
        assert SECRET not in page.text
    assert key in admin_client.get(f"/servers/{server.name}/").text
    assert "1 runner now" in admin_client.get("/pools/linux/").text
    assert SECRET not in caplog.text


def test_workers_at_once_register_one_runner(
    github: FakeGitHub, account: Account, pool: Pool, workshop: Workshop
) -> None:
    workshop.run_until(account.locations.filter(listings__isnull=False).exists)
    server = provision_in(pool)
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait(30)
            engine.advance(server.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work) for _ in range(4)]:
            done.result()
    workshop.run_to("running", server)
    (attempt,) = Attempt.objects.all()
    assert list_names(github) == [attempt.key]
    assert Registration.objects.count() == 1
