"""Whatever a CI answers, it is an error that is told or a snapshot that can be kept."""

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import rest
from servers.outgoing.errors import CallError, UnknownOutcomeError
from servers.outgoing.http import Answer, send
from servers.queues import bounds
from servers.queues.base import MAX_JOBS, QueueConfig, QueueJob, QueueSnapshot
from servers.queues.bounds import (
    MAX_LABEL,
    MAX_LABELS,
    MAX_TEXT,
    Intake,
    bound_snapshot,
)
from servers.queues.github import api
from servers.queues.registry import describe_queue_kind, list_queue_kinds, open_queue
from servers.records.snapshots import dump_jobs
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Response
from tests.queues.fakes.drone import NOW
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.jobsite import FakeJobSite
from tests.queues.fakes.prometheus import FakePrometheus
from tests.queues.test_any_queue import CASES, Case

pytestmark = pytest.mark.pure

# In place of any value, as they stand in the body.
ODD: Final = (
    *("null", "[]", "{}", "-1", "1e999", "-1e29"),
    *("9" * 400, '"0001-01-01T00:00:00+14:00"', r'"\ud800\u0000\n"'),
    json.dumps("x" * 20_000),
)
MARK: Final = "here"
LINUX = {"os": "linux"}
URL: Final = "https://ci.example.com"


def seed(fake: Any, kind: str) -> None:
    """Have a job wait and, where that takes no more than a call, one run."""
    fake.add()
    match kind:
        case "drone":
            fake.add(status="running", machine="agent-1", started=NOW - 5)
        case "buildkite":
            fake.add(state="running")
        case "forgejo":
            fake.add("running")
            fake.register("agent-1")
        case "gitea":
            fake.start(fake.add(), fake.register("agent-1"))
        case "github" | "gitlab":
            fake.start(fake.add(), "agent-1")
        case "json":
            fake.add("started")


def list_places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield each place in a JSON value, of lists only the first entry's."""
    yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from list_places(inner, (*at, name))
    elif isinstance(value, list) and value:
        yield from list_places(value[0], (*at, 0))


def write(value: Any, place: tuple[Any, ...], odd: str) -> bytes:
    """Return the body with an odd text in one place."""
    copy = [json.loads(json.dumps(value))]
    inner: Any = copy
    for step in (0, *place)[:-1]:
        inner = inner[step]
    inner[(0, *place)[-1]] = MARK
    return json.dumps(copy[0]).replace(json.dumps(MARK), odd).encode()


