"""Jenkins's queue: labels that it does not export, and expressions of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import CredentialsError, UnknownOutcomeError
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.jenkins.expressions import parse_expression
from servers.queues.jenkins.labels import (
    check_labels,
    list_missing_of_item,
    match_item,
)
from servers.queues.registry import open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.jenkins import FREESTYLE, NOW, PIPELINE, FakeJenkins

pytestmark = pytest.mark.pure


@pytest.fixture
def jenkins() -> Iterator[FakeJenkins]:
    with running(FakeJenkins()) as fake:
        yield fake


def read(fake: FakeJenkins, **options: Any) -> QueueSnapshot:
    config = QueueConfig(fake.url, {"user": "ada", "token": "token-one"}, options)
    return open_queue("jenkins", config).read(now=NOW, deadline=5)


def read_one(fake: FakeJenkins, label: str = "", **more: Any) -> QueueJob:
    number = fake.add(label, **more)
    (job,) = [each for each in read(fake).jobs if each.job_id == str(number)]
    return job


def test_an_item_waits_for_a_node_with_its_label(jenkins: FakeJenkins) -> None:
    jenkins.add_node("agent-1", "windows")
    assert read_one(jenkins, "linux && docker") == QueueJob(
        "1", JobState.PENDING, NOW - 60, {"linux && docker": ""}, title="app"
    )
    for number in range(2):
        jenkins.add_node(f"agent-l{number}", "linux")
    assert read_one(jenkins, "linux").labels == {"linux": ""}
    for node in jenkins.nodes.values():
        node.online = False
    assert read_one(jenkins, "linux").labels == {"linux": ""}


def test_the_only_node_of_a_label_is_named_instead_of_the_label(
    jenkins: FakeJenkins,
) -> None:
    node = jenkins.add_node("agent-1", "linux", "docker")
    for node.online in (True, False):
        assert read_one(jenkins, "linux").labels == {"linux": "", "docker": ""}


def test_a_job_for_one_node_by_its_name_is_for_no_other(jenkins: FakeJenkins) -> None:
    jenkins.add_node("builder")
    labels = read_one(jenkins, "builder").labels
    assert labels == {"builder": ""}
    assert match_item(labels, {"windows": ""}) is None


def test_a_label_that_is_also_the_name_of_a_node_is_the_label(
    jenkins: FakeJenkins,
) -> None:
    jenkins.add_node("linux", "docker")
    jenkins.add_node("agent-1", "linux")
    assert read_one(jenkins, "linux").labels == {"linux": ""}


def test_without_any_node_only_freestyle_jobs_tell_their_label(
    jenkins: FakeJenkins,
) -> None:
    assert read_one(jenkins, "linux", task=FREESTYLE).labels == {"linux": ""}
    jenkins.items.clear()
    assert read_one(jenkins, "linux").labels == {}
    # So people can say which label that is.
    assert read(jenkins, unlabelled="linux").jobs[0].labels == {"linux": ""}
    jenkins.add_node("agent-1", "windows")
    jenkins.items.clear()
    jenkins.add("")
    assert read(jenkins, unlabelled="linux").jobs[0].labels == {}


@pytest.mark.parametrize(
    ("because", "labels"),
    [
        ("‘a’ is reserved for jobs with matching label expression", {}),
        ("‘a’ doesn’t have label ‘arm’; ‘b’ is not accepting tasks", {"arm": ""}),
        ("All nodes of label 'linux' are offline", {"linux": ""}),
        ("Waiting for next available executor on linux", {"linux": ""}),
    ],
)
def test_other_reasons_are_read(
    jenkins: FakeJenkins, because: str, labels: dict[str, str]
) -> None:
    jenkins.add_node("agent-1", "windows")
    assert read_one(jenkins, "x", because=because).labels == labels


def test_a_reason_that_can_t_be_read_is_shown_to_people_and_creates_nothing(
    jenkins: FakeJenkins,
) -> None:
    jenkins.add_node("agent-1", "linux")
    said = "The ‘app’ is throttled"
    (asked,) = read_one(jenkins, "linux", because=said).labels
    assert asked == f"unknown: {said}"
    assert match_item({asked: ""}, {"linux": ""}) is None
    assert list_missing_of_item({asked: ""}, {"linux": ""}) == [asked]
    # As with a plugin that sets the language for all.
    jenkins.german = True
    jenkins.items.clear()
    assert match_item(read_one(jenkins, "arm").labels, {"arm": ""}) is None


@pytest.mark.parametrize(
    "more", [{"buildable": False, "because": "In the quiet period"}, {"task": PIPELINE}]
)
def test_what_needs_no_executor_now_is_held(
    jenkins: FakeJenkins, more: dict[str, Any]
) -> None:
    assert read_one(jenkins, **more).state is JobState.HELD


def test_executors_say_which_server_runs_a_job(jenkins: FakeJenkins) -> None:
    node = jenkins.add_node("agent-1", "linux", executors=2)
    jenkins.start(jenkins.add("linux", task=FREESTYLE), node)
    jenkins.start(jenkins.add("linux"), node)
    first, second = read(jenkins).jobs
    assert first == QueueJob("1", JobState.RUNNING, NOW - 5, {}, "agent-1", "app #1")
    assert (second.state, second.server) == (JobState.RUNNING, "agent-1")
    assert second.job_id != first.job_id
    assert read(jenkins).names_servers


def test_a_job_that_the_user_may_not_read_still_makes_its_server_busy(
    jenkins: FakeJenkins,
) -> None:
    jenkins.add_node("agent-1").runs.append({})
    (job,) = read(jenkins).jobs
    assert (job.server, job.since) == ("agent-1", NOW)


def test_an_item_that_has_an_executor_is_counted_once(jenkins: FakeJenkins) -> None:
    node = jenkins.add_node("agent-1", "linux")
    number = jenkins.add("linux", task=FREESTYLE, pending=True)
    assert read(jenkins).jobs == ()

    def start(request: Any) -> None:
        if request.role == "computers" and number in jenkins.items:
            jenkins.start(number, node)

    jenkins.items[number]["pending"] = False
    jenkins.meanwhile = start
    (job,) = read(jenkins).jobs
    assert job.state is JobState.RUNNING


def test_a_controller_that_shuts_down_is_paused(jenkins: FakeJenkins) -> None:
    assert not read(jenkins).paused
    jenkins.quiet = True
    assert read(jenkins).paused


@pytest.mark.parametrize("role", ["queue", "computers", "top"])
def test_one_of_its_answers_alone_is_not_enough(
    jenkins: FakeJenkins, role: str
) -> None:
    jenkins.answer(Response(200, HTML), role=role)
    with pytest.raises(UnknownOutcomeError):
        read(jenkins)
    jenkins.answer(Response(200, {}), role=role)
    with pytest.raises(UnknownOutcomeError):
        read(jenkins)


def test_a_user_without_the_right_is_told(jenkins: FakeJenkins) -> None:
    jenkins.forbidden["token-one"] = {"queue"}
    with pytest.raises(CredentialsError, match="may not read the queue"):
        read(jenkins)


@pytest.mark.parametrize(
    ("text", "fulfilled", "not_fulfilled"),
    [
        ("a", ["a", "ab"], ["", "b"]),
        ("!a", ["", "b"], ["a"]),
        ("a && b || c", ["ab", "c"], ["a", "b"]),
        ("a && (b || c)", ["ab", "ac"], ["c", "a"]),
        ("a -> b", ["", "b", "ab"], ["a"]),
        ("a->b", ["", "b"], ["a"]),
        ("a <-> b", ["", "ab"], ["a", "b"]),
        ("a <-> b <-> c", ["a", "abc"], ["", "ab"]),
        ('"a"&&!b', ["a"], ["ab"]),
    ],
)
def test_expressions_hold_for_labels_as_in_jenkins(
    text: str, fulfilled: list[str], not_fulfilled: list[str]
) -> None:
    holds = parse_expression(text).holds
    assert all(holds(set(labels)) for labels in fulfilled)
    assert not any(holds(set(labels)) for labels in not_fulfilled)


@pytest.mark.parametrize(
    "text",
    ["a &&", "(a", "a b", "a -> b -> c", "!!a", "()", "a)", "(" * 5000, "x" * 5000, ""],
)
def test_what_is_no_expression_is_the_name_of_a_label(text: str) -> None:
    parsed = parse_expression(text)
    assert parsed.names == {text}
    assert parsed.holds({text})
    assert not parsed.holds({"a", "b"})


@pytest.mark.parametrize(
    ("job", "pool", "surplus"),
    [
        ({"linux && !arm": ""}, {"linux": "", "docker": ""}, 1),
        ({"linux && !arm": ""}, {"linux": "", "arm": ""}, None),
        ({"Linux": ""}, {"linux": ""}, None),
        ({"c++-17": ""}, {"c++-17": ""}, 0),
        ({"linux": "", "docker": ""}, {"linux": ""}, None),
        ({}, {"linux": ""}, 1),
        ({}, {"linux": "", "mode": "normal"}, 1),
        ({}, {"linux": "", "mode": "exclusive"}, None),
        ({"linux": ""}, {"linux": "", "mode": "exclusive"}, 0),
        ({"mode": ""}, {"mode": ""}, 0),
    ],
)
def test_a_node_takes_what_its_labels_fulfil(
    job: dict[str, str], pool: dict[str, str], surplus: int | None
) -> None:
    assert match_item(job, pool) == surplus
    assert bool(list_missing_of_item(job, pool)) == (surplus is None)


def test_labels_with_values_are_explained() -> None:
    assert check_labels({"linux": "", "mode": "exclusive"}) == ""
    assert "have no values" in check_labels({"os": "linux"})
    assert "normal or exclusive" in check_labels({"mode": "strict"})
