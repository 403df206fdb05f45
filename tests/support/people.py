"""People with a role, signed in."""

from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client


def make_roles() -> None:
    """Create the groups again: a test with transactions leaves an empty database."""
    squashed = import_module("servers.migrations.0001_squashed_0059_pool_costs")
    squashed.make_roles(apps, None)
    later = import_module("servers.migrations.0061_registration_roles")
    later.add_right(apps, None)


def make_person(role: str, *, name: str = "") -> User:
    """Create a user: ``viewer``, ``operator``, ``admin`` (groups), or ``root``."""
    if role == "root":
        return User.objects.create_superuser(name or role)
    make_roles()
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    return user


def log_in(user: User) -> Client:
    """Return a client signed in as the user."""
    client = Client()
    client.force_login(user)
    return client


def session_cookie(user: User) -> str:
    """Return the cookie of a new session."""
    return log_in(user).cookies[settings.SESSION_COOKIE_NAME].value
