"""Save, check and delete queues of CI systems."""

import json
from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now

from servers.clouds.registry import NO_OBJECT, check_fields, check_url
from servers.errors import ConflictError, NotFoundError
from servers.models import Hook, Queue, Registration
from servers.operations.misfits import find_queue_misfits, hold_fit
from servers.operations.saving import clean_fields, raise_wrong, saving
from servers.operations.secrets import merge_credentials
from servers.queues.kind import POLL, QueueKind
from servers.queues.registry import describe_queue_kind
from servers.records.differences import list_differences, read_values
from servers.records.ledger import Fact, write_event
from servers.wording import count_of

QUEUE_FIELDS: Final = ("name", "kind", "url", "options", "enabled")
_OF_CONNECTION: Final = ("generation", "failures", "problem")
MOVED: Final = (
    "The URL or the kind of the queue changes, so enter all credentials again. "
    "Stored credentials are sent only to the address that they were entered "
    "for."
)


def save_queue(queue: Queue, *, credentials: Mapping[str, str] | None = None) -> Queue:
    """Check and save a queue. If ``credentials`` is None, it keeps its own.

    Otherwise they replace those that they name; "" removes one. A new URL or kind needs
    all of them again. Raises InvalidError or ConflictError (the name is taken).
    """
    before = Queue.objects.filter(pk=queue.pk).first()
    secrets = resolve_queue_credentials(before, queue, credentials)
    raise_wrong(check_queue_settings(queue, secrets))
    clean_fields(queue)
    queue.credentials = json.dumps(secrets, sort_keys=True)
    is_other = before is not None and asks_otherwise(before, queue, secrets)
    if before is not None and is_other:
        queue.generation = before.generation + 1
        queue.failures, queue.problem = 0, ""
    with saving(queue):
        if before is None:
            queue.save(force_insert=True)
        else:
            # What it showed, and who reads it, may have changed since it was loaded.
            more = _OF_CONNECTION if is_other else ()
            names = (*QUEUE_FIELDS, "credentials", *more)
            queue.save(force_update=True, update_fields=names)
        if before is None or is_other:
            # What it showed was another's, and it is read at once.
            is_pushed = describe_queue_kind(queue.kind).is_pushed
            Queue.objects.filter(pk=queue.pk).update(
                read_from=None,
                jobs=[],
                agents={},
                counts={},
                unmatched=[],
                seq=None,
                expires_at=None,
                refused_until=None,  # it refused calls of before
                next_read_at=None if is_pushed else Now(),
            )
        if before is not None and _is_moved(before, queue):
            Queue.objects.filter(pk=queue.pk).update(
                cordons={},
                cordon_problem="",
                runner_problem="",
                runners_after=None,
                runners_at=None,
                strays={},
            )
        if before is not None and _read_scope(before) != _read_scope(queue):
            # They may be of another CI, or of another organization, that is not asked
            # any more. If it is the same, they are found when all runners are listed.
            Registration.objects.filter(queue=queue).update(queue=None)
        if before is not None and before.kind != queue.kind:
            # Another CI signs otherwise, and does not know the secret.
            Hook.objects.filter(queue=queue).delete()
        if said := _describe_change(before, queue):
            write_event(Fact.QUEUE_CHANGED, reason=said)
        hold_fit()
        raise_wrong(find_queue_misfits(queue))
    return queue


def delete_queue(queue: Queue) -> None:
    """Delete a queue without pools. Raise NotFoundError or ConflictError."""
    try:
        with transaction.atomic():
            found = Queue.objects.select_for_update().filter(pk=queue.pk).first()
            if found is None:
                raise NotFoundError.named("queue", queue.name)
            if kept := explain_runners_kept(found):
                raise ConflictError(f"{queue.name} can't be deleted. {kept}")
            write_event(
                Fact.QUEUE_CHANGED, reason=f"The queue {queue.name} was deleted."
            )
            queue.delete()
    except ProtectedError:
        names = ", ".join(queue.pools.values_list("name", flat=True)[:5])
        raise ConflictError(
            f"{queue.name} can't be deleted, because pools follow it: {names}. Delete "
            "the pools first, or disable the queue."
        ) from None


