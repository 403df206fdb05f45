"""Templates are created, cloned and changed in the browser, and refused there."""

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from servers.models import Account, Template, TemplatePlacement, TemplateVersion
from tests.dashboard.templates.forms import FALLBACK, fill, new
from tests.support.crawl import Look
from tests.support.fleet import list_fallbacks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


def test_a_template_is_made_with_fallbacks_labels_and_options(admin: Client) -> None:
    form = new(
        admin,
        **{
            "account": "spare",
            "unchecked": "on",  # no cloud is behind it
            "labels": "team=ci\n\npool = a b",
            "options": "disk_gib=40\nzone=eu-central-1a",
            "ttl": "90",
            "price_per_hour": "0.0425",
            "user_data": "#!/bin/sh\nneedle",
            "fallback-1-account": "spare",
            "fallback-1-image": "ami-2",
            "fallback-1-size": "medium",
            "fallback-2-account": "sandbox",
            "fallback-2-region": "<i>west</i>",
            "fallback-2-image": "debian-12",
            "fallback-2-size": "large",
        },
    )
    assert admin.post("/templates/new/", form)["Location"] == "/templates/big/"
    template = Template.objects.get(name="big")
    assert template.labels == {"team": "ci", "pool": "a b"}
    first = template.placements.all()[0]
    assert first.options == {"disk_gib": 40, "zone": "eu-central-1a"}
    assert (template.ttl, str(first.price_per_hour)) == (5400, "0.0425")
    assert template.user_data == "#!/bin/sh\nneedle"
    names = ("account__name", "region", "image", "size")
    assert list_fallbacks(template, *names) == [
        ("spare", "eu-central-1", "ami-2", "medium"),
        ("sandbox", "<i>west</i>", "debian-12", "large"),
    ]
    page = admin.get("/templates/big/").content.decode()
    assert "&lt;i&gt;west&lt;/i&gt;" in page
    assert "0.0425" in page
    assert "needle" not in page
    assert "needle" not in admin.get("/templates/big/change/").content.decode()


def test_an_account_leads_to_its_first_template_in_its_own_region(
    admin: Client,
) -> None:
    page = admin.get("/accounts/spare/").content.decode()
    first = Account.objects.order_by("name")[0]  # the one that a browser chooses
    blank = admin.get("/templates/new/").content.decode()
    assert f"Look up images and sizes of {first}</a>" in blank
    link = "/templates/new/?account=spare"
    assert link in page
    form = fill(admin, link, name="big", image="ami-1", size="t3.micro")
    wrong = admin.post("/templates/new/", form | {"region": "moon"})
    assert "Use a region such as eu-central-1." in wrong.content.decode()
    assert not Template.objects.filter(name="big").exists()
    assert 'name="unchecked"' not in wrong.content.decode()
    sent = admin.post("/templates/new/", form | {"unchecked": "on"})
    assert sent["Location"] == "/templates/big/"
    made = Template.objects.get(name="big").placements.get()
    assert (made.account.name, made.region) == ("spare", "eu-central-1")
    assert link not in admin.get("/accounts/spare/").content.decode()


def test_a_clone_has_all_but_the_name_and_the_secret_goes_along_unseen(
    admin: Client,
) -> None:
    source = Template.objects.get()
    source.user_data, source.capacity, source.labels = "#!hush", 7, {"team": "web"}
    source.save()
    assert b"/templates/new/?from=default" in admin.get("/templates/default/").content
    path = "/templates/new/?from=default"
    page = admin.get(path)
    assert b"hush" not in page.content
    form = page.context["form"]
    assert form["capacity"].value() == 7
    assert form["is_default"].value() is False
    forms = Look(path, page.content.decode()).forms
    sent = next(one for one in forms if "image" in one.list_fields("text"))
    admin.post(path, sent.fill(name="two", user_data=""))
    two = Template.objects.get(name="two")
    assert (two.user_data, two.capacity, two.labels) == ("#!hush", 7, {"team": "web"})
    assert not two.is_default
    admin.post(
        path, sent.fill(name="three", once="x", user_data="", forget_user_data="on")
    )
    assert Template.objects.get(name="three").user_data == ""
    assert admin.get("/templates/new/?from=none").status_code == 404