def check(kind: str, shown: QueueSnapshot) -> None:
    """Check that a snapshot can be stored, matched and shown."""
    stored = json.dumps([dump_jobs(shown.jobs), shown.agents], ensure_ascii=False)
    assert "\\u0000" not in stored
    assert len(stored.encode()) < 10_000
    ids = [job.job_id for job in shown.jobs if job.job_id]
    assert len(set(ids)) == len(ids)
    described = describe_queue_kind(kind)
    for job in shown.jobs:
        assert 0 < job.since <= NOW
        assert datetime.fromtimestamp(job.since, UTC)
        fits = described.match(job.labels, LINUX) is not None
        said = described.list_missing(job.labels, LINUX)
        said += described.list_demanded(job.labels, LINUX)
        assert fits is not bool(said)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_an_odd_value_anywhere_is_told_or_kept_within_bounds(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = dict(case.options)
    if case.kind == "json":
        options |= {"labels": "/state", "since": "/since", "server": "/state"}
    known: dict[str, Answer] = {}

    def record(method: str, url: str, **more: Any) -> Answer:
        known[url] = send(method, url, **more)
        return known[url]

    monkeypatch.setattr(rest, "send", record)
    with running(case.fake()) as fake:
        seed(fake, case.kind)
        config = QueueConfig(fake.origin, {"token": "token-one", **case.more}, options)
        check(case.kind, open_queue(case.kind, config).read(now=NOW, deadline=10))
    # From here on the same answers come again, as quick as they can be read.
    answers: dict[str, Answer] = {}
    missing = Answer(404, "", {}, b"")
    monkeypatch.setattr(
        rest, "send", lambda _method, url, **_more: answers.get(url, missing)
    )
    outcomes = set()
    for url, answer in known.items():
        value = json.loads(answer.body)
        for place in list_places(value):
            for odd in ODD:
                body = write(value, place, odd)
                answers = {**known, url: Answer(200, "", answer.headers, body)}
                api._kept._kept.clear()
                try:
                    shown = open_queue(case.kind, config).read(now=NOW, deadline=10)
                except CallError:
                    outcomes.add("told")
                else:
                    outcomes.add("kept")
                    check(case.kind, shown)
    assert outcomes == {"told", "kept"}


def make_job(name: str, state: JobState = JobState.PENDING, **more: Any) -> QueueJob:
    return QueueJob(name, state, **{"since": NOW - 60.0, "labels": LINUX, **more})


def bound(*jobs: QueueJob) -> list[QueueJob]:
    return list(bound_snapshot(QueueSnapshot(float(NOW), jobs)).jobs)


def test_a_job_on_two_pages_is_one_job_and_one_that_runs_does_not_wait() -> None:
    ran = make_job("b", JobState.RUNNING, server="agent-1")
    jobs = [make_job("a"), make_job("b"), make_job("a"), ran, ran, make_job("b")]
    assert bound(*jobs) == [make_job("a"), ran]
    # Each of two servers that run the same job is busy.
    other = make_job("b", JobState.RUNNING, server="agent-2")
    assert bound(ran, other) == [ran, other]
    # Jobs that are only counted have no names.
    assert len(bound(make_job(""), make_job(""))) == 2


def test_a_list_whose_pages_repeat_jobs_is_counted_by_their_ids() -> None:
    options = {"pending": "/api/jobs?wrap=1#/items", "running": "/api/jobs?state=on"}
    options |= {"id": "/id", "total": ""}
    with running(FakeJobSite()) as site:
        page = {"items": [{"id": 1}, {"id": 1}, {"id": 2}], "total": 3}
        site.answer(Response(200, page), times=1)
        config = QueueConfig(site.url, {"token": "token-one"}, options)
        shown = open_queue("json", config).read(now=NOW, deadline=10)
        assert [job.job_id for job in shown.jobs] == ["1", "2"]


def test_no_agent_runs_more_jobs_than_a_queue_can_have() -> None:
    agents = {"agent-1": 10**12, "agent-2": 0}
    shown = bound_snapshot(QueueSnapshot(float(NOW), (), agents=agents))
    assert shown.agents == {"agent-1": MAX_JOBS, "agent-2": 0}


def test_long_texts_are_cut_and_long_ids_still_tell_jobs_apart() -> None:
    ids = ["x" * 300 + each for each in "ab"]
    long: Any = {"title": "t" * 999, "server": "s" * 999}
    first, second = bound(*(make_job(name, **long) for name in ids))
    assert first.job_id != second.job_id
    assert bound(make_job(ids[0], **long)) == [first]
    texts = (first.job_id, first.title, first.server)
    assert max(map(len, texts)) <= MAX_TEXT


@pytest.mark.parametrize("kind", [kind.name for kind in list_queue_kinds()])
def test_what_is_cut_off_makes_no_job_fit_a_pool(kind: str) -> None:
    described = describe_queue_kind(kind)
    many = {
        f"label.n{n}" if kind == "drone" else f"n{n}": "" for n in range(MAX_LABELS)
    }
    pool = dict(list(many.items())[:50])
    if kind == "jenkins":  # whose labels of a job are expressions
        many = dict.fromkeys([*pool, " && ".join(pool) + " && " + "z" * MAX_LABEL], "")
    asked: Mapping[str, str] = {**many, "n-more": "x", "y" * MAX_LABEL * 2: "z"}
    (job,) = bound(make_job("a", labels=asked))
    assert len(job.labels) <= MAX_LABELS + 1
    if kind != "buildkite":  # of which only the queue counts
        assert described.match(asked, pool) is None
        assert described.match(job.labels, pool) is None


def test_no_error_quotes_a_token_that_an_answer_repeats() -> None:
    token = "secret-token-9"
    with running(FakeForgejo()) as forgejo, running(FakePrometheus()) as prometheus:
        forgejo.answer(Response(200, [{"id": 1, "status": token}]))
        prometheus.more = {"warnings": ["x" * 290 + token]}
        for fake, kind, options in (
            (forgejo, "forgejo", {}),
            (prometheus, "prometheus", {"pending": "pending", "running": "running"}),
        ):
            fake.tokens[token] = "one"
            config = QueueConfig(fake.origin, {"token": token}, options)
            with pytest.raises(UnknownOutcomeError) as raised:
                open_queue(kind, config).read(now=NOW, deadline=10)
            assert token[:8] not in raised.value.message
            assert "***" in raised.value.message


def test_more_text_than_can_be_true_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_LETTERS", 100)
    with pytest.raises(UnknownOutcomeError, match="characters in all"):
        bound(*(make_job(str(n), title="t" * 60) for n in range(2)))


def test_jobs_are_cut_and_counted_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_LETTERS", 300)
    intake = Intake(float(NOW))
    job = intake.take(make_job("a", title="t" * 10_000))
    assert job == intake.take(make_job("a", title="t" * MAX_TEXT))  # it came twice
    with pytest.raises(UnknownOutcomeError, match="characters in all"):
        intake.take(make_job("b", title="t" * 10_000))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gitea", {}),
        ("gitlab", {"projects": ["acme/app"]}),
        ("json", {"pending": "/new#/rows", "running": "/on#/rows", "id": "/id"}),
    ],
)
def test_of_a_page_only_its_jobs_are_kept(
    kind: str, options: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    junk, pages = "x" * 4_000_000, 12
    numbers = count(1)

    def send(_method: str, url: str, **_more: Any) -> Answer:
        number = next(numbers)
        rows: Any = [{"id": number, "status": "running", "junk": junk}]
        if kind != "gitlab":
            rows = {"total_count": pages, "workflow_jobs": rows, "rows": rows}
        link = f'<{url}{number}>; rel="next"' if number % pages else ""
        return Answer(200, "", {"Link": link}, json.dumps(rows).encode())

    monkeypatch.setattr(rest, "send", send)
    queue = open_queue(kind, QueueConfig(URL, {"token": "t"}, options))
    tracemalloc.start()
    try:
        shown = queue.read(now=NOW, deadline=20)
        assert tracemalloc.get_traced_memory()[1] < pages * len(junk)
    finally:
        tracemalloc.stop()
    assert len(shown.jobs) >= pages
