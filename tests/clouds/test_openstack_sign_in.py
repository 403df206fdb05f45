"""OpenStack's tokens: fetched once, renewed, and sent to the catalogue's addresses."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.openstack.keystone import build_auth, read_token
from servers.clouds.registry import open_cloud, validate_config
from servers.outgoing.errors import (
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.http import Answer
from servers.outgoing.reading import parse_json
from servers.outgoing.reply import Reply
from tests.clouds.benches.openstack import OpenStackBench
from tests.clouds.fakes.openstack_identity import project_of
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response
from tests.support.threads import at_once

pytestmark = pytest.mark.pure
USER = {
    "method": "password",
    "username": "ops",
    "password": "token-one",
    "project": "builders",
}


@pytest.fixture
def bench() -> Iterator[OpenStackBench]:
    made = OpenStackBench()
    with made.run():
        yield made


def count_sign_ins(bench: OpenStackBench) -> int:
    return [each.role for each in bench.fake.seen].count("token")


def open_user(bench: OpenStackBench, **changes: str) -> Any:
    config = CloudConfig("u", bench.region, bench.fake.url, {**USER, **changes})
    return open_cloud("openstack", config)


def test_one_token_serves_all_threads_and_regions_of_an_account(
    bench: OpenStackBench,
) -> None:
    elsewhere = open_cloud(
        "openstack",
        CloudConfig("one", "RegionTwo", bench.fake.url, bench.config().credentials),
    )
    clouds = [bench.open(), elsewhere] * 4
    at_once(*(partial(cloud.list_instances, "ci", deadline=9) for cloud in clouds))
    assert len([e for e in bench.fake.seen if e.role == "list"]) == len(clouds)
    assert count_sign_ins(bench) == 1
    # Another account's is another token.
    assert bench.open("two").fetch_identity(deadline=5) == project_of("two")
    assert bench.open().fetch_identity(deadline=5) == project_of("one")
    assert count_sign_ins(bench) == 2


@pytest.mark.parametrize("role", ["list", "create", "destroy", "get"])
def test_a_revoked_token_is_renewed_once_and_the_call_succeeds(
    bench: OpenStackBench, role: str
) -> None:
    cloud = bench.open()
    made = cloud.create_instance(bench.make_spec(), deadline=5)
    calls: dict[str, Callable[[], object]] = {
        "list": lambda: cloud.list_instances("ci", deadline=5),
        "create": lambda: cloud.create_instance(bench.make_spec(), deadline=5),
        "get": lambda: cloud.get_instance(made.instance_id, deadline=5),
        "destroy": lambda: cloud.destroy_instance(made.instance_id, deadline=5),
    }
    bench.fake.revoke()
    since = len(bench.fake.seen)
    calls[role]()
    assert [e.role for e in bench.fake.seen[since:]] == [role, "token", role]
    # The first of the two did nothing.
    assert len(bench.fake.machines) == (2 if role == "create" else 1)


def test_a_token_that_is_rejected_as_soon_as_it_was_issued_is_an_error(
    bench: OpenStackBench,
) -> None:
    text = Response(401, "Authentication required", {"Content-Type": "text/html"})
    bench.fake.answer(text, 2, role="create")
    with pytest.raises(CredentialsError) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=5)
    assert type(raised.value) is CredentialsError
    assert "access rules" in raised.value.message
    assert bench.count_live() == []
    assert [e.role for e in bench.fake.seen].count("create") == 2
    assert count_sign_ins(bench) == 2


def test_a_token_is_renewed_before_it_expires(bench: OpenStackBench) -> None:
    bench.fake.token_life = timedelta(seconds=1)  # shorter than the time to renew
    cloud = bench.open()
    for _ in range(3):
        cloud.list_instances("ci", deadline=5)
    # A clock that is ahead must not lead to a sign-in for each call.
    assert count_sign_ins(bench) == 1


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {"name": "builders", "domain": {"id": "default"}}),
        (
            {"project_domain": "Sales"},
            {"name": "builders", "domain": {"name": "Sales"}},
        ),
        (
            {"user_domain": "Staff"},
            {"name": "builders", "domain": {"name": "Staff"}},
        ),
        (
            {"project": "43910d2854ca55144f32471f74f14c40"},
            {"id": "43910d2854ca55144f32471f74f14c40"},
        ),
    ],
)
def test_a_user_signs_in_with_a_password_for_a_project(
    bench: OpenStackBench, changes: dict[str, str], wanted: dict[str, Any]
) -> None:
    cloud = open_user(bench, **changes)
    assert cloud.fetch_identity(deadline=5) == project_of("one")
    auth = bench.fake.seen[0].data["auth"]
    assert auth["identity"]["methods"] == ["password"]
    user = auth["identity"]["password"]["user"]
    assert (user["name"], user["password"]) == ("ops", "token-one")
    assert auth["scope"]["project"] == wanted


def test_an_application_credential_takes_no_scope() -> None:
    auth = build_auth(
        {"application_credential_id": "a", "application_credential_secret": "b"}
    )
    credential = {"id": "a", "secret": "b"}
    assert auth == {
        "auth": {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": credential,
            }
        }
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Application credential id is missing"),
        ({"application_credential_id": "a"}, "secret is missing"),
        ({**USER, "password": ""}, "Password is missing"),
        ({**USER, "project": ""}, "Project is missing"),
        ({**USER, "application_credential_id": "a"}, "does not belong"),
        ({**USER, "method": "kerberos"}, "use one of"),
    ],
)
def test_credentials_that_are_not_whole_are_refused_when_they_are_entered(
    given: dict[str, str], words: str
) -> None:
    wrong = validate_config(
        "openstack",
        credentials=given,
        endpoint="https://cloud.example.com:5000",
        region="RegionOne",
        options={},
    )
    (said,) = wrong["credentials"]
    assert words in said


def test_an_account_needs_an_endpoint_and_a_region() -> None:
    wrong = validate_config(
        "openstack", credentials=USER, endpoint="", region="", options={}
    )
    assert wrong == {
        "endpoint": ["OpenStack needs an endpoint."],
        "region": ["OpenStack needs a region."],
    }


@pytest.mark.parametrize(
    ("answer", "wanted", "words"),
    [
        (Response(404, "<html>nothing here</html>"), UnknownOutcomeError, "endpoint"),
        (Response(503, "<html>busy</html>"), UnknownOutcomeError, "503"),
        (Response(429, None, {"Retry-After": "7"}), ThrottledError, "429"),
        (Response(201, {"token": {}}), UnknownOutcomeError, "without a token"),
        (Response(201, "[]"), UnknownOutcomeError, "without token"),
        (
            Response(400, {"error": {"message": "Expecting to find domain."}}),
            CredentialsError,
            "Expecting to find domain",
        ),
        (
            Response(
                201, {"token": {"expires_at": None}}, {"X-Subject-Token": "t0k3n"}
            ),
            CredentialsError,
            "project",
        ),
    ],
)
def test_what_keystone_answers_to_a_sign_in_is_told(
    bench: OpenStackBench, answer: Response, wanted: type[Exception], words: str
) -> None:
    bench.fake.answer(answer, 9, role="token")
    with pytest.raises(wanted) as raised:
        bench.open().list_instances("ci", deadline=5)
    assert type(raised.value) is wanted
    assert words in str(raised.value)
    # No change was sent, so that nothing can have come of it.
    if wanted is UnknownOutcomeError:
        with pytest.raises(UnreachableError):
            bench.open().create_instance(bench.make_spec(), deadline=5)
    assert not [e for e in bench.fake.seen if e.role in {"list", "create"}]


def test_a_region_that_the_catalogue_lacks_is_named(bench: OpenStackBench) -> None:
    config = replace(bench.config(), region="RegionNine")
    cloud = open_cloud("openstack", config)
    with pytest.raises(RefusedError) as raised:
        cloud.create_instance(bench.make_spec(), deadline=5)
    assert "RegionOne, RegionTwo" in raised.value.message


@pytest.mark.parametrize("interface", ["internal", "admin"])
def test_the_accounts_interface_of_the_catalogue_is_called(
    bench: OpenStackBench, interface: str
) -> None:
    with pytest.raises(UnknownOutcomeError):
        bench.open(interface=interface).list_instances("ci", deadline=5)
    assert bench.fake.seen[-1].path == f"/{interface}/compute/v2.1/servers/detail"
    bench.fake.violations.clear()  # these addresses lead nowhere


def test_no_token_leaves_tls_unless_the_account_allows_it() -> None:
    from servers.clouds.openstack.session import Session

    for endpoint, url, options, fits in (
        ("https://k.example.com", "https://n.example.com", {}, True),
        ("https://k.example.com", "http://n.example.com", {}, False),
        ("https://k.example.com", "http://n.example.com", {"plain_http": True}, True),
        ("http://k.example.com", "http://n.example.com", {}, True),
        ("http://k.example.com", "ftp://n.example.com", {}, False),
        ("http://k.example.com", "/v2.1", {"plain_http": True}, False),
    ):
        session = Session(CloudConfig("a", "RegionOne", endpoint, {}, options))
        if fits:
            session._check_url(url, "compute")
            continue
        with pytest.raises(RefusedError):
            session._check_url(url, "compute")


def test_recorded_tokens_are_read_with_their_projects_and_catalogues() -> None:
    folder = need_material("openstack") / "recordings"
    read = 0
    for name in ("keystone-tokens", "token-expired-401"):
        for each in load_json(folder / f"{name}.json")["interactions"]:
            if not each["request"]["path"].endswith("/auth/tokens"):
                continue
            recorded = each["response"]
            answer = Answer(recorded["status"], "", recorded["headers"], b"")
            reply = Reply("Keystone", answer, recorded["body"])
            wanted = recorded["body"]["token"]
            if "project" not in wanted:
                with pytest.raises(CredentialsError):
                    read_token(reply)
                continue
            lent = read_token(reply)
            read += 1
            assert lent.keys.project == wanted["project"]["id"]
            assert lent.keys.value not in repr(lent)
            assert lent.ends > 1_466_000_000
            if name == "keystone-tokens":
                where = {"region": "microstack", "interface": "public"}
                found = lent.keys.find_url("compute", **where)
                assert found == "https://198.51.100.44:8774/v2.1"
                assert lent.keys.find_url("network", **where).endswith(":9696/v2.0")
                assert lent.keys.find_url("image", **where).endswith(":9292/v2")
                volumes = lent.keys.find_url("volume", **where)
                assert f"/v3/{lent.keys.project}" in volumes
    assert read == 3
    samples = load_json(folder / "libcloud-identity-fixtures.json")["samples"]
    old = samples["openstack/_v3__auth.json"]
    old = old if isinstance(old, dict) else parse_json(old.encode())
    answer = Answer(201, "", {"X-Subject-Token": "t"}, b"")
    lent = read_token(Reply("Keystone", answer, old))
    assert lent.keys.list_regions()
