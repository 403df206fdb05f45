"""Queues and pools are checked before they are saved, and their secrets are kept."""

import json
from typing import Any

import pytest
from django.db import connection

from servers import tracing
from servers.errors import ConflictError, InvalidError
from servers.models import Event, Pool, Queue, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)

URL = "https://drone.example.com"


def make_queue(**given: Any) -> Queue:
    values = {"name": "ci", "kind": "drone", "url": URL, **given}
    return save_queue(Queue(**values), credentials={"token": "needle-token"})


def explain(queue: Queue, credentials: dict[str, Any] | None = None) -> dict[str, Any]:
    with pytest.raises(InvalidError) as raised:
        save_queue(queue, credentials=credentials)
    return raised.value.fields


@pytest.mark.parametrize(
    ("given", "credentials", "field"),
    [
        ({"kind": "hudson"}, {"token": "t"}, "kind"),
        ({"url": ""}, {"token": "t"}, "url"),
        ({"url": "ftp://drone"}, {"token": "t"}, "url"),
        ({"url": "https://user:word@drone.example.com"}, {"token": "t"}, "url"),
        ({"url": "http://169.254.169.254"}, {"token": "t"}, "url"),
        ({"url": "http://[fd00:ec2::254]/"}, {"token": "t"}, "url"),
        ({"url": "https://drone.example.com/?q=1"}, {"token": "t"}, "url"),
        ({}, {}, "credentials"),
        ({}, {"token": 7}, "credentials"),
        ({}, {"token": "two\nlines"}, "credentials"),
        ({}, {"token": "tök"}, "credentials"),
        (
            {"kind": "prometheus", "options": {"pending": "\ud800", "running": "1"}},
            {},
            "options",
        ),
        ({}, {"token": "t", "other": "x"}, "credentials"),
        ({"options": {"poll": 0}}, {"token": "t"}, "options"),
        ({"options": {"poll": "often"}}, {"token": "t"}, "options"),
        ({"options": {"what": 1}}, {"token": "t"}, "options"),
        ({"options": []}, {"token": "t"}, "options"),
        ({"name": "No name"}, {"token": "t"}, "name"),
        ({"name": ""}, {"token": "t"}, "name"),
    ],
)
def test_what_is_wrong_with_a_queue_is_told_at_its_field(
    given: dict[str, Any], credentials: dict[str, Any], field: str
) -> None:
    values = {"name": "ci", "kind": "drone", "url": URL, **given}
    assert set(explain(Queue(**values), credentials)) == {field}
    assert not Queue.objects.exists()


def test_a_token_is_encrypted_and_in_no_event() -> None:
    make_queue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM servers_queue")
        stored = str(cursor.fetchall())
        cursor.execute("SELECT * FROM servers_event")
        stored += str(cursor.fetchall())
    assert "needle-token" not in stored
    queue = Queue.objects.get()
    assert json.loads(queue.credentials) == {"token": "needle-token"}
    save_queue(queue, credentials={"token": "another"})
    said = Event.objects.latest("pk").reason
    assert said == "The queue ci was changed: credentials replaced."


def test_a_token_is_only_sent_where_it_was_entered_for() -> None:
    queue = make_queue()
    queue.url = "https://elsewhere.example.com"
    (message,) = explain(queue)["credentials"]
    assert message.startswith("The URL or the kind of the queue changes")
    save_queue(queue, credentials={"token": "for-elsewhere"})
    assert json.loads(Queue.objects.get().credentials) == {"token": "for-elsewhere"}


def test_another_address_or_token_forgets_what_the_queue_showed() -> None:
    queue = make_queue()
    Queue.objects.update(
        jobs=[["1", "pending", 1.0, {}, "", ""]], read_from=queue.created_at
    )
    queue.refresh_from_db()
    queue.enabled = False
    save_queue(queue)
    queue.refresh_from_db()
    assert (len(queue.jobs), queue.generation) == (1, 1)
    Queue.objects.update(refused_until=queue.created_at, failures=3, problem="No.")
    save_queue(queue, credentials={"token": "another"})
    queue.refresh_from_db()
    assert (queue.jobs, queue.read_from, queue.generation) == ([], None, 2)
    assert (queue.refused_until, queue.failures, queue.problem) == (None, 0, "")


