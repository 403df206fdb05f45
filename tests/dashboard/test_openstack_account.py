"""The account form and the schema of a kind that has no address of its own."""

import uuid
from typing import Any

import pytest

from servers.api.serializers.accounts import AccountSerializer
from servers.models import Account
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]
PATH = "/accounts/new/?kind=openstack"
FORM: dict[str, Any] = {
    "name": "cloud",
    "region": "RegionOne",
    "endpoint": "https://cloud.example.com:5000/v3",
    "credential-method": "password",
    "credential-username": "ops",
    "credential-password": "needle-secret",
    "credential-project": "builders",
    "max_servers": 5,
    "creates_per_minute": 60,
    "calls_at_once": 8,
    "enabled": "on",
}


def test_an_openstack_account_is_entered_with_its_endpoint(workshop: Workshop) -> None:
    make_fleet()
    admin = log_in(make_person("admin", name="ada"))
    page = admin.get(PATH).content.decode()
    assert "Application credential id" in page
    assert "User&#x27;s domain" in page
    refused = admin.post(PATH, {**FORM, "endpoint": "", "once": uuid.uuid4().hex})
    assert refused.context["form"].errors == {"endpoint": ["This field is required."]}
    assert "needle-secret" not in refused.content.decode()
    assert not Account.objects.filter(name="cloud").exists()
    taken = admin.post(PATH, {**FORM, "once": uuid.uuid4().hex})
    assert taken.status_code == 302
    account = Account.objects.get(name="cloud")
    assert account.endpoint == FORM["endpoint"]
    shown = admin.get(f"/accounts/{account.name}/").content.decode()
    assert "needle-secret" not in shown


def test_the_schema_says_that_openstack_needs_an_endpoint() -> None:
    plain: dict[str, Any] = {
        "properties": {"endpoint": {}, "region": {}, "options": {}}
    }
    shapes = AccountSerializer.describe(plain, partial=False)["oneOf"]
    by_kind = {each["properties"]["kind"]["const"]: each for each in shapes}
    shape = by_kind["openstack"]
    assert {"endpoint", "region"} <= set(shape["required"])
    assert shape["properties"]["endpoint"] == {"minLength": 1}
    assert "endpoint" not in by_kind["amazon"]["required"]
