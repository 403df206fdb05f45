"""New servers: what to choose from, and how wrong wishes are told."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from servers.models import Account, Server, Template
from tests.support.fleet import Workshop, make_fleet, make_template, provision
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def operator(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("operator"))


def add_template(name: str, **fields: Any) -> None:
    account = Account.objects.get()
    make_template(account, name, image="ubuntu-24.04", size="small", **fields)


def test_a_choice_says_what_it_makes_how_soon_and_how_many_are_left(
    operator: Client, workshop: Workshop
) -> None:
    Account.objects.update(max_servers=10)
    add_template("large", max_servers=2, price_per_hour=Decimal("0.25"))
    text = operator.get("/servers/new/").content.decode()
    assert "Boot time is not known yet." in text
    assert "2 left under the server limit of the template" in text
    assert "10 left under the server limit of the account sandbox" in text
    assert "0.25 per hour" in text
    made = [provision(template="large") for _ in range(2)]
    workshop.run_to("running", *made)
    text = operator.get("/servers/new/?template=large").content.decode()
    assert "Usually ready in" in text
    assert "The server limit of the template is reached." in text
    # What can't be made is not chosen.
    assert text.index("checked") < text.index(
        "The server limit of the template is reached."
    )
    Account.objects.update(enabled=False)
    assert "is disabled" in operator.get("/servers/new/").content.decode()


def test_its_queries_do_not_grow_with_the_templates(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        add_template(f"t-{number}")
        provision(template=f"t-{number}")
    with django_assert_max_num_queries(10):
        operator.get("/servers/new/")


def test_a_cap_that_is_reached_meanwhile_is_told_and_the_form_can_be_sent_again(
    operator: Client,
) -> None:
    Account.objects.update(max_servers=1)
    form = {"template": "default", "count": 2, "once": "reached", "size": "big"}
    answer = operator.post("/servers/new/", form).content.decode()
    assert (
        "The account sandbox has a limit of 1 server, so only 1 more can be created."
        in answer
    )
    assert 'id="more" open' in answer
    assert 'value="big"' in answer
    operator.post("/servers/new/", form | {"count": 1})
    assert Server.objects.get().size == "big"


def test_all_that_is_wrong_is_told_at_once(operator: Client) -> None:
    form = {
        "template": "default",
        "count": 2,
        "name": "Not_A_Name",
        "capacity": "many",
        "labels": "serverfleet-own=1",
    }
    answer = operator.post("/servers/new/", form).content.decode()
    assert "Several servers can&#x27;t share a name" in answer
    assert "Enter a whole number." in answer
    assert "can&#x27;t be a label&#x27;s name" in answer
    assert not Server.objects.exists()


def test_without_a_template_the_page_says_what_to_do(operator: Client) -> None:
    Template.objects.all().delete()
    assert b"There is no template yet" in operator.get("/servers/new/").content


@pytest.mark.parametrize("field", ["name", "image", "region", "size", "labels"])
@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a\0b", "x" * 30_000])
def test_hostile_texts_stand_in_the_form_and_do_nothing(
    operator: Client, field: str, text: str
) -> None:
    form = {"template": "default", "count": 1, field: text}
    answer = operator.post("/servers/new/", form, follow=True)
    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content
    if b'role="alert"' in answer.content:
        assert not Server.objects.exists()


def test_the_equivalent_call_holds_what_the_form_holds(operator: Client) -> None:
    add_template("large")
    page = operator.get("/servers/new/?template=large").content.decode()
    assert "-d &#x27;{&quot;template&quot;: &quot;large&quot;}&#x27;" in page
    form = {
        "template": "default",
        "count": "3",
        "name": "it's-mine",
        "size": "big",
        "capacity": "many",
        "ttl": "5",
        "labels": "team=web\r\n\r\nno sign\r\na = b=c",
    }
    answer = operator.post("/servers/new/", form)
    call = answer.context["call"]
    body = (
        '{"template": "default", "name": "it\'"\'"\'s-mine", "size": "big", '
        '"capacity": "many", "ttl": 300, "labels": {"team": "web", "a": "b=c"}, '
        '"count": 3}'
    )
    assert f"-d '{body}' http://testserver/api/servers" in call
    assert not Server.objects.exists()


def test_the_call_that_terminates_says_force_where_it_is_ticked(
    operator: Client, workshop: Workshop
) -> None:
    workshop.run_to("running", provision(name="one"))
    url = "http://testserver/api/servers/one"
    answer = operator.get("/servers/one/terminate/")
    assert answer.context["call"].endswith(f" {url}")
    wrong = {"confirm": "two", "force": "on"}
    answer = operator.post("/servers/one/terminate/", wrong)
    assert answer.context["call"].endswith(f" '{url}?force=true'")


def test_a_clone_is_filled_in_with_what_its_template_lacks(operator: Client) -> None:
    provision(name="one", size="large", labels={"team": "web"}, ttl=600)
    page = operator.get("/servers/new/?from=one")
    form = page.context["form"]
    assert form["template"].value() == "default"
    assert form["size"].value() == "large"
    assert (form["image"].value(), form["ttl"].value()) == (None, 10)
    assert form["labels"].value() == "team=web"
    assert b'id="more" open' in page.content
    # Where it fell back to was not requested.
    Server.objects.update(region="south", placement=1)
    page = operator.get("/servers/new/?from=one")
    assert page.context["form"]["region"].value() is None
    assert b"/servers/new/?from=one" in operator.get("/servers/one/").content
    assert operator.get("/servers/new/?from=none").status_code == 404
    assert operator.get("/servers/new/?from=%00").status_code == 404
