"""Roles, sessions and the way back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from servers.access.sessions import digest_key
from servers.models import Account, Fleet, Server, Session, Token
from servers.operations.accounts import save_account
from servers.operations.fleet import freeze_destroys, initialise_fleet, resume_fleet
from servers.reconciler.purge import purge_history
from tests.support.crawl import (
    NEEDLE,
    Look,
    crawl,
    list_paths,
    make_everything,
    name_route,
    take_snapshot,
)
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person, make_roles

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_roles_hold_rights_that_exist_and_each_holds_the_one_below() -> None:
    make_roles()
    make_roles()  # again changes nothing
    rights = {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.all()
    }
    assert set(rights) == {"viewer", "operator", "admin"}
    assert rights["viewer"] < rights["operator"] < rights["admin"]
    assert all(name.startswith("view_") for name in rights["viewer"])
    assert "view_token" not in rights["operator"]
    # Django makes the same ones itself, after the migrations: none is there twice.
    names = Permission.objects.filter(content_type__app_label="servers")
    assert len(names) == len(set(names.values_list("codename", flat=True)))


def test_log_out_everywhere_ends_all_of_ones_sessions_and_no_other() -> None:
    user, other = make_person("viewer"), make_person("operator")
    one, two, others = log_in(user), log_in(user), log_in(other)
    assert one.post("/logout/everywhere/")["Location"] == "/login/"
    assert two.get("/logout/everywhere/").status_code in {302, 405}
    assert Session.objects.filter(user_id=user.pk).count() == 0
    assert "_auth_user_id" in others.session
    assert Client().post("/logout/everywhere/").status_code == 302


def test_sessions_past_their_end_are_purged() -> None:
    make_fleet()
    client = log_in(make_person("viewer"))
    Session.objects.create(
        session_key="old",
        session_data="",
        expire_date=timezone.now() - timedelta(days=1),
    )
    purge_history()
    (left,) = Session.objects.all()
    assert left.session_key == digest_key(client.session.session_key)


@pytest.mark.parametrize(
    ("back", "lands"),
    [("/servers/?state=error", "/servers/?state=error"), ("//evil.example/", "/")],
)
def test_a_button_on_every_page_leads_back_to_it_and_nowhere_else(
    back: str, lands: str
) -> None:
    make_fleet()
    admin = log_in(make_person("admin"))
    assert admin.post("/resume/", {"next": back})["Location"] == lands


# Who may look at an address, and who may send to it; all else is an admin's.
FOR_ALL = {"login", "logout", "logout-everywhere"}
FOR_ALL |= {"own-password", "confirm-password", "theme"}
VIEWER_SEES = FOR_ALL | {
    *("overview", "servers", "servers-csv", "servers-json", "server", "leaks"),
    *("act-on-servers", "certificate-file", "accounts", "account", "activity"),
    *(
        "system",
        "templates",
        "template",
        "trial",
        "guide",
        "guide-page",
        "jump",
    ),
    *("start", "save-view", "delete-view", "preview-template"),
    *("catalogue-account", "offers-account"),
    *("pools", "pool", "replay-pool", "queue"),
}
# Their own views of the list are everybody's.
VIEWER_SENDS = FOR_ALL | {"save-view", "delete-view"}
OPERATOR_SEES = VIEWER_SEES | {"new-server", "edit-server", "terminate"}
OPERATOR_SENDS = VIEWER_SENDS | {
    *("act-on-servers", "new-server", "edit-server", "terminate", "retry"),
    *("protect", "unprotect", "cordon", "uncordon"),
}
ROLES = [
    ("viewer", VIEWER_SEES, VIEWER_SENDS),
    ("operator", OPERATOR_SEES, OPERATOR_SENDS),
]


@pytest.mark.pure
@pytest.mark.parametrize(("role", "sees", "sends"), ROLES, ids=["viewer", "operator"])
def test_a_crawl_finds_nothing_forbidden_and_each_forbidden_act_is_refused(
    workshop: Workshop, role: str, sees: set[str], sends: set[str]
) -> None:
    make_everything()
    paths = list_paths()
    client = log_in(make_person(role))
    before = take_snapshot()
    for name, path in paths.items():
        if name in FOR_ALL:
            continue
        look = client.get(path)
        assert (look.status_code == 403) is (
            name not in sees and look.status_code != 405
        ), path
        if name not in sends:
            sent = client.post(
                path, {"act": "terminate", "server": "one", "sure": "on"}
            )
            assert sent.status_code in {403, 405}, path
            assert sent.status_code == 403 or name in sees, path
    assert_nothing_forbidden(client, sees, sends)
    assert take_snapshot() == before


def assert_nothing_forbidden(client: Client, sees: set[str], sends: set[str]) -> None:
    """From the first page on, follow every link; hold each button to the rights."""
    for path, answer in crawl(client, "/"):
        assert answer.status_code == 200, path
        if not answer["Content-Type"].startswith("text/html"):
            continue
        look = Look(path, answer.content.decode())
        assert not [link for link in look.links if "/admin/" in link], path
        for form in look.forms:
            where = name_route(form.action)
            assert where in (sends if form.method == "post" else sees), (path, where)


@pytest.mark.pure
@pytest.mark.parametrize(("role", "sees", "sends"), ROLES, ids=["viewer", "operator"])
def test_an_empty_fleet_offers_nothing_forbidden(
    transactional_db: None, role: str, sees: set[str], sends: set[str]
) -> None:
    initialise_fleet(fleet_id="ci")
    assert_nothing_forbidden(log_in(make_person(role)), sees, sends)


@pytest.mark.pure
def test_an_empty_fleet_says_to_an_admin_what_comes_first(workshop: Workshop) -> None:
    initialise_fleet(fleet_id="ci")
    client = log_in(make_person("admin"))
    assert "/accounts/new/" in Look("/", client.get("/").content.decode()).links
    save_account(Account(name="first", kind="sandbox"))
    assert "/templates/new/" in Look("/", client.get("/").content.decode()).links


@pytest.mark.pure
def test_an_admin_reaches_every_page_by_links_and_reads_no_secret(
    workshop: Workshop,
) -> None:
    make_everything()
    paths = list_paths()
    needles = (NEEDLE, Token.objects.get().digest, "v1:k1:")
    statuses = {}
    for role in ("viewer", "operator", "admin"):
        client = log_in(make_person(role))
        hidden = (*needles, client.session.session_key)
        for path, answer in crawl(client, *paths.values()):
            text = answer.content.decode()
            assert not [one for one in hidden if one in text], path
            statuses[name_route(path)] = answer.status_code
        key_file = paths["certificate-file"].replace("ca.pem", "key.pem")
        assert client.get(key_file).status_code == 404
    root = log_in(make_person("root"))
    assert NEEDLE.encode() in root.get(key_file).content
    # The admin's: those that no link leads to now ask for what is done already.
    linked = {name_route(path) for path, _ in crawl(client, "/")}
    pages = {name for name, status in statuses.items() if status == 200}
    for_later = {"confirm-password", "activate-person"}
    # A list without filters has no view to save.
    for_later |= {"save-view"}
    # Only the script of the template form asks for it.
    for_later |= {"offers-account"}
    assert pages - linked == {"pause", "freeze", "confirm-fleet"} | for_later
    resume_fleet()
    freeze_destroys(frozen=False)
    Fleet.objects.update(fingerprint="another")
    first = Look("/", client.get("/").content.decode())
    linked = {name_route(path) for path in first.links}
    assert linked >= {"pause", "freeze", "confirm-fleet"}
    assert set(statuses) == set(paths)
    assert {name for name, status in statuses.items() if status == 302} == (
        {"login", "act-on-servers"}
    )
    assert set(statuses.values()) == {200, 302, 405}


@pytest.mark.pure
def test_a_right_that_is_lost_in_between_is_lost_for_the_open_form(
    workshop: Workshop,
) -> None:
    make_everything()
    user = make_person("admin")
    client = log_in(user)
    forms = [
        form
        for path, answer in crawl(client, "/", *list_paths().values())
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        for form in Look(path, answer.content.decode()).forms
        if form.method == "post" and name_route(form.action) not in VIEWER_SENDS
    ]
    assert len({form.action for form in forms}) > 30
    user.groups.set([Group.objects.get(name="viewer")])
    before = take_snapshot()
    for form in forms:
        assert client.post(form.action, form.fill()).status_code == 403, form.action
    user.groups.clear()
    for form in forms[:3]:
        assert client.post(form.action, form.fill()).status_code == 403
    after = take_snapshot()
    del before["auth_user_groups"], after["auth_user_groups"]
    assert after == before


def test_a_form_of_an_ended_session_does_nothing_says_so_and_leads_back_to_its_page(
    workshop: Workshop,
) -> None:
    make_everything()
    client = log_in(make_person("operator"))
    Session.objects.all().delete()
    for form, referer, back in (
        ({"next": "/?range=week"}, "/servers/", "/%3Frange%3Dweek"),
        ({}, "http://testserver/servers/?state=error", "/servers/%3Fstate%3Derror"),
        ({"next": "//evil.example"}, "http://evil.example/servers/", "/"),
        ({"next": "/" * 9000}, "http://testserver/" + "a" * 9000, "/"),
    ):
        sent = client.post(
            "/servers/broken/retry/", form, headers={"referer": referer}, follow=True
        )
        assert sent.redirect_chain == [(f"/login/?next={back}", 302)]
        assert b"Your session has ended, so nothing was done." in sent.content
    assert Server.objects.get(name="broken").state == "error"
