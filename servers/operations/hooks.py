"""Hooks of queues: create and remove their secrets, and take what comes.

A hook is a hint: it makes the next read of its queue due at once, or as soon as the CI
may be asked again. What it says is not read, since the queue itself says more. So a
lost hook costs the time until the next read, and a repeated or a false one nothing.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import get_script_prefix

from servers.errors import ConflictError, FleetError, InvalidError, NotFoundError
from servers.messaging import dispatch
from servers.models import Hook, HookDelivery, Queue
from servers.queues.hooks import GITHUB, Delivery, HookScheme, make_secret
from servers.queues.registry import describe_queue_kind
from servers.records.ledger import Fact, database_now, write_event

_GIVEN: Final = re.compile(r"[!-~]{16,500}")
REFUSED: Final = "This hook was refused."
# What strangers' signatures are compared with where there is no secret.
_NOBODY: Final = make_secret()


class RefusedHookError(FleetError):
    """Whoever sent it does not know the secret, or there is no such hook."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


def find_scheme(queue: Queue) -> HookScheme:
    """Return how a queue's CI signs. Raise ConflictError if it sends no hooks."""
    kind = describe_queue_kind(queue.kind)
    if kind.hook is None:
        raise ConflictError(
            f"{kind.label} sends no hooks. ServerFleet reads {queue.name} at "
            "its interval."
        )
    return kind.hook


def find_hook_url(queue: Queue, complete: Callable[[str], str]) -> str:
    """Return where a queue's hooks go, as the outside sees it.

    ``complete`` adds the scheme and the host by which ServerFleet was called to a path.
    They count unless its public URL is set.
    """
    path = f"api/hooks/{quote(queue.name, safe='')}"
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}/{path}"
    return complete(f"{get_script_prefix()}{path}")


def create_hook(queue: Queue, given: str | None = None) -> str:
    """Create a queue's hook, or give it another secret. Return it if it was made here.

    ``given`` is a secret that the CI has made. It can't be read again. Raises
    ConflictError if the queue's CI sends no hooks, and InvalidError.
    """
    make = find_scheme(queue).make_secret
    if given is not None and not _GIVEN.fullmatch(given):
        raise InvalidError.of(
            {"secret": ["Use 16 to 500 letters, digits and signs without spaces."]}
        )
    if make is None and not given:
        label = describe_queue_kind(queue.kind).label
        raise InvalidError.of({"secret": [f"Send the secret that {label} created."]})
    made = make() if make is not None and not given else ""
    secret = given or made
    with transaction.atomic():
        sealed = Hook._meta.get_field("secret").seal(secret, queue.pk)
        _, is_new = Hook.objects.update_or_create(
            queue=queue, defaults={"secret": sealed}
        )
        done = "was created" if is_new else "has a new secret"
        write_event(
            Fact.QUEUE_CHANGED, reason=f"The hook of the queue {queue.name} {done}."
        )
    return made


def delete_hook(queue: Queue) -> None:
    """Remove a queue's hook, so that its secret is worth nothing."""
    with transaction.atomic():
        gone, _ = Hook.objects.filter(queue=queue).delete()
        if not gone:
            raise NotFoundError(f"The queue {queue.name} has no hook.")
        write_event(
            Fact.QUEUE_CHANGED,
            reason=f"The hook of the queue {queue.name} was removed.",
        )


def check_delivery(name: str, delivery: Delivery) -> tuple[Hook, str]:
    """Return a queue's hook and the id of a delivery that its CI has sent.

    Raises RefusedHookError, whatever is wrong. As much is computed for a queue that
    does not exist, or has no hook, so that a stranger learns nothing from the time.
    """
    # PostgreSQL refuses NUL. No queue has such a name, nor an empty one.
    known = "" if "\0" in name else name
    hook = Hook.objects.select_related("queue").filter(queue__name=known).first()
    scheme = describe_queue_kind(hook.queue.kind).hook if hook else None
    digest = (scheme or GITHUB).verify(delivery, hook.secret if hook else _NOBODY)
    if hook is None or scheme is None or not digest:
        raise RefusedHookError
    return hook, digest


def take_delivery(hook: Hook, digest: str) -> bool:
    """Have the queue read soon. False: this delivery came before."""
    now = database_now()
    try:
        with transaction.atomic():
            HookDelivery.objects.create(hook=hook, digest=digest, at=now)
            # First this, then the queue's row: a read that ends now sees one of them.
            Hook.objects.filter(pk=hook.pk).update(came_at=now)
            _hasten(hook.queue, now)
    except IntegrityError:
        return False
    return True


def _hasten(queue: Queue, now: datetime) -> None:
    """Make the next read due as soon as the CI may be asked again."""
    rows = Queue.objects.filter(pk=queue.pk, enabled=True)
    if rows.exclude(read_after__gt=now).update(next_read_at=now):
        dispatch.hint(dispatch.READ, queue.pk)
    else:
        # Whoever gets a hint reads at once. The tick hints it when it may be asked.
        rows.update(next_read_at=F("read_after"))
