"""Drone's queue: what it shows, and which runners may run what."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.drill.service import free_port
from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.drone.stages import check_labels, match_stage
from servers.queues.registry import open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.drone import NOW, FakeDrone

pytestmark = pytest.mark.pure

AMD64 = {"os": "linux", "arch": "amd64"}


@pytest.fixture
def drone() -> Iterator[FakeDrone]:
    with running(FakeDrone()) as fake:
        yield fake


def read(url: str, token: str = "token-one") -> QueueSnapshot:
    queue = open_queue("drone", QueueConfig(url, {"token": token}))
    return queue.read(now=NOW, deadline=5)


def read_one(fake: FakeDrone, **stage: Any) -> QueueJob:
    number = fake.add(**stage)
    (job,) = [each for each in read(fake.url).jobs if each.job_id == str(number)]
    return job


def test_a_waiting_stage_is_a_job_with_what_it_asks_of_a_runner(
    drone: FakeDrone,
) -> None:
    job = read_one(drone, variant="v8", labels={"gpu": "yes"})
    assert job == QueueJob(
        "1",
        JobState.PENDING,
        NOW - 60,
        {
            "kind": "pipeline",
            "type": "docker",
            **AMD64,
            "variant": "v8",
            "label.gpu": "yes",
        },
        title="build 1, default",
    )
    assert read(drone.url).names_servers


def test_a_stage_that_a_runner_accepted_is_busy_before_it_starts(
    drone: FakeDrone,
) -> None:
    job = read_one(drone, machine="agent-1")
    assert (job.state, job.server) == (JobState.RUNNING, "agent-1")
    job = read_one(drone, machine="agent-1", status="running", started=NOW - 5)
    assert (job.state, job.since) == (JobState.RUNNING, NOW - 5)


@pytest.mark.parametrize(
    ("limits", "others", "held"),
    [
        ({"limit": 1}, [{}], True),
        ({"limit": 2}, [{}], False),
        ({"limit": 1}, [{"name": "other"}], False),
        ({"limit": 1}, [{"repo_id": 2}], False),
        ({"limit": 2}, [{}, {"status": "running", "machine": "a"}], True),
        ({"throttle": 1}, [{"name": "other"}], True),
        ({"throttle": 2}, [{"name": "other"}], False),
        ({"throttle": 1}, [{"repo_id": 2}], False),
    ],
)
def test_stages_that_the_server_holds_back_need_no_runner(
    drone: FakeDrone, limits: dict[str, int], others: list[dict[str, Any]], held: bool
) -> None:
    for other in others:
        drone.add(**other)
    wanted = JobState.HELD if held else JobState.PENDING
    assert read_one(drone, **limits).state is wanted


def test_a_newer_stage_counts_against_a_limit_only_while_it_runs(
    drone: FakeDrone,
) -> None:
    drone.add(limit=1)
    newer = drone.add()
    assert read(drone.url).jobs[0].state is JobState.PENDING
    drone.stages[newer] |= {"status": "running", "machine": "a"}
    assert read(drone.url).jobs[0].state is JobState.HELD


def test_a_stage_that_depended_on_others_waits_since_it_is_its_turn(
    drone: FakeDrone,
) -> None:
    assert read_one(drone, created=NOW - 3600, updated=NOW - 5).since == NOW - 5


def test_times_of_a_clock_that_is_ahead_count_as_now(drone: FakeDrone) -> None:
    assert read_one(drone, created=NOW + 900).since == NOW
    assert read_one(drone, created=0, updated=0).since == NOW


def test_an_empty_queue_is_empty(drone: FakeDrone) -> None:
    assert read(drone.url) == QueueSnapshot(NOW, ())


@pytest.mark.parametrize(
    "body", [HTML, "", "null", '{"message": "hello"}', "[1]", '[{"status": "pending"}]']
)
def test_an_answer_that_is_no_queue_is_no_empty_queue(
    drone: FakeDrone, body: str
) -> None:
    drone.answer(Response(200, body))
    with pytest.raises(UnknownOutcomeError):
        read(drone.url)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {"message": "Unauthorized"}, CredentialsError, "token is not valid"),
        (403, {"message": "Forbidden"}, CredentialsError, "not an administrator"),
        (501, {"message": "Not Implemented"}, RefusedError, "open-source edition"),
        (429, {"message": "slow down"}, ThrottledError, "429"),
        (404, HTML, UnknownOutcomeError, "404"),
        (403, HTML, UnknownOutcomeError, "403"),
        (500, {"message": "oops"}, UnknownOutcomeError, "500"),
    ],
)
def test_errors_say_what_to_do(
    drone: FakeDrone, status: int, body: Any, error: type[CallError], words: str
) -> None:
    drone.answer(Response(status, body))
    with pytest.raises(error, match=words) as raised:
        read(drone.url)
    assert type(raised.value) is error


def test_a_token_is_in_no_error(drone: FakeDrone) -> None:
    drone.answer(Response(500, {"message": "your token is secret-token-9"}))
    with pytest.raises(UnknownOutcomeError) as raised:
        read(drone.url, "secret-token-9")
    assert "secret-token-9" not in raised.value.message
    with pytest.raises(UnreachableError) as unreachable:
        read(f"http://127.0.0.1:{free_port()}", "secret-token-9")
    assert "secret-token-9" not in unreachable.value.message


def test_more_jobs_than_can_be_true_are_unknown(drone: FakeDrone) -> None:
    rest = {"repo_id": 1, "limit": 1, "name": "a", "status": "pending"}
    stages = [{"id": number, **rest} for number in range(1, 20_002)]
    drone.answer(Response(200, stages))
    with pytest.raises(UnknownOutcomeError, match="more than 20,000 jobs"):
        read(drone.url)
    drone.answer(Response(200, stages[1:]))
    assert len(read(drone.url).jobs) == 20_000


@pytest.mark.parametrize(
    ("job", "pool", "surplus"),
    [
        (AMD64, AMD64, 0),
        (AMD64, {"os": "linux", "arch": "arm64"}, None),
        ({**AMD64, "type": "exec"}, AMD64, None),
        ({**AMD64, "type": "exec"}, {**AMD64, "type": "exec"}, 0),
        ({**AMD64, "variant": "v8"}, AMD64, None),
        ({**AMD64, "variant": "v8"}, {**AMD64, "variant": "v8"}, 0),
        (AMD64, {**AMD64, "variant": "v8"}, 1),
        ({**AMD64, "kernel": "10"}, {**AMD64, "kernel": "9"}, None),
        ({**AMD64, "label.gpu": "yes"}, AMD64, None),
        (AMD64, {**AMD64, "label.gpu": "yes"}, None),
        ({**AMD64, "label.gpu": "yes"}, {**AMD64, "label.gpu": "yes"}, 0),
        (AMD64, {}, 0),
    ],
)
def test_a_stage_fits_a_runner_by_the_server_s_rule(
    job: dict[str, str], pool: dict[str, str], surplus: int | None
) -> None:
    shown = {"kind": "pipeline", "type": "docker", **job}
    assert match_stage(shown, pool) == surplus


def test_labels_that_no_runner_has_are_explained() -> None:
    assert check_labels({**AMD64, "label.gpu": "yes"}) == ""
    assert "label.NAME" in check_labels({"gpu": "yes"})
