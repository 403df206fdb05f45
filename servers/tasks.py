"""The Celery tasks: a few lines each, safe to run twice, late, or never."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django.conf import settings
from django.db import close_old_connections

from servers import engine, pools, reconciler, tracing, workload
from servers.messaging.dispatch import read_rows
from servers.operations.catalogue import follow_hint, hint_catalogues


def _as_worker(run: Callable[..., None]) -> Callable[..., None]:
    """Run a task as the actor *worker*, with the id of the request that hinted it."""

    @wraps(run)
    def bound(self: "Task[Any, Any]", *args: Any) -> None:
        # Connections outlive a task. Drop those that the database has closed.
        with workload.running():
            close_old_connections()
            request_id = (self.request.headers or {}).get("request_id", "")
            with tracing.bound(request_id=request_id, actor="worker"):
                run(*args)

    return bound


class _Pace:
    """A limit of one call per ``seconds`` in this process."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.lock = threading.Lock()
        self.next = 0.0

    def admit(self, now: float) -> bool:
        """Tell whether the next call is allowed; ``now`` is an uptime in seconds."""
        with self.lock:
            if now < self.next:
                return False
            self.next = now + self.seconds
            return True


# After a break, a worker must not run all the ticks of an hour.
_ticks = _Pace(settings.TICK_SECONDS / 2)


@shared_task(name="servers.tasks.tick", bind=True)
@_as_worker
def tick() -> None:
    """Send hints for everything that is due."""
    if _ticks.admit(time.monotonic()):
        reconciler.tick()


@shared_task(name="servers.tasks.advance", bind=True)
@_as_worker
def advance(server_id: str) -> None:
    """Take one step of a server."""
    engine.advance(UUID(server_id))


@shared_task(name="servers.tasks.observe", bind=True)
@_as_worker
def observe(location_id: str) -> None:
    """List one location."""
    reconciler.observe_location(int(location_id))


@shared_task(name="servers.tasks.destroy_condemned", bind=True)
@_as_worker
def destroy_condemned(instance_id: str) -> None:
    """Send the destroy call for a condemned instance."""
    engine.destroy_condemned(int(instance_id))


@shared_task(name="servers.tasks.read_queue", bind=True)
@_as_worker
def read_queue(queue_id: str) -> None:
    """Read one queue."""
    pools.read_queue(UUID(queue_id))


@shared_task(name="servers.tasks.plan_pools", bind=True)
@_as_worker
def plan_pools(pool_ids: str) -> None:
    """Plan pools together, and carry each plan out."""
    pools.plan_pools(read_rows(pool_ids))


@shared_task(name="servers.tasks.cordon_agents", bind=True)
@_as_worker
def cordon_agents(pool_id: str) -> None:
    """Have the CI of a pool send no more jobs to its cordoned servers."""
    pools.cordon_agents(UUID(pool_id))


@shared_task(name="servers.tasks.purge", bind=True)
@_as_worker
def purge() -> None:
    """Delete old records."""
    reconciler.purge_history()


@shared_task(name="servers.tasks.refresh_catalogues", bind=True)
@_as_worker
def refresh_catalogues() -> None:
    """Send a hint for each catalogue that is due."""
    hint_catalogues()


@shared_task(name="servers.tasks.refresh_catalogue", bind=True)
@_as_worker
def refresh_catalogue(name: str) -> None:
    """Ask what one location offers."""
    follow_hint(name)
