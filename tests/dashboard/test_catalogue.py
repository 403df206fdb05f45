"""The catalogue of an account: searched on a page, and offered by the template form."""

import pytest
from django.test import Client

from servers.models import Account, Catalogue
from servers.operations.catalogue import refresh_catalogue
from tests.support.fleet import Workshop, change_template, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PAGE = "/accounts/sandbox/catalogue/"
LIST = "/accounts/sandbox/offers/"


@pytest.fixture
def account(workshop: Workshop) -> Account:
    return make_fleet(images=["ubuntu-24.04", "debian-12"], name="sandbox")


def test_a_page_shows_searches_and_renews_it(account: Account) -> None:
    admin = log_in(make_person("admin", name="ada"))
    assert "Not known yet" in admin.get(PAGE).content.decode()
    answer = admin.post("/accounts/sandbox/refresh-catalogue/", follow=True)
    text = answer.content.decode()
    assert "ubuntu-24.04" in text
    assert "debian-12" in text
    text = admin.get(f"{PAGE}?q=debian").content.decode()
    assert "ubuntu-24.04" not in text
    assert "No size contains these words." in text
    assert "It is old" not in text
    # Odd texts are searched for like any other, and an odd region has nothing.
    for odd in ("q=%00", "q=" + "x" * 5000, "region=..%2F..", "region=%00"):
        assert admin.get(f"{PAGE}?{odd}").status_code == 200


def test_the_forms_list_has_few_entries_with_what_people_know(account: Account) -> None:
    refresh_catalogue(account, account.region, seconds=5)
    admin = log_in(make_person("admin", name="ada"))
    offers = admin.get(f"{LIST}?what=image&q=deb").json()["offers"]
    assert offers == [["debian-12", ""]]
    offers = admin.get(f"{LIST}?what=size").json()["offers"]
    assert [name for name, _ in offers] == ["large", "medium", "small"]
    assert admin.get("/accounts/nobody/offers/").status_code == 404
    assert Client().get(LIST).status_code == 302  # to the log-in
    form = admin.get("/templates/new/?account=sandbox").content.decode()
    assert f'data-offers="{LIST.replace("sandbox", "ACCOUNT")}"' in form
    assert f'href="{PAGE}"' in form


def test_a_template_and_the_overview_tell_what_is_gone(account: Account) -> None:
    change_template(image="debian-12")
    account.options["images"] = ["debian-13"]
    account.save()
    refresh_catalogue(account, account.region, seconds=5)
    assert Catalogue.objects.get().doubts == 1
    viewer = log_in(make_person("viewer", name="vic"))
    said = (
        "sandbox no longer has the image debian-12. The newest image that looks "
        "alike is debian-13."
    )
    page = viewer.get("/templates/default/").content.decode()
    assert said in page
    assert "Edit template" not in page
    overview = log_in(make_person("admin", name="ada")).get("/").content.decode()
    assert said in overview
    assert "/templates/default/change/" in overview
