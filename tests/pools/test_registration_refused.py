"""Pools whose servers could not be registered are refused when they are saved."""

import json
from typing import Any

import pytest

from servers.errors import ConflictError, InvalidError
from servers.models import Account, Pool, Queue, Registration, Server, Template
from servers.operations.accounts import save_account
from servers.operations.pools import delete_pool, save_pool
from servers.operations.queues import delete_queue, save_queue
from servers.operations.templates import save_template
from servers.operations.user_data import preview_user_data
from servers.placing.machines import plan_agent_for
from servers.reconciler.purge import purge_history
from tests.queues.fakes.github import FakeGitHub
from tests.support.fleet import Workshop, make_fleet, make_template, provision
from tests.support.runners import VARIABLE, make_registering_pool

pytestmark = [pytest.mark.django_db(transaction=True)]


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
