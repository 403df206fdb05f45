"""Roles, sessions and the way back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from servers.models import Session
from servers.reconciler.purge import purge_history
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person, make_roles

pytestmark = pytest.mark.django_db(transaction=True)


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
    assert Session.objects.get().session_key == client.session.session_key


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