def explain_runners_kept(queue: Queue) -> str:
    """Return why a queue can't be deleted as long as its CI has runners, or ""."""
    if not queue.enabled:
        return ""
    count = queue.registrations.filter(revoked_at=None).count()
    if not count:
        return ""
    are = "is" if count == 1 else "are"
    return (
        f"{count_of(count, 'runner')} at its CI {are} removed once the servers "
        "have stopped. Wait for that, or disable the queue first. Then they "
        "stay at the CI."
    )


def resolve_queue_credentials(
    before: Queue | None, queue: Queue, given: Mapping[str, str] | None
) -> dict[str, str]:
    """Return all credentials that a queue has from now on. Raises InvalidError."""
    return merge_credentials(
        before.credentials if before else "",
        given,
        moves=lambda: before is not None and _is_moved(before, queue),
        said=MOVED,
    )


def asks_otherwise(before: Queue, queue: Queue, secrets: Mapping[str, str]) -> bool:
    """Tell whether calls have another destination or other credentials."""
    return _is_moved(before, queue) or json.loads(before.credentials or "{}") != secrets


def _is_moved(before: Queue, queue: Queue) -> bool:
    """Tell whether calls of ``queue`` have another destination."""
    old, new = (
        (each.kind, each.url, _read_directions(each)) for each in (before, queue)
    )
    return old != new


def _read_scope(queue: Queue) -> tuple[object, ...]:
    """Return all that decides which runners a queue's calls are about."""
    options: object = queue.options
    known = dict(options) if isinstance(options, Mapping) else {}
    known.pop(POLL.name, None)
    return queue.kind, queue.url, known


def _read_directions(queue: Queue) -> dict[str, object]:
    """Return the options that decide where calls go."""
    options: object = queue.options
    return {
        option.name: options[option.name]
        for option in describe_queue_kind(queue.kind).options
        if option.directs and isinstance(options, Mapping) and option.name in options
    }


def check_queue_settings(
    queue: Queue, secrets: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return what is wrong with a queue's settings, by field. Makes no call.

    So is what would keep its pools from working.
    """
    kind = describe_queue_kind(queue.kind)
    errors = {
        "credentials": _check_credentials(kind, secrets),
        "options": _check_options(kind, queue.options),
    }
    if not kind.takes_url:
        if queue.url:
            errors["url"] = [f"{kind.label} has no URL. Leave it empty."]
    elif not queue.url and not kind.default_url:
        errors["url"] = [f"Enter the URL of {kind.label}."]
    elif queue.url and (message := check_url(queue.url)):
        errors["url"] = [message]
    wrong = {name: messages for name, messages in errors.items() if messages}
    return wrong or find_queue_misfits(queue)


def _check_credentials(kind: QueueKind, given: Mapping[str, str]) -> list[str]:
    wrong = check_fields(kind.credentials, given)
    if not wrong and (message := kind.check_credentials(given)):
        return [message]
    return wrong


def _check_options(kind: QueueKind, options: object) -> list[str]:
    if not isinstance(options, Mapping):
        return [NO_OBJECT]
    wrong = check_fields(kind.all_options, options)
    if not wrong and (message := kind.check_options(options)):
        return [message]
    return wrong


def _describe_change(before: Queue | None, queue: Queue) -> str:
    if before is None:
        return f"The queue {queue.name} was created."
    changes = "; ".join(
        list_differences(
            read_values(before, QUEUE_FIELDS) | {"credentials": before.credentials},
            read_values(queue, QUEUE_FIELDS) | {"credentials": queue.credentials},
            secret=["credentials"],
        )
    )
    return f"The queue {queue.name} was changed: {changes}." if changes else ""
