"""First steps: each is done once it is, and the next one says so."""

import re

import pytest
from django.test import Client

from servers.access.tokens import issue_token
from servers.models import Account, Template
from servers.operations.accounts import save_account
from servers.operations.fleet import initialise_fleet
from tests.support.crawl import Look
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


def read_steps(client: Client) -> tuple[int, str]:
    """Return how many steps are done, and the one that is next."""
    text = client.get("/start/").content.decode()
    current = re.search(r'aria-current="step">\s*<h2>([^<]+?) <', text)
    done = re.search(r"(\d) of 4 done", text)
    assert done is not None
    return int(done[1]), current[1] if current else ""


def test_the_steps_follow_what_there_is(workshop: Workshop) -> None:
    initialise_fleet(fleet_id="ci")
    admin = log_in(make_person("admin"))
    assert read_steps(admin) == (0, "Add an account")
    save_account(Account(name="sandbox", kind="sandbox"))
    assert read_steps(admin) == (1, "Create a template")
    Account.objects.all().delete()
    make_fleet()
    assert read_steps(admin) == (2, "Create your first server")
    workshop.run_to("running", provision(name="one"))
    assert read_steps(admin) == (3, "Let your CI create servers")
    issue_token("ci", scopes=["servers:read"])
    assert read_steps(admin) == (4, "")


def test_what_a_step_makes_leads_back_to_the_steps(workshop: Workshop) -> None:
    make_fleet()
    admin = log_in(make_person("admin"))
    text = admin.get("/start/").content.decode()
    assert 'href="/servers/new/?next=%2Fstart%2F"' in text
    path = "/templates/new/?next=%2Fstart%2F"
    forms = Look(path, admin.get(path).content.decode()).forms
    form = next(form for form in forms if "image" in form.list_fields("text"))
    changes = {"name": "two", "image": "debian-12", "size": "small"}
    answer = admin.post(path, form.fill(**changes))
    assert answer["Location"] == "/start/"
    assert Template.objects.filter(name="two").exists()
    viewer = log_in(make_person("viewer"))
    assert "/servers/new/" not in viewer.get("/start/").content.decode()
