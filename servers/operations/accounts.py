"""Save, delete and list accounts, and close their circuit breakers."""

import json
from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.db.models import ProtectedError, Q, RestrictedError
from django.db.models.functions import Now

from servers.clouds.registry import validate_config, validate_placement_options
from servers.errors import ConflictError, NotFoundError
from servers.models import (
    Account,
    Attempt,
    Instance,
    Leftover,
    Location,
    Server,
    Template,
    TemplatePlacement,
    VersionPlacement,
)
from servers.operations.saving import clean_fields, raise_wrong, saving
from servers.operations.secrets import (
    is_moved,
    list_living,
    refuse_moving_user_data,
    resolve_credentials,
)
from servers.placing.breaker import note_success
from servers.placing.locations import open_location
from servers.records.differences import list_differences, read_values
from servers.records.ledger import Fact, write_event
from servers.records.limits import COUNTED
from servers.wording import count_of


def check_settings(
    account: Account, credentials: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return what is wrong with an account's settings, by field. Makes no call."""
    return validate_config(
        account.kind,
        credentials=credentials,
        endpoint=account.endpoint,
        region=account.region,
        options=account.options,
    )


# What people can change in an account, except credentials. Events name the changes.
ACCOUNT_FIELDS: Final = (
    *("name", "kind", "endpoint", "region", "options", "enabled"),
    *("max_servers", "creates_per_minute", "calls_at_once"),
)


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
    errors = check_settings(account, secrets)
    if before is not None and before.endpoint == account.endpoint:
        # So that it can still be disabled. Each connection checks the endpoint anyway.
        errors.pop("endpoint", None)
    if before is not None and before.options != account.options and not errors:
        errors = _explain_unfit(account)
    raise_wrong(errors)
    clean_fields(account)
    account.credentials = json.dumps(secrets, sort_keys=True)
    # The adapter's own rules, such as the format of a region. Makes no call.
    open_location(account, account.region)
    if before is not None and is_moved(before, account):
        refuse_moving_user_data(before)
    if before is not None and (
        json.loads(before.credentials or "{}") != secrets or is_moved(before, account)
    ):
        account.generation = before.generation + 1
        if before.kind != account.kind:
            account.identity = ""  # the identity at the new cloud is unknown
    with saving(account):
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
            write_event(Fact.ACCOUNT_CHANGED, account=account, reason=said)
    return account


def _explain_unfit(account: Account) -> dict[str, list[str]]:
    """Return which templates' own options don't fit the account's, by field.

    A placement's options override its account's, so either can spoil the combination.
    """
    rows = TemplatePlacement.objects.filter(account=account.pk)
    said = [
        f"They don't fit the options of the template {name}: {wrong[0]}"
        for name, options in rows.values_list("template__name", "options")
        if (
            wrong := validate_placement_options(
                account.kind, options, account_options=account.options
            )
        )
    ]
    return {"options": said} if said else {}


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


def close_breaker(account: Account) -> bool:
    """Allow creates again at once. Return False if they were allowed already."""
    with transaction.atomic():
        closed = note_success(account)
        if closed:
            write_event(
                Fact.BREAKER_CLOSED,
                account=account,
                reason=f"The circuit breaker of {account.name} was closed by hand.",
            )
    return closed


def delete_account(account: Account) -> None:
    """Delete an account that was never used. Raise NotFoundError or ConflictError.

    A used account can only be disabled, because its instances must stay visible.
    """
    name = account.name
    try:
        with transaction.atomic():
            # The full lock: transactions that refer to the account in a new row wait.
            if not Account.objects.select_for_update().filter(pk=account.pk).first():
                raise NotFoundError.named("account", name)
            if kept := explain_kept(account):
                raise ConflictError(f"{name} can't be deleted. {kept}")
            write_event(Fact.ACCOUNT_CHANGED, reason=f"The account {name} was deleted.")
            Location.objects.filter(account=account).delete()
            account.delete()
    except (ProtectedError, RestrictedError):
        raise ConflictError(
            f"{name} is used by templates, servers or their history. Disable it "
            "instead."
        ) from None


def explain_kept(account: Account) -> str:
    """Return why an account can't be deleted now, as a sentence, or ""."""
    servers = (
        COUNTED.filter(Q(account=account) | Q(attempts__account=account))
        .values("pk")
        .distinct()
        .count()
    )
    if servers:
        return (
            f"It may still have {count_of(servers, 'live server')}. Disable it "
            "instead, or terminate its servers first."
        )
    if VersionPlacement.objects.filter(
        account=account, version__in=list_living()
    ).exists():
        return "Servers can still be created in it as a fallback. Disable it instead."
    if names := [row.name for row in find_templates(account)]:
        return (
            f"Templates create servers in it: {', '.join(names)}. Disable it instead, "
            "or change the templates first."
        )
    if any(
        model._default_manager.filter(account=account).exists()  # noqa: SLF001
        for model in (Server, Attempt, Instance, Leftover, VersionPlacement)
    ):
        return (
            "It was used by servers or template versions, and these records must stay "
            "visible. Disable it instead."
        )
    return ""


def find_templates(account: Account) -> list[Template]:
    """Return the templates that create servers in an account, even as a fallback."""
    using = TemplatePlacement.objects.filter(account=account).values("template")
    return list(Template.objects.filter(pk__in=using).order_by("name"))
