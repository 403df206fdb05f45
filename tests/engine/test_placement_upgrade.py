"""A database from before placements keeps where its servers are created."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.records.ledger import database_now
from tests.support.upgrade import go_back, upgrade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old() -> Iterator[Any]:
    yield from go_back("0030_locations")


RECIPE = {
    "region": "eu-1",
    "image": "ami-1",
    "size": "small",
    "ssh_key": "ops",
    "options": {"zone": "eu-1a"},
    "price_per_hour": "0.0425",
    "overrides": "any",
    "candidates": [
        {"size": "medium"},
        {"account": "gone", "size": "huge"},
        "odd",
        {"account": "spare"},
        {"account": "sandbox", "region": "hall", "size": "large"},
    ],
}
FIRST = (0, "aws", "eu-1", "ami-1", "small", "ops", {"zone": "eu-1a"})
EXPECTED = [
    FIRST,
    (1, "aws", "eu-1", "ami-1", "medium", "ops", {"zone": "eu-1a"}),
    # The second named an account that no longer exists, and the third is none.
    (4, "spare", "us-1", "ami-1", "small", "ops", {"zone": "eu-1a"}),
    # Options of another kind of cloud would mean nothing there.
    (5, "sandbox", "hall", "ami-1", "large", "ops", {}),
]


def list_rows(placements: Any) -> list[Any]:
    names = ("position", "account__name", "region", "image", "size", "ssh_key")
    return list(placements.order_by("position").values_list(*names, "options"))


def make_old(model: Any) -> None:
    """Fill a database as of 0030: a template, its version, servers and an attempt."""
    model("Fleet").objects.create(fleet_id="ci", fingerprint="f", key_check="")
    aws, _, _ = (
        model("Account").objects.create(
            name=name, kind=kind, region=region, credentials=""
        )
        for name, kind, region in (
            ("aws", "amazon", "eu-1"), ("spare", "amazon", "us-1"),
            ("sandbox", "sandbox", ""),
        )
    )  # fmt: skip
    template = model("Template").objects.create(
        name="builds", account=aws, version=1, user_data="#!hush", **RECIPE
    )
    version = model("TemplateVersion").objects.create(
        template=template, template_name="builds", number=1, account=aws,
        user_data="#!hush", **RECIPE,
    )  # fmt: skip
    for name, image, region, size, candidate in (
        ("usual", "ami-1", "eu-1", "small", 0),
        ("chosen", "ami-2", "eu-2", "large", 0),
        ("fallen", "ami-1", "eu-1", "small", 4),
        ("adopted", "ami-1", "", "", 0),
    ):
        server = model("Server").objects.create(
            name=name, provider="amazon", state="running", capacity=1, account=aws,
            template=template, recipe=version, image=image, region=region, size=size,
            first_region=region, first_size=size, candidate=candidate, secret="",
            ca_key="", tls_key="",
        )  # fmt: skip
    now = database_now()
    model("Attempt").objects.create(
        server=server, server_uid=server.pk, server_name="x", number=1, account=aws,
        key="ci-k", token="t", asked_at=now, lease_end=now, candidate=4,
    )  # fmt: skip


def test_fallbacks_and_choices_become_rows(old: Any) -> None:
    make_old(lambda name: old.get_model("servers", name))
    new = upgrade()

    def rows(name: str) -> Any:
        return new.get_model("servers", name).objects

    assert list_rows(rows("TemplatePlacement")) == EXPECTED
    assert list_rows(rows("VersionPlacement")) == EXPECTED
    prices = rows("VersionPlacement").values_list("price_per_hour", flat=True)
    assert {str(price) for price in prices} == {"0.0425"}
    wanted = ("wanted_image", "wanted_region", "wanted_size", "placement")
    assert {row[0]: row[1:] for row in rows("Server").values_list("name", *wanted)} == {
        "usual": ("", "", "", 0),
        "chosen": ("ami-2", "eu-2", "large", 0),
        "fallen": ("", "", "", 4),
        "adopted": ("", "", "", 0),
    }
    assert rows("Attempt").get().placement == 4
    assert rows("Template").get().user_data == "#!hush"
    for name in ("Attempt", "Server", "TemplatePlacement", "VersionPlacement"):
        rows(name).all().delete()
    for name in ("TemplateVersion", "Template", "Account", "Fleet"):
        rows(name).all().delete()
