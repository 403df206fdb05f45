"""Options are checked in the API, in the admin and in the operations."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from servers.errors import InvalidError
from servers.models import Account, Template, TemplateVersion
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
from tests.api.conftest import Call
from tests.support.fleet import make_template
from tests.support.inline import fill_inline

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

KEYS = {"access_key_id": "a", "secret_access_key": "b"}
PLACEMENT = {"account": "ec2", "image": "ami-1", "size": "t3.micro"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"subnett": "subnet-1"}, "'subnett' is unknown"),
    ({"subnet": 5}, "Subnet: enter text"),
    ({"disk_gib": 0}, "use a whole number from 1 to 65536"),
    ({"disk_type": "io2"}, "needs a value for IOPS"),
]


@pytest.fixture
def builder(call: Call) -> Template:
    account = save_account(
        Account(
            name="ec2",
            kind="amazon",
            region="eu-central-1",
            options={"subnet": "subnet-1"},
        ),
        credentials=KEYS,
    )
    return make_template(account, "builder", image="ami-1", size="t3.micro")


def send(call: Call, method: str, path: str, body: Any) -> Any:
    data = json.dumps(body)
    return call(method, path, data=data, content_type="application/json")


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_a_wrong_option_is_refused_by_its_name_and_nothing_is_saved(
    builder: Template, call: Call, options: dict[str, Any], words: str
) -> None:
    new = {"account": "ec2", "image": "ami-1", "size": "t3.micro", "name": "new"}
    account = {"name": "two", "kind": "amazon", "region": "eu-central-1"}
    for method, path, body in (
        ("POST", "/api/templates", new),
        ("PATCH", "/api/templates/builder", {}),
        ("POST", "/api/accounts", {**account, "credentials": KEYS}),
        ("PATCH", "/api/accounts/ec2", {}),
    ):
        asked = {**body, "options": options}
        answer = send(call, method, path, asked)
        assert answer.status_code == 400, (method, path, answer.content)
        assert words in answer.json()["errors"]["options"][0]
    placement = builder.placements.get()
    placement.options = options
    with pytest.raises(InvalidError) as raised:
        save_template(builder, [placement])
    assert words in raised.value.fields["options"][0]
    assert Account.objects.get(name="ec2").options == {"subnet": "subnet-1"}
    assert TemplateVersion.objects.filter(template=builder).count() == 1


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_the_admins_forms_refuse_it_at_its_field(
    builder: Template, options: dict[str, Any], words: str
) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    account = builder.placements.get().account
    for model, row in (("template", builder), ("account", account)):
        path = f"/admin/servers/{model}/{row.pk}/change/"
        form = client.get(path).context["adminform"].form
        fields = {field.html_name: field.value() for field in form}
        fields = {k: v for k, v in fields.items() if v is not None and v is not False}
        fields |= {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
        for text in (json.dumps(options), '["no object"]'):
            own = fill_inline(builder, options=text) if model == "template" else {}
            page = client.post(path, {**fields, **(own or {"options": text})})
            assert page.status_code == 200, (model, text)
            shown = page.context["adminform"].form
            if own:
                shown = page.context["inline_admin_formsets"][0].formset.forms[0]
            assert text.startswith("[") or words in shown.errors["options"][0]


def test_the_admin_refuses_labels_that_are_not_strings(
    builder: Template,
) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    path = f"/admin/servers/template/{builder.pk}/change/"
    form = client.get(path).context["adminform"].form
    fields = {field.html_name: field.value() for field in form}
    fields = {k: v for k, v in fields.items() if v is not None and v is not False}
    fields |= {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    fields |= fill_inline(builder)
    for labels in ('{"a": 1}', '["a"]', '{"a": {"b": "c"}}'):
        page = client.post(path, {**fields, "labels": labels})
        assert page.status_code == 200
        assert page.context["adminform"].form.errors["labels"]


def test_a_template_can_repeat_or_remove_its_accounts_options(
    builder: Template, call: Call
) -> None:
    options = {"subnet": "", "security_groups": ["sg-1", "sg-2"], "public_ip": False}
    path = "/api/templates/builder?unchecked=true"  # no cloud is behind it
    answer = send(call, "PATCH", path, {"options": options})
    assert answer.status_code == 200, answer.content
    assert answer.json()["options"] == options


def test_a_whole_number_is_one_however_json_writes_it(
    builder: Template, call: Call
) -> None:
    options = {"options": {"disk_gib": 64.0}}
    path = "/api/templates/builder?unchecked=true"
    assert send(call, "PATCH", path, options).status_code == 200
    placements = {"placements": [{**PLACEMENT, **options}]}
    found = [builder.placements.get().options]
    assert send(call, "PATCH", path, placements).status_code == 200
    found.append(builder.placements.get().options)
    assert send(call, "PATCH", "/api/accounts/ec2", options).status_code == 200
    found.append(Account.objects.get(name="ec2").options)
    # Not every cloud takes 64.0.
    assert json.dumps(found) == json.dumps([{"disk_gib": 64}] * 3)


def test_an_accounts_options_must_fit_those_of_its_templates(
    builder: Template, call: Call
) -> None:
    path = "/api/templates/builder?unchecked=true"
    options = {"disk_type": "io2", "disk_iops": 4000}
    send(call, "PATCH", "/api/accounts/ec2", {"options": {"disk_iops": 4000}})
    answer = send(call, "PATCH", path, {"options": {"disk_type": "io2"}})
    assert answer.status_code == 200, answer.content
    # Without its account's IOPS, the template's disk would be refused at each create.
    answer = send(call, "PATCH", "/api/accounts/ec2", {"options": {}})
    assert answer.status_code == 400
    (said,) = answer.json()["errors"]["options"]
    assert "template builder" in said
    assert "needs a value for IOPS" in said
    assert Account.objects.get(name="ec2").options == {"disk_iops": 4000}
    send(call, "PATCH", path, {"options": options})
    assert send(call, "PATCH", "/api/accounts/ec2", {"options": {}}).status_code == 200


def test_user_data_that_a_placements_cloud_would_refuse_is_not_saved(
    builder: Template, call: Call
) -> None:
    path = "/api/templates/builder?unchecked=true"
    assert send(call, "PATCH", path, {"user_data": "x" * 16384}).status_code == 200
    answer = send(call, "PATCH", path, {"user_data": "x" * 16385})
    assert answer.status_code == 400
    (said,) = answer.json()["errors"]["user_data"]
    assert "Amazon EC2: The user data has 16385 bytes" in said
