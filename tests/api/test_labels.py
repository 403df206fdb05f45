"""Labels become tags in the create call, so they follow the clouds' rules for tags."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from servers.models import Account, Server, Template
from servers.operations.accounts import save_account
from tests.api.conftest import Call
from tests.support.fleet import make_template

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {"access_key_id": "a", "secret_access_key": "b"}
EC2 = {"account": "ec2", "image": "ami-1", "size": "t3.micro"}


@pytest.fixture
def send(call: Call) -> Call:
    account = save_account(
        Account(name="ec2", kind="amazon", region="eu-central-1"), credentials=KEYS
    )
    make_template(
        account,
        "builder",
        image="ami-1",
        size="t3.micro",
        labels={"CostCenter": "4711"},
    )

    def run(method: str, path: str, body: Any = None) -> Any:
        data = "" if body is None else json.dumps(body)
        return call(method, path, data=data, content_type="application/json")

    return run


RIGHT = {
    "CostCenter": "a+b=c",
    "Owner": "Jörg Ünlü",
    "company:team/unit": "ci@example.com",
    "größe": "10 m",
    "_x.y-z+1@2": "",
    "k" * 128: "v" * 256,
}


def test_names_and_values_follow_ec2_and_keep_their_case(
    send: Call,
) -> None:
    body = {"template": "builder", "name": "one", "labels": RIGHT}
    assert send("POST", "/api/servers", body).status_code == 200
    labels = Server.objects.get().labels
    assert labels == {"CostCenter": "a+b=c"} | RIGHT
    for name, value in RIGHT.items():
        for text in (f"{name}:{value}", f"{name}={value}", name):
            found = send("GET", f"/api/servers?label={quote(text, safe='')}")
            assert [row["name"] for row in found.json()] == ["one"], text
    assert send("GET", "/api/servers?label=costcenter:a%2Bb%3Dc").json() == []
    found = send("PATCH", "/api/servers/one", {"labels": {"CostCenter": "X"}})
    assert found.status_code == 200
    assert Server.objects.get().labels == {"CostCenter": "X"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"a=b": "c"}, "can't be a label's name"),
    ({"": "c"}, "can't be a label's name"),
    ({" a": "c"}, "can't be a label's name"),
    ({"a\n": "c"}, "can't be a label's name"),
    ({"a\u2028b": "c"}, "can't be a label's name"),
    ({"a<b>": "c"}, "can't be a label's name"),
    ({"k" * 129: "c"}, "can't be a label's name"),
    ({"serverfleet-key": "c"}, "serverfleet are reserved"),
    ({"ServerFleet": "c"}, "serverfleet are reserved"),
    ({"a": "v" * 257}, "has an invalid value"),
    ({"a": " v"}, "has an invalid value"),
    ({"a": "v\r"}, "has an invalid value"),
    ({"a": "v;w"}, "has an invalid value"),
    ({"aws:x": "c"}, "Amazon EC2: The label 'aws:x' can't be used"),
    ({"AWS:x": "c"}, "reserves names that start with aws:"),
    ({"Name": "c"}, "this tag holds the server's name"),
    ({f"l{n}": "v" for n in range(47)}, "Use at most 46"),
]


@pytest.mark.pure
@pytest.mark.parametrize(("labels", "words"), WRONG)
def test_labels_that_can_t_be_tags_are_refused_everywhere(
    send: Call, labels: dict[str, Any], words: str
) -> None:
    send("POST", "/api/servers", {"template": "builder", "name": "one"})
    for method, path, body in (
        ("POST", "/api/templates", {"name": "new", **EC2}),
        ("PATCH", "/api/templates/builder", {}),
        ("POST", "/api/servers", {"template": "builder"}),
        ("PATCH", "/api/servers/one", {}),
    ):
        answer = send(method, path, {**body, "labels": labels})
        assert answer.status_code == 400, (method, path, answer.content)
        assert words in answer.json()["message"], answer.json()
        assert "labels" in answer.json()["errors"]
    assert (Server.objects.count(), Template.objects.count()) == (1, 2)
    assert Template.objects.get(name="builder").labels == {"CostCenter": "4711"}


def test_the_templates_labels_and_the_servers_are_counted_together(
    send: Call,
) -> None:
    labels = {f"l{n}": "v" for n in range(46)}
    answer = send("POST", "/api/servers", {"template": "builder", "labels": labels})
    assert answer.status_code == 400
    assert "47 labels are too many" in answer.json()["message"]
    del labels["l0"]
    answer = send("POST", "/api/servers", {"template": "builder", "labels": labels})
    assert answer.status_code == 200
    # An address of the template's own is told by a tag, too.
    change = {"options": {"address": "private"}}
    path = "/api/templates/builder?unchecked=true"  # no cloud is behind it
    assert send("PATCH", path, change).status_code == 200
    answer = send("POST", "/api/servers", {"template": "builder", "labels": labels})
    assert "Use at most 45" in answer.json()["message"]


def test_a_fallbacks_cloud_counts_and_a_sandbox_has_no_own_rules(
    send: Call,
) -> None:
    body = {"labels": {"Name": "x", **{f"l{n}": "v" for n in range(49)}}}
    assert send("PATCH", "/api/templates/default", body).status_code == 200
    sandbox = {"account": "sandbox", "image": "debian-12", "size": "small"}
    fallback = {"placements": [sandbox, EC2]}
    answer = send("PATCH", "/api/templates/default", fallback)
    assert answer.status_code == 400
    assert "Amazon EC2: 50 labels are too many" in answer.json()["message"]