def test_placements_are_added_moved_and_removed_and_nothing_is_saved(
    admin: Client,
) -> None:
    rows = {"fallback-1-size": "small", "fallback-2-size": "medium"}
    form = new(admin, **rows, user_data="typed")
    for move, sizes in (
        ("1-up", ["small", "large", "medium"]),
        ("2-up", ["large", "medium", "small"]),
        ("1-remove", ["large", "medium"]),
        ("0-remove", ["small", "medium"]),
        ("add", ["large", "small", "medium", "medium"]),
    ):
        page = admin.post("/templates/new/", {**form, "move": move})
        shown = page.context["form"]
        assert [block["size"].value() for block in shown.blocks] == sizes
        assert page.content.count(b" autofocus") == 1  # in the block to go on with
        assert shown["name"].value() == "big"
        assert b"typed" in page.content
    assert not Template.objects.filter(name="big").exists()
    for wrong in ("0-up", "99-up", "-1-up", "moon", "²-up", "9" * 5000 + "-up"):
        assert admin.post("/templates/new/", {**form, "move": wrong}).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "Not A Name"}, "lower-case"),
        ({"name": "default"}, "already"),
        ({"name": "new"}, "Choose another name"),
        ({"account": "none"}, "This account no longer exists."),
        ({"image": "a\0b"}, "Null characters"),
        ({"size": ""}, "required"),
        ({"capacity": "5000"}, "less than or equal to 1000"),
        ({"labels": "no sign"}, "name=value"),
        ({"labels": "ServerFleet-x=b"}, "are reserved"),
        ({"account": "spare", "labels": "Name=b"}, "holds the server&#x27;s name"),
        ({"account": "spare", "labels": "AWS:x=b"}, "reserves names that start"),
        ({"options": "moon=1"}, "is unknown"),
        ({"account": "spare", "options": "disk_gib=x"}, "use a whole number"),
        ({"account": "spare", "options": "public_ip=perhaps"}, "use true or false"),
        ({"ttl": "-1"}, "greater than or equal to 0"),
        ({"price_per_hour": "1e99"}, "digits"),
        ({"name_prefix": "A b"}, "lower-case"),
        ({"fallback-1-account": "none"}, "This account no longer exists."),
        ({"fallback-1-size": "x" * 256}, "at most 255"),
        ({**FALLBACK, "fallback-1-region": "moon"}, "Use a region such as"),
        ({**FALLBACK, "fallback-1-options": "moon=1"}, "is unknown"),
        ({"user_data": "x" * 70_000}, "at most"),
    ],
)
def test_an_error_is_said_and_nothing_is_made(
    admin: Client, wrong: dict[str, Any], words: str
) -> None:
    answer = admin.post("/templates/new/", new(admin, **wrong))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Template.objects.count() == 1
    parts = answer.context["form"].list_parts()
    found = {field.html_name for part in parts for field in part if field.errors}
    assert found & {*wrong}
    assert answer.content.count(b" autofocus") == 1  # the first of them


def test_a_form_that_is_stale_or_sent_twice_says_so(admin: Client) -> None:
    form = new(admin)
    admin.post("/templates/new/", form)
    assert (
        b"already sent and carried out"
        in admin.post("/templates/new/", {**form, "name": "other"}, follow=True).content
    )
    path = "/templates/big/change/"
    mine, theirs = fill(admin, path, size="small"), fill(admin, path, size="medium")
    admin.post(path, theirs)
    told = admin.post(path, mine)
    assert b"Someone else saved a change" in told.content
    assert Template.objects.get(name="big").placements.get().size == "medium"
    assert TemplateVersion.objects.filter(template__name="big").count() == 2
    admin.post(path, {**mine, "seen": told.context["form"]["seen"].value()})
    assert Template.objects.get(name="big").placements.get().size == "small"


def test_an_account_that_is_gone_is_told_in_our_words_by_every_form() -> None:
    placement = TemplatePlacement(account_id=uuid.uuid4(), image="i", size="s")
    with pytest.raises(ValidationError) as told:
        placement.full_clean(exclude={"template"})
    assert told.value.message_dict == {
        "account": ["This account no longer exists. Choose another account."]
    }
