"""Accounts, templates and tokens that several admins change in the same moment."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from django.db import connection

from servers.access.tokens import issue_token
from servers.errors import ConflictError
from servers.messaging import dispatch
from servers.models import Account, Server, Template, TemplateVersion, Token
from servers.operations.accounts import save_account
from servers.operations.idempotency import provision_once
from servers.operations.provision import Request, provision_servers
from servers.operations.templates import delete_template
from tests.support.crew import (
    ROUNDS,
    Person,
    count_events,
    fill_for_all,
    find_winner,
    last_event,
    press,
    send_at_once,
    sort_out,
)
from tests.support.fleet import Workshop, make_fleet, make_template
from tests.support.trouble import open_breaker

pytestmark = pytest.mark.django_db(transaction=True)


def make_account(name: str) -> Account:
    return save_account(Account(name=name, kind="sandbox", options={}))


def make_named(name: str, account: Account) -> Template:
    return make_template(account, name, image="debian-12", size="small")


def test_a_form_saves_over_nobody(crew: list[Person]) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        name = f"t-{number}"
        make_named(name, account)
        make_account(name)
        for path in (f"/templates/{name}/change/", f"/accounts/{name}/change/"):
            since = last_event()
            forms = fill_for_all(crew, path)
            told = send_at_once(
                crew,
                [
                    (path, {**form, "max_servers": 50 + n})
                    for n, form in enumerate(forms)
                ],
            )
            saved, _ = sort_out(
                told, f"{name} was saved.", "Someone else saved a change"
            )
            assert saved == 1
            assert count_events(since) == 1
            won = find_winner(told, f"{name} was saved.")
            model = Template if "templates" in path else Account
            assert model.objects.get(name=name).max_servers == won + 50
        assert Template.objects.get(name=name).version == 2
        assert TemplateVersion.objects.filter(template__name=name).count() == 2


def test_the_default_changes_once(crew: list[Person]) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        names = [f"d-{number}", f"e-{number}"]
        for name in names:
            make_named(name, account)
        since = last_event()
        told = press(crew, f"/templates/{names[0]}/default/")
        changed, _ = sort_out(
            told,
            f"{names[0]} is now the default template.",
            f"{names[0]} is already the default template.",
        )
        assert changed == 1
        assert count_events(since) == 1
        # Two that are made the default at once: one is, and all are told the truth.
        told = send_at_once(
            crew, [(f"/templates/{name}/default/", {}) for name in names * 2]
        )
        for one in told:
            assert one.said[0].endswith(
                (
                    "is now the default template.",
                    "is already the default template.",
                    "Reload and try again.",
                )
            )
        assert Template.objects.filter(is_default=True).count() == 1
        assert Template.objects.get(is_default=True).name in names


def test_a_switch_of_an_account_is_thrown_once(crew: list[Person]) -> None:
    for number in range(ROUNDS):
        account = make_account(f"a-{number}")
        since = last_event()
        told = press(crew, f"/accounts/{account.name}/disable/")
        sort_out(told, f"{account.name} is disabled. No new servers are created in it.")
        assert count_events(since) == 1
        for path, typed in (
            (f"/accounts/{account.name}/close-breaker/", {}),
            ("/reclose/", {"account": account.name}),
        ):
            open_breaker(account)
            since = last_event()
            told = press(crew, path, **typed)
            closed, _ = sort_out(told, "Creates are sent again.", "is already closed.")
            assert closed == 1
            assert count_events(since) == 1


def test_a_token_is_revoked_once(crew: list[Person]) -> None:
    for number in range(ROUNDS):
        issue_token(f"ci-{number}", scopes=["servers:read"])
        token = Token.objects.get(name=f"ci-{number}")
        since = last_event()
        told = press(crew, f"/tokens/{token.public_id}/revoke/")
        revoked, _ = sort_out(
            told,
            f"{token.name} was revoked. Calls",
            f"{token.name} was already revoked.",
        )
        assert revoked == 1
        assert count_events(since) == 1


def test_what_is_deleted_is_deleted_once(crew: list[Person]) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        name = f"gone-{number}"
        make_named(name, account)
        make_account(name)
        for path, what in (("templates", "template"), ("accounts", "account")):
            since = last_event()
            told = press(crew, f"/{path}/{name}/delete/")
            deleted, *_ = sort_out(
                told, f"{name} was deleted.", f"There is no {what} named '{name}'."
            )
            assert deleted == 1
            assert count_events(since) == 1


def test_what_is_used_in_the_same_moment_is_kept_or_told_gone(
    crew: list[Person],
) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        name = f"use-{number}"
        make_account(name)
        typed = {"name": name, "account": name, "image": "i", "size": "s"}
        typed["unchecked"] = "on"  # there is no such image
        forms = fill_for_all(crew, "/templates/new/", **typed)
        sent: list[tuple[str, Mapping[str, Any]]] = [
            ("/templates/new/", form) for form in forms
        ]
        sent[number % 2 :: 2] = [(f"/accounts/{name}/delete/", {})] * 2
        sort_out(
            send_at_once(crew, sent),
            f"{name} was saved.",
            "This name is already taken.",
            "This account no longer exists. Choose another account.",
            f"{name} was deleted.",
            f"{name} can't be deleted. Templates create servers in it: {name}.",
            f"There is no account named '{name}'.",
        )
        made = Template.objects.filter(name=name).exists()
        assert Account.objects.filter(name=name).exists() is made
        name = f"of-{number}"
        make_named(name, account)
        typed = {"template": name, "count": "1", "name": name}
        forms = fill_for_all(crew, "/servers/new/", **typed)
        sent = [("/servers/new/", form) for form in forms]
        sent[number % 2 :: 2] = [(f"/templates/{name}/delete/", {})] * 2
        sort_out(
            send_at_once(crew, sent),
            f"Creating {name}.",
            "This name is already taken.",
            "This template no longer exists. Choose another.",
            "There is no such template.",
            f"{name} was deleted.",
            f"{name} can't be deleted. 1 server created from it has not stopped yet.",
            f"{name} is being used at this moment, so it was not deleted.",
            f"There is no template named '{name}'.",
        )
        made = Server.objects.filter(name=name).exists()
        assert Template.objects.filter(name=name).exists() is made


@pytest.mark.postgresql  # SQLite's writers wait for each other from their begin on
@pytest.mark.parametrize("key", ["", "build-4711"])
def test_servers_whose_template_goes_before_their_commit_are_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    make_fleet()
    template = make_named("goes", Account.objects.get())

    def delete(*_: object) -> None:
        def run() -> None:
            delete_template(template)
            connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    monkeypatch.setattr(dispatch, "hint", delete)
    make: Callable[[Request], Any] = provision_servers
    if key:
        make = partial(provision_once, caller="ada", key=key, body={})
    with pytest.raises(ConflictError, match="The template was deleted meanwhile"):
        make(Request(template="goes"))
    assert not Server.objects.exists()


@pytest.mark.postgresql  # only there do the two lock rows
@pytest.mark.parametrize("first", ["template", "recipe"])
def test_a_template_is_kept_if_its_server_is_committed_while_it_is_deleted(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    make_fleet()
    template = make_named("used", Account.objects.get())
    told: list[str] = []

    def delete() -> None:
        try:
            delete_template(template)
        except ConflictError as error:
            told.append(error.message)
        connection.close()

    deletion = threading.Thread(target=delete)

    def check_one(*_: object) -> None:
        with connection.cursor() as cursor:
            # As if the commit had begun with this one.
            found = connection.introspection.get_constraints(cursor, "servers_server")
            (name,) = (
                name
                for name, each in found.items()
                if each["foreign_key"] and each["columns"] == [f"{first}_id"]
            )
            cursor.execute(f'SET CONSTRAINTS "{name}" IMMEDIATE')
        deletion.start()
        time.sleep(0.3)

    monkeypatch.setattr(dispatch, "hint", check_one)
    (server,) = provision_servers(Request(template="used"))
    deletion.join()
    assert len(told) == 1
    assert Server.objects.get().template == template == server.template


def test_a_name_is_given_once(crew: list[Person]) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        since, name = last_event(), f"new-{number}"
        template = {
            "name": name,
            "account": account.name,
            "image": "i",
            "size": "s",
            "unchecked": "on",
        }
        for path, typed, made, taken, model in (
            (
                "/servers/new/",
                {"template": "default", "count": "1", "name": name},
                f"Creating {name}.",
                ("This name is already taken.",),
                Server,
            ),
            (
                "/templates/new/",
                template,
                f"{name} was saved.",
                ("This name is already taken.",),
                Template,
            ),
            (
                "/accounts/new/?kind=sandbox",
                {"name": name},
                f"{name} was saved.",
                ("This name is already taken.",),
                Account,
            ),
            (
                "/tokens/new/",
                {"name": name, "scopes": "servers:read", "days": "7"},
                "Copy the token now.",
                (f"The name '{name}' is already taken.",),
                Token,
            ),
        ):
            forms = fill_for_all(crew, path, **typed)
            told = send_at_once(crew, [(path, form) for form in forms])
            first, *_ = sort_out(told, made, *taken)
            assert first == 1
            assert model.objects.filter(name=name).count() == 1
        assert TemplateVersion.objects.filter(template__name=name).count() == 1
        assert count_events(since) == 4


def test_a_template_is_tried_once(crew: list[Person]) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        template = make_named(f"try-{number}", account)
        told = press(crew, f"/templates/{template.name}/try/")
        assert {one.path for one in told} == {f"/templates/{template.name}/trial/"}
        assert Server.objects.filter(template=template).count() == 1
