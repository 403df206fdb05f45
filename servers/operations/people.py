"""People who can sign in: create, change, deactivate and delete them.

You can't grant permissions that you don't have, and you can't change a person who can
do more than you: by resetting their password you would get all their permissions. These
functions enforce both rules for every caller.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from servers.access.sessions import digest_password, end_sessions
from servers.access.tokens import list_valid_tokens, revoke_token, rights_of
from servers.errors import ConflictError, InvalidError, NotFoundError
from servers.models import OneTimePassword, Session
from servers.records.differences import list_differences
from servers.records.ledger import Fact, write_event

ROLES: Final = ("viewer", "operator", "admin")
ONE_TIME_FOR: Final = timedelta(days=3)
_ONE_TIME_BYTES: Final = 15


def create_person(actor: Any, *, name: str, role: str) -> tuple[User, str]:
    """Create a person with a role. Return the person and the one-time password.

    Raises InvalidError or ConflictError (the name is taken, or the role has more
    permissions than ``actor``).
    """
    person = User(username=User.normalize_username(name.strip()))
    group = _find_role(actor, role)
    try:
        person.full_clean(exclude=["password"], validate_unique=False)
    except ValidationError as error:
        text = next(iter(error.message_dict.values()))[0]
        raise InvalidError.of({"name": [text]}) from None
    # Names that differ only in case would be confused with each other.
    taken = ConflictError(
        f"The name {name!r} is already taken. Choose another name.",
        fields={"name": ["This name is already taken."]},
    )
    if get_user_model().objects.filter(username__iexact=person.username).exists():
        raise taken
    try:
        with transaction.atomic():
            person.set_unusable_password()
            person.save()
            person.groups.add(group)
            _note(f"{person} was created with the role {role}.")
            return person, _set_one_time(person)
    except IntegrityError:
        raise taken from None


def change_role(actor: Any, person: Any, role: str) -> None:
    """Give a person one of the roles instead of their current ones."""
    group = _find_role(actor, role)
    with _changing(actor, person) as row:
        if row.is_superuser:
            raise ConflictError(
                f"{row} is a superuser and has every role. Change that in the Django "
                "admin."
            )
        held = list(row.groups.filter(name__in=ROLES).order_by("name"))
        row.groups.remove(*held)
        row.groups.add(group)
        was = ", ".join(each.name for each in held)
        note_person_change(row, {"role": was}, {"role": role})


def reset_password(actor: Any, person: Any) -> str:
    """Replace a person's password with a one-time password, and return it.

    All their sessions end. They must choose a new password at the next log-in.
    """
    with _changing(actor, person) as row:
        password = _set_one_time(row)
        end_sessions(row)
        _note(f"The password of {row} was reset.")
    return password


def end_persons_sessions(actor: Any, person: Any) -> int:
    """End all sessions of a person. Return how many there were."""
    with _changing(actor, person) as row:
        count = end_sessions(row)
        _note(f"Sessions of {row} were ended: {count}.")
    return count


def deactivate_person(actor: Any, person: Any) -> int:
    """Deactivate a person; end sessions and tokens. Return how many tokens ended."""
    with _changing(actor, person) as row:
        count = _end_tokens(row)
        end_sessions(row)
        _set_active(row, False)
    return count


def activate_person(actor: Any, person: Any) -> None:
    """Activate a person again. Their revoked tokens stay revoked."""
    with _changing(actor, person) as row:
        _set_active(row, True)


def delete_person(actor: Any, person: Any) -> int:
    """Delete a person; end sessions and tokens. Return how many tokens ended."""
    with _changing(actor, person) as row:
        count = _end_tokens(row)
        end_sessions(row)
        _note(f"{row} was deleted.")
        row.delete()
    return count


def change_own_password(person: Any, password: str, *, session_pk: str) -> None:
    """Set a new password for a person, and end all their sessions but one.

    ``session_pk`` is the row of the remaining session. Raises InvalidError.
    """
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidError(error.messages[0], fields={"new": error.messages}) from None
    with transaction.atomic():
        person.set_password(password)
        person.save(update_fields=["password"])
        OneTimePassword.objects.filter(user_id=person.pk).delete()
        Session.objects.filter(user_id=person.pk).exclude(pk=session_pk).delete()
        write_event(Fact.PASSWORD_CHANGED, reason=f"{person} changed their password.")


def may_change(actor: Any, person: Any) -> bool:
    """Tell whether ``actor`` can change ``person``, who must not be able to do more."""
    if actor.pk == person.pk:
        return False
    own, theirs = rights_of(actor), _list_rights(person)
    return own is None or (theirs is not None and theirs <= own)


def _list_rights(person: Any) -> frozenset[str] | None:
    """Return a person's permissions, as if they were active. None means all."""
    if person.is_superuser:
        return None
    rows = Permission.objects.filter(Q(user=person) | Q(group__user=person))
    return _name_rights(rows)


