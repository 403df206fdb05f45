"""Woodpecker's queue: what it shows, and which agents may run what."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import CredentialsError, UnknownOutcomeError
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.registry import open_queue
from servers.queues.woodpecker.labels import (
    check_labels,
    list_missing_of_task,
    match_task,
)
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.woodpecker import NOW, FakeWoodpecker

pytestmark = pytest.mark.pure

LABELS = {"repo": "me/app", "org-id": "7", "platform": "linux/amd64"}
AMD64 = {"platform": "linux/amd64"}
OLD = (3, 9)


@pytest.fixture
def woodpecker() -> Iterator[FakeWoodpecker]:
    with running(FakeWoodpecker()) as fake:
        yield fake


def read(fake: FakeWoodpecker, token: str = "token-one") -> QueueSnapshot:
    queue = open_queue("woodpecker", QueueConfig(fake.url, {"token": token}))
    return queue.read(now=NOW, deadline=5)


def read_states(fake: FakeWoodpecker) -> dict[str, JobState]:
    return {job.job_id: job.state for job in read(fake).jobs}


def test_a_pending_task_is_a_job_with_its_labels(woodpecker: FakeWoodpecker) -> None:
    woodpecker.add(labels={"gpu": "yes", "hostname": ""})
    (job,) = read(woodpecker).jobs
    assert job == QueueJob(
        "1",
        JobState.PENDING,
        NOW - 60,
        {**LABELS, "gpu": "yes"},
        title="pipeline 101, build",
    )


def test_a_running_task_names_its_server(woodpecker: FakeWoodpecker) -> None:
    task, agent = woodpecker.add(), woodpecker.connect("agent-1")
    woodpecker.start(task, agent)
    shown = read(woodpecker)
    assert shown.names_servers
    assert [(job.state, job.server) for job in shown.jobs] == [
        (JobState.RUNNING, "agent-1")
    ]
    assert woodpecker.calls == [("GET", "/api/queue/info")]


def test_an_older_server_s_agents_are_named_by_its_list_of_all_pages() -> None:
    with running(FakeWoodpecker(version=OLD)) as fake:
        for number in range(120):
            agent = fake.connect(f"agent-{number}")
        fake.start(fake.add(), agent)
        (job,) = read(fake).jobs
        assert (job.server, job.since) == ("agent-119", NOW)
        assert fake.count_calls()["GET /api/agents"] == 3


def test_a_page_of_agents_that_can_t_be_read_leaves_the_queue_unknown() -> None:
    with running(FakeWoodpecker(version=OLD)) as fake:
        for number in range(60):
            agent = fake.connect(f"agent-{number}")
        fake.start(fake.add(), agent)
        fake.fail(1, role="agents", html=True, status=200, skip=1)
        with pytest.raises(UnknownOutcomeError):
            read(fake)


def test_a_full_last_page_is_followed_by_null() -> None:
    with running(FakeWoodpecker(version=OLD)) as fake:
        agents = [fake.connect(f"agent-{number}") for number in range(50)]
        fake.start(fake.add(), agents[0])
        assert [job.server for job in read(fake).jobs] == ["agent-0"]


@pytest.mark.parametrize("version", [OLD, (3, 17)])
def test_an_empty_queue_is_empty_as_list_and_as_null(version: tuple[int, int]) -> None:
    with running(FakeWoodpecker(version=version)) as fake:
        assert read(fake) == QueueSnapshot(NOW, ())


def test_the_count_of_workers_is_neither_servers_nor_jobs(
    woodpecker: FakeWoodpecker,
) -> None:
    woodpecker.workers = 7
    woodpecker.add()
    assert read_states(woodpecker) == {"1": JobState.PENDING}


def test_a_paused_queue_says_so(woodpecker: FakeWoodpecker) -> None:
    woodpecker.paused = True
    woodpecker.add()
    assert read(woodpecker).paused


def test_a_task_that_waits_for_others_needs_no_agent_yet(
    woodpecker: FakeWoodpecker,
) -> None:
    woodpecker.add("waiting_on_deps")
    assert read_states(woodpecker) == {"1": JobState.HELD}


def test_a_task_whose_agent_went_silent_is_pending_again(
    woodpecker: FakeWoodpecker,
) -> None:
    task, agent = woodpecker.add(), woodpecker.connect("agent-1")
    woodpecker.start(task, agent)
    woodpecker.resubmit(task)
    (job,) = read(woodpecker).jobs
    assert (job.state, job.server) == (JobState.PENDING, "")


def group(created: int, pipeline: int, *, limit: int = 1, **more: Any) -> Any:
    return {
        "concurrency_group": "deploy",
        "concurrency_limit": limit,
        "created": NOW - created,
        "pipeline_id": pipeline,
        **more,
    }


@pytest.mark.parametrize(
    ("limit", "others", "held"),
    [
        (1, [("running", {})], True),
        (2, [("running", {})], False),
        (1, [("running", {"concurrency_group": "else"})], False),
        (1, [("pending", {"created": NOW - 99})], True),
        (1, [("waiting_on_deps", {"created": NOW - 99})], True),
        (2, [("waiting_on_deps", {"created": NOW - 99})], False),
        (1, [("waiting_on_deps", {"created": NOW - 1})], False),
        (1, [("waiting_on_deps", {"created": NOW - 99, "pipeline_id": 9})], False),
        (0, [("running", {})], False),
    ],
)
def test_a_group_s_limit_holds_tasks_back(
    woodpecker: FakeWoodpecker,
    limit: int,
    others: list[tuple[str, dict[str, Any]]],
    held: bool,
) -> None:
    for state, changed in others:
        woodpecker.add(state, **{**group(10, 1, limit=limit), **changed})
    task = woodpecker.add(**group(10, 9, limit=limit, name="test"))
    assert (read_states(woodpecker)[task] is JobState.HELD) is held


def test_of_one_pipeline_s_group_so_many_count_as_may_run(
    woodpecker: FakeWoodpecker,
) -> None:
    for name in "abc":
        woodpecker.add(**group(10, 1, limit=2, name=name))
    held = [state is JobState.HELD for state in read_states(woodpecker).values()]
    assert held == [False, False, True]


def test_times_of_a_clock_that_is_ahead_count_as_now(
    woodpecker: FakeWoodpecker,
) -> None:
    woodpecker.add(created=NOW + 900)
    woodpecker.add(created=NOW - 30 * 86_400)
    assert [job.since for job in read(woodpecker).jobs] == [NOW, NOW - 30 * 86_400]


@pytest.mark.parametrize(
    "body",
    [
        HTML,
        "",
        "null",
        "[]",
        '{"message": "hello"}',
        '{"pending": [], "running": []}',
        '{"pending": [], "waiting_on_deps": [], "running": [1]}',
        '{"pending": [{"name": "a"}], "waiting_on_deps": [], "running": []}',
    ],
)
def test_an_answer_that_is_no_queue_is_no_empty_queue(
    woodpecker: FakeWoodpecker, body: str
) -> None:
    woodpecker.answer(Response(200, body))
    with pytest.raises(UnknownOutcomeError):
        read(woodpecker)


@pytest.mark.parametrize(
    ("token", "words"),
    [("nobody", "token is not valid"), ("token-two", "not an administrator")],
)
def test_who_may_not_see_the_queue_is_told(
    woodpecker: FakeWoodpecker, token: str, words: str
) -> None:
    woodpecker.forbidden["token-two"] = {"queue"}
    with pytest.raises(CredentialsError, match=words):
        read(woodpecker, token)


@pytest.mark.parametrize(
    ("job", "pool", "surplus"),
    [
        ({}, AMD64, 0),
        ({}, {"platform": "*", "gpu": "yes"}, 1),
        ({}, {"platform": "linux/arm64"}, None),
        ({}, {}, None),
        ({"gpu": "yes"}, AMD64, None),
        ({"gpu": ""}, AMD64, 0),
        ({"gpu": "yes"}, {**AMD64, "!gpu": "yes"}, 0),
        ({}, {**AMD64, "!gpu": "yes"}, None),
        ({"gpu": "no"}, {**AMD64, "!gpu": "yes"}, None),
        ({"gpu": "yes"}, {**AMD64, "!gpu": "*"}, None),
        ({"hostname": "one"}, AMD64, None),
        ({"backend": "kubernetes"}, AMD64, None),
        ({}, {**AMD64, "repo": "me/app"}, 0),
        ({}, {**AMD64, "repo": "me/other"}, None),
        ({}, {**AMD64, "org-id": "8"}, None),
        ({"woodpecker-ci.org/event": "push"}, AMD64, 0),
        (
            {"woodpecker-ci.org/event": "push"},
            {**AMD64, "!woodpecker-ci.org/event": "push"},
            0,
        ),
        ({}, {**AMD64, "!woodpecker-ci.org/event": "push"}, None),
    ],
)
def test_an_agent_carries_every_label_of_a_task_that_has_a_value(
    job: dict[str, str], pool: dict[str, str], surplus: int | None
) -> None:
    assert match_task({**LABELS, **job}, pool) == surplus


def test_what_a_task_misses_leaves_out_what_every_agent_carries() -> None:
    job = {**LABELS, "gpu": "yes", "size": "", "woodpecker-ci.org/event": "push"}
    assert list_missing_of_task(job, {"gpu": "*"}) == ["platform=linux/amd64"]
    assert list_missing_of_task(job, AMD64) == ["gpu=yes"]


def test_labels_that_choose_no_agent_are_explained() -> None:
    assert check_labels({**AMD64, "!gpu": "yes"}) == ""
    assert check_labels({"!woodpecker-ci.org/event": "push"}) == ""
    assert "its server's own name" in check_labels({"hostname": "a"})
    assert "ignores" in check_labels({"woodpecker-ci.org/event": "push"})
