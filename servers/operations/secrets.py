"""Keep secrets with the destination that they were entered for.

A destination is a kind of cloud at an endpoint. A person who enters credentials or user
data chooses their destination. A person who changes the destination later must enter
them again, because ServerFleet never shows them to anyone.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from django.db.models import Q, QuerySet

from servers.clouds.registry import describe_kind
from servers.errors import ConflictError, InvalidError
from servers.models import Account, Template, TemplateVersion
from servers.models.placement import PlacementFields
from servers.records.limits import COUNTED

MOVED = (
    "The endpoint or the kind of cloud changes, so enter all credentials again. Stored "
    "credentials are only sent to the destination that they were entered for."
)
MOVED_TEMPLATE = (
    "The template gets another account, so enter the {words} again. It may contain "
    "secrets, and was entered for the accounts that the template had."
)
# Of a template. They are write-only.
SECRET_FIELDS: Final = frozenset(
    {"user_data", "files", "commands", "agent_environment"}
)
_WORDS: Final = {
    "user_data": "user data",
    "files": "content of the files",
    "commands": "text of the commands",
    "agent_environment": "environment of the agent",
}


def resolve_credentials(
    before: Account | None,
    account: Account,
    given: Mapping[str, str] | None,
    *,
    keep: bool = False,
) -> dict[str, str]:
    """Return all credentials that ``account`` has from now on.

    If ``given`` is None, those of ``before`` are kept. Otherwise it replaces them, or
    with ``keep`` only those that it names ("" removes one). Raises InvalidError if a
    stored credential would be kept for another destination.
    """
    if given is not None and not keep:
        return dict(given)
    return merge_credentials(
        before.credentials if before else "",
        given,
        moves=lambda: before is not None and is_moved(before, account),
        said=MOVED,
    )


def merge_credentials(
    stored: str,
    given: Mapping[str, str] | None,
    *,
    moves: Callable[[], bool],
    said: str,
) -> dict[str, str]:
    """Return stored credentials, a JSON object, with the given ones in their place.

    "" removes one. If one is kept, ``moves`` is asked whether calls go elsewhere from
    now on. Then InvalidError is raised, which says ``said``.
    """
    typed = given or {}
    kept = {
        name: text
        for name, text in json.loads(stored or "{}").items()
        if name not in typed
    }
    if kept and moves():
        raise InvalidError.of({"credentials": [said]})
    return kept | {name: text for name, text in typed.items() if text}


def is_moved(before: Account, account: Account) -> bool:
    """Tell whether calls of ``account`` have a new destination."""
    if (before.kind, before.endpoint) != (account.kind, account.endpoint):
        return True
    return any(
        before.options.get(field.name) != account.options.get(field.name)
        for field in describe_kind(account.kind).account_options
        if field.directs and isinstance(account.options, Mapping)
    )


def refuse_moving_user_data(before: Account) -> None:
    """Raise ConflictError if user data would be sent to another destination."""
    if not (names := _list_recipes(before)):
        return
    shown = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
    raise ConflictError(
        f"User data was entered for the current endpoint of {before.name}, in the "
        f"template {shown}. Remove it there and terminate the servers created from it, "
        "or create another account."
    )


def refuse_new_readers(
    known: Template,
    template: Template,
    placements: Iterable[PlacementFields],
    *,
    entered: Collection[str],
) -> None:
    """Raise InvalidError if what is stored would reach another account.

    ``entered`` names the fields that a person has just entered, for these accounts.
    """
    readers = {each.account_id for each in known.placements.all()}
    if not {each.account_id for each in placements} - readers:
        return
    errors = {
        name: [MOVED_TEMPLATE.format(words=words)]
        for name, words in _WORDS.items()
        if name not in entered
        and getattr(template, name)
        and getattr(template, name) == getattr(known, name)
    }
    if errors:
        raise InvalidError.of(errors)


def list_living() -> QuerySet[TemplateVersion]:
    """Return the versions of servers that can still be created."""
    return TemplateVersion.objects.filter(pk__in=COUNTED.values("recipe"))


def _list_recipes(account: Account) -> list[str]:
    """Return the names of templates whose secrets the account's calls can carry."""
    templates = Template.objects.filter(placements__account=account)
    versions = list_living().filter(placements__account=account)
    some = Q(pk__in=[])
    for name in sorted(SECRET_FIELDS):
        some |= ~Q(**{name: ""})
    return sorted(
        {
            *templates.filter(some).values_list("name", flat=True),
            *versions.filter(some).values_list("template_name", flat=True),
        }
    )
