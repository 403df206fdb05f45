"""Templates over the API: created, changed, used, deleted, and refused."""

from typing import Any

import pytest

from servers.engine.spec import render_spec
from servers.lifecycle.keys import make_key
from servers.lifecycle.snapshot import Placement
from servers.machine.readiness import READINESS
from servers.models import Fleet, Server, Template, TemplateVersion
from servers.records.ledger import database_now
from tests.api.bodies import PLACE, TEMPLATE
from tests.api.conftest import Call
from tests.support.fleet import provision

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_template_has_placements_and_the_short_form_is_the_first(send: Call) -> None:
    other = {
        **PLACE,
        "size": "medium",
        "region": "south",
        "price_per_hour": "0.0200",
        "currency": "EUR",
    }
    made = send("POST", "/api/templates", {"name": "big", "placements": [PLACE, other]})
    assert made.status_code == 201, made.content
    rest = {"region": "", "ssh_key": "", "options": {}, "spot": False}
    first, second = made.json()["placements"]
    assert made.json() | first == made.json()  # they stand at the top, too
    assert first == {**rest, **PLACE, "price_per_hour": None, "currency": ""}
    assert second == {**rest, **other}
    assert (made.json()["size"], made.json()["price_per_hour"]) == ("large", None)
    short = {"size": "small", "price_per_hour": "0.0100"}
    changed = send("PATCH", "/api/templates/big", short).json()
    assert changed["placements"] == [{**first, **short}, second]
    wrong = {"placements": [PLACE, {**PLACE, "options": {"moon": 1}}]}
    refused = send("PATCH", "/api/templates/big", wrong).json()
    assert (
        "Placement 2: options: 'moon' is unknown" in refused["errors"]["placements"][0]
    )
    wrong = {"placements": [PLACE, {**PLACE, "size": "x" * 256}]}
    refused = send("PATCH", "/api/templates/big", wrong)
    assert list(refused.json()["errors"]) == ["placements"]
    assert Template.objects.get(name="big").version == 2
    spot = {"placements": [{**PLACE, "spot": True}, PLACE]}
    changed = send("PATCH", "/api/templates/big", spot).json()
    assert [each["spot"] for each in changed["placements"]] == [True, False]


def test_a_template_is_created_changed_used_and_deleted(send: Call) -> None:
    made = send("POST", "/api/templates", TEMPLATE)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["version"], told["has_user_data"]) == (1, True)
    assert told["price_per_hour"] == "0.0425"
    changed = send("PATCH", "/api/templates/big", {"size": "small", "max_servers": 1})
    assert changed.status_code == 200
    assert (changed.json()["version"], changed.json()["image"]) == (2, "debian-12")
    template = Template.objects.get(name="big")
    assert template.user_data == "needle-user-data"  # what is left out stays
    assert TemplateVersion.objects.filter(template=template).count() == 2
    server = send("POST", "/api/servers", {"template": "big"})
    assert server.json()["size"] == "small"
    refused = send("DELETE", "/api/templates/big")
    assert refused.status_code == 409
    assert "1 server created from it has not stopped yet" in refused.json()["message"]
    Server.objects.update(state="stopped", stopped_at=database_now())
    assert send("DELETE", "/api/templates/big").status_code == 204
    assert send("GET", "/api/templates/big").status_code == 404
    (left,) = send("GET", "/api/templates").json()
    assert left["name"] == "default"


@pytest.mark.pure
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"name": "default"}, "name"),
        ({"account": "nobody"}, "account"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": "4"}, "capacity"),
        ({"labels": {"bad=": "x"}}, "labels"),
        ({"placements": [{"nonsense": "x"}]}, "placements"),
        ({"placements": {}}, "placements"),
        ({"placements": []}, "placements"),
        ({"placements": [1]}, "placements"),
        ({"placements": [{}] * 1000}, "placements"),
        ({"placements": [PLACE]}, "placements"),  # and the short form
        ({"spot": "yes"}, "spot"),
        ({"options": {"moon": 1}}, "options"),
        ({"price_per_hour": "cheap"}, "price_per_hour"),
        ({"price_per_hour": "NaN"}, "price_per_hour"),
        ({"price_per_hour": 1.5}, "price_per_hour"),
        ({"readiness": "magic"}, "readiness"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": 2**70}, "ttl"),
        ({"image": ""}, "image"),
        ({"image": "x" * 300}, "image"),
        ({"user_data": "x" * 70000}, "user_data"),
        ({"version": 7}, "version"),
        ({"name_prefix": "Not/a/label-"}, "name_prefix"),
        ({"ttl": 2**31}, "ttl"),
        ({"price_per_hour": "-1"}, "price_per_hour"),
        ({"price_per_hour": "1e3"}, "price_per_hour"),
        ({"currency": "eur"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"currency": "EURO"}, "currency"),
        ({"name_prefix": "-a"}, "name_prefix"),
    ],
)
def test_a_template_that_is_wrong_is_refused_at_its_field(
    send: Call, change: dict[str, Any], field: str
) -> None:
    answer = send("POST", "/api/templates", {**TEMPLATE, **change})
    assert answer.status_code in {400, 409}, answer.content
    assert field in answer.json()["errors"], answer.content
    assert not Template.objects.filter(name="big").exists()
    assert not TemplateVersion.objects.filter(placements__size="large").exists()


def test_an_unknown_readiness_is_refused_in_a_sentence(send: Call) -> None:
    unknown = {"readiness": "none"}
    answers = [
        send("POST", "/api/templates", {**TEMPLATE, **unknown}),
        send("PATCH", "/api/templates/default", unknown),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.content
        words = f"Use one of these values: {', '.join(READINESS)}."
        assert answer.json() == {
            "message": f"readiness: {words}",
            "errors": {"readiness": [words]},
        }
    assert list(Template.objects.values_list("name", "readiness")) == [
        ("default", "address")
    ]


def test_user_data_is_kept_byte_for_byte_up_to_the_create_call(send: Call) -> None:
    fleet = Fleet.objects.get()

    def is_kept(text: str) -> None:
        assert Template.objects.get(name="big").user_data == text
        server = provision(template="big")
        key = make_key(fleet.fleet_id, server.pk, 1)
        spec = render_spec(server, Placement(0), key, token="t")
        assert spec.user_data == text

    # Only a page's form has line ends of the browser. A program means its own.
    first = "  <powershell>\r\nmkdir C:\\ci  \r\n</powershell>\r\n \t\n\n"
    made = send("POST", "/api/templates", {**TEMPLATE, "user_data": first})
    assert made.status_code == 201, made.content
    is_kept(first)
    second = "\n#!/bin/sh\r\nprintf 'a\rb' \r\n\r"
    changed = send("PATCH", "/api/templates/big", {"user_data": second})
    assert changed.status_code == 200, changed.content
    is_kept(second)


def test_a_body_that_is_too_deep_or_contains_a_nul_is_refused(send: Call) -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = [deep]
    for options in ({"a": deep}, {"a": {"b": ["\0"]}}, {"\0": 1}):
        answer = send("POST", "/api/templates", {**TEMPLATE, "options": options})
        assert answer.status_code == 400
        assert answer.json()["message"]
    assert not Template.objects.filter(name="big").exists()
