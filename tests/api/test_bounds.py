"""Findings of the fuzzer: limits, taken names, and regions that no cloud has."""

import json
from typing import Any

import pytest

from servers.models import TemplatePlacement
from tests.api.bodies import TEMPLATE
from tests.api.conftest import Call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def send(call: Call) -> Call:
    def run(method: str, path: str, body: Any = None) -> Any:
        data = "" if body is None else json.dumps(body)
        return call(method, path, data=data, content_type="application/json")

    return run


def test_whole_numbers_can_have_a_decimal_point(send: Call) -> None:
    made = send("POST", "/api/servers", {"capacity": 3.0})
    assert made.json()["capacity"] == 3


def test_another_template_can_become_the_default(send: Call) -> None:
    assert send("POST", "/api/templates", TEMPLATE).status_code == 201
    changed = send("PATCH", "/api/templates/big", {"is_default": True})
    assert changed.status_code == 200, changed.content
    assert send("GET", "/api/templates/default").json()["is_default"] is False


def test_an_account_in_use_keeps_its_kind_and_a_server_a_possible_region(
    send: Call,
) -> None:
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    other = {"kind": "amazon", "region": "eu-central-1", "credentials": keys}
    refused = send("PATCH", "/api/accounts/sandbox", {**other, "options": {}})
    assert refused.status_code == 409
    assert "in use can't be changed" in refused.json()["errors"]["kind"][0]
    assert send("POST", "/api/accounts", {"name": "ec2", **other}).status_code == 201
    ec2 = {"name": "ec2", "account": "ec2", "image": "ami-1", "size": "t3.micro"}
    ec2 |= {"region": "eu-central-1", "overrides": "any"}
    # There is no such account at AWS, which a check would ask.
    made = send("POST", "/api/templates?unchecked=true", ec2)
    assert made.status_code == 201, made.content
    wrong = send("POST", "/api/servers", {"template": "ec2", "region": "Nowhere!"})
    assert wrong.status_code == 400, wrong.content
    assert "region" in wrong.json()["errors"]
    wrong = send("PATCH", "/api/templates/ec2?unchecked=true", {"region": "Nowhere!"})
    assert wrong.status_code == 400, wrong.content
    # From before it was checked; what reads goes on all the same.
    TemplatePlacement.objects.filter(template__name="ec2").update(region="Nowhere!")
    assert send("GET", "/metrics").status_code == 200
    assert send("GET", "/api/leaks").status_code == 200


def test_an_unknown_account_has_no_clean_report(
    send: Call,
) -> None:
    assert send("GET", "/api/leaks?account=sandbox").status_code == 200
    assert send("GET", "/api/leaks?account=nobody").status_code == 404


def test_destroying_held_instances_needs_strings(send: Call) -> None:
    for body in ({"account": 5}, {"account": "sandbox", "all": True}, {}):
        answer = send("POST", "/api/leaks/destroy-held", body)
        assert answer.status_code == 400, answer.content
    assert send("PATCH", "/api/fleet", {"paused_note": "x" * 501}).status_code == 400
