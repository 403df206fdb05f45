"""Which pool serves which job."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from servers.lifecycle.pools.assigning import Candidate, assign_jobs
from servers.queues.base import Labels
from servers.queues.matching import list_missing, list_missing_tags, match_tags
from servers.queues.registry import describe_queue_kind, list_queue_kinds

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("job", "pool", "surplus"),
    [
        ({"Linux": "", "x64": ""}, {"linux": "", "X64": "", "gpu": ""}, 1),
        ({"linux": ""}, {"linux": ""}, 0),
        ({"linux": "", "gpu": ""}, {"linux": ""}, None),
        ({}, {"linux": ""}, 1),
    ],
)
def test_any_agent_with_all_tags_may_run_a_job(
    job: Labels, pool: Labels, surplus: int | None
) -> None:
    assert match_tags(job, pool) == surplus


def make_candidate(
    name: str, *tags: str, priority: int = 0, price: float = 0.0
) -> Candidate[Labels]:
    offered = dict.fromkeys(tags, "")
    return Candidate(name, lambda job: match_tags(job, offered), priority, price)


def test_a_job_has_one_pool_the_one_with_the_fewest_labels_too_many() -> None:
    plain, special = (
        make_candidate("plain", "linux"),
        make_candidate("gpu", "linux", "gpu"),
    )
    jobs: list[Labels] = [{"linux": ""}, {"linux": "", "gpu": ""}, {"windows": ""}]
    found, unmatched = assign_jobs(jobs, [special, plain])
    assert found == {"plain": [jobs[0]], "gpu": [jobs[1]]}
    assert unmatched == [jobs[2]]
    assert list_missing(jobs[2], {"linux": ""}) == ["windows"]


def test_of_equal_pools_priority_decides_then_the_price_then_the_name() -> None:
    jobs: list[Labels] = [{"linux": ""}]
    names = []
    for changed in ({"priority": 1}, {"price": 0.1}, {}):
        pools = [
            make_candidate("b", "linux", **{"price": 0.2, **changed}),  # type: ignore[arg-type]
            make_candidate("a", "linux", price=0.2),
        ]
        found, _ = assign_jobs(jobs, pools)
        names += [name for name, served in found.items() if served]
    assert names == ["b", "b", "a"]


def test_what_a_job_misses_is_written_as_people_write_it() -> None:
    job = {"gpu": "yes", "linux": "", "os": "linux"}
    assert list_missing(job, {"gpu": "no", "os": "linux"}) == ["gpu=yes", "linux"]


def test_a_tag_is_not_missing_because_of_its_capitals() -> None:
    job = {"Linux": "", "GPU": "", "arm64": ""}
    assert list_missing_tags(job, {"linux": "", "gpu": ""}) == ["arm64"]


# Kinds whose labels have no values.
TAGGED = {"gitea", "forgejo", "github", "gitlab", "jenkins"}
LABELS = [
    *({"os": each} for each in ("linux", "windows")),
    *({"kind": "pipeline"}, {"variant": "v7"}, {"queue": "a"}, {"repo": "me/app"}),
    *({"label.gpu": each} for each in ("yes", "no")),
    *({"gpu": each} for each in ("yes", "*")),
    *({"!gpu": each} for each in ("yes", "*")),
]
TAGS = [{each: ""} for each in ("linux", "gpu", "Linux", "arm64")]
TAGS += [{"run_untagged": "yes"}, {"mode": "exclusive"}]


def mix(words: list[dict[str, str]]) -> Iterator[Labels]:
    for number in range(3):
        for chosen in combinations(words, number):
            yield {name: text for each in chosen for name, text in each.items()}


@pytest.mark.parametrize("name", [kind.name for kind in list_queue_kinds()])
def test_what_keeps_a_job_from_a_pool_is_named_and_nothing_else(name: str) -> None:
    kind = describe_queue_kind(name)
    words = TAGS if name in TAGGED else LABELS
    pools = [each for each in mix(words) if not kind.check_labels(each)]
    jobs = [each for each in mix(words) if name not in TAGGED or not any(each.values())]
    refused = 0
    for pool in pools:
        for job in jobs:
            told = [*kind.list_missing(job, pool), *kind.list_demanded(job, pool)]
            assert bool(told) == (kind.match(job, pool) is None), (job, pool, told)
            refused += bool(told)
    assert refused > 20
