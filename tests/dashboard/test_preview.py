"""The preview of what a template's servers get as user data."""

import pytest
from django.test import Client

from servers.models import Template
from servers.operations.templates import save_template
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PATH = "/templates/default/user-data/"


@pytest.fixture
def viewer(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("viewer"))


def test_it_shows_what_is_sent_and_no_secret(viewer: Client) -> None:
    assert "Its servers get no user data" in viewer.get(PATH).content.decode()
    template = Template.objects.get()
    template.cloud_init = "docker"
    template.registry_mirrors = ["https://mirror.example"]
    template.user_data = "#cloud-config\n# needle-a {{ server }}\n"
    template.commands = "echo needle-b"
    template.files = '[{"path": "/etc/<one>", "content": "needle-c", "mode": "0600"}]'
    save_template(template)
    assert PATH in viewer.get("/templates/default/").content.decode()
    page = viewer.get(PATH).content.decode()
    for text in ("#cloud-config", "mirror.example", "/etc/&lt;one&gt;", "not shown"):
        assert text in page, text
    assert "needle" not in page
    assert "PRIVATE KEY" not in page
    assert "Sandbox" in page
    assert " bytes" in page


def test_a_template_that_is_gone_has_none(viewer: Client) -> None:
    assert viewer.get("/templates/none/user-data/").status_code == 404
    assert viewer.post(PATH).status_code == 405
