"""A fleet without servers says what comes first."""

import pytest

from servers.models import Account, Location, Server, Template, TemplateVersion
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


def forget_accounts() -> None:
    Location.objects.all().delete()
    TemplateVersion.objects.all().delete()  # they outlive their template
    Account.objects.all().delete()


def test_an_empty_fleet_says_what_comes_first(workshop: Workshop) -> None:
    make_fleet()
    admin, viewer = log_in(make_person("admin")), log_in(make_person("viewer"))
    steps = (
        (lambda: None, "a simulated cloud that costs nothing", "/servers/new/"),
        (Template.objects.all().delete, "There is no template yet", "/templates/new/"),
        (forget_accounts, "This fleet is empty", "/accounts/new/"),
    )
    for prepare, title, link in steps:
        prepare()
        for path in ("/", "/servers/", "/servers/new/"):
            if path == link:
                continue
            text = admin.get(path).content.decode()
            assert title in text
            assert f'href="{link}"' in text.partition('class="empty"')[2]
        text = viewer.get("/").content.decode()
        assert "omeone with permission" in text
        assert link not in text
    assert Server.objects.count() == 0
