"""Save accounts and templates. Each change of a template creates a version."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import PositiveIntegerField
from django.db.models.functions import Now

from servers import tracing
from servers.access.reach import reach_accounts
from servers.clouds.registry import validate_config, validate_template_options
from servers.errors import ConflictError, InvalidError, NotFoundError
from servers.lifecycle.states import PROVEN_GONE
from servers.models import Account, Location, Server, Template, TemplateVersion
from servers.models.template import Recipe
from servers.operations.labels import check_labels, check_tags
from servers.operations.secrets import (
    is_moved,
    refuse_moving_user_data,
    refuse_new_readers,
    refuse_renaming,
    resolve_credentials,
)
from servers.placing.locations import ensure_location, open_location
from servers.placing.placements import list_candidates, list_kinds
from servers.records.differences import list_differences, read_values
from servers.records.ledger import Kind, write_event
from servers.wording import count_of

MOST_USER_DATA: Final = 64 * 1024  # bytes; a cloud may allow less
MOST_CANDIDATES: Final = 10
ACCOUNT_GONE: Final = "This account no longer exists. Choose another account."
PRICE: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?")
# The largest PostgreSQL integer. SQLite would accept more.
MOST_INTEGER: Final = 2**31 - 1
# What people can change in an account, except credentials. Events name the changes.
ACCOUNT_FIELDS: Final = (
    *("name", "kind", "endpoint", "region", "options", "enabled"),
    *("max_servers", "creates_per_minute", "calls_at_once"),
)
SECRET_FIELDS: Final = frozenset({"user_data"})  # of a template
SECONDS_FIELDS: Final = frozenset({"ttl"})
NAME_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def save_account(
    account: Account,
    *,
    credentials: Mapping[str, str] | None = None,
    keep: bool = False,
) -> Account:
    """Check and save an account. If ``credentials`` is None, it keeps its own.

    With ``keep``, ``credentials`` replace only those that they name; "" removes one. A
    new endpoint or kind needs all of them again, and must not get stored user data
    (operations/secrets.py). New credentials, a new endpoint or a new kind close the
    gates of its locations until a listing shows the same identity. Raises InvalidError
    or ConflictError (the name is taken).
    """
    before = Account.objects.filter(pk=account.pk).first()
    if before and before.kind != account.kind and before.locations.exists():
        # Instances at the old cloud would no longer be visible.
        raise ConflictError(
            f"{before.name} is in use, so its kind can't be changed. Create another "
            "account.",
            fields={"kind": ["The kind of an account in use can't be changed."]},
        )
    secrets = resolve_credentials(before, account, credentials, keep=keep)
    errors = validate_config(
        account.kind,
        credentials=secrets,
        endpoint=account.endpoint,
        region=account.region,
        options=account.options,
    )
    if before is not None and before.endpoint == account.endpoint:
        # So that it can still be disabled. Each connection checks the endpoint anyway.
        errors.pop("endpoint", None)
    _raise(errors)
    _clean(account)
    account.credentials = json.dumps(secrets, sort_keys=True)
    # The adapter's own rules, such as the format of a region. Makes no call.
    open_location(account, account.region)
    if before is not None and is_moved(before, account):
        refuse_moving_user_data(before)
    if before is not None and before.name != account.name:
        refuse_renaming(before)
    if before is not None and (
        json.loads(before.credentials or "{}") != secrets or is_moved(before, account)
    ):
        account.generation = before.generation + 1
        if before.kind != account.kind:
            account.identity = ""  # the identity at the new cloud is unknown
    with _saving(account):
        account.save(force_insert=before is None, force_update=before is not None)
        if before is not None and account.generation != before.generation:
            account.locations.update(
                health=Location.Health.UNKNOWN,
                health_since=None,
                failures=0,
                error="",
                next_listing_at=Now(),
            )
        said = describe_account_change(before, account)
        if said:
            write_event(Kind.ACCOUNT_CHANGED, account=account, reason=said)
    return account


def describe_account_change(before: Account | None, account: Account) -> str:
    """Return the changes as a sentence, or "" if there are none."""
    if before is None:
        return f"The account {account.name} was created."
    changes = "; ".join(
        list_differences(
            read_values(before, ACCOUNT_FIELDS)
            | {"credentials": json.loads(before.credentials or "{}")},
            read_values(account, ACCOUNT_FIELDS)
            | {"credentials": json.loads(account.credentials or "{}")},
            secret=["credentials"],
        )
    )
    return f"The account {account.name} was changed: {changes}." if changes else ""


def check_template(template: Template) -> None:
    """Raise InvalidError with everything wrong with a template. Makes no call."""
    _clean(template)
    template.region = template.region or template.account.region
    # Raises an error if the cloud can't have the region.
    open_location(template.account, template.region)
    _raise(_find_wrong(template))


def save_template(
    template: Template, *, user_data: str | None = None
) -> TemplateVersion:
    """Check and save a template and its next version.

    If ``user_data`` is None, the template keeps its own, which must not reach another
    account: a new account needs the user data again. Raises InvalidError or
    ConflictError (the name is taken).
    """
    if user_data is not None:
        template.user_data = user_data
    check_template(template)
    with _saving(template):
        _hold_account(template.account_id)
        known = (
            Template.objects.select_for_update(no_key=True)
            .filter(pk=template.pk)
            .first()
        )
        if known and user_data is None and known.user_data == template.user_data:
            refuse_new_readers(known, template)
        if template.is_default:
            Template.objects.filter(is_default=True).exclude(pk=template.pk).update(
                is_default=False
            )
        template.version = (known.version if known else 0) + 1
        template.save(force_insert=known is None, force_update=known is not None)
        version = TemplateVersion(
            template=template,
            template_name=template.name,
            number=template.version,
            actor=tracing.get_actor(),
            **{field.name: getattr(template, field.name) for field in _RECIPE},
        )
        version.save(force_insert=True)
        # From now on every location that it names is listed, so that its gate can
        # open. Always in the same order, to avoid deadlocks.
        named = {
            (candidate.account.pk, candidate.region): candidate.account
            for candidate in list_candidates(version)
            if candidate.account is not None
        }
        for (_, region), account in sorted(named.items(), key=lambda item: item[0]):
            ensure_location(account, region)
        write_event(
            Kind.TEMPLATE_CHANGED,
            account=template.account,
            reason=_describe_template_change(known, template),
        )
    return version


def _find_wrong(template: Template) -> dict[str, list[str]]:
    """Return what is wrong with a template, by field."""
    errors: dict[str, list[str]] = {}
    if message := check_candidates(template.candidates):
        errors["candidates"] = [message]
    if wrong := check_template_options(template):
        errors["options"] = wrong
    if message := check_template_labels(template):
        errors["labels"] = [message]
    if len(template.user_data.encode()) > MOST_USER_DATA:
        errors["user_data"] = [f"Use at most {MOST_USER_DATA // 1024} KiB."]
    if not NAME_PREFIX.fullmatch(template.name_prefix):
        errors["name_prefix"] = ["Use lower-case letters, digits and hyphens."]
    return errors


def check_template_options(template: Template) -> list[str]:
    """Return what is wrong with a template's options for its account's cloud."""
    account = template.account
    return validate_template_options(
        account.kind, template.options, account_options=account.options
    )


def check_template_labels(template: Template) -> str:
    """Return what is wrong with a template's labels at any of its clouds, or ""."""
    if message := check_labels(template.labels):
        return message
    kinds = [template.account.kind]
    if not check_candidates(template.candidates):
        kinds += list_kinds(list_candidates(template))
    options = template.options if isinstance(template.options, dict) else {}
    return check_tags(template.labels, kinds, options)


