"""Pools, queues and templates that are saved or deleted in the same moment fit."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from servers.errors import ConflictError, InvalidError
from servers.models import Pool, Queue, Template
from servers.operations import pools, queues, templates
from servers.operations.misfits import find_misfit
from servers.operations.pools import save_pool
from servers.operations.queues import delete_queue, save_queue
from servers.operations.saving import saving
from servers.operations.templates import delete_template, save_template
from tests.support.fleet import Workshop, make_fleet, make_template
from tests.support.runners import VARIABLE
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

OWN = json.dumps({VARIABLE: "own"})


@pytest.fixture(autouse=True)
def parts(workshop: Workshop) -> None:
    """Create a queue that registers agents, and a template that needs one."""
    queue = Queue(
        name="ci",
        kind="github",
        url="https://ci.example.com",
        options={"organization": "acme"},
    )
    save_queue(queue, credentials={"token": "t"})
    make_template(
        make_fleet(),
        "builders",
        cloud_init="docker",
        readiness="docker",
        agent="github",
        capacity=1,
    )


def make_pool(**given: Any) -> Pool:
    template = Template.objects.get(name="builders")
    return Pool(name="linux", template=template, queue=Queue.objects.get(), **given)


def attach() -> None:
    save_pool(make_pool())


def enable() -> None:
    pool = Pool.objects.select_related("queue", "template").get()
    pool.enabled = True
    save_pool(pool)


def change_template(**given: Any) -> None:
    template = Template.objects.get(name="builders")
    for name, value in given.items():
        setattr(template, name, value)
    save_template(template)


def widen() -> None:
    change_template(capacity=2)


def leave_out() -> None:
    change_template(agent_environment="")


def move_queue() -> None:
    queue = Queue.objects.get()
    queue.kind, queue.options = "drone", {}
    save_queue(queue, credentials={"token": "t"})


def enable_queue() -> None:
    queue = Queue.objects.get()
    queue.enabled = True
    save_queue(queue)


def set_up(*, own: bool = False, pool: bool = True, queue: bool = True) -> None:
    """Save a pool that works, and disable what is not ``pool`` or ``queue``."""
    if own:
        change_template(agent_environment=OWN)
    save_pool(make_pool())
    Pool.objects.update(enabled=pool)
    Queue.objects.update(enabled=queue)


def run_together(*acts: Callable[[], None]) -> list[str]:
    """Do all at once, and return why some were refused."""

    def run(act: Callable[[], None]) -> str:
        try:
            act()
        except (ConflictError, InvalidError) as error:
            return str(error)
        return ""

    return list(filter(None, at_once(*(partial(run, act) for act in acts))))


@pytest.mark.parametrize(
    ("before", "one", "other"),
    [
        (lambda: None, attach, widen),
        (lambda: None, attach, move_queue),
        (lambda: set_up(pool=False), enable, widen),
        (lambda: set_up(pool=False), enable, move_queue),
        (lambda: set_up(own=True), leave_out, move_queue),
        (lambda: set_up(queue=False), widen, enable_queue),
    ],
)
def test_of_two_saves_that_do_not_fit_each_other_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[], None],
    one: Callable[[], None],
    other: Callable[[], None],
) -> None:
    before()
    checked = threading.Barrier(2)

    def wait(row: Any) -> AbstractContextManager[None]:
        checked.wait(30)  # each has found nothing wrong
        return saving(row)

    for module in (pools, queues, templates):
        monkeypatch.setattr(module, "saving", wait)
    assert len(run_together(one, other)) == 1
    found = Pool.objects.select_related("queue", "template")
    for pool in found.filter(enabled=True, queue__enabled=True):
        assert find_misfit(pool) is None


@pytest.mark.parametrize(
    ("delete", "said"),
    [
        (lambda: delete_queue(Queue.objects.get()), "because pools follow it: linux."),
        (
            lambda: delete_template(Template.objects.get(name="builders")),
            "Pools create servers from it: linux.",
        ),
    ],
)
def test_what_a_new_pool_needs_is_kept_until_it_is_committed(
    delete: Callable[[], None], said: str
) -> None:
    told: list[str] = []
    deletion = threading.Thread(target=lambda: told.extend(run_together(delete)))
    with transaction.atomic():
        attach()
        deletion.start()
        time.sleep(0.3)
    deletion.join()
    assert said in told[0]
    assert Pool.objects.get().template.name == "builders"


@pytest.mark.parametrize("what", ["queue", "template"])
def test_a_pool_whose_queue_or_template_was_deleted_is_refused(what: str) -> None:
    pool = make_pool()
    getattr(pool, what).delete()
    with pytest.raises(ConflictError) as refused:
        save_pool(pool)
    said = f"This {what} no longer exists. Choose another."
    assert refused.value.fields == {what: [said]}
    assert not Pool.objects.exists()
