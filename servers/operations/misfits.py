"""What keeps a pool from working with its queue and its template.

One rule for three doors: it is checked whenever one of the three is saved. A pool that
is disabled, or whose queue is, creates nothing. It is checked only once both are
enabled, so that either can be disabled whatever is wrong.

If two of the three are saved at the same moment, each may fit only what the other was
before. So the fit is checked again at the end of the transaction, under a lock that all
three take.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Prefetch, QuerySet

from servers.machine.agents.table import AGENTS
from servers.models import Pool, Queue, Template, TemplatePlacement
from servers.operations.user_data import find_too_long
from servers.placing.registrations import explain_unregistered, find_registers
from servers.queues.registry import describe_queue_kind

MAX_TOLD: Final = 5
# A key of two numbers: the horizon of the events uses keys of one (migration 0010).
_LOCK: Final = "SELECT pg_advisory_xact_lock(6233831, 1)"
_Find = Callable[[Template], Iterable[TemplatePlacement]]
# What can be long, and is not needed.
_UNREAD: Final = ("memo", "why", "figures", "totals")
_UNREAD_OF_QUEUE: Final = ("credentials", "jobs", "agents", "unmatched", "cordons")


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a pool can't work, in sentences.

    The fields are those at which a pool, a queue and a template are told so.
    """

    said: str
    pool_field: str = "template"
    queue_field: str = "kind"
    template_field: str = ""


def hold_fit() -> None:
    """Let no other pool, queue or template be saved until the transaction ends.

    Call it once everything is written, and then check what is stored by now. It is the
    last lock that a transaction asks for, so there can be no deadlock. Locks on rows
    would not do: whoever reads a queue locks the queue and then its pools, and whoever
    carries out a plan locks the pool and then the account. SQLite needs no lock, since
    it has one writer at a time.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_LOCK)


def find_misfit(pool: Pool) -> Misfit | None:
    """Return what keeps a pool, saved or not, from working; None if nothing does.

    Its labels are a mapping of texts. A disabled one is checked only for what changes.
    Two queries at most.
    """
    if not pool.enabled:
        names = ("template_id", "queue_id", "labels")
        stored = Pool.objects.filter(pk=pool.pk).values_list(*names).first()
        if stored == tuple(getattr(pool, name) for name in names):
            return None

    def find(template: Template) -> Iterable[TemplatePlacement]:
        return template.placements.select_related("account")

    return next((found for _, found in _list_misfits([pool], find)), None)


def find_queue_misfits(queue: Queue) -> dict[str, list[str]]:
    """Return why a queue, saved or not, can't have its pools, by its field.

    Its settings were checked. Two queries at most.
    """
    if not queue.enabled:
        return {}
    places = TemplatePlacement.objects.select_related("account")
    pools = (
        _list_enabled()
        .filter(queue=queue.pk)
        .select_related("template")
        .prefetch_related(Prefetch("template__placements", places))
    )
    errors: dict[str, list[str]] = {}
    for pool, found in _list_misfits(
        _attach(pools, queue=queue), lambda template: template.placements.all()
    ):
        said = (
            f"The pool {pool.name}, with the template {pool.template.name}, follows "
            f"this queue and could not work any more. {found.said}"
        )
        errors.setdefault(found.queue_field, []).append(said)
    return _shorten(errors)


def find_template_misfits(
    template: Template, placements: Sequence[TemplatePlacement]
) -> dict[str, list[str]]:
    """Return why a template, saved or not, can't have its pools, by its field.

    The rest of it was checked. One query.
    """
    pools = _list_enabled().filter(template=template.pk, queue__enabled=True)
    pools = pools.select_related("queue").defer(
        *_UNREAD, *(f"queue__{name}" for name in _UNREAD_OF_QUEUE)
    )
    errors: dict[str, list[str]] = {}
    for pool, found in _list_misfits(
        _attach(pools, template=template), lambda _template: placements
    ):
        # What is wrong with the pool's labels is no matter of its template.
        if found.template_field:
            said = (
                f"The pool {pool.name}, of the queue {pool.queue.name}, creates "
                f"servers from {template.name} and could not any more. {found.said}"
            )
            errors.setdefault(found.template_field, []).append(said)
    return _shorten(errors)


def _list_enabled() -> QuerySet[Pool]:
    return Pool.objects.filter(enabled=True).defer(*_UNREAD).order_by("name")


def _attach(pools: Iterable[Pool], **rows: Any) -> list[Pool]:
    """Return pools with a queue or a template as it is to be."""
    found = list(pools)
    for pool in found:
        for name, row in rows.items():
            setattr(pool, name, row)
    return found


def _list_misfits(
    pools: Iterable[Pool], find_placements: _Find
) -> Iterator[tuple[Pool, Misfit]]:
    """Yield the pools that can't work."""
    measured: dict[tuple[object, str], str] = {}
    for pool in pools:
        found = (
            _check_labels(pool)
            or _check_template(pool)
            or _check_length(pool, find_placements, measured)
        )
        if found:
            yield pool, found


def _check_labels(pool: Pool) -> Misfit | None:
    said = describe_queue_kind(pool.queue.kind).check_labels(pool.labels)
    return Misfit(said, pool_field="labels") if said else None


def _check_template(pool: Pool) -> Misfit | None:
    template, queue = pool.template, pool.queue
    agent = AGENTS[template.agent_kind]
    if agent.one_build and template.capacity != 1:
        return Misfit(
            f"The agent {agent.label} ends after one build. Give the template a "
            "capacity of 1.",
            template_field="capacity",
        )
    if not (said := explain_unregistered(template, queue)):
        return None
    if find_registers(template, queue):  # its image can't use what the CI gives
        return Misfit(said, template_field="agent_image")
    registers = describe_queue_kind(queue.kind).registers
    is_able = registers is not None and registers.agent == template.agent_kind
    return Misfit(
        said,
        queue_field="options" if is_able else "kind",
        template_field="agent_environment",
    )


def _check_length(
    pool: Pool, find_placements: _Find, measured: dict[tuple[object, str], str]
) -> Misfit | None:
    """Tell whether the user data has room for what the CI gives each agent."""
    template, kind = pool.template, pool.queue.kind
    registers = find_registers(template, pool.queue)
    if registers is None or not template.calls_back:
        return None
    if (template.pk, kind) not in measured:
        places = find_placements(template)
        measured[template.pk, kind] = find_too_long(template, places, registers)
    said = measured[template.pk, kind]
    return Misfit(said, template_field="user_data") if said else None


def _shorten(errors: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: texts[:MAX_TOLD] for name, texts in errors.items()}
