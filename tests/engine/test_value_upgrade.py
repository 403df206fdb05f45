"""A database from before some values had their names of today keeps their meaning."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.upgrade import go_back, upgrade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old() -> Iterator[Any]:
    yield from go_back("0031_placements")


def test_a_wrong_clock_becomes_a_health_of_its_own(old: Any) -> None:
    account = old.get_model("servers", "Account").objects.create(
        name="aws", kind="amazon", credentials=""
    )
    for region, said in (
        ("late", "This machine's clock is wrong. Set this machine's clock (build-1)."),
        ("down", "Connection refused."),
    ):
        old.get_model("servers", "Location").objects.create(
            account=account, region=region, health="failing", error=said
        )
    new = upgrade()
    locations = new.get_model("servers", "Location").objects
    assert dict(locations.values_list("region", "health")) == {
        "late": "wrong_clock",
        "down": "failing",
    }
    assert locations.get(region="late").error == "Set this machine's clock (build-1)."
    locations.all().delete()
    new.get_model("servers", "Account").objects.all().delete()


def test_readiness_none_becomes_address(old: Any) -> None:
    for number, readiness in enumerate(("none", "tcp")):
        shared = {"user_data": "", "readiness": readiness}
        template = old.get_model("servers", "Template").objects.create(
            name=f"t{number}", **shared
        )
        old.get_model("servers", "TemplateVersion").objects.create(
            template=template, number=number, **shared
        )
    new = upgrade()
    for name, order in (("TemplateVersion", "number"), ("Template", "name")):
        rows = new.get_model("servers", name).objects.order_by(order)
        assert list(rows.values_list("readiness", flat=True)) == ["address", "tcp"]
        rows.delete()
