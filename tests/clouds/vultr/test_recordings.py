"""Vultr: recorded answers, and the statuses of the description."""

import re
from itertools import product
from typing import Any

import pytest

from servers.clouds.base import Meaning
from servers.clouds.catalogue import ImageQuery
from servers.outgoing.errors import CredentialsError, RefusedError
from tests.clouds.benches.vultr import VultrBench
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response
from tests.clouds.vultr.opening import catch_create, open_cloud

pytestmark = pytest.mark.pure


def load(name: str) -> Any:
    return load_json(need_material("vultr") / "recordings" / f"{name}.json")


def test_every_status_of_the_description_has_a_meaning() -> None:
    spec = load_json(need_material("vultr") / "spec.json")
    fields = spec["components"]["schemas"]["instance"]["properties"]
    listed = [
        re.findall(r"^\* (\w+)", fields[name]["description"], re.MULTILINE)
        for name in ("status", "power_status", "server_status")
    ]
    described = {"/".join(each) for each in product(*listed)}
    assert len(described) == 32
    assert described <= set(VultrBench.statuses)
    unclear = [s for s in described if VultrBench.statuses[s] is Meaning.UNCLEAR]
    assert not unclear


def test_recorded_instances_are_read(bench: VultrBench) -> None:
    samples = load("libcloud-fixtures")["samples"]
    cloud = bench.open()
    bench.fake.answer(
        Response(202, samples["vultr_v2/create_node.json"]), role="create"
    )
    made = cloud.create_instance(bench.make_spec(), deadline=5)
    # It has a private address already, but the public one is still to come.
    assert (made.instance_id, made.address) == ("123", "")
    assert (made.meaning, made.key, made.fleet) == (Meaning.BOOTING, "", "")
    bench.fake.answer(Response(200, samples["vultr_v2/ex_get_node.json"]), role="get")
    shown = cloud.get_instance(bench.missing[0], deadline=5)
    assert (shown.raw_status, shown.meaning) == ("active/running/ok", Meaning.RUNNING)
    assert (shown.name, shown.address) == ("test", "192.0.2.3")
    listing = samples["vultr_v2/list_nodes.json"]
    for each in listing["instances"]:
        each["tags"], each["region"] = ["serverfleet-fleet:ci"], "fra"
    bench.fake.answer(Response(200, listing), role="list")
    listed = cloud.list_instances("ci", deadline=5).instances
    assert {i.instance_id for i in listed} == {i["id"] for i in listing["instances"]}
    samples = load("vultr-rb-responses")["samples"]
    bench.fake.answer(Response(202, samples["instances/create.json"]), role="create")
    made = cloud.create_instance(bench.make_spec(), deadline=5)
    assert (made.meaning, made.address) == (Meaning.RUNNING, "192.0.2.123")


def test_recorded_errors_are_read(bench: VultrBench) -> None:
    refused, unauthorized = load("quoted-invalid-plan")["interactions"]
    for quoted, wanted in ((refused, RefusedError), (unauthorized, CredentialsError)):
        answer = quoted["response"]
        error = catch_create(bench, Response(answer["status"], answer["body"]))
        assert type(error) is wanted
        assert answer["body"]["error"] in error.message


def test_recorded_lists_are_read(bench: VultrBench) -> None:
    lists = load("catalogue-real")["samples"]
    end = {"meta": {"total": 12, "links": {"next": "", "prev": ""}}}
    for name in ("regions", "plans"):  # in the order in which they are asked for
        answer = Response(200, {name: lists[f"{name}.json"], **end})
        bench.fake.answer(answer)
    offered = open_cloud(bench).catalogue(deadline=5)
    assert {"fra", "itm"} <= set(offered.regions)
    prices = {each.name: str(each.price_per_hour) for each in offered.sizes}
    assert prices["vc2-4c-8gb"] == "0.05500"
    assert "vc2-4c-8gb-sc1" not in prices
    bench.fake.answer(Response(200, {"os": lists["os.json"], **end}))
    query = ImageQuery(ids=tuple(f"os:{each['id']}" for each in lists["os.json"]))
    found = {i.image_id for i in open_cloud(bench).find_images(query, deadline=5)}
    assert "os:452" in found
    assert not found & {"os:159", "os:164", "os:180", "os:186"}  # stand for others
