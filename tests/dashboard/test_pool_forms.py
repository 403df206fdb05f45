"""Queues and pools are tested, created and changed on pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from servers.models import Pool, Queue, Template
from servers.operations.queues import save_queue
from servers.records.ledger import database_now
from tests.clouds.fakes.base import running
from tests.queues.fakes.drone import FakeDrone
from tests.support.crawl import Form, Look
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def drone() -> Iterator[FakeDrone]:
    with running(FakeDrone()) as fake:
        yield fake


@pytest.fixture
def admin() -> Client:
    make_fleet()
    return log_in(make_person("admin"))


def open_form(client: Client, path: str) -> Form:
    text = client.get(path).content.decode()
    return next(form for form in Look(path, text).forms if form.action == path)


def send(client: Client, path: str, form: Form | None = None, /, **changes: Any) -> str:
    form = form or open_form(client, path)
    answer = client.post(path, form.fill(**changes), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def make_queue(drone: FakeDrone) -> Queue:
    queue = Queue(name="ci", kind="drone", url=drone.url, enabled=False)
    save_queue(queue, credentials={"token": "token-one"})
    return queue


def test_a_queue_is_tested_before_it_is_saved_and_shows_its_jobs(
    admin: Client, drone: FakeDrone
) -> None:
    drone.add()
    path = "/queues/new/?kind=drone"
    form = open_form(admin, path)
    typed = {"name": "ci", "url": drone.url, "credential-token": "wrong"}
    text = send(admin, path, form, **typed, act="test")
    assert "The token is not valid" in text
    typed["credential-token"] = "token-one"
    text = send(admin, path, form, **typed, act="test")
    assert "The queue answers. It shows 1 job." in text
    assert "no pool</span>" in text
    assert not Queue.objects.exists()
    text = send(admin, path, form, **typed)
    assert "ci was saved." in text
    assert "token-one" not in text
    assert "ci was saved." not in send(admin, path, form, **typed)  # a double click
    assert Queue.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": ""}, "This field is required."),
        ({"url": "ftp://x"}, "http"),
        ({"url": "http://127.0.0.1.evil.invalid\0"}, "Null characters"),
        ({"credential-token": ""}, "This field is required."),
        ({"option-poll": "0"}, "greater than or equal to 0.1"),
        ({"name": "new"}, "This name is reserved."),
        ({"name": "Not a name"}, "name"),
    ],
)
def test_what_is_wrong_with_a_queue_stands_at_its_field(
    admin: Client, changes: dict[str, str], said: str
) -> None:
    typed = {"name": "ci", "url": "https://drone.example", "credential-token": "t"}
    assert said in send(admin, "/queues/new/?kind=drone", **{**typed, **changes})
    assert not Queue.objects.exists()


def test_a_stored_token_is_kept_and_never_sent_to_another_address(
    admin: Client, drone: FakeDrone
) -> None:
    queue = make_queue(drone)
    path = "/queues/ci/change/"
    assert "token-one" not in admin.get(path).content.decode()
    send(admin, path, **{"option-poll": "3"})
    queue.refresh_from_db()
    assert queue.options == {"poll": 3}
    assert "token-one" in queue.credentials
    text = send(admin, path, url="https://elsewhere.example", act="test")
    assert "enter all credentials again" in text
    text = send(admin, path, url="https://elsewhere.example")
    assert "enter all credentials again" in text


def test_a_queue_is_tested_switched_and_deleted_from_its_page(
    admin: Client, drone: FakeDrone
) -> None:
    make_queue(drone)
    drone.add()
    plain = Form("", "")
    assert "ci answers. It shows 1 job." in send(admin, "/queues/ci/test/", plain)
    assert "ci is enabled." in send(admin, "/queues/ci/enable/", plain)
    assert Queue.objects.get().enabled
    assert "ci is disabled." in send(admin, "/queues/ci/disable/", plain)
    Pool.objects.create(
        name="linux", queue=Queue.objects.get(), template=Template.objects.get()
    )
    asked = admin.get("/queues/ci/delete/").content.decode()
    assert "These pools follow it: linux. Delete them first." in asked
    text = send(admin, "/queues/ci/delete/", plain)
    assert "because pools follow it: linux" in text
    Pool.objects.all().delete()
    assert "ci was deleted." in send(admin, "/queues/ci/delete/", plain)


NEW = "/pools/new/?queue=ci"


def test_a_pool_is_created_in_steps_and_nothing_is_saved_before_the_last(
    admin: Client, drone: FakeDrone
) -> None:
    queue = make_queue(drone)
    drone.add()
    drone.add(os="windows")
    assert 'href="?queue=ci"' in admin.get("/pools/new/").content.decode()
    form = open_form(admin, NEW)
    text = send(admin, NEW, form, labels="os=linux\narch=amd64", act="labels")
    assert "ci shows 2 jobs. This pool would serve 1." in text
    assert "This pool lacks os=windows" in text
    text = send(admin, NEW, form, labels="color=blue", act="servers")
    assert "is not a property of a Drone runner" in text
    text = send(admin, NEW, form, labels="os=linux\narch=amd64", act="servers")
    (form,) = (one for one in Look(NEW, text).forms if one.action == NEW)
    template = str(Template.objects.get().pk)
    typed = {"name": "linux", "template": template, "policy-max": "5", "dry": "on"}
    text = send(admin, NEW, form, **typed, act="check")
    assert "The pool would serve 1 of 2 jobs. Its plan now: 1 waiting job" in text
    assert "1 server would be created." in text  # as a dry run
    assert not Pool.objects.exists()
    assert "linux was saved." in send(admin, NEW, form, **typed)
    pool = Pool.objects.get()
    assert pool.queue == queue
    assert pool.dry
    assert pool.labels == {"os": "linux", "arch": "amd64"}
    assert pool.policy == {"min": 0, "max": 5, "spare": 0, "idle": 300.0}


@pytest.mark.parametrize("act", ["labels", "servers", "jobs", "check", ""])
@pytest.mark.parametrize("labels", ["x" * 30_000, "a\0b", "=", "os=linux\n" * 99])
def test_labels_that_are_no_labels_are_answered_with_the_form(
    admin: Client, drone: FakeDrone, act: str, labels: str
) -> None:
    make_queue(drone)
    assert "pool-form" in send(admin, NEW, labels=labels, act=act)
    assert not Pool.objects.exists()


def test_going_back_keeps_what_was_typed(admin: Client, drone: FakeDrone) -> None:
    make_queue(drone)
    text = send(admin, NEW, labels="os=linux", act="servers")
    (form,) = (one for one in Look(NEW, text).forms if one.action == NEW)
    text = send(admin, NEW, form, name="kept", **{"policy-min": "7"}, act="jobs")
    (form,) = (one for one in Look(NEW, text).forms if one.action == NEW)
    text = send(admin, NEW, form, act="servers")
    (form,) = (one for one in Look(NEW, text).forms if one.action == NEW)
    assert form.fill()["name"] == ["kept"]
    assert form.fill()["policy-min"] == ["7"]
    # A browser drops the line break after the tag of a text area.
    assert [text.strip() for text in form.fill()["labels"]] == ["os=linux"]


def test_the_labels_that_most_jobs_ask_for_are_offered(
    admin: Client, drone: FakeDrone
) -> None:
    queue = make_queue(drone)
    now = database_now()
    asks = [{"os": "linux"}, {"os": "linux"}, {"os": "mac"}]
    Queue.objects.filter(pk=queue.pk).update(
        read_from=now,
        jobs=[
            [str(number), "pending", now.timestamp(), labels, "", ""]
            for number, labels in enumerate(asks)
        ],
    )
    text = admin.get(NEW).content.decode()
    assert ">\nos=linux</textarea>" in text or ">os=linux</textarea>" in text
    assert "ci showed 3 jobs. This pool would serve 2." in text


@pytest.fixture
def pool(admin: Client, drone: FakeDrone) -> Pool:
    return Pool.objects.create(
        name="linux",
        queue=make_queue(drone),
        template=Template.objects.get(),
        labels={"os": "linux"},
        policy={"min": 1, "max": 5, "burst": 3},
        enabled=False,
    )


EDIT = "/pools/linux/change/"


def test_a_policy_is_changed_with_its_windows(admin: Client, pool: Pool) -> None:
    windows = "* 8-17 * * 1-5 min=3 idle=600\n\n* * * * 6 max=2"
    changes = {"windows": windows, "zone": "Europe/Berlin", "policy-burst": "0"}
    assert "linux was saved." in send(admin, EDIT, **changes)
    pool.refresh_from_db()
    assert pool.policy == {
        "min": 1,
        "max": 5,
        "spare": 0,
        "idle": 300.0,
        "zone": "Europe/Berlin",
        "windows": [
            {"cron": "* 8-17 * * 1-5", "min": 3, "idle": 600},
            {"cron": "* * * * 6", "max": 2},
        ],
    }
    shown = admin.get("/pools/linux/").content.decode()
    assert "* 8-17 * * 1-5 min=3 idle=600" in shown
    (form,) = (
        one
        for one in Look(EDIT, admin.get(EDIT).content.decode()).forms
        if one.action == EDIT
    )
    before = pool.policy
    send(admin, EDIT, form)
    pool.refresh_from_db()
    assert pool.policy == before  # what is shown is saved as it was


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy-min": "9"}, "Use at most max."),
        ({"policy-max": "-1"}, "greater than or equal to 0"),
        ({"policy-idle": "nan"}, "Enter a number."),
        ({"zone": "Mars/Base"}, "Use a time zone such as Europe/Berlin."),
        ({"windows": "* * * * 1 min"}, "is not min, max, spare or idle"),
        ({"windows": f"* * * * 1 min={'9' * 400}"}, "is not min, max, spare or idle"),
        ({"windows": f"* * * * 1 min={'9' * 20}"}, "Use a list of at most"),
        ({"windows": "each day"}, "is not a cron expression"),
        ({"policy-cost_per_hour": "3"}, "needs the price of a server"),
        ({"policy-cost_per_day": "3"}, "needs the price of a server"),
        ({"labels": "x" * 300}, "at most 200 characters"),
        ({"labels": "color=blue"}, "is not a property of a Drone runner"),
        ({"template": "00000000-0000-0000-0000-000000000000"}, "valid choice"),
    ],
)
@pytest.mark.parametrize("act", ["", "check"])
def test_what_is_wrong_with_a_pool_stands_at_its_field(
    admin: Client, pool: Pool, changes: dict[str, str], said: str, act: str
) -> None:
    assert said in send(admin, EDIT, **changes, act=act)
    pool.refresh_from_db()
    assert pool.policy == {"min": 1, "max": 5, "burst": 3}


def test_a_queue_that_does_not_answer_is_told_in_the_form(
    admin: Client, pool: Pool
) -> None:
    Queue.objects.update(url="http://127.0.0.1:9")
    text = send(admin, EDIT, act="check")
    assert "Its plan now" not in text
    assert 'role="alert"' in text


def test_a_change_of_another_person_is_not_overwritten(
    admin: Client, pool: Pool
) -> None:
    form = open_form(admin, EDIT)
    Pool.objects.update(policy={"min": 2})
    text = send(admin, EDIT, form, **{"policy-min": "4"})
    assert "Someone else saved a change" in text
    assert Pool.objects.get().policy == {"min": 2}


def test_a_queue_that_is_not_there_leads_back_to_the_choice(admin: Client) -> None:
    for path in ("/pools/new/?queue=nope", "/pools/new/"):
        assert "Which queue should the pool follow?" in admin.get(path).content.decode()
        assert admin.post(path, {"act": "servers"})["Location"] == "/pools/new/"
