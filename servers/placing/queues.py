"""Queues as pools and the engine use them: their adapters. No call is made."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from servers.lifecycle.states import State
from servers.models import Queue
from servers.outgoing.fields import Field
from servers.queues.base import Host, QueueConfig, QueueSnapshot
from servers.queues.base import Queue as Port
from servers.queues.cordons import Cordons
from servers.queues.kind import QueueKind
from servers.queues.registrars import Registrar
from servers.queues.registry import describe_queue_kind, open_queue
from servers.records.limits import COUNTED
from servers.records.snapshots import load_snapshot


def open_queue_of(queue: Queue) -> Port:
    """Return the queue's adapter. Makes no call. Raises InvalidError."""
    kind = describe_queue_kind(queue.kind)
    return open_queue(queue.kind, _configure(queue, kind))


def open_cordons_of(queue: Queue) -> Cordons:
    """Return what cordons the queue's agents. Makes no call. Raises InvalidError.

    Its kind must be one whose API can.
    """
    kind = describe_queue_kind(queue.kind)
    assert kind.open_cordons is not None
    return kind.open_cordons(_configure(queue, kind))


def open_registrar_of(queue: Queue) -> Registrar:
    """Return what registers the queue's agents. Makes no call. Raises InvalidError.

    Its kind must be one whose API can.
    """
    kind = describe_queue_kind(queue.kind)
    assert kind.registers is not None
    return kind.registers.open(_configure(queue, kind))


def _configure(queue: Queue, kind: QueueKind) -> QueueConfig:
    return QueueConfig(
        url=queue.url or kind.default_url,
        credentials=_trim(json.loads(queue.credentials or "{}"), kind.credentials),
        options=_trim(queue.options, kind.all_options),
        scene=partial(_show_scene, queue),
    )


def _trim(given: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """Return the values, without white space where it was ignored by the checks."""
    exact = {field.name for field in fields if field.pattern}
    return {
        name: value.strip() if name in exact and isinstance(value, str) else value
        for name, value in given.items()
    }


def _show_scene(queue: Queue) -> tuple[QueueSnapshot | None, list[Host]]:
    """Return what a simulated queue showed last, and the servers of its pools."""
    rows = COUNTED.filter(
        pool__queue=queue.pk, state__in=[State.RUNNING, State.SHUTDOWN]
    )
    return load_snapshot(queue), [
        Host(
            name=server.name,
            slots=server.capacity,
            labels=server.pool.labels,
            takes_jobs=server.state == State.RUNNING and not server.cordoned,
        )
        for server in rows.select_related("pool").order_by("created_at", "pk")
        if server.pool is not None
    ]
