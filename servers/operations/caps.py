"""The caps on how many servers an account, a template and the fleet may have."""

from typing import Any, Final

from django.db.models import Func, IntegerField, Model, QuerySet

from servers.errors import ConflictError
from servers.lifecycle.states import PROVEN_GONE
from servers.models import Account, Fleet, Server, TemplateVersion
from servers.roundtrip import ask_together

# Django's own aggregate is no query that can be asked together with others.
_COUNT: Final = Func(template="COUNT(*)", output_field=IntegerField())
_LIVE: Final = Server.objects.exclude(state__in=PROVEN_GONE).order_by()


def hold_caps(recipe: TemplateVersion, *, fleet_has_cap: bool, inserted: int) -> None:
    """Refuse ``inserted`` servers that pass a cap; hold it until the transaction ends.

    The caller has inserted its rows before. So the locks, which all who insert wait
    for, are held for the counts and the commit alone, with one answer to wait for.
    What committed before a lock was given shows in the counts, each a query of its
    own. Raises ConflictError, also for an account that is disabled, and
    Account.DoesNotExist for one that is gone.
    """
    template = recipe.template
    assert template is not None  # its versions are used while it is there
    # One lock order for all: fleet, account. SQLite's transactions hold all anyway.
    locks = [_lock(Account, "max_servers", "name", "enabled", pk=recipe.account_id)]
    counts = [_LIVE.filter(account=recipe.account_id)]
    if template.max_servers is not None:
        counts.append(_LIVE.filter(template=template))
    if fleet_has_cap:
        locks.insert(0, _lock(Fleet, "max_servers"))
        counts.append(_LIVE)
    answers = ask_together(*locks, *(rows.values_list(_COUNT) for rows in counts))

    fleet_cap = answers.pop(0)[0][0] if fleet_has_cap else None
    found, *counted = answers
    if not found:
        raise Account.DoesNotExist
    account_cap, account, enabled = found[0]
    if not enabled:
        raise ConflictError(
            f"The account {account} is disabled. Enable it, or use another template."
        )
    caps = (
        (f"the account {account}", account_cap),
        (f"the template {template.name}", template.max_servers),
        ("the fleet", fleet_cap),
    )
    told = [(what, cap) for what, cap in caps if cap is not None]
    for (what, cap), ((count,),) in zip(told, counted, strict=False):
        if count > cap:
            left = max(0, cap - (count - inserted))
            servers = "1 server" if cap == 1 else f"{cap} servers"
            raise ConflictError(
                f"The cap of {what} is {servers}, and {left or 'none'} "
                f"{'is' if left < 2 else 'are'} left. Terminate some, or raise the cap."
            )


def _lock(model: type[Model], *columns: str, **which: Any) -> QuerySet[Any, Any]:
    rows = model._default_manager.filter(**which)  # noqa: SLF001
    return rows.order_by().select_for_update(no_key=True).values_list(*columns)
