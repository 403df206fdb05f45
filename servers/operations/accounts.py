"""What can be done with an account that is there, besides changing it."""

from django.db import transaction
from django.db.models import ProtectedError, Q, RestrictedError
from django.db.models.functions import Now

from servers import dispatch
from servers.breaker import note_success
from servers.errors import ConflictError, NotFoundError
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
from servers.operations.secrets import has_living_fallback
from servers.scopes import ensure_scope


def close_breaker(account: Account) -> bool:
    """Let creates through again at once, on a person's word; False if they went."""
    with transaction.atomic():
        closed = note_success(account)
        if closed:
            write_event(
                Kind.BREAKER_CLOSED,
                account=account,
                reason=f"The breaker of {account.name} was closed by hand.",
            )
    return closed


def delete_account(account: Account) -> None:
    """Delete an account that nothing was made in; raise NotFoundError, ConflictError.

    What its attempts made must stay in sight, so one that was used stays, disabled.
    """
    name = account.name
    try:
        with transaction.atomic():
            # The whole lock: whoever would name it in a new row waits for the outcome.
            if not Account.objects.select_for_update().filter(pk=account.pk).first():
                raise NotFoundError(f"There is no account named {name!r}.")
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
    if has_living_fallback(account):
        return "Servers may still be created in it as a fallback. Disable it instead."
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
