"""Numbers of jobs from PromQL queries: what is missing, old or partial is no zero."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    UnknownOutcomeError,
)
from servers.queues.base import QueueConfig, QueueSnapshot
from servers.queues.registry import describe_queue_kind, open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Response
from tests.queues.fakes.prometheus import NOW, FakePrometheus, Series

pytestmark = pytest.mark.pure

QUERIES = {"pending": "pending", "running": "running"}


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with running(FakePrometheus()) as fake:
        yield fake


def read(fake: FakePrometheus, **options: Any) -> QueueSnapshot:
    config = QueueConfig(fake.url, {"token": "token-one"}, {**QUERIES, **options})
    return open_queue("prometheus", config).read(now=NOW, deadline=5)


def test_each_value_is_so_many_jobs_with_its_labels(
    prometheus: FakePrometheus,
) -> None:
    prometheus.series["pending"] = [
        Series("2", {"__name__": "jobs", "queue": "linux"}),
        Series("0.4", {"queue": "arm"}),
        Series("0", {"queue": "windows"}),
    ]
    prometheus.series["running"] = [Series("1", {"queue": "linux"})]
    shown = read(prometheus)
    counts = Counter((job.labels["queue"], job.state) for job in shown.jobs)
    assert counts == {
        ("linux", JobState.PENDING): 2,
        ("arm", JobState.PENDING): 1,
        ("linux", JobState.RUNNING): 1,
    }
    assert not shown.names_servers


def test_a_scalar_is_a_number_without_labels(prometheus: FakePrometheus) -> None:
    prometheus.scalars["scalar(pending)"] = "3"
    shown = read(prometheus, pending="scalar(pending)")
    assert [job.labels for job in shown.jobs] == [{}] * 3


def test_a_third_query_says_which_servers_are_idle(
    prometheus: FakePrometheus,
) -> None:
    prometheus.series["running"] = [Series("1")]
    prometheus.series["agents"] = [
        Series("1", {"server": "agent-1"}),
        Series("0", {"server": "agent-2"}),
    ]
    shown = read(prometheus, agents="agents")
    assert shown.agents == {"agent-1": 1, "agent-2": 0}
    prometheus.series["agents"].append(Series("0", {"instance": "10.0.0.7"}))
    with pytest.raises(RefusedError, match="without the label server"):
        read(prometheus, agents="agents")
    # While there is no server yet, nothing runs on any.
    prometheus.series["agents"] = []
    assert read(prometheus, agents="agents").agents == {}
    prometheus.series["agents"] = [Series("NaN", {"server": "agent-1"})]
    with pytest.raises(UnknownOutcomeError):
        read(prometheus, agents="agents")


def test_zero_is_none(prometheus: FakePrometheus) -> None:
    assert read(prometheus) == QueueSnapshot(NOW, ())


def test_no_series_is_unknown_and_how_to_say_zero_is_told(
    prometheus: FakePrometheus,
) -> None:
    prometheus.series["running"] = []
    with pytest.raises(UnknownOutcomeError, match=r"or vector\(0\)"):
        read(prometheus)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1", "many", "1e30", ""])
def test_a_value_that_is_no_number_of_jobs_is_unknown(
    prometheus: FakePrometheus, value: str
) -> None:
    prometheus.series["pending"].append(Series(value, {"queue": "linux"}))
    with pytest.raises(UnknownOutcomeError):
        read(prometheus)


def test_a_value_that_was_scraped_long_ago_is_unknown(
    prometheus: FakePrometheus,
) -> None:
    # Prometheus itself would show it for five minutes, with the time of the query.
    prometheus.series["pending"] = [Series("5", age=200)]
    with pytest.raises(UnknownOutcomeError, match="found nothing"):
        read(prometheus)
    for age in (240, 240.5):
        assert len(read(prometheus, max_age=age).jobs) == 5


def test_an_answer_that_was_evaluated_long_ago_is_unknown() -> None:
    with running(FakePrometheus(is_old=True)) as fake:
        fake.evaluated = NOW - 121  # by a cache between
        with pytest.raises(UnknownOutcomeError, match="121 s old"):
            read(fake)
        fake.evaluated = NOW + 900  # a clock that is ahead proves nothing
        assert read(fake).jobs == ()


@pytest.mark.parametrize(
    "more",
    [
        {"warnings": ["store 10.0.0.7 is not reachable"]},
        {"isPartial": True},
    ],
)
def test_a_part_is_not_the_whole(
    prometheus: FakePrometheus, more: dict[str, Any]
) -> None:
    prometheus.more = more
    with pytest.raises(UnknownOutcomeError, match="only a part"):
        read(prometheus)
    prometheus.more = {"warnings": [], "infos": ["metric might not be a gauge"]}
    assert read(prometheus).jobs == ()


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (400, {"errorType": "bad_data", "error": "parse"}, RefusedError, "400: parse"),
        (422, {"errorType": "execution", "error": "many"}, RefusedError, "many"),
        (503, {"errorType": "timeout", "error": "slow"}, UnknownOutcomeError, "slow"),
        (403, {}, CredentialsError, "credentials"),
    ],
)
def test_what_prometheus_says_of_a_query_is_told(
    prometheus: FakePrometheus,
    status: int,
    body: dict[str, str],
    error: type[CallError],
    words: str,
) -> None:
    prometheus.answer(Response(status, {"status": "error", **body}))
    with pytest.raises(error, match=words) as raised:
        read(prometheus)
    assert type(raised.value) is error


def test_a_query_that_is_wrong_is_refused(prometheus: FakePrometheus) -> None:
    with pytest.raises(RefusedError, match="parse error"):
        read(prometheus, pending="sum(")


@pytest.mark.parametrize("kind", ["matrix", "string", ""])
def test_a_query_that_returns_no_number_is_refused(
    prometheus: FakePrometheus, kind: str
) -> None:
    data = {"resultType": kind, "result": []}
    prometheus.answer(Response(200, {"status": "success", "data": data}))
    with pytest.raises(RefusedError, match="returns a number now"):
        read(prometheus)


@pytest.mark.parametrize(
    "result",
    [[1], [{}], [{"metric": {}, "value": [None, "1"]}], [{"histogram": [1, {}]}], {}],
)
def test_a_result_of_another_form_is_unknown(
    prometheus: FakePrometheus, result: Any
) -> None:
    data = {"resultType": "vector", "result": result}
    prometheus.answer(Response(200, {"status": "success", "data": data}))
    with pytest.raises(UnknownOutcomeError):
        read(prometheus)


def test_it_takes_a_token_or_a_user(prometheus: FakePrometheus) -> None:
    prometheus.tokens["Basic YWRhOndvcmQ="] = "one"
    config = QueueConfig(prometheus.url, {"user": "ada", "password": "word"}, QUERIES)
    assert open_queue("prometheus", config).read(now=NOW, deadline=5).jobs == ()
    check = describe_queue_kind("prometheus").check_credentials
    assert "either a token" in check({"user": "ada", "token": "x"})
