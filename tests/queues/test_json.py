"""Numbers and lists of jobs in JSON at a URL."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.drill.service import free_port
from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.json.pointer import MISSING, Place, follow_pointer, parse_place
from servers.queues.registry import describe_queue_kind, open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.jobsite import NOW, FakeJobSite

pytestmark = pytest.mark.pure

NUMBERS = {"pending": "/api/stats#/jobs/new", "running": "/api/stats#/jobs/started"}
LISTS = {
    "pending": "/api/jobs?state=new",
    "running": "/api/jobs?state=started",
    "id": "/id",
    "labels": "/labels",
    "since": "/at",
    "server": "/runner/name",
}
TOKEN = {"token": "token-one"}


@pytest.fixture
def site() -> Iterator[FakeJobSite]:
    with running(FakeJobSite()) as fake:
        yield fake


def read(
    url: str, options: dict[str, Any] = NUMBERS, credentials: Any = TOKEN
) -> QueueSnapshot:
    queue = open_queue("json", QueueConfig(url, credentials, options))
    return queue.read(now=NOW, deadline=5)


def test_numbers_are_jobs_without_ids_and_without_labels(site: FakeJobSite) -> None:
    for state in ("new", "new", "started"):
        site.add(state)
    waiting = QueueJob("", JobState.PENDING, NOW, {})
    shown = read(site.url)
    assert shown.jobs == (waiting, waiting, QueueJob("", JobState.RUNNING, NOW, {}))
    # Nobody knows which server runs it, so none counts as idle.
    assert not shown.names_servers
    site.jobs.clear()
    assert read(site.url) == QueueSnapshot(NOW, ())


def test_a_list_tells_each_job(site: FakeJobSite) -> None:
    site.add(labels=["linux", "gpu"], at=NOW - 60)
    site.add(labels={"os": "linux", "cores": 4, "spot": True}, at=(NOW - 9) * 1000)
    site.add(labels="linux", at="2027-01-15T07:59:00Z")
    site.add("started", runner={"name": "agent-1"}, at=NOW + 900)
    shown = read(site.url, LISTS)
    assert shown.jobs == (
        QueueJob("1", JobState.PENDING, NOW - 60, {"linux": "", "gpu": ""}),
        QueueJob(
            "2",
            JobState.PENDING,
            NOW - 9,
            {"os": "linux", "cores": "4", "spot": "true"},
        ),
        QueueJob("3", JobState.PENDING, NOW - 60, {"linux": ""}),
        QueueJob("4", JobState.RUNNING, NOW, {}, "agent-1"),
    )
    assert shown.complete
    assert shown.names_servers


def test_a_running_job_without_a_server_may_be_anywhere(site: FakeJobSite) -> None:
    site.add("started", runner=None)
    assert not read(site.url, LISTS).names_servers


def test_a_list_without_ids_is_counted(site: FakeJobSite) -> None:
    site.add()
    site.add()
    options = {name: LISTS[name] for name in ("pending", "running")}
    assert [job.job_id for job in read(site.url, options).jobs] == ["", ""]


def test_a_job_that_starts_between_the_two_reads_is_counted_once(
    site: FakeJobSite,
) -> None:
    site.add(runner={"name": "agent-1"})

    def start(request: Any) -> None:
        if request.ask("state") == "started":
            site.jobs[1]["state"] = "started"

    site.meanwhile = start
    (job,) = read(site.url, LISTS).jobs
    assert (job.state, job.server) == (JobState.RUNNING, "agent-1")
    assert site.jobs[1]["state"] == "started"


@pytest.mark.parametrize("how", ["", "relative", "short"])
def test_all_pages_of_a_list_are_read(site: FakeJobSite, how: str) -> None:
    site.page = 2
    if how:
        setattr(site, how, True)
    for _ in range(5):
        site.add()
    assert [job.job_id for job in read(site.url, LISTS).jobs] == list("12345")


def test_a_link_to_another_host_gets_no_credentials(site: FakeJobSite) -> None:
    with running(FakeJobSite()) as other:
        site.page, site.elsewhere = 1, other.url
        site.add()
        site.add()
        with pytest.raises(UnknownOutcomeError, match="another host"):
            read(site.url, LISTS)
        assert other.calls == []


@pytest.mark.parametrize("link", ["http://[", "//[::1", "http://a:b/c"])
def test_a_link_that_is_none_leaves_the_queue_unknown(
    site: FakeJobSite, link: str
) -> None:
    page = Response(200, [], {"Link": f'<{link}>; rel="next"'})
    site.answer(page, times=1)
    with pytest.raises(UnknownOutcomeError, match="another host"):
        read(site.url, LISTS)


def test_a_list_that_is_shorter_than_its_total_is_partial(site: FakeJobSite) -> None:
    options = {
        **LISTS,
        "pending": "/api/jobs?state=new&wrap=1#/items",
        "running": "/api/jobs?state=started&wrap=1#/items",
        "total": "/total",
    }
    site.add()
    assert read(site.url, options).complete
    body = {"items": [{"id": 1}], "total": 30}
    site.answer(Response(200, body))
    shown = read(site.url, options)
    assert len(shown.jobs) == 1
    assert not shown.complete


@pytest.mark.parametrize(
    "body",
    [
        HTML,
        "",
        "null",
        "{}",
        '{"jobs": {}}',
        '{"jobs": {"new": null}}',
        '{"jobs": {"new": NaN}}',
        '{"jobs": {"new": -1}}',
        '{"jobs": {"new": 1e400}}',
        '{"jobs": {"new": true}}',
        '{"jobs": {"new": "many"}}',
        '{"jobs": {"new": 20001}}',
        '{"jobs": {"new": {"count": 3}}}',
    ],
)
def test_what_is_no_number_of_jobs_is_not_zero(site: FakeJobSite, body: str) -> None:
    site.answer(Response(200, body))
    with pytest.raises(UnknownOutcomeError):
        read(site.url)


@pytest.mark.parametrize(("number", "jobs"), [("3", 3), ('"3"', 3), ("2.1", 3)])
def test_a_number_may_be_text_or_broken(
    site: FakeJobSite, number: str, jobs: int
) -> None:
    site.answer(Response(200, f'{{"jobs": {{"new": {number}}}}}'))
    assert len(read(site.url).jobs) == jobs


@pytest.mark.parametrize(
    "item", ['"x"', "[]", '{"name": "x"}', '{"id": 1, "labels": [3, {}]}']
)
def test_an_entry_that_can_t_be_read_makes_the_queue_unknown(
    site: FakeJobSite, item: str
) -> None:
    site.answer(Response(200, f'[{{"id": 9}}, {item}]'))
    with pytest.raises(UnknownOutcomeError):
        read(site.url, LISTS)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {}, CredentialsError, "401"),
        (403, HTML, UnknownOutcomeError, "may not read it"),
        (404, HTML, UnknownOutcomeError, "Check the URL"),
        (500, {"message": "oops"}, UnknownOutcomeError, "500"),
        (302, "", UnknownOutcomeError, "302"),
    ],
)
def test_errors_say_what_to_do(
    site: FakeJobSite, status: int, body: Any, error: type[CallError], words: str
) -> None:
    site.answer(Response(status, body))
    with pytest.raises(error, match=words) as raised:
        read(site.url)
    assert "oops" not in raised.value.message


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        ("authorization", {"token": "token-one"}),
        ("x-api-key", {"token": "token-one", "header": "X-Api-Key"}),
        ("authorization", {"user": "ada", "password": "word"}),
    ],
)
def test_credentials_go_where_they_belong(
    header: str, credentials: dict[str, str]
) -> None:
    with running(FakeJobSite(header=header)) as site:
        site.tokens["Basic YWRhOndvcmQ="] = "one"
        assert read(site.url, NUMBERS, credentials) == QueueSnapshot(NOW, ())


def test_a_token_is_in_no_error(site: FakeJobSite) -> None:
    for credentials in ({"token": "secret-9"}, {"user": "ada", "password": "secret-9"}):
        with pytest.raises(CredentialsError) as refused:
            read(site.url, NUMBERS, credentials)
        with pytest.raises(UnreachableError) as unreachable:
            read(f"http://127.0.0.1:{free_port()}", NUMBERS, credentials)
        for error in (refused, unreachable):
            assert "secret-9" not in error.value.message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/jobs?state=new#/a/0", Place("/jobs?state=new", "/a/0")),
        ("", Place("", "")),
        ("#/total", Place("", "/total")),
        ("?q=%20x", Place("?q=%20x", "")),
        ("/a#/b%20c", Place("/a", "/b c")),
        ("jobs", None),
        ("/a/../b", None),
        ("/a/%2e%2e/b", None),
        ("/a\\b", None),
        ("/a b", None),
        ("https://elsewhere.example.com/", None),
        ("/a#b", None),
        ("/a#/~2", None),
        ("/a\r\nHost: x", None),
    ],
)
def test_a_place_is_a_path_and_a_pointer(text: str, place: Place | None) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", {"a/b": [1, {"~": 2}], "": 3}),
        ("/a~1b/0", 1),
        ("/a~1b/1/~0", 2),
        ("/", 3),
        ("/a~1b/2", MISSING),
        ("/a~1b/01", MISSING),
        ("/a~1b/-", MISSING),
        ("/a~1b/0/x", MISSING),
        ("/nothing", MISSING),
    ],
)
def test_a_pointer_leads_to_a_value_or_to_nothing(pointer: str, value: Any) -> None:
    assert follow_pointer({"a/b": [1, {"~": 2}], "": 3}, pointer) == value


@pytest.mark.parametrize(
    ("options", "credentials", "words"),
    [
        ({**NUMBERS, "pending": "stats"}, {}, "pending"),
        ({**NUMBERS, "labels": "labels"}, {}, "labels"),
        (NUMBERS, {"token": "a", "user": "b"}, "either a token, or"),
        (NUMBERS, {"password": "b"}, "user that this password"),
        (NUMBERS, {"header": "X-Key"}, "token that this header"),
        (NUMBERS, {"header": "Host", "token": "a"}, "can't carry"),
    ],
)
def test_what_is_wrong_with_its_settings_is_told(
    options: dict[str, Any], credentials: dict[str, str], words: str
) -> None:
    kind = describe_queue_kind("json")
    said = kind.check_options(options) or kind.check_credentials(credentials)
    assert words in said
    assert not kind.check_options(NUMBERS)
    assert not kind.check_options(LISTS)
