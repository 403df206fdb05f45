"""The server limits (caps) of accounts, templates and the fleet."""

from typing import Any, Final
from uuid import UUID

from django.db.models import Func, IntegerField, Model, QuerySet

from servers.errors import ConflictError
from servers.freshness.roundtrip import ask_together
from servers.models import Account, Fleet, Template, TemplateVersion
from servers.records.limits import COUNTED
from servers.wording import count_of

# Django's own aggregate is not a query that can be sent together with others.
_COUNT: Final = Func(template="COUNT(*)", output_field=IntegerField())


def hold_caps(
    recipe: TemplateVersion, *, account_id: UUID, fleet_has_cap: bool, inserted: int
) -> None:
    """Refuse ``inserted`` servers above a cap. Lock it until the transaction ends.

    The caller has already inserted its rows. So the locks, which all inserts wait for,
    are held only during the counts and the commit, and take one round trip. Each count
    is a separate query after the locks, so it sees what was committed before them.
    Raises ConflictError, also if the account is disabled, and Account.DoesNotExist if
    it was deleted.
    """
    template = recipe.template
    assert template is not None  # its versions are used only while it exists
    # One lock order everywhere: fleet, account. SQLite locks everything anyway.
    locks = [_lock(Account, "max_servers", "name", "enabled", pk=account_id)]
    counts = [COUNTED.filter(account=account_id)]
    if template.max_servers is not None:
        counts.append(COUNTED.filter(template=template))
    if fleet_has_cap:
        locks.insert(0, _lock(Fleet, "max_servers"))
        counts.append(COUNTED)
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
        (f"The account {account}", account_cap),
        (f"The template {template.name}", template.max_servers),
        ("The fleet", fleet_cap),
    )
    told = [(what, cap) for what, cap in caps if cap is not None]
    for (what, cap), ((count,),) in zip(told, counted, strict=False):
        if count > cap:
            left = max(0, cap - (count - inserted))
            room = f"only {left}" if left else "no"
            raise ConflictError(
                f"{what} has a limit of {count_of(cap, 'server')}, so {room} more "
                "can be created. Terminate some servers, or raise the limit."
            )


def count_room(template: Template, fleet: Fleet) -> int:
    """Return how many servers of a template the caps allow now. Locks nothing.

    What is created later may still be refused. Three queries, whatever the number of
    servers.
    """
    first = (
        template.placements.order_by("position")
        .values_list("account", "account__max_servers", "account__enabled")
        .first()
    )
    if first is None or not first[2]:
        return 0
    caps = [(first[1], COUNTED.filter(account=first[0]))]
    if template.max_servers is not None:
        caps.append((template.max_servers, COUNTED.filter(template=template)))
    if fleet.max_servers is not None:
        caps.append((fleet.max_servers, COUNTED))
    return max(0, min(cap - rows.count() for cap, rows in caps))


def _lock(model: type[Model], *columns: str, **which: Any) -> QuerySet[Any, Any]:
    rows = model._default_manager.filter(**which)  # noqa: SLF001
    return rows.order_by().select_for_update(no_key=True).values_list(*columns)
