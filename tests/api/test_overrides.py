"""What a request can choose itself, as far as its template allows."""

from typing import Any

import pytest

from servers.models import Account, Location, Server, Template
from servers.operations.accounts import save_account
from servers.placing.placements import choose_all
from tests.api.conftest import Call
from tests.support.fleet import make_template

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture(autouse=True)
def template(send: Call) -> Template:
    save_account(Account(name="two", kind="sandbox", region="far"))
    return make_template(
        Account.objects.get(name="sandbox"),
        "builds",
        region="north",
        image="debian-12",
        size="small",
        user_data="needle",
        fallbacks=[
            {"region": "south", "size": "medium"},
            {"size": "large"},
            {"account": "two", "region": "far", "size": "huge"},
        ],
    )


def ask(send: Call, **fields: str) -> Any:
    return send("POST", "/api/servers", {"template": "builds", **fields})


@pytest.mark.parametrize(
    ("chosen", "allowed"),
    [
        ({}, True),
        ({"image": "debian-12", "region": "north", "size": "small"}, True),
        ({"size": "large"}, True),
        ({"size": "huge"}, True),
        ({"region": "south"}, True),
        ({"region": "south", "size": "medium"}, True),
        ({"image": "mine"}, False),
        ({"size": "enormous"}, False),
        ({"region": "moon"}, False),
        # In another account, whose region it is.
        ({"region": "far"}, True),
        ({"region": "far", "size": "huge"}, True),
        # Each is named, but not together.
        ({"region": "south", "size": "large"}, False),
        ({"region": "south", "size": "medium", "image": "mine"}, False),
    ],
)
def test_requests_can_choose_what_the_template_or_a_fallback_names(
    send: Call, chosen: dict[str, str], allowed: bool
) -> None:
    answer = ask(send, **chosen)
    if allowed:
        assert answer.status_code == 200, answer.content
        return
    assert answer.status_code == 400
    (field,) = answer.json()["errors"]
    assert field in chosen
    assert "allows only" in answer.json()["message"]
    assert not Server.objects.exists()
    # What was refused leaves nothing behind that is listed from now on.
    assert not Location.objects.filter(
        region__in=["moon", "far"], account__name="sandbox"
    )


def test_a_template_can_allow_anything_or_nothing(
    send: Call, template: Template
) -> None:
    send("PATCH", "/api/templates/builds", {"overrides": "any"})
    assert ask(send, image="mine", size="enormous").status_code == 200
    send("PATCH", "/api/templates/builds", {"overrides": "none"})
    for chosen in ({"size": "large"}, {"image": "mine"}, {"region": "south"}):
        assert ask(send, **chosen).status_code == 400
    assert ask(send, size="small", region="north").status_code == 200
    assert ask(send, size="", region="").status_code == 200  # chooses nothing
    assert ask(send, flavour="x").status_code == 400
    wrong = send("PATCH", "/api/templates/builds", {"overrides": "some"})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["overrides"])
    assert template.versions.get(number=2).overrides == "any"


@pytest.mark.parametrize(
    ("rule", "chosen", "expected"),
    [
        ("listed", {}, [0, 1, 2, 3]),
        ("listed", {"region": "north"}, [0, 2]),
        ("listed", {"size": "huge"}, [3]),
        # Asked for what is the first's anyway, it gets nothing else either.
        ("none", {"region": "north"}, [0, 2]),
        ("none", {}, [0, 1, 2, 3]),
        ("any", {}, [0, 1, 2, 3]),
        ("any", {"region": "south"}, [0]),
    ],
)
def test_what_is_chosen_holds_for_every_attempt(
    send: Call, rule: str, chosen: dict[str, str], expected: list[int]
) -> None:
    send("PATCH", "/api/templates/builds", {"overrides": rule})
    ask(send, **chosen)
    server = Server.objects.get()
    placements = choose_all([server])[server.pk]
    assert [each.position for each in placements] == expected
    assert all(getattr(placements[0], name) == chosen[name] for name in chosen)


def test_a_price_is_shown_only_for_the_region_and_size_that_it_was_given_for(
    send: Call,
) -> None:
    short = {"overrides": "any", "price_per_hour": "0.0425"}
    send("PATCH", "/api/templates/builds", short)
    for chosen, price in (
        ({"image": "mine"}, "0.0425"),
        ({"size": "small"}, "0.0425"),
        ({"size": "enormous"}, ""),
        ({"region": "south"}, ""),
    ):
        name = ask(send, **chosen).json()["name"]
        details = send("GET", f"/api/servers/{name}/details").json()
        assert details["price_per_hour"] == price, chosen


def test_a_key_that_was_used_does_not_widen_what_is_allowed(send: Call) -> None:
    answer = send(
        "POST",
        "/api/servers",
        {"template": "builds", "image": "mine"},
        headers={"idempotency-key": "one"},
    )
    assert answer.status_code == 400
    assert not Server.objects.exists()
