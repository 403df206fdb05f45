"""GitHub's rate limits: what a read costs, and how long it waits."""

from collections import Counter

import pytest

from servers.outgoing.errors import RefusedError, ThrottledError, UnknownOutcomeError
from tests.clouds.fakes.wire import Response
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.github_base import NOW
from tests.queues.github.reading import OWN, read, show_states

pytestmark = pytest.mark.pure


def test_an_unchanged_answer_costs_nothing_of_the_rate_limit(
    github: FakeGitHub,
) -> None:
    waits, ends = (github.add_job(*OWN) for _ in range(2))
    first = read(github)
    assert github.remaining == 5000 - 4  # two lists of runs, jobs of two runs
    assert read(github) == first
    assert github.remaining == 5000 - 4
    github.finish(ends)
    assert list(show_states(read(github))) == [str(waits)]
    assert github.remaining == 5000 - 5  # only the list of queued runs has changed


def test_what_one_token_has_seen_is_not_shown_to_another(github: FakeGitHub) -> None:
    github.add_job(*OWN)
    github.grants["token-two"] = set()
    assert len(read(github).jobs) == 1
    with pytest.raises(RefusedError, match="which"):
        read(github, token="token-two")


def test_a_304_that_nobody_asked_for_is_no_empty_list(github: FakeGitHub) -> None:
    github.answer(Response(304), role="runs", times=2)
    with pytest.raises(UnknownOutcomeError, match="304"):
        read(github)


def test_a_used_up_rate_limit_says_when_it_is_filled_again(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    github.remaining, github.resets = 0, NOW + 600
    with pytest.raises(ThrottledError) as raised:
        read(github)
    assert raised.value.retry_after == 600


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait"),
    [
        (403, "You have exceeded a secondary rate limit.", {}, 60),
        (403, "You have triggered an abuse detection mechanism.", {}, 60),
        (429, "Slow down", {}, 60),
        (403, "Wait", {"Retry-After": "17"}, 17),
        (429, "Slow down", {"Retry-After": "17"}, 17),
    ],
)
def test_a_secondary_limit_says_how_long_to_wait(
    github: FakeGitHub, status: int, message: str, headers: dict[str, str], wait: float
) -> None:
    github.answer(Response(status, {"message": message}, headers), role="runs")
    with pytest.raises(ThrottledError) as raised:
        read(github)
    assert raised.value.retry_after == wait


def test_what_is_left_of_a_low_limit_has_to_last(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    github.remaining = 1300
    assert read(github).wait == 0
    github.remaining = 102
    # 100 are left for an hour, and a read that finds all changed costs two.
    github.add_job(*OWN)
    github.remaining = 103
    assert read(github).wait == pytest.approx(3600 / (101 / 2), rel=0.05)


def test_each_list_is_asked_for_once(github: FakeGitHub) -> None:
    for each in range(3):
        github.add_job(*OWN, repository=f"acme/r{each}")
    read(github, organization="acme")
    assert Counter(github.count_calls()) == {
        "GET /orgs/{org}/repos": 1,
        "GET /repos/{owner}/{repo}/actions/runs": 8,
        "GET /repos/{owner}/{repo}/actions/runs/{run}/jobs": 3,
    }
