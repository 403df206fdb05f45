"""Locations come with what needs them, and go with it.

A template names locations, and so does a row that waits or lives; what was ever asked
for in one must stay in sight until its attempts are forgotten. A location that nothing
names any more is retired, and with it its listings and its series in the metrics.
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from servers.candidates import ScopeKey, list_candidates
from servers.ledger import database_now
from servers.lifecycle.states import COUNTED, MOVING, OPEN
from servers.models import (
    Account,
    Attempt,
    Instance,
    Leftover,
    Listing,
    Scope,
    Server,
    Template,
    TemplateVersion,
)
from servers.scopes import ensure_scope

logger = logging.getLogger(__name__)


def tidy_locations() -> None:
    """Retire what nothing needs; put on record what a row needs and is missing.

    Nothing should be missing, but without its location a row would wait for ever. A
    number of queries that grows with templates and locations alone.
    """
    for scope in _list_unused(_list_named()):
        _retire(scope.pk)
    for account_id, region in _list_missing():
        ensure_scope(Account.objects.get(pk=account_id), region)


def _retire(pk: int) -> None:
    with transaction.atomic():
        # Whoever names it at this moment has locked it, or waits for the outcome.
        held = Scope.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if held is None or held not in list(_list_unused(_list_named())):
            return
        Listing.objects.filter(scope=held).delete()
        held.delete()
    logger.info("%s is not listed any more: nothing needs it.", held)


def _list_named() -> set[ScopeKey]:
    """Return the locations that a template names, or the recipe of a row not over."""
    accounts = {account.name: account for account in Account.objects.all()}
    in_use = Server.objects.filter(state__in=COUNTED).values("recipe")
    recipes: list[Template | TemplateVersion] = [
        *Template.objects.select_related("account").defer("user_data"),
        *TemplateVersion.objects.select_related("account")
        .defer("user_data")
        .filter(pk__in=in_use),
    ]
    # The first place of a row may be another than its recipe's.
    asked = Server.objects.filter(state__in=COUNTED, account__in=accounts.values())
    first = (
        asked.exclude(first_region="")
        .order_by()
        .values_list("recipe__account", "first_region")
        .distinct()
    )
    return set(first) | {
        (candidate.account.pk, candidate.region)
        for recipe in recipes
        for candidate in list_candidates(recipe, accounts=accounts)
        if candidate.account is not None
    }


def _list_unused(named: set[ScopeKey]) -> Iterator[Scope]:
    """Yield what was listed, or can't be, and nothing needs; nobody lists it now."""
    now = database_now()
    rows = (
        Scope.objects.select_related("account")
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .filter(Q(compared_at__isnull=False) | Q(failures__gt=0))
        .filter(
            ~_holds(Server.objects.all()),
            ~_holds(Attempt.objects.all()),
            ~_holds(Instance.objects.filter(live=True)),
            ~_holds(Leftover.objects.all()),
        )
    )
    for scope in rows:
        if (scope.account_id, scope.region) not in named:
            yield scope


def _holds(rows: "QuerySet[Any]") -> Exists:
    return Exists(rows.filter(account=OuterRef("account"), region=OuterRef("region")))


def _list_missing() -> list[tuple[Any, str]]:
    """Return where a row waits, or an attempt is open, without a location on record."""
    accounts = list(Account.objects.values_list("pk", flat=True))
    missing: set[tuple[Any, str]] = set()
    for rows in (
        Server.objects.filter(account__in=accounts, state__in=MOVING),
        Attempt.objects.filter(account__in=accounts, outcome__in=OPEN),
    ):
        known = Scope.objects.filter(
            account=OuterRef("account"), region=OuterRef("region")
        )
        missing |= set(
            rows.filter(~Exists(known))
            .order_by()
            .values_list("account", "region")
            .distinct()
        )
    return sorted(missing)
