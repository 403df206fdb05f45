"""The server limits (caps) of accounts, templates and the fleet."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Func, IntegerField, Model, QuerySet

from servers.errors import ConflictError
from servers.freshness.roundtrip import ask_together
from servers.models import (
    Account,
    Fleet,
    Template,
    TemplatePlacement,
    TemplateVersion,
)
from servers.records.limits import COUNTED, count_servers
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


@dataclass(slots=True)
class _Cap:
    """How many more servers a cap allows. Shared by the templates that it is for.

    ``row`` is the primary key of what has it: an account, a template or the fleet.
    """

    row: Hashable
    left: int


class Rooms:
    """How many more servers the caps allow of some templates, counted together.

    ``take`` notes what was created since, so that templates under one cap don't each
    count on all that it allows.
    """

    def __init__(self, caps: Mapping[UUID, Sequence[_Cap]]) -> None:
        self._caps = caps
        self._by_row = {cap.row: cap for each in caps.values() for cap in each}

    def count(self, template: UUID) -> int:
        """Return how many servers of a template may be created.

        0 if its first placement's account is disabled, or if it has no placement.
        """
        left = [cap.left for cap in self._caps.get(template, ())]
        return max(0, min(left, default=0))

    def list_caps(self, *rows: Hashable) -> tuple[Hashable, ...]:
        """Return which of these rows, by primary key, have a cap that was counted."""
        return tuple(row for row in rows if row in self._by_row)

    def find_caps(self, template: UUID) -> tuple[Hashable, ...]:
        """Return the caps of a template, each by the row that has it."""
        return tuple(cap.row for cap in self._caps.get(template, ()))

    @property
    def left(self) -> dict[Hashable, int]:
        """How many more servers each cap allows, by the row that has it."""
        return {row: cap.left for row, cap in self._by_row.items()}

    def take(self, template: UUID, created: int) -> None:
        """Note that servers of a template were created."""
        for cap in self._caps.get(template, ()):
            cap.left -= created


def count_rooms(templates: Iterable[Template], fleet: Fleet) -> Rooms:
    """Return how many servers of templates the caps allow now. Locks nothing.

    What is created later may still be refused. Four queries at most, whatever the
    number of templates and servers, and none without templates.
    """
    limits = {template.pk: template.max_servers for template in templates}
    if not limits:
        return Rooms({})
    rows = TemplatePlacement.objects.filter(template__in=limits).order_by("position")
    firsts: dict[UUID, tuple[UUID, int, bool]] = {}
    for template, account, most, is_enabled in rows.values_list(
        "template", "account", "account__max_servers", "account__enabled"
    ):
        firsts.setdefault(template, (account, most, is_enabled))
    accounts = {pk: most for pk, most, is_enabled in firsts.values() if is_enabled}
    used = count_servers(accounts)
    of_account = {pk: _Cap(pk, most - used.get(pk, 0)) for pk, most in accounts.items()}
    used = _count_templates([pk for pk, most in limits.items() if most is not None])
    of_template = {
        pk: [_Cap(pk, most - used.get(pk, 0))]
        for pk, most in limits.items()
        if most is not None
    }
    of_fleet = []
    if fleet.max_servers is not None:
        of_fleet.append(_Cap(fleet.pk, fleet.max_servers - COUNTED.count()))
    return Rooms(
        {
            template: [of_account[account], *of_template.get(template, ()), *of_fleet]
            for template, (account, _, is_enabled) in firsts.items()
            if is_enabled
        }
    )


def _count_templates(templates: Sequence[UUID]) -> dict[UUID, int]:
    if not templates:
        return {}
    rows = COUNTED.filter(template__in=templates).values_list("template")
    found: dict[Any, int] = dict(rows.annotate(number=Count("*")))
    return found


def _lock(model: type[Model], *columns: str, **which: Any) -> QuerySet[Any, Any]:
    rows = model._default_manager.filter(**which)  # noqa: SLF001
    return rows.order_by().select_for_update(no_key=True).values_list(*columns)
