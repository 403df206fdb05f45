"""What a client pushes as the jobs of a queue."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from servers.errors import ConflictError
from servers.models import Pool, Queue
from servers.pools.storing import follow_snapshot, prepare_snapshot
from servers.queues.push import read_body
from servers.queues.registry import describe_queue_kind
from servers.records.ledger import database_now


def push_demand(pool: Pool, body: Mapping[str, Any]) -> Queue:
    """Keep a push as all that the queue of a pool shows, and return the queue.

    The highest ``seq`` wins. The latest push may come twice, and changes nothing then.
    Raises InvalidError, or ConflictError: another kind of queue, a ``seq`` that is too
    low, or a queue that is disabled.
    """
    # A body that is wrong is told as such, whatever the queue is.
    read_body(body, database_now().timestamp())
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        queue = Queue.objects.select_for_update(no_key=True).get(pk=pool.queue_id)
        _check_queue(queue)
        if queue.seq is not None and (queue.seq, queue.digest) == (
            body.get("seq"),
            digest,
        ):
            return queue
        # After the lock: whoever waited for it may have been overtaken.
        now = database_now()
        shown = read_body(body, now.timestamp())
        if queue.seq is not None and body["seq"] <= queue.seq:
            raise ConflictError(
                f"seq {body['seq']} is not above {queue.seq}, the latest of "
                "this queue, so this push was ignored. Send a higher seq with "
                "each new state, such as the time in milliseconds."
            )
        kept = prepare_snapshot(queue, shown, now)
        Queue.objects.filter(pk=queue.pk).update(
            seq=body["seq"], digest=digest, **kept.values
        )
        follow_snapshot(kept)
    return Queue.objects.get(pk=queue.pk)


def _check_queue(queue: Queue) -> None:
    kind = describe_queue_kind(queue.kind)
    if not kind.is_pushed:
        raise ConflictError(
            f"The queue {queue.name} is read from {kind.label}, so it takes no "
            "pushes. Create a queue of the kind push for this pool."
        )
    if not queue.enabled:
        raise ConflictError(
            f"The queue {queue.name} is disabled, so this push was ignored. "
            "Enable the queue."
        )
