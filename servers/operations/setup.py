"""Save accounts and templates: each change of a template writes a version."""

import json
import re
from collections.abc import Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, ProtectedError, Q, RestrictedError
from django.db.models.functions import Now

from servers import dispatch, tracing
from servers.breaker import note_success
from servers.candidates import list_candidates
from servers.clouds.registry import validate_config
from servers.errors import ConflictError, InvalidError
from servers.ledger import Kind, write_event
from servers.lifecycle.states import PROVEN_GONE
from servers.models import (
    Account,
    Attempt,
    Instance,
    Leftover,
    Scope,
    Server,
    Template,
    TemplateVersion,
)
from servers.models.template import Recipe
from servers.operations.provision import check_labels
from servers.scopes import ensure_scope, open_scope

MOST_USER_DATA: Final = 64 * 1024  # bytes; a cloud may take less
_NAME_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def save_account(
    account: Account, *, credentials: Mapping[str, str] | None = None
) -> Account:
    """Check and save an account; ``credentials`` None keeps those it has.

    A change of credentials, endpoint or kind closes the gates of its scopes until a
    listing of the same identity has come. Raises InvalidError.
    """
    before = Account.objects.filter(pk=account.pk).first()
    secrets = dict(
        credentials
        if credentials is not None
        else json.loads(before.credentials or "{}")
        if before
        else {}
    )
    errors = validate_config(
        account.kind,
        credentials=secrets,
        endpoint=account.endpoint,
        region=account.region,
        options=account.options,
    )
    _raise(errors)
    _clean(account)
    account.credentials = json.dumps(secrets, sort_keys=True)
    # The adapter's own rules, such as what a region looks like. Makes no call.
    open_scope(account, account.region)
    if before is not None and (
        json.loads(before.credentials or "{}") != secrets
        or before.endpoint != account.endpoint
        or before.kind != account.kind
    ):
        account.generation = before.generation + 1
        account.health = Account.Health.UNKNOWN
        account.health_note = ""
    with transaction.atomic():
        account.save(force_insert=before is None, force_update=before is not None)
        verb = "made" if before is None else "changed"
        write_event(
            Kind.ACCOUNT_CHANGED,
            account=account,
            reason=f"The account {account.name} was {verb}.",
        )
    if account.region or before is not None:
        account.scopes.update(next_listing_at=F("next_listing_at"))
    return account


def close_breaker(account: Account) -> None:
    """Let creates through again at once, on a person's word."""
    with transaction.atomic():
        note_success(account)
        write_event(
            Kind.ACCOUNT_CHANGED,
            account=account,
            reason=f"The breaker of {account.name} was closed by hand.",
        )


def save_template(template: Template) -> TemplateVersion:
    """Check and save a template and its next version. Raises InvalidError."""
    _clean(template)
    errors = {}
    if message := check_labels(template.labels):
        errors["labels"] = [message]
    if message := check_candidates(template.candidates):
        errors["candidates"] = [message]
    if len(template.user_data.encode()) > MOST_USER_DATA:
        errors["user_data"] = [f"Use at most {MOST_USER_DATA // 1024} KiB."]
    if not _NAME_PREFIX.fullmatch(template.name_prefix):
        errors["name_prefix"] = ["Use lower-case letters, digits and hyphens."]
    _raise(errors)
    with transaction.atomic():
        known = (
            Template.objects.select_for_update(no_key=True)
            .filter(pk=template.pk)
            .first()
        )
        if template.is_default:
            Template.objects.filter(is_default=True).exclude(pk=template.pk).update(
                is_default=False
            )
        template.version = (known.version if known else 0) + 1
        template.save(force_insert=known is None, force_update=known is not None)
        version = TemplateVersion(
            template=template,
            number=template.version,
            actor=tracing.get_actor(),
            **{field.name: getattr(template, field.name) for field in _RECIPE},
        )
        version.save(force_insert=True)
        write_event(
            Kind.TEMPLATE_CHANGED,
            account=template.account,
            reason=f"The template {template.name} is now version {version.number}.",
        )
    # From here on every place that it names is listed, so that its gate can open.
    for candidate in list_candidates(version):
        if candidate.account is not None:
            ensure_scope(candidate.account, candidate.region)
    return version


