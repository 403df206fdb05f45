"""Which pool serves which job."""

import pytest

from servers.lifecycle.pools.assigning import Candidate, assign_jobs
from servers.queues.base import Labels
from servers.queues.matching import list_missing, list_missing_tags, match_tags

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
    assert list_missing(job, {"gpu": "no", "os": "linux"}) == ["gpu:yes", "linux"]


def test_a_tag_is_not_missing_because_of_its_capitals() -> None:
    job = {"Linux": "", "GPU": "", "arm64": ""}
    assert list_missing_tags(job, {"linux": "", "gpu": ""}) == ["arm64"]
