"""Save, switch and delete pools."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Now

from servers import tracing
from servers.errors import ConflictError, NotFoundError
from servers.lifecycle.pools.policy import Policy, check_policy, parse_policy
from servers.messaging import dispatch
from servers.models import Pool, Queue, Server, Template
from servers.operations.misfits import find_misfit, hold_fit
from servers.operations.saving import clean_fields, raise_wrong, saving
from servers.operations.terminate import terminate_server
from servers.queues.registry import describe_queue_kind
from servers.records.differences import list_differences, read_values
from servers.records.ledger import Fact, database_now, write_event
from servers.records.limits import COUNTED
from servers.wording import count_of

POOL_FIELDS: Final = (
    *("name", "template", "queue", "labels", "priority", "policy"),
    *("enabled", "dry", "frozen"),
)
MAX_LABELS: Final = 50
MAX_LETTERS: Final = 200


def read_policy(stored: Mapping[str, Any], *, slots: int) -> Policy:
    """Return a pool's stored policy, for servers of so many slots."""
    return parse_policy({**stored, "slots": slots})[0]


def save_pool(pool: Pool) -> Pool:
    """Check and save a pool, and have it planned.

    Raises InvalidError or ConflictError (the name is taken, or it changed meanwhile).
    """
    before = Pool.objects.filter(pk=pool.pk).first()
    raise_wrong(check_pool_settings(pool))
    clean_fields(pool)
    with saving(pool):
        _hold_rows(before, pool)
        if before is None:
            pool.save(force_insert=True)
        else:
            # A plan that was made before must not be carried out after.
            pool.save(force_update=True, update_fields=POOL_FIELDS)
            Pool.objects.filter(pk=pool.pk).update(
                fence=F("fence") + 1, next_plan_at=Now()
            )
        _keep_policy(before, pool)
        if said := _describe_change(before, pool):
            write_event(Fact.POOL_CHANGED, reason=said)
        # A read also finds which jobs no pool can run now, and hints the plan.
        if pool.queue.enabled:
            dispatch.hint(dispatch.READ, pool.queue_id)
        dispatch.hint(dispatch.PLAN, pool.pk)
        hold_fit()
        rows = Pool.objects.select_related("queue", "template")
        raise_wrong(_find_misfits(rows.get(pk=pool.pk)))
    return pool


def _hold_rows(before: Pool | None, pool: Pool) -> None:
    """Lock the new queue and template of a pool, so that neither can be deleted.

    Whether they exist is checked here, because foreign keys are checked only at the
    commit.
    """
    for model, field in ((Queue, "queue"), (Template, "template")):
        pk = getattr(pool, f"{field}_id")
        if before is not None and getattr(before, f"{field}_id") == pk:
            continue
        rows = model.objects.select_for_update(no_key=True).order_by().filter(pk=pk)
        if not rows.values_list("pk"):
            raise ConflictError(
                f"The {field} was deleted meanwhile, so nothing was saved.",
                fields={field: [f"This {field} no longer exists. Choose another."]},
            )


def delete_pool(pool: Pool, *, drain: bool) -> None:
    """Delete a pool. Its servers stay as they are, or are drained and terminated.

    Protected servers stay in any case. Raises NotFoundError.
    """
    with transaction.atomic():
        if not Pool.objects.select_for_update().filter(pk=pool.pk).first():
            raise NotFoundError.named("pool", pool.name)
        names = list(
            COUNTED.filter(pool=pool, protected=False).values_list("name", flat=True)
        )
        kept = "are drained and terminated" if drain else "stay"
        write_event(
            Fact.POOL_CHANGED,
            reason=f"The pool {pool.name} was deleted. Its "
            f"{count_of(len(names), 'server')} {kept}.",
        )
        Server.objects.filter(pool=pool).update(pool=None)
        pool.delete()
        for name in names if drain else ():
            try:
                with transaction.atomic():
                    terminate_server(name)
            except (ConflictError, NotFoundError):
                continue  # it was protected or purged meanwhile


def count_members(pool: Pool) -> tuple[int, int]:
    """Return how many servers a pool has, and how many of them are protected."""
    found: dict[str, int] = COUNTED.filter(pool=pool).aggregate(
        all=Count("pk"), protected=Count("pk", filter=Q(protected=True))
    )
    return found["all"], found["protected"]


def check_pool_settings(pool: Pool) -> dict[str, list[str]]:
    """Return what is wrong with a pool's settings, by field."""
    errors: dict[str, list[str]] = {}
    if message := _check_form(pool.labels):
        errors["labels"] = [message]
    given: Any = pool.policy
    if not isinstance(given, Mapping):
        errors["policy"] = ["The policy must be a JSON object."]
    elif "slots" in given:
        errors["policy"] = ["The slots of a server are the capacity of its template."]
    else:
        policy, wrong = parse_policy(given)
        wrong = wrong or dict(check_policy(policy))
        if wrong:
            errors["policy"] = [f"{name}: {said}" for name, said in wrong.items()]
    return errors if "labels" in errors else _find_misfits(pool) | errors


def _find_misfits(pool: Pool) -> dict[str, list[str]]:
    found = find_misfit(pool)
    return {found.pool_field: [found.said]} if found else {}


def check_pool_labels(pool: Pool) -> str:
    """Return what is wrong with a pool's labels, or "". It needs no template yet."""
    if message := _check_form(pool.labels):
        return message
    return describe_queue_kind(pool.queue.kind).check_labels(pool.labels)


def _check_form(labels: Any) -> str:
    if not isinstance(labels, Mapping) or len(labels) > MAX_LABELS:
        return f"Use a JSON object of at most {MAX_LABELS} labels."
    for name, value in labels.items():
        texts = (name, value)
        if not all(
            isinstance(text, str) and len(text) <= MAX_LETTERS and text.isprintable()
            for text in texts
        ):
            return f"Use names and values of at most {MAX_LETTERS} characters."
    return ""


def _keep_policy(before: Pool | None, pool: Pool) -> None:
    """Number each policy that a pool gets, so that one can go back to it."""
    if before is not None and before.policy == pool.policy:
        return
    last = pool.policies.aggregate(last=Max("number"))["last"] or 0
    if before is not None and not last:  # it is older than this record
        last = 1
        pool.policies.create(number=last, policy=before.policy, at=before.created_at)
    pool.policies.create(
        number=last + 1,
        policy=pool.policy,
        at=database_now(),
        actor=tracing.get_actor()[:100],
    )


def _describe_change(before: Pool | None, pool: Pool) -> str:
    if before is None:
        return f"The pool {pool.name} was created."
    changes = "; ".join(
        list_differences(
            read_values(before, POOL_FIELDS), read_values(pool, POOL_FIELDS)
        )
    )
    return f"The pool {pool.name} was changed: {changes}." if changes else ""
