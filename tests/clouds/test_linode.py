"""Linode: its recorded answers read right, its words, its labels and tags."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from servers.clouds.base import FLEET_TAG, Meaning, NoCapacityError, QuotaError
from servers.clouds.capabilities import TagRules
from servers.clouds.catalogue import ImageQuery
from servers.clouds.images import find_images
from servers.clouds.linode.adapter import KIND, Linode
from servers.clouds.linode.convert import FIRST_BOOT_SECONDS, show_instance
from servers.clouds.linode.launch import build_body, make_label, read_label
from servers.clouds.registry import validate_placement_options
from servers.lifecycle.keys import make_key
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.linode import LinodeBench
from tests.clouds.conformance.test_recordings import read_answer
from tests.clouds.fakes.linode_offers import FIREWALL, FULL, GROUP, VPC
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure

SUBNET = str(VPC["subnets"][0]["id"])
PUBLIC_KEY = f"ssh-ed25519 {'A' * 68} ops"


@pytest.fixture
def bench() -> Iterator[LinodeBench]:
    made = LinodeBench()
    with made.run():
        yield made


def load(name: str) -> list[tuple[Any, Response]]:
    """Return the requests of a recording, each with its answer."""
    material = load_json(need_material("linode") / "recordings" / f"{name}.json")
    return [
        (each["request"], read_answer(each["response"]))
        for each in material["interactions"]
    ]


def find(name: str, method: str, path: str) -> Response:
    """Return the first recorded answer to a call."""
    return next(
        answer
        for request, answer in load(name)
        if (request["method"], request["path"].removeprefix("/v4beta"))
        == (method, path)
    )


def open_cloud(bench: LinodeBench, **options: Any) -> Linode:
    cloud = bench.open(**options)
    assert isinstance(cloud, Linode)
    return cloud


def catch_create(bench: LinodeBench, response: Response) -> CallError:
    bench.fake.answer(response, role="create")
    with pytest.raises(CallError) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=5)
    return raised.value


def refusal(status: int, *errors: tuple[str, str]) -> Response:
    told = [
        {"reason": reason, **({"field": field} if field else {})}
        for field, reason in errors
    ]
    return Response(status, {"errors": told})


NO_ROOM = (
    "The Linode plan you chose is not currently available in the selected region. "
    "Please select another region or plan type, or contact Support for assistance."
)


@pytest.mark.parametrize(
    ("status", "field", "words", "wanted"),
    [
        (400, "image", "image is not valid", RefusedError),
        (400, "image", "Image is not available in this region", RefusedError),
        (400, "firewall_id", "firewall_id is not valid", RefusedError),
        (400, "", "Must provide valid root_pass, authorized_keys", RefusedError),
        (400, "label", "Label must be unique among your linodes", UnknownOutcomeError),
        (400, "label", "Label is odd", UnknownOutcomeError),
        (400, "", "Linode busy.", UnknownOutcomeError),
        (408, "", "Please try again", UnknownOutcomeError),
        (409, "", "Something else is under way", UnknownOutcomeError),
        (400, "", "Account Limit reached. Please open a ticket.", QuotaError),
        (400, "", "You've reached a limit for the number of services", QuotaError),
        (400, "tags", "You've reached the limit", RefusedError),
        (403, "", NO_ROOM, NoCapacityError),
        (400, "region", "there is no availability for this plan", NoCapacityError),
        (403, "", "Unauthorized", CredentialsError),
        (401, "", "Invalid Token", CredentialsError),
        (404, "", "Not found", RefusedError),
        (429, "", "Too many requests", ThrottledError),
        (503, "", "Service unavailable", UnknownOutcomeError),
    ],
)
def test_a_refusal_means_what_its_status_its_field_and_its_words_say(
    bench: LinodeBench, status: int, field: str, words: str, wanted: type[CallError]
) -> None:
    error = catch_create(bench, refusal(status, (field, words)))
    assert type(error) is wanted
    assert words.rstrip(".") in error.message
    assert field in error.message


def test_of_several_reasons_the_one_that_leaves_most_doubt_counts(
    bench: LinodeBench,
) -> None:
    taken = ("label", "Label must be unique among your linodes")
    several = refusal(400, ("image", "image is not valid"), taken)
    error = catch_create(bench, several)
    assert type(error) is UnknownOutcomeError
    assert "image is not valid" in error.message
    # However many an answer has, a message holds few of them.
    many = refusal(400, *((f"f{n}", "x" * 500) for n in range(1000)))
    assert len(catch_create(bench, many).message) < 1000


def test_a_part_that_is_refused_is_named(bench: LinodeBench) -> None:
    for field, about in (
        ("image", "image"),
        ("type", "size"),
        ("authorized_users", "key"),
        ("interfaces[0].subnet_id", "network"),
        ("tags", "tags"),
        ("metadata.user_data", ""),
    ):
        assert catch_create(bench, refusal(400, (field, "No."))).about == about


def test_unknown_tokens_and_missing_scopes_are_told_apart(bench: LinodeBench) -> None:
    unknown = catch_create(bench, refusal(401, ("", "Invalid Token")))
    scope = "Your OAuth token is not authorized to use this endpoint."
    for status in (401, 403):
        lacking = catch_create(bench, refusal(status, ("", scope)))
        assert "scope" in lacking.message
        assert "scope" not in unknown.message


def test_recorded_refusals_of_creates_are_read(bench: LinodeBench) -> None:
    for request, answer in load("create-errors-400"):
        if request["method"] != "POST":
            continue
        error = catch_create(bench, answer)
        assert type(error) is RefusedError
        assert answer.body["errors"][0]["reason"].rstrip(".") in error.message
    ((_, quoted),) = load("quoted-quota")
    assert type(catch_create(bench, quoted)) is QuotaError
    limited, throttled = (answer for _, answer in load("throttled-429"))
    assert type(catch_create(bench, limited)) is QuotaError
    assert type(catch_create(bench, throttled)) is ThrottledError


@pytest.mark.parametrize(
    "name",
    [
        *("create-user-data-get-delete", "create-firewall", "list-instances"),
        "delete-variants",
    ],
)
def test_recorded_linodes_are_read(bench: LinodeBench, name: str) -> None:
    answer = find(name, "POST", "/linode/instances")
    bench.fake.answer(answer, role="create")
    made = bench.open().create_instance(bench.make_spec(), deadline=5)
    assert made.instance_id == str(answer.body["id"])
    assert (made.raw_status, made.meaning) == ("provisioning", Meaning.BOOTING)
    assert (made.address, made.name) == ("192.0.2.0", answer.body["label"])
    assert (made.key, made.fleet) == ("", "")  # not by our label: nobody's of ours
    bench.fake.answer(answer, role="get")
    shown = open_cloud(bench, address="ipv6").get_instance("1", deadline=5)
    assert shown.address == "1234::5678" or not shown.address
    (deleted,) = {
        request["path"]: answer
        for request, answer in load(name)
        if request["method"] == "DELETE" and str(made.instance_id) in request["path"]
    }.values()
    bench.fake.answer(deleted, role="destroy")
    bench.open().destroy_instance(made.instance_id, deadline=5)


def test_recorded_lists_are_read(bench: LinodeBench) -> None:
    listed = find("list-instances", "GET", "/linode/instances")
    # As one of ours, in our region.
    spec = bench.make_spec()
    ours = {**listed.body["data"][0], "label": spec.key, "region": bench.region}
    body = {**listed.body, "data": [ours]}
    bench.fake.answer(replace(listed, body=body), role="list")
    (shown,) = bench.open().list_instances("ci", deadline=5).instances
    assert (shown.instance_id, shown.key) == ("82372946", spec.key)
    for name in ("images", "volumes"):  # nothing is there
        empty = next(
            answer
            for _, answer in load(name)
            if answer.status == 200 and answer.body.get("data") == []
        )
        bench.fake.answer(empty, role="list")
        assert bench.open().list_instances("ci", deadline=5).instances == ()
        bench.fake.answer(empty, role="leftovers")
        assert bench.open().list_leftovers("ci", deadline=5) == ()
    refused = next(answer for _, answer in load("images") if answer.status == 400)
    bench.fake.answer(refused, role="list")
    with pytest.raises(UnknownOutcomeError, match="Cannot filter on foo"):
        bench.open().list_instances("ci", deadline=5)


def test_recorded_offers_are_read(bench: LinodeBench) -> None:
    regions = find("regions", "GET", "/regions")
    bench.fake.answer(regions, role="regions")
    bench.fake.answer(find("types", "GET", "/linode/types"), role="plans")
    bench.fake.answer(find("images", "GET", "/images"), role="images")
    offered = open_cloud(bench).catalogue(deadline=5)
    assert set(offered.regions) == {each["id"] for each in regions.body["data"]}
    sizes = {each.name: each for each in offered.sizes}
    assert str(sizes["g6-nanode-1"].price_per_hour) == "0.0075"
    four = sizes["g6-standard-2"]
    assert (four.cores, four.memory_mib) == (2, 4096)
    assert "private/84470" in {each.image_id for each in offered.images}
    missing = find("types", "GET", "/linode/types/missing-type")
    bench.fake.answer(missing, role="plan")
    with pytest.raises(RefusedError, match="no plan g6-nanode-1"):
        open_cloud(bench).check_create(bench.make_spec(), deadline=5)


def test_throttling_waits_until_the_window_is_over(bench: LinodeBench) -> None:
    said = refusal(429, ("", "Too many requests"))
    for ahead, wanted in ((3000, 120.0), (-300, 0.0)):
        headers = {"X-RateLimit-Reset": str(int(time.time()) + ahead)}
        told = replace(said, headers=headers)
        assert catch_create(bench, told).retry_after == wanted
        told = replace(said, headers={**headers, "Retry-After": "7"})
        assert catch_create(bench, told).retry_after == 7


@pytest.mark.parametrize(
    "fleet", ["c", "ci", "ci-prod", "a--b", "a---b", "a--b--c", "a-b--c-d--e-f-g-"]
)
def test_each_key_has_a_label_of_its_own(fleet: str) -> None:
    key = str(make_key(fleet.rstrip("-"), uuid4(), 12_345_678))
    label = make_label(key)
    assert "--" not in label
    assert label[0].isalpha()
    assert len(label) == len(key) <= 64
    assert read_label(label) == key
    for other in (label.upper(), f"{label}X", label.replace("-", "X", 1), f"X{label}"):
        assert read_label(other) == ""
    if "--" in key:
        assert read_label(key) == ""  # Linode has no such label


def test_a_fleet_with_two_hyphens_finds_its_own(bench: LinodeBench) -> None:
    cloud = bench.open()
    specs = {fleet: bench.make_spec(fleet=fleet) for fleet in ("a--b", "a-b", "a")}
    for spec in specs.values():
        made = cloud.create_instance(spec, deadline=5)
        assert (made.key, made.fleet) == (spec.key, spec.fleet)
    for fleet, spec in specs.items():
        (found,) = cloud.find_instances(spec.key, deadline=5)
        (listed,) = cloud.list_instances(fleet, deadline=5).instances
        assert found == listed
        assert (listed.key, listed.fleet) == (spec.key, fleet)


def test_a_second_linode_of_an_attempt_is_refused_and_looked_for(
    bench: LinodeBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    with pytest.raises(UnknownOutcomeError):
        cloud.create_instance(spec, deadline=5)
    (found,) = cloud.find_instances(spec.key, deadline=5)
    assert found.instance_id == made.instance_id


def test_an_instance_without_its_tag_or_its_label_is_still_listed(
    bench: LinodeBench,
) -> None:
    cloud, spec, other = bench.open(), bench.make_spec(), bench.make_spec()
    untagged = cloud.create_instance(spec, deadline=5)
    bench.fake.machines[untagged.instance_id].tags.clear()
    renamed = cloud.create_instance(other, deadline=5)
    bench.fake.machines[renamed.instance_id].name = "do-not-touch"
    third = bench.make_spec()
    retagged = cloud.create_instance(third, deadline=5)
    bench.fake.machines[retagged.instance_id].tags = {f"{FLEET_TAG}:other": ""}
    bench.fake.plant("my-ci-server", {})  # its label only looks alike
    listed = cloud.list_instances("ci", deadline=5).instances
    assert [(each.instance_id, each.key, each.fleet) for each in listed] == [
        (untagged.instance_id, spec.key, "ci"),
        (renamed.instance_id, "", "ci"),
        (retagged.instance_id, third.key, "ci"),
    ]
    assert cloud.list_instances("other", deadline=5).instances == ()
    assert cloud.find_instances(other.key, deadline=5) == []


def test_no_tag_belongs_to_one_linode_alone(bench: LinodeBench) -> None:
    options = {"address": "private", "private_ip": True, "tags": "web, data"}
    first, second = (bench.make_spec(options=options) for _ in range(2))
    bodies = [
        build_body(spec, options, region="eu-central", root_pass="x")
        for spec in (first, second)
    ]
    assert bodies[0]["tags"] == bodies[1]["tags"]
    assert bodies[0]["tags"][0] == f"{FLEET_TAG}:ci"
    made = bench.open().create_instance(first, deadline=5)
    shown = bench.open().get_instance(made.instance_id, deadline=5)
    assert shown.address.startswith("192.168.")


def test_a_name_and_a_value_fit_into_one_tag_or_are_refused(
    bench: LinodeBench,
) -> None:
    rules = KIND.capabilities.tags
    assert isinstance(rules, TagRules)
    for labels in ({"a" * 30: "b" * 19}, {"a": "b"}, {"team": ""}):
        assert rules.check(labels, {}) == ""
        bench.open().create_instance(bench.make_spec(labels=labels), deadline=5)
    since = len(bench.fake.seen)
    for labels in ({"a" * 30: "b" * 20}, {"a": ""}, {"team": "a,b"}):
        assert "can't be used" in rules.check(labels, {})
        with pytest.raises(RefusedError):
            bench.open().create_instance(bench.make_spec(labels=labels), deadline=5)
    assert len(bench.fake.seen) == since


def test_what_is_off_has_not_booted_yet_if_it_is_new(bench: LinodeBench) -> None:
    cloud = bench.open()
    made = cloud.create_instance(bench.make_spec(), deadline=5)
    bench.set_status(made.instance_id, "offline")
    (listed,) = cloud.list_instances("ci", deadline=5).instances
    assert (listed.raw_status, listed.meaning) == ("offline", Meaning.BOOTING)
    bench.fake.advance(FIRST_BOOT_SECONDS)
    (listed,) = cloud.list_instances("ci", deadline=5).instances
    assert listed.meaning is Meaning.STOPPED
    # Whoever stops it otherwise, or does not say when it was created, says so at once.
    now = time.time()
    for odd in ("", "soon", "9999-99-99T00:00:00", "0001-01-01T00:00:00+23:00", None):
        item = {"id": 1, "status": "offline", "created": odd}
        assert show_instance(item, "", now).meaning is Meaning.STOPPED
    item = {"id": 1, "status": "stopped", "created": time.strftime("%Y-%m-%dT%H:%M:%S")}
    assert show_instance(item, "", now).meaning is Meaning.STOPPED


def test_a_create_call_carries_its_options(bench: LinodeBench) -> None:
    cloud = bench.open()
    options = {
        "firewall": str(FIREWALL),
        "subnet": SUBNET,
        "placement_group": str(GROUP["id"]),
    }
    spec = bench.make_spec(options=options, ssh_key="ops", image="private/4711")
    (untested,) = cloud.check_create(spec, deadline=5)
    assert "user ops" in untested
    made = cloud.create_instance(spec, deadline=5)
    body = bench.fake.machines[made.instance_id].body
    assert (body["firewall_id"], body["placement_group"]) == (101, {"id": 201})
    assert body["interfaces"] == [
        {
            "purpose": "vpc",
            "primary": True,
            "subnet_id": 301,
            "ipv4": {"nat_1_1": "any"},
        }
    ]
    assert body["authorized_users"] == ["ops"]
    spec = bench.make_spec(options={"address": "ipv6"}, ssh_key=PUBLIC_KEY)
    assert cloud.check_create(spec, deadline=5) == ()
    made = cloud.create_instance(spec, deadline=5)
    assert bench.fake.machines[made.instance_id].body["authorized_keys"] == [PUBLIC_KEY]
    assert made.address.startswith("2001:db8::")


def test_each_linode_has_a_root_password_that_nobody_knows(bench: LinodeBench) -> None:
    cloud = bench.open()
    for _ in range(2):
        cloud.create_instance(bench.make_spec(), deadline=5)
    first, second = (
        json.loads(each.body)["root_pass"]
        for each in bench.fake.seen
        if each.role == "create"
    )
    assert first != second
    assert 60 < len(first) <= 128

    def repeat(request: Any) -> None:
        sent = json.loads(request.body or "{}")
        if request.role == "create":
            words = f"{sent['root_pass']} {sent['metadata']['user_data']}"
            bench.fake.answer(refusal(400, ("", words)), role="create")

    bench.fake.meanwhile = repeat
    with pytest.raises(RefusedError) as raised:
        cloud.create_instance(bench.make_spec(), deadline=5)
    sent = json.loads(bench.fake.seen[-1].body)
    assert "***" in raised.value.message
    assert sent["root_pass"] not in raised.value.message
    assert sent["metadata"]["user_data"] not in raised.value.message


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"ssh_key": "a key"}, "public key"),
        ({"image": "linode/slackware15.0"}, "no cloud-init"),
        ({"image": "private/4712"}, "is creating"),
        ({"options": {"firewall": "5"}}, "no firewall 5"),
        ({"options": {"subnet": "5"}}, "no VPC subnet 5"),
        ({"options": {"placement_group": "5"}}, "no placement group 5"),
    ],
)
def test_a_check_names_what_does_not_exist_or_does_not_fit(
    bench: LinodeBench, changes: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(RefusedError, match=wanted):
        bench.open().check_create(bench.make_spec(**changes), deadline=5)


def test_a_check_tells_where_there_is_no_room(bench: LinodeBench) -> None:
    for each in bench.fake.room:
        each["available"] = {**each, **FULL} != each
    bench.open().check_create(bench.make_spec(), deadline=5)
    config = replace(bench.config(), region="us-east")
    full = Linode(config, KIND.timings)
    with pytest.raises(NoCapacityError, match="us-east"):
        full.check_create(bench.make_spec(), deadline=5)
    elsewhere = {"subnet": SUBNET}
    bench.fake.room.clear()
    with pytest.raises(RefusedError, match="is in eu-central, not in us-east"):
        full.check_create(bench.make_spec(options=elsewhere), deadline=5)
    nowhere = Linode(replace(config, region="xx-nowhere"), KIND.timings)
    with pytest.raises(RefusedError, match="no region xx-nowhere"):
        nowhere.check_create(bench.make_spec(), deadline=5)


def test_a_check_tells_what_a_restricted_user_may_not(bench: LinodeBench) -> None:
    bench.fake.profile["restricted"] = True
    (untested,) = bench.open().check_create(bench.make_spec(), deadline=5)
    assert "restricted" in untested
    bench.fake.may_add = False
    with pytest.raises(CredentialsError, match="may not add Linodes"):
        bench.open().check_create(bench.make_spec(), deadline=5)


def test_what_a_token_may_not_look_up_is_told(bench: LinodeBench) -> None:
    bench.fake.forbidden["token-one"] = {"firewall"}
    spec = bench.make_spec(options={"firewall": str(FIREWALL)})
    (untested,) = bench.open().check_create(spec, deadline=5)
    assert "firewall" in untested
    whole = open_cloud(bench).catalogue(deadline=5)
    assert whole.has_all_images
    bench.fake.scopes = "linodes:read_write volumes:read_write"
    part = open_cloud(bench).catalogue(deadline=5)
    assert not part.has_all_images
    assert any("images:read_only" in gap for gap in part.gaps)
    assert {each.owner for each in part.images} == {"linode"}


def test_options_that_contradict_each_other_are_refused() -> None:
    for options, words in (
        ({"private_ip": True, "subnet": "5"}, "can't have a private_ip"),
        ({"address": "private"}, "needs private_ip"),
        ({"address": "ipv6", "subnet": "5"}, "can't be reached by IPv6"),
        ({"tags": "a b c"}, "such as build-machines"),
        ({"tags": "web, Serverfleet-fleet:other"}, "ServerFleet's own"),
        ({"firewall": "web"}, "such as 4711"),
        ({"backups": True}, "unknown"),
    ):
        (said,) = validate_placement_options("linode", options, account_options={})
        assert words in said


def test_prices_and_images_by_rule_are_told(bench: LinodeBench) -> None:
    cloud = open_cloud(bench)
    sizes = {each.name: each for each in cloud.catalogue(deadline=5).sizes}
    assert str(sizes["g6-nanode-1"].price_per_hour) == "0.0075"
    dear = Linode(replace(bench.config(), region="us-east"), KIND.timings)
    for size in dear.catalogue(deadline=5).sizes:
        assert (str(size.price_per_hour), size.currency) == ("0.5", "USD")
    rule = ImageQuery(owner="self", pattern="ci-agent-*")
    found = find_images(cloud, KIND.capabilities, rule, deadline=5)
    assert [image.image_id for image in found] == ["private/4711"]


def test_half_a_list_never_passes_for_a_short_one(bench: LinodeBench) -> None:
    cloud = bench.open()
    bench.fake.page = 2
    for _ in range(5):
        bench.plant(bench.make_spec())
    cloud.list_instances("ci", deadline=5)
    whole = bench.fake.latest["list"].body
    entry = whole["data"][:1]
    for odd in (
        {"data": entry},
        {"data": entry, "page": 1},
        {"data": entry, "page": 1, "pages": None},
        {"data": entry, "page": True, "pages": 3},
        {"data": entry, "page": 0, "pages": 3},
        {"data": entry, "page": 4, "pages": 3},
        {"data": entry, "page": "1", "pages": "3"},
    ):
        bench.fake.answer(Response(200, odd), role="list")
        with pytest.raises(UnknownOutcomeError):
            cloud.list_instances("ci", deadline=5)
    # The list has become shorter, so that the next page is missing.
    first = {"data": entry, "page": 9, "pages": 10, "results": 20}
    bench.fake.answer(Response(200, first), role="list")
    with pytest.raises(UnknownOutcomeError):
        cloud.list_instances("ci", deadline=5)
    # One that does not turn its pages.
    bench.fake.answer(Response(200, {**first, "page": 1}), 200, role="list")
    with pytest.raises(UnknownOutcomeError):
        cloud.list_instances("ci", deadline=5)


def test_each_answer_names_the_account(bench: LinodeBench) -> None:
    cloud = bench.open()
    identity = cloud.fetch_identity(deadline=5)
    assert cloud.list_instances("ci", deadline=5).identity == identity != ""
    odd = {"X-Customer-UUID": "<b>nobody</b> or nothing"}
    bench.fake.answer(Response(200, {}, odd), role="")
    assert cloud.fetch_identity(deadline=5) == ""


def test_user_data_is_encoded_and_a_volume_in_use_is_no_leftover(
    bench: LinodeBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec(user_data="#!/bin/sh\necho ä\n")
    made = cloud.create_instance(spec, deadline=5)
    sent = bench.fake.machines[made.instance_id].body["metadata"]["user_data"]
    assert base64.b64decode(sent).decode() == spec.user_data
    number = bench.leave("volumes", spec)
    volume = bench.fake.left[("one", "volumes")][number]
    assert len(cloud.list_leftovers("ci", deadline=5)) == 1
    volume["linode_id"] = int(made.instance_id)
    assert cloud.list_leftovers("ci", deadline=5) == ()
    del volume["linode_id"]  # it does not say
    assert cloud.list_leftovers("ci", deadline=5) == ()
    for odd in ("", "0", "1/attach", "x"):
        cloud.delete_leftover(odd, deadline=5)
        with pytest.raises(MissingError):
            cloud.get_instance(odd, deadline=5)
