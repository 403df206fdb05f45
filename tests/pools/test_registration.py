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
from servers.errors import ConflictError, InvalidError
from servers.models import (
    Account,
    Attempt,
    Pool,
    Queue,
    Registration,
    Server,
    Template,
)
from servers.models.fields import Ciphertext
from servers.operations.accounts import save_account
from servers.operations.pools import delete_pool, save_pool
from servers.operations.queues import delete_queue, save_queue
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from servers.operations.user_data import preview_user_data
from servers.placing.machines import plan_agent_for
from servers.queues.github.registrar import GitHubRunners
from servers.queues.registrars import Registered
from servers.reconciler.purge import purge_history
from servers.reports.why import explain_server
from tests.queues.fakes import github as fake
from tests.queues.fakes.github import FakeGitHub
from tests.support.fleet import (
    Workshop,
    live_keys,
    make_fleet,
    make_template,
    provision,
    world_of,
)
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


def test_an_agent_for_one_build_needs_a_capacity_of_one(
    github: FakeGitHub, account: Account
) -> None:
    with pytest.raises(InvalidError, match="Give the template a capacity of 1"):
        make_registering_pool(github, capacity=2)


def test_without_a_pool_such_a_server_is_refused(pool: Pool) -> None:
    with pytest.raises(InvalidError, match="only the queue of a pool gives"):
        provision()
    assert not Server.objects.exists()


def test_a_pool_of_another_ci_is_refused(pool: Pool) -> None:
    queue = Queue(name="drone", kind="drone", url="https://drone.example.com")
    save_queue(queue, credentials={"token": "any"})
    other = Pool(name="other", template=pool.template, queue=queue)
    with pytest.raises(InvalidError, match="does not register its agents") as refused:
        save_pool(other)
    assert list(refused.value.fields) == ["template"]
    own = {"agent_environment": json.dumps({VARIABLE: "own"})}
    for name, value in own.items():
        setattr(other.template, name, value)
    save_template(other.template)
    save_pool(other)


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


def test_a_queue_with_runners_is_deleted_only_if_it_is_disabled(
    github: FakeGitHub, server: Server, pool: Pool
) -> None:
    delete_pool(pool, drain=False)
    queue = Queue.objects.get()
    with pytest.raises(ConflictError, match="1 runner at its CI is removed once"):
        delete_queue(queue)
    queue.enabled = False
    save_queue(queue)
    delete_queue(queue)
    # The server's agent still needs what it was given.
    assert plan_agent_for(server).environment[VARIABLE]
    purge_history()
    assert Registration.objects.exists()
    Server.objects.update(state="stopped")
    purge_history()
    assert not Registration.objects.exists()


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


def test_a_pool_whose_agent_would_start_from_the_wrong_image_is_refused(
    workshop: Workshop,
) -> None:
    make_fleet()
    template = Template.objects.get(name="default")
    template.cloud_init, template.readiness = "docker", "docker"
    template.agent = "gitea"
    save_template(template)
    queue = Queue(name="ci", kind="forgejo", url="https://203.0.113.9")
    save_queue(queue, credentials={"token": "token-one"})
    pool = Pool(name="linux", template=template, queue=queue, labels={"docker": ""})
    with pytest.raises(
        InvalidError, match="Name another one in the template"
    ) as refused:
        save_pool(pool)
    assert list(refused.value.fields) == ["template"]
    template.agent_image = "data.forgejo.org/forgejo/runner:12"
    save_template(template)
    save_pool(pool)


def test_what_leaves_no_room_for_what_the_ci_gives_is_refused_when_it_is_saved(
    settings: Any,
) -> None:
    settings.PUBLIC_URL = "https://fleet.example.com"
    make_fleet()
    keys = {"access_key_id": "AKIA", "secret_access_key": "x"}
    account = save_account(
        Account(name="aws", kind="amazon", region="eu-central-1"), credentials=keys
    )
    # Ignition reads nothing that is compressed.
    template = make_template(
        account,
        "builds",
        image="ami-1",
        size="t3.micro",
        cloud_init="ignition",
        readiness="callback",
        agent="github",
        capacity=1,
    )
    (alone,) = preview_user_data(template).fits
    assert alone.fits
    url, options = "https://ci.example.com", {"organization": "acme"}
    queue = Queue(name="ci", kind="github", url=url, options=options)
    save_queue(queue, credentials={"token": "x"})
    pool = Pool(name="linux", template=template, queue=queue, labels={}, dry=True)
    with pytest.raises(InvalidError) as refused:
        save_pool(pool)
    (said,) = refused.value.fields["template"]
    assert "and up to 6144 bytes that a CI gives each agent" in said
    assert "accepts at most 16384" in said
    template.cloud_init = "docker"
    save_template(template)
    save_pool(pool)
    (fit,) = preview_user_data(template).fits
    assert fit.compressed
    assert fit.fits
    template.cloud_init = "ignition"
    with pytest.raises(InvalidError) as refused:
        save_template(template)
    (again,) = refused.value.fields["user_data"]
    assert again.startswith("The pool linux, of the queue ci, creates servers from")
    assert again.endswith(said)
    # Where the Docker API takes it, it is no part of the user data.
    template.readiness = "docker"
    save_template(template)
