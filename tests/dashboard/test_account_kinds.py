"""The form of each kind of account takes the example of the kind's guide page."""

import json
import uuid
from typing import Any

import pytest

from servers.clouds.registry import describe_kind
from servers.models import Account
from tests.clouds.benches import BENCHES
from tests.clouds.test_guides import BLOCK, CLOUDS, EXAMPLE, read_page
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]
LIMITS: dict[str, Any] = {
    "creates_per_minute": 60,
    "calls_at_once": 8,
    "enabled": "on",
}


@pytest.mark.parametrize("kind", CLOUDS)
def test_the_example_of_a_guide_page_is_entered_in_the_form(
    kind: str, workshop: Workshop, request: pytest.FixtureRequest
) -> None:
    bench = BENCHES[kind]()
    bench.prepare(request.getfixturevalue)
    with bench.run():
        config = bench.config()
    credentials = dict(config.credentials)  # those of the page are cut
    make_fleet()
    admin = log_in(make_person("admin", name="ada"))
    found = EXAMPLE.search(read_page(kind))
    assert found
    example = json.loads(BLOCK.findall(found[1])[0])
    described = describe_kind(kind)
    path = f"/accounts/new/?kind={kind}"
    page = admin.get(path)
    fields = {field.html_name for field in page.context["form"]}
    for each in described.credentials:
        assert f"credential-{each.name}" in fields
    form = {
        "name": example["name"],
        "region": example.get("region", ""),
        "endpoint": config.endpoint,
        **LIMITS,
        "max_servers": example.get("max_servers", 5),
        "once": uuid.uuid4().hex,
    }
    for name, value in credentials.items():
        form[f"credential-{name}"] = value
    by_name = {field.name: field for field in described.account_options}
    for name, value in example.get("options", {}).items():
        assert f"option-{name}" in fields
        form[f"option-{name}"] = by_name[name].show(value)
    taken = admin.post(path, form)
    assert taken.status_code == 302, taken.context["form"].errors
    account = Account.objects.get(name=example["name"])
    assert (account.kind, account.region) == (kind, example.get("region", ""))
    assert account.options == example.get("options", {})
    assert json.loads(account.credentials) == credentials
    shown = admin.get(f"/accounts/{account.name}/").content.decode()
    for field in described.credentials:
        secret = credentials.get(field.name)
        if field.secret and secret:
            assert secret not in shown
