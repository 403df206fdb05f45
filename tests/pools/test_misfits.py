"""A queue or a template can't be saved so that an enabled pool of it can't work."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.access.tokens import issue_token
from servers.errors import InvalidError
from servers.models import Account, Pool, Queue, Template
from servers.operations.accounts import save_account
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.operations.templates import save_template
from tests.support.fleet import make_fleet, make_template
from tests.support.runners import VARIABLE

pytestmark = pytest.mark.django_db(transaction=True)

URL = "https://ci.example.com"
TOKEN = {"token": "t"}
ACME = {"organization": "acme"}
SEVERAL = {"repositories": ["acme/app", "acme/web"]}
AGENT = {"cloud_init": "docker", "readiness": "docker", "agent": "github"}


def make_queue(name: str = "ci", **given: Any) -> Queue:
    values = {"kind": "github", "url": URL, "options": ACME, **given}
    return save_queue(Queue(name=name, **values), credentials=TOKEN)


def make_builders(name: str = "builders", **given: Any) -> Template:
    account = Account.objects.first() or make_fleet()
    return make_template(account, name, **{**AGENT, "capacity": 1, **given})


def make_pool(
    template: Template, queue: Queue, name: str = "linux", **given: Any
) -> Pool:
    return save_pool(Pool(name=name, template=template, queue=queue, **given))


def refuse_queue(queue: Queue, **changes: Any) -> dict[str, list[str]]:
    for name, value in changes.items():
        setattr(queue, name, value)
    with pytest.raises(InvalidError) as refused:
        save_queue(queue, credentials=TOKEN)
    return refused.value.fields


def refuse_template(template: Template, **changes: Any) -> dict[str, list[str]]:
    for name, value in changes.items():
        setattr(template, name, value)
    with pytest.raises(InvalidError) as refused:
        save_template(template)
    return refused.value.fields


def test_a_queue_of_another_kind_is_refused_if_it_registers_no_agents() -> None:
    queue = make_queue()
    make_pool(make_builders(), queue)
    refused = refuse_queue(queue, kind="drone", options={})
    assert list(refused) == ["kind"]
    assert " ".join(refused["kind"]) == (
        "The pool linux, with the template builders, follows this queue and could "
        f"not work any more. The template leaves out {VARIABLE}, and a queue of Drone "
        "does not register its agents. Enter it in the template, or choose another "
        "queue."
    )
    assert Queue.objects.get().kind == "github"


def test_options_that_rule_registration_out_are_refused_at_the_options() -> None:
    queue = make_queue()
    make_pool(make_builders(), queue)
    (said,) = refuse_queue(queue, options=SEVERAL)["options"]
    assert "the template builders" in said
    assert "Create a queue for each repository" in said


def test_labels_that_another_kind_does_not_know_are_told_at_the_kind() -> None:
    make_fleet()
    queue, template = make_queue(), Template.objects.get(name="default")
    make_pool(template, queue, labels={"gpu": ""})
    (said,) = refuse_queue(queue, kind="drone", options={})["kind"]
    assert said.startswith("The pool linux, with the template default")
    assert "label.NAME" in said


def test_what_is_disabled_is_checked_once_it_is_enabled() -> None:
    queue = make_queue()
    pool = make_pool(make_builders(), queue)
    pool.enabled = False
    save_pool(pool)
    queue.kind, queue.options = "drone", {}
    save_queue(queue, credentials=TOKEN)
    pool.refresh_from_db()
    pool.enabled = True
    with pytest.raises(InvalidError, match="does not register its agents"):
        save_pool(pool)
    # One from before this rule: both can be disabled, and the queue not enabled again.
    Pool.objects.update(enabled=True)
    assert refuse_queue(queue, options={"poll": 5})["kind"]
    queue.enabled = False
    save_queue(queue)
    assert refuse_queue(queue, enabled=True)["kind"]


def test_a_queue_whose_ci_gives_more_than_fits_is_refused(settings: Any) -> None:
    settings.PUBLIC_URL = "https://fleet.example.com"
    make_fleet()
    keys = {"access_key_id": "AKIA", "secret_access_key": "x"}
    account = save_account(
        Account(name="aws", kind="amazon", region="eu-central-1"), credentials=keys
    )
    # Ignition reads nothing that is compressed.
    values: dict[str, Any] = {
        "image": "ami-1",
        "size": "t3.micro",
        "cloud_init": "ignition",
    }
    template = make_template(
        account,
        "builders",
        **{**AGENT, **values, "cloud_init": "ignition", "readiness": "callback"},
        capacity=1,
    )
    queue = make_queue()
    # One from before this rule.
    Pool.objects.create(name="linux", template=template, queue=queue)
    (said,) = refuse_queue(queue)["kind"]
    assert "The pool linux, with the template builders" in said
    assert "and up to 6144 bytes that a CI gives each agent" in said


@pytest.mark.parametrize(
    ("kind", "agent", "changes", "field", "words"),
    [
        ("github", {}, {"capacity": 2}, "capacity", "Give the template a capacity of"),
        (
            "drone",
            {"agent_environment": json.dumps({VARIABLE: "own"})},
            {"agent_environment": ""},
            "agent_environment",
            f"The template leaves out {VARIABLE}, and a queue of Drone does not",
        ),
        (
            "forgejo",
            {"agent": "gitea", "agent_image": "example.com/forgejo/runner:12"},
            {"agent_image": ""},
            "agent_image",
            "Name another one in the template",
        ),
    ],
)
def test_a_template_that_its_pool_could_not_use_is_refused_at_its_field(
    kind: str,
    agent: dict[str, Any],
    changes: dict[str, Any],
    field: str,
    words: str,
) -> None:
    template = make_builders(**agent)
    queue = make_queue(kind=kind, options=ACME if kind == "github" else {})
    make_pool(template, queue)
    (said,) = refuse_template(template, **changes).pop(field)
    assert said.startswith(
        "The pool linux, of the queue ci, creates servers from builders and could not "
        "any more. The "
    )
    assert words in said
    Pool.objects.update(enabled=False)
    save_template(template)


def test_every_way_to_save_a_queue_says_the_same(admin_client: Client) -> None:
    queue = make_queue()
    make_pool(make_builders(), queue)
    said = "The pool linux, with the template builders, follows this queue"
    secret = issue_token("owner", scopes=["fleet:admin"])
    answer = admin_client.patch(
        "/api/queues/ci",
        {"options": SEVERAL},
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 400
    assert said in answer.json()["errors"]["options"][0]
    page = admin_client.get("/queues/ci/change/")
    form = page.context["form"]
    typed = {
        **{name: form[name].value() or "" for name in form.fields},
        "option-organization": "",
        "option-repositories": "acme/app, acme/web",
    }
    for act in ("test", ""):
        page = admin_client.post("/queues/ci/change/", {**typed, "act": act})
        assert said in page.text
    typed = {
        "name": "ci",
        "kind": "github",
        "url": URL,
        "enabled": "on",
        "options": json.dumps(SEVERAL),
        "new_credentials": "{}",
    }
    page = admin_client.post(f"/admin/servers/queue/{queue.pk}/change/", typed)
    assert said in page.text
    assert Queue.objects.get().options == ACME


def test_the_checks_take_as_many_queries_for_many_pools(settings: Any) -> None:
    settings.PUBLIC_URL = "https://fleet.example.com"
    queue = make_queue()
    shared = make_builders("shared", readiness="callback")

    def count(*names: str) -> tuple[int, int]:
        for name in names:
            template = make_builders(name, readiness="callback")
            make_pool(template, queue, f"{name}-one")
            make_pool(shared, make_queue(f"{name}-queue"), f"{name}-two")
        with CaptureQueriesContext(connection) as of_queue:
            save_queue(queue)
        with CaptureQueriesContext(connection) as of_template:
            save_template(shared)
        return len(of_queue), len(of_template)

    assert count("one") == count("two", "three", "four")
