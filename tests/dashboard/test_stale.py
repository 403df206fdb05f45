"""What another admin did while a form was open is told, and nothing is done."""

from typing import Any

import pytest
from django.db import transaction
from django.http import Http404
from django.test import Client

from servers.access.tokens import revoke_token
from servers.dashboard.shared.editing import lock_row
from servers.models import Account, Server, Template, Token
from servers.operations.accounts import delete_account
from servers.operations.templates import delete_template
from servers.operations.terminate import terminate_server
from tests.support.crawl import Form, Look, make_everything, take_snapshot
from tests.support.fleet import Workshop
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def admin(workshop: Workshop) -> Client:
    make_everything()
    return log_in(make_person("admin"))


def open_form(client: Client, path: str) -> Form:
    """Return the form of a page that acts on the page's own address."""
    forms = Look(path, client.get(path).content.decode()).forms
    return next(form for form in forms if form.action == path)


# An open form, what another admin does meanwhile, and what the first is told.
STALE: list[tuple[str, dict[str, str], Any, str]] = [
    (
        "/accounts/spare/change/",
        {},
        lambda: delete_account(Account.objects.get(name="spare")),
        "There is no account named &#x27;spare&#x27;.",
    ),
    (
        "/accounts/spare/delete/",
        {},
        lambda: delete_account(Account.objects.get(name="spare")),
        "There is no account named &#x27;spare&#x27;.",
    ),
    (
        "/templates/other/change/",
        {},
        lambda: delete_template(Template.objects.get(name="other")),
        "There is no template named &#x27;other&#x27;.",
    ),
    (
        "/templates/new/",
        {"name": "n", "image": "i", "size": "s", "account": "spare"},
        lambda: delete_account(Account.objects.get(name="spare")),
        "This account no longer exists. Choose another account.",
    ),
    (
        "/servers/new/",
        {"template": "other"},
        lambda: delete_template(Template.objects.get(name="other")),
        "This template no longer exists. Choose another.",
    ),
    (
        "/servers/waits/terminate/",
        {},
        lambda: Server.objects.filter(name="waits").update(state="running"),
        "Nothing was done. Type waits to confirm.",
    ),
    (
        "/servers/waits/terminate/",
        {},
        lambda: Server.objects.filter(name="waits").update(protected=True),
        "protected",
    ),
    (
        "/servers/waits/edit/",
        {"labels": "a=b"},
        lambda: Server.objects.filter(name="waits").update(labels={"c": "d"}),
        "Someone else has changed the labels",
    ),
    (
        "/servers/broken/edit/",
        {"labels": "a=b"},
        lambda: terminate_server("broken"),
        "There is no server named &#x27;broken&#x27;.",
    ),
    (
        "/tokens/{token}/revoke/",
        {},
        lambda: revoke_token(Token.objects.get()),
        "ci was already revoked.",
    ),
]


@pytest.mark.parametrize(
    ("path", "typed", "meanwhile", "told"), STALE, ids=[f"{s[0]} {s[3]}" for s in STALE]
)
def test_what_another_admin_did_meanwhile_is_told_and_nothing_is_done(
    admin: Client, path: str, typed: dict[str, str], meanwhile: Any, told: str
) -> None:
    path = path.format(token=Token.objects.get().public_id)
    form = open_form(admin, path)
    meanwhile()
    before = take_snapshot()
    answer = admin.post(form.action, form.fill(**typed), follow=True)
    assert told in answer.content.decode()
    assert take_snapshot() == before


def test_a_row_that_another_deletes_just_before_it_is_saved_stays_deleted(
    admin: Client,
) -> None:
    account = Account.objects.get(name="spare")
    delete_account(Account.objects.get(name="spare"))
    with transaction.atomic(), pytest.raises(Http404, match="deleted spare"):
        lock_row(account)
