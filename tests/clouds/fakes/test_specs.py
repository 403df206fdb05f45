"""A fake's requests and answers are held to its cloud's description."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.clouds.benches import BENCHES
from tests.clouds.fakes.specs import AnyChecker, load_checker
from tests.clouds.fakes.specs.material import need_material

pytestmark = pytest.mark.pure


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    data: Any = None
    query: Mapping[str, list[str]] = field(default_factory=dict)
    role: str = ""

    @property
    def body(self) -> bytes:
        return b"" if self.data is None else b"{}"


@dataclass(frozen=True)
class Answered:
    status: int
    body: Any = None


def load(cloud: str) -> AnyChecker:
    need_material(cloud)
    checker = load_checker(cloud, mounts={}, invents=())
    assert checker is not None
    return checker


CLOUDS = {bench.kind for bench in BENCHES.values() if "http" not in bench.lacks}


@pytest.mark.parametrize("cloud", sorted(CLOUDS))
def test_a_clouds_description_is_there_to_check_its_fake(cloud: str) -> None:
    assert load(cloud).operations


def test_a_request_that_the_cloud_does_not_describe_is_noticed() -> None:
    checker = load("hetznercloud")
    body = {"name": "a", "image": "b", "server_type": "c", "labels": {"a": "b"}}
    create = "/v1/servers"
    assert checker.check_request(Asked("POST", create, body)) == []
    for wrong in (
        {**body, "labelz": {}},
        {**body, "labels": {"a": "-"}},
        {**body, "public_net": {"enable_ipv5": True}},
        {**body, "networks": ["4711"]},
        {"name": "a", "image": "b"},
        None,
    ):
        assert checker.check_request(Asked("POST", create, wrong)), wrong
    for path, query in (
        ("/v1/server", {}),
        ("/v1/servers", {"metadata": ["a"]}),
        ("/v1/servers", {"page": ["first"]}),
        ("/v1/servers", {"status": ["asleep"]}),
    ):
        assert checker.check_request(Asked("GET", path, query=query)), path
    assert checker.check_request(Asked("PATCH", create))


def test_an_answer_that_the_cloud_does_not_describe_is_noticed() -> None:
    checker = load("hetznercloud")
    key = {
        "created": "2016-01-30T23:50:00Z",
        "fingerprint": "b7:2f",
        "id": 1,
        "labels": {},
        "name": "a",
        "public_key": "b",
    }
    pages = {
        "last_page": None,
        "next_page": None,
        "page": 1,
        "per_page": 25,
        "previous_page": None,
        "total_entries": None,
    }
    whole = {"ssh_keys": [key], "meta": {"pagination": pages}}
    asked = Asked("GET", "/v1/ssh_keys")
    assert checker.check_answer(asked, Answered(200, whole)) == []
    for wrong in (
        {**whole, "ssh_keys": [{**key, "id": "1"}]},
        {**whole, "ssh_keys": [{**key, "colour": "red"}]},
        {"ssh_keys": [key]},
        None,
    ):
        assert checker.check_answer(asked, Answered(200, wrong)), wrong
    assert checker.check_answer(asked, Answered(204))
    assert checker.check_answer(asked, Answered(404, {"error": "no"}))