def delete_template(template: Template) -> None:
    """Delete a template without live servers. Versions of stopped servers stay.

    Raises NotFoundError or ConflictError.
    """
    with transaction.atomic():
        # Its versions first, in the order in which a server's commit locks them.
        list(template.versions.select_for_update().order_by("pk").values_list("pk"))
        # The full lock: a server that is created from it meanwhile either waits at its
        # commit and is refused, or is already committed and keeps the template.
        if not Template.objects.select_for_update().filter(pk=template.pk).first():
            raise NotFoundError(f"There is no template named {template.name!r}.")
        if kept := explain_template_kept(template):
            raise ConflictError(f"{template.name} can't be deleted. {kept}")
        write_event(
            Kind.TEMPLATE_CHANGED,
            account=template.account,
            reason=f"The template {template.name} was deleted.",
        )
        # The others stay until the records of their servers are purged.
        template.versions.filter(servers=None).delete()
        template.delete()


def explain_template_kept(template: Template) -> str:
    """Return why a template can't be deleted now, as a sentence, or ""."""
    count = (
        Server.objects.filter(recipe__template=template)
        .exclude(state__in=PROVEN_GONE)
        .count()
    )
    if not count:
        return ""
    return (
        f"{count_of(count, 'server')} created from it "
        f"{'has' if count == 1 else 'have'} not stopped yet. Terminate them first."
    )