def delete_template(template: Template) -> None:
    """Delete a template that no server was made from; raise ConflictError."""
    with transaction.atomic():
        if Server.objects.filter(recipe__template=template).exists():
            raise ConflictError(
                f"Servers were made from {template.name}. It can be deleted once they "
                "are over and purged."
            )
        write_event(
            Kind.TEMPLATE_CHANGED,
            account=template.account,
            reason=f"The template {template.name} was deleted.",
        )
        template.delete()


def delete_account(account: Account) -> None:
    """Delete an account that nothing was made in; raise ConflictError.

    What its attempts made must stay in sight, so one that was used stays, disabled.
    """
    name = account.name
    try:
        with transaction.atomic():
            if kept := explain_kept(account):
                raise ConflictError(f"{name} can't be deleted. {kept}")
            write_event(Kind.ACCOUNT_CHANGED, reason=f"The account {name} was deleted.")
            Scope.objects.filter(account=account).delete()
            account.delete()
    except (ProtectedError, RestrictedError):
        raise ConflictError(
            f"Templates, servers or their history need {name}. Disable it instead."
        ) from None


def explain_kept(account: Account) -> str:
    """Return why an account can't be deleted now, as a sentence, or ""."""
    servers = (
        Server.objects.filter(Q(account=account) | Q(attempts__account=account))
        .exclude(state__in=PROVEN_GONE)
        .values("pk")
        .distinct()
        .count()
    )
    if servers:
        return (
            f"{count_of(servers, 'server')} of it may still live. Disable it instead, "
            "or terminate them first."
        )
    if names := [row.name for row in find_templates(account)]:
        return (
            f"Templates make servers in it: {', '.join(names)}. Disable it instead, or "
            "change them first."
        )
    if any(
        model.objects.filter(account=account).exists()
        for model in (Server, Attempt, Instance, Leftover, TemplateVersion)
    ):
        return (
            "What was made in it must stay in sight, and so must the versions of "
            "templates that name it. Disable it instead."
        )
    return ""


def find_templates(account: Account) -> list[Template]:
    """Return the templates that make servers in an account, fallbacks counted."""
    return [
        template
        for template in Template.objects.order_by("name")
        if template.account_id == account.pk
        or any(entry.get("account") == account.name for entry in template.candidates)
    ]


def count_of(number: int, what: str) -> str:
    """Return ``1 server`` or ``2 servers``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def list_account_now(account: Account) -> int:
    """Have each scope of an account listed at once; return how many there are.

    What belongs to no server shows after two listings: the second follows by itself.
    """
    with transaction.atomic():
        if not account.scopes.exists():
            ensure_scope(account, account.region)
        scopes = list(account.scopes.values_list("pk", flat=True))
        account.scopes.update(next_listing_at=Now())
        write_event(
            Kind.ACCOUNT_CHANGED,
            account=account,
            reason=f"A listing of {account.name} was asked for.",
        )
        for pk in scopes:
            dispatch.hint(dispatch.OBSERVE, pk)
    return len(scopes)


_RECIPE = Recipe._meta.get_fields()


def check_candidates(entries: object) -> str:
    """Return what is wrong with a template's fallbacks, or ""."""
    if not isinstance(entries, list) or len(entries) > 10:
        return "Give a list of at most ten fallbacks."
    for entry in entries:
        if not isinstance(entry, dict) or not set(entry) <= {
            "account",
            "region",
            "size",
        }:
            return "Each fallback is an object with any of account, region, size."
        if not all(isinstance(value, str) for value in entry.values()):
            return "Each fallback's account, region and size are texts."
    names = {entry["account"] for entry in entries if entry.get("account")}
    known = set(Account.objects.filter(name__in=names).values_list("name", flat=True))
    if names - known:
        return f"There is no account {min(names - known)!r}."
    return ""


def _clean(model: Account | Template) -> None:
    try:
        model.full_clean()
    except ValidationError as error:
        _raise(error.message_dict)


def _raise(errors: Mapping[str, list[str]]) -> None:
    if errors:
        name, messages = next(iter(errors.items()))
        raise InvalidError(f"{name}: {messages[0]}", fields=errors)