def test_a_change_leaves_what_the_queue_showed_since_it_was_loaded() -> None:
    queue = make_queue()
    job = ["1", "pending", 1.0, {}, "", ""]
    Queue.objects.update(fence=7, jobs=[job], seq=3, problem="It is down.")
    queue.enabled = False
    save_queue(queue)
    queue.refresh_from_db()
    assert (queue.fence, queue.jobs, queue.seq) == (7, [job], 3)
    assert (queue.enabled, queue.problem) == (False, "It is down.")


def test_a_name_that_is_taken_is_told() -> None:
    make_queue()
    with pytest.raises(ConflictError, match="already taken"):
        make_queue()


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"policy": []}, "policy", "JSON object"),
        ({"policy": {"min": 3, "max": 2}}, "policy", "min: Use at most max."),
        ({"policy": {"most": 3}}, "policy", "most: There is no such setting"),
        ({"policy": {"cost_per_day": 3}}, "policy", "cost_per_day: A limit on cost"),
        ({"policy": {"slots": 3}}, "policy", "capacity of its template"),
        ({"policy": {"min": "2"}}, "policy", "min: Use a number."),
        ({"policy": {"min": True}}, "policy", "min: Use a number."),
        ({"policy": {"min": 1.5}}, "policy", "min: Use a whole number."),
        ({"policy": {"min": 10**400}}, "policy", "min: Use a number from 0"),
        ({"policy": {"idle": 10**400}}, "policy", "idle: Use a number from 0"),
        ({"policy": {"windows": [{"cron": None}]}}, "policy", "windows: Use a list"),
        (
            {"policy": {"windows": [{"cron": "* * * * *", "min": 10**400}]}},
            "policy",
            "windows: Use a list",
        ),
        ({"policy": {"idle": -1}}, "policy", "idle: Use a number from 0"),
        ({"policy": {"zone": "Mars/Base"}}, "policy", "zone: Use a time zone"),
        ({"policy": {"windows": {}}}, "policy", "windows: Use a list"),
        ({"policy": {"windows": [{"min": 1}]}}, "policy", "windows: Use a list"),
        ({"policy": {"windows": [{"cron": 5}]}}, "policy", "windows: Use a list"),
        (
            {"policy": {"windows": [{"cron": "* * * *"}]}},
            "policy",
            "is not a cron expression",
        ),
        (
            {"policy": {"windows": [{"cron": "* * * * *"}] * 51}},
            "policy",
            "windows: Use a list",
        ),
        ({"labels": []}, "labels", "at most 50 labels"),
        ({"labels": {"os": 7}}, "labels", "names and values"),
        ({"labels": {"os": "li\0nux"}}, "labels", "names and values"),
        ({"labels": {"gpu": "yes"}}, "labels", "label.NAME"),
        ({"priority": 10**6}, "priority", "1000"),
    ],
)
def test_what_is_wrong_with_a_pool_is_told_at_its_field(
    given: dict[str, Any], field: str, words: str
) -> None:
    make_fleet()
    template = Template.objects.get(name="default")
    values: dict[str, Any] = {"name": "linux", "template": template, **given}
    with pytest.raises(InvalidError) as raised:
        save_pool(Pool(queue=make_queue(), **values))
    assert set(raised.value.fields) == {field}
    assert words in " ".join(raised.value.fields[field])
    assert not Pool.objects.exists()


def test_a_change_of_a_pool_is_told_as_old_and_new_values() -> None:
    make_fleet()
    template = Template.objects.get(name="default")
    pool = save_pool(Pool(name="linux", template=template, queue=make_queue()))
    assert Event.objects.latest("pk").reason == "The pool linux was created."
    pool.policy = {"max": 5, "windows": [{"cron": "* 8-17 * * 1-5", "min": 2}]}
    save_pool(pool)
    said = Event.objects.latest("pk").reason
    assert said.startswith("The pool linux was changed: policy max: none → 5; ")


def test_each_policy_is_kept_with_its_number() -> None:
    make_fleet()
    template = Template.objects.get(name="default")
    pool = Pool(
        name="linux", template=template, queue=make_queue(), labels={"os": "linux"}
    )
    save_pool(pool)
    with tracing.bound(actor="user:ada"):
        for policy in ({"max": 5}, {"max": 7}, {"max": 5}):
            pool.policy = policy
            save_pool(pool)
    kept = pool.policies.order_by("number").values_list("number", "policy", "actor")
    assert list(kept) == [
        (1, {}, ""),
        (2, {"max": 5}, "user:ada"),
        (3, {"max": 7}, "user:ada"),
        (4, {"max": 5}, "user:ada"),
    ]
