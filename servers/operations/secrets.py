"""Keep secrets with the destination that they were entered for.

A destination is a kind of cloud at an endpoint. A person who enters credentials or user
data chooses their destination. A person who changes the destination later must enter
them again, because ServerFleet never shows them to anyone.
"""

import json
from collections.abc import Mapping

from django.db.models import Q, QuerySet

from servers.clouds.registry import describe_kind
from servers.errors import ConflictError, InvalidError
from servers.lifecycle.states import PROVEN_GONE
from servers.models import Account, Server, Template, TemplateVersion
from servers.models.template import Recipe
from servers.placing.placements import list_candidates

MOVED = (
    "The endpoint or the kind of cloud changes, so enter all credentials again. Stored "
    "credentials are only sent to the destination that they were entered for."
)
USER_DATA_MOVED = (
    "The template gets another account, so enter the user data again. It may contain "
    "secrets, and was entered for the accounts that the template had."
)


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
    stored = json.loads(before.credentials or "{}") if before else {}
    typed = given or {}
    kept = {name: text for name, text in stored.items() if name not in typed}
    if kept and before is not None and is_moved(before, account):
        raise InvalidError(f"credentials: {MOVED}", fields={"credentials": [MOVED]})
    return kept | {name: text for name, text in typed.items() if text}


def is_moved(before: Account, account: Account) -> bool:
    """Tell whether calls of ``account`` have a new destination."""
    if (before.kind, before.endpoint) != (account.kind, account.endpoint):
        return True
    return any(
        before.options.get(field.name) != account.options.get(field.name)
        for field in describe_kind(account.kind).options
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


def refuse_renaming(before: Account) -> None:
    """Raise ConflictError if a fallback names the account.

    Another account that took the name would get the servers meant for this one.
    """
    names = [
        name
        for name, entries in [
            *Template.objects.values_list("name", "candidates"),
            *_list_living().values_list("template__name", "candidates"),
        ]
        if any(entry.get("account") == before.name for entry in entries)
    ]
    if names:
        raise ConflictError(
            f"{before.name} can't be renamed, because fallbacks of the template "
            f"{names[0]} name it.",
            fields={"name": ["A fallback names this account. Keep its name."]},
        )


def has_living_fallback(account: Account) -> bool:
    """Tell whether a server that can still be created has it as a fallback."""
    return any(
        entry.get("account") == account.name
        for entries in _list_living().values_list("candidates", flat=True)
        for entry in entries
    )


def refuse_new_readers(known: Template, template: Template) -> None:
    """Raise InvalidError if stored user data would reach another account."""
    if template.user_data and _find_readers(template) - _find_readers(known):
        raise InvalidError(
            f"user_data: {USER_DATA_MOVED}", fields={"user_data": [USER_DATA_MOVED]}
        )


def _find_readers(template: Template) -> set[object]:
    return {
        candidate.account.pk
        for candidate in list_candidates(template)
        if candidate.account is not None
    }


def _list_living() -> QuerySet[TemplateVersion]:
    living = Server.objects.exclude(state__in=PROVEN_GONE).values("recipe")
    return TemplateVersion.objects.filter(pk__in=living)


def _list_recipes(account: Account) -> list[str]:
    """Return the names of templates whose user data the account's calls can carry."""
    own = Q(account=account) | ~Q(candidates=[])
    templates = Template.objects.filter(own).exclude(user_data="")
    versions = _list_living().filter(own).exclude(user_data="")
    found: list[tuple[str, Recipe]] = [(one.name, one) for one in templates]
    found += [(one.template_name, one) for one in versions]
    return sorted(
        {
            name
            for name, recipe in found
            if recipe.account_id == account.pk
            or any(entry.get("account") == account.name for entry in recipe.candidates)
        }
    )