def _describe_template_change(before: Template | None, template: Template) -> str:
    if before is None:
        return f"The template {template.name} was created."
    names = ["name", *TEMPLATE_FIELDS]
    changes = "; ".join(
        list_differences(
            read_values(before, names),
            read_values(template, names),
            secret=SECRET_FIELDS,
            seconds=SECONDS_FIELDS,
        )
    )
    return (
        f"The template {template.name} is now version {template.version}: "
        f"{changes or 'nothing was changed'}."
    )


_RECIPE = Recipe._meta.get_fields()
TEMPLATE_FIELDS: Final = (
    *(field.name for field in _RECIPE),
    "max_servers",
    "is_default",
)


_LONGEST: Final = {"account": 63, "region": 100, "size": 255}


def check_candidates(entries: object) -> str:
    """Return what is wrong with a template's fallbacks, or ""."""
    if not isinstance(entries, list) or len(entries) > MOST_CANDIDATES:
        return "Use a list of at most ten fallbacks."
    for entry in entries:
        if not isinstance(entry, dict) or not set(entry) <= {
            "account",
            "region",
            "size",
        }:
            return "Each fallback must be an object with any of account, region, size."
        if not all(isinstance(value, str) for value in entry.values()):
            return "Each fallback's account, region and size must be strings."
        for name, value in entry.items():
            if len(value) > _LONGEST[name]:
                return (
                    f"A fallback's {name} can have at most {_LONGEST[name]} characters."
                )
    names = {entry["account"] for entry in entries if entry.get("account")}
    known = set(reach_accounts().filter(name__in=names).values_list("name", flat=True))
    if names - known:
        return f"There is no account named {min(names - known)!r}."
    return ""


def _clean(model: Account | Template) -> None:
    try:
        # Saving settles which template is the default, and whether its account still
        # exists.
        held = {"account"} if getattr(model, "account_id", None) else None
        model.full_clean(held, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        _raise({**error.message_dict, **_explain_choices(model, error)})
    _raise(
        {
            field.name: [f"Use at most {MOST_INTEGER}."]
            for field in model._meta.fields
            if isinstance(field, PositiveIntegerField)
            and (getattr(model, field.name) or 0) > MOST_INTEGER
        }
    )


def _explain_choices(
    model: Account | Template, error: ValidationError
) -> dict[str, list[str]]:
    """Return a sentence for each field whose value is none of its choices."""
    return {
        field.name: [f"Use one of these values: {', '.join(dict(field.flatchoices))}."]
        for field in model._meta.fields
        for wrong in error.error_dict.get(field.name, [])
        if wrong.code == "invalid_choice"
    }


@contextmanager
def _saving(model: Account | Template) -> Iterator[None]:
    """Run a transaction. Raise ConflictError if the name is taken by then."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        others = type(model).objects.exclude(pk=model.pk)
        if not others.filter(name=model.name).exists():
            raise ConflictError(
                "It was changed meanwhile. Reload and try again."
            ) from None
        raise ConflictError(
            f"The name {model.name!r} is already taken. Choose another name.",
            fields={"name": ["This name is already taken."]},
        ) from None


def _hold_account(pk: Any) -> None:
    """Keep an account from being deleted until the transaction ends."""
    # Checked here, because the foreign key is only checked at the commit.
    if not Account.objects.select_for_update(no_key=True).filter(pk=pk).first():
        raise ConflictError(
            "The account was deleted meanwhile, so nothing was saved.",
            fields={"account": [ACCOUNT_GONE]},
        )


def _raise(errors: Mapping[str, list[str]]) -> None:
    if errors:
        name, messages = next(iter(errors.items()))
        raise InvalidError(f"{name}: {messages[0]}", fields=errors)
