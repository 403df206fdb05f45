"""Operations on an existing account, except changing it."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import ProtectedError, Q, RestrictedError

from servers.clouds.registry import validate_config
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
from servers.operations.secrets import list_living
from servers.placing.breaker import note_success
from servers.records.ledger import Kind, write_event
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


def close_breaker(account: Account) -> bool:
    """Allow creates again at once. Return False if they were allowed already."""
    with transaction.atomic():
        closed = note_success(account)
        if closed:
            write_event(
                Kind.BREAKER_CLOSED,
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
            write_event(Kind.ACCOUNT_CHANGED, reason=f"The account {name} was deleted.")
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