def _name_rights(rows: QuerySet[Permission]) -> frozenset[str]:
    names = rows.order_by().values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{code}" for app, code in names)


def list_roles(actor: Any) -> list[str]:
    """Return the roles that ``actor`` can give."""
    return [role for role in ROLES if _may_give(actor, role)]


def _may_give(actor: Any, role: str) -> bool:
    own = rights_of(actor)
    return own is None or own >= _name_rights(
        Permission.objects.filter(group__name=role)
    )


def _find_role(actor: Any, role: str) -> Group:
    group = Group.objects.filter(name=role).first() if role in ROLES else None
    if group is None:
        known = ", ".join(ROLES)
        raise InvalidError(
            f"role: Choose one of {known}.", fields={"role": [f"Use one of {known}."]}
        )
    if not _may_give(actor, role):
        message = "You can't give a role that has more permissions than you."
        raise ConflictError(message, fields={"role": [message]})
    return group


@contextmanager
def _changing(actor: Any, person: Any) -> Iterator[Any]:
    """Yield a person's locked row if ``actor`` can change it."""
    with transaction.atomic():
        rows = get_user_model().objects.select_for_update(no_key=True)
        # In one order: if two people deactivate each other, only one succeeds.
        held = {
            row.pk: row
            for row in rows.filter(pk__in=[actor.pk, person.pk]).order_by("pk")
        }
        row = held.get(person.pk)
        if row is None:
            raise NotFoundError("This person no longer exists.")
        present = held.get(actor.pk)
        if present is None or not present.is_active:
            raise ConflictError(
                "You were deactivated meanwhile, so nothing was changed."
            )
        if actor.pk == person.pk:
            raise ConflictError(
                "You can't do this to yourself. Ask another admin, or change your own "
                "password at /account/password/."
            )
        if not may_change(present, row):
            raise ConflictError(
                f"{row} has permissions that you don't have, so you can't change this "
                "person. Ask someone with at least the same permissions."
            )
        yield row


def _set_one_time(person: Any) -> str:
    password = secrets.token_urlsafe(_ONE_TIME_BYTES)
    person.set_password(password)
    person.save(update_fields=["password"])
    OneTimePassword.objects.update_or_create(
        user_id=person.pk,
        defaults={
            "expires_at": timezone.now() + ONE_TIME_FOR,
            "password_digest": digest_password(person),
        },
    )
    return password


def _end_tokens(person: Any) -> int:
    return sum(revoke_token(token) for token in list_valid_tokens(person))


def _set_active(person: Any, active: bool) -> None:
    was, person.is_active = person.is_active, active
    person.save(update_fields=["is_active"])
    note_person_change(person, {"active": was}, {"active": active})


def note_person_change(
    person: Any, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Record old and new values, unless they are the same.

    Everyone who may read Activity sees them, so an email address is not quoted.
    """
    changes = "; ".join(list_differences(before, after, secret={"email"}))
    if changes:
        _note(f"The person {person} was changed: {changes}.")


def _note(reason: str) -> None:
    write_event(Fact.PERSON_CHANGED, reason=reason)
