"""``/api/queues`` and ``/api/pools``: what servers follow, and how."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import (
    find_pool,
    find_queue,
    find_template,
    reach_pools,
    reach_queues,
)
from servers.api.schema.describe import describe
from servers.api.schema.parameters import DRAIN, REPLAY
from servers.api.serializers.hooks import HookSerializer
from servers.api.serializers.pools import (
    PoolPlanSerializer,
    PoolPolicySerializer,
    PoolSerializer,
    ReplaySerializer,
)
from servers.api.serializers.queues import QueueSerializer, QueueTestSerializer
from servers.api.shared.parameters import read_drain, read_number, refuse
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError, NotFoundError
from servers.models import Pool, Queue, Token
from servers.operations.hooks import (
    create_hook,
    delete_hook,
    find_hook_url,
    find_scheme,
)
from servers.operations.pools import delete_pool, save_pool
from servers.operations.queue_test import probe_queue
from servers.operations.queues import delete_queue, save_queue
from servers.pools.curve import MAX_DAYS, VARIED, draw_curve, read_record
from servers.records.ledger import database_now
from servers.reports.pools import show_jobs

MAX_PLANS: Final = 100
MAX_SHOWN: Final = 200  # jobs of a test
MAX_REPLAYED: Final = 10_000  # jobs, so that an answer takes seconds


class QueueViewSet(ScopedView, ViewSet):
    """The queues of CI systems. Credentials are write-only."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_queue"
    write_right = "servers.change_queue"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "create": ("servers.add_queue",),
        "destroy": ("servers.delete_queue",),
    }

    @describe("listQueues", QueueSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Return all queues, by name."""
        rows = reach_queues().select_related("hook").defer("jobs")
        return Response(QueueSerializer(rows, many=True).data)

    @describe(
        "createQueue", QueueSerializer, status=201, body=QueueSerializer, errors=[409]
    )
    def create(self, request: Request) -> Response:
        """Create a queue. Workers read it at once."""
        data = self.read(QueueSerializer)
        credentials = data.pop("credentials", {})
        queue = save_queue(Queue(**data), credentials=credentials)
        return Response(QueueSerializer(queue).data, status=201)

    @describe("getQueue", QueueSerializer, errors=[404])
    def retrieve(self, request: Request, name: str) -> Response:
        """Return a queue."""
        return Response(QueueSerializer(find_queue(name)).data)

    @describe("changeQueue", QueueSerializer, body=QueueSerializer, errors=[404, 409])
    def partial_update(self, request: Request, name: str) -> Response:
        """Change a queue. Omitted fields stay as they are, even credentials."""
        data = self.read(QueueSerializer)
        credentials = data.pop("credentials", None)
        with transaction.atomic():
            rows = reach_queues().select_for_update(no_key=True)
            queue = find_queue(name, rows=rows)
            for field, value in data.items():
                setattr(queue, field, value)
            save_queue(queue, credentials=credentials)
        return Response(QueueSerializer(find_queue(queue.name)).data)

    @describe("deleteQueue", status=204, errors=[404, 409])
    def destroy(self, request: Request, name: str) -> Response:
        """Delete a queue that no pool follows."""
        delete_queue(find_queue(name))
        return Response(status=204)

    @describe("testQueue", QueueTestSerializer, errors=[404])
    def test(self, request: Request, name: str) -> Response:
        """Read a queue now, and show its jobs and which pool would serve each."""
        queue = find_queue(name)
        found = probe_queue(queue)
        shown = {
            "works": not found.message,
            "message": found.message,
            "jobs": show_jobs(queue, found.jobs[:MAX_SHOWN]),
        }
        return Response(QueueTestSerializer(shown).data)

    @describe(
        "createHook",
        HookSerializer,
        status=201,
        body=HookSerializer,
        errors=[404, 409],
        says="Repeating it replaces the secret. Hooks only make the next read come at "
        "once, so nothing is lost while there are none.",
    )
    def create_hook(self, request: Request, name: str) -> Response:
        """Create a secret for a queue's hooks, and return it once."""
        given = self.read(HookSerializer).get("secret")
        queue = find_queue(name)
        scheme = find_scheme(queue)
        shown = {
            "url": find_hook_url(queue, request.build_absolute_uri),
            "secret": create_hook(queue, given),
            "setup": scheme.setup,
        }
        return Response(HookSerializer(shown).data, status=201)

    @describe("deleteHook", status=204, errors=[404])
    def delete_hook(self, request: Request, name: str) -> Response:
        """Remove a queue's hook."""
        delete_hook(find_queue(name))
        return Response(status=204)


class PoolViewSet(ScopedView, ViewSet):
    """The pools: servers that follow the jobs of a queue, by a policy."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_pool"
    write_right = "servers.change_pool"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "create": ("servers.add_pool",),
        "destroy": ("servers.delete_pool",),
    }

    @describe("listPools", PoolSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Return all pools, by name."""
        return Response(PoolSerializer(reach_pools(), many=True).data)

    @describe(
        "createPool",
        PoolSerializer,
        status=201,
        body=PoolSerializer,
        errors=[409],
        says="With `dry`, the pool says what it would do, and changes nothing.",
    )
    def create(self, request: Request) -> Response:
        """Create a pool."""
        pool = Pool()
        _fill_pool(pool, self.read(PoolSerializer))
        save_pool(pool)
        return Response(PoolSerializer(pool).data, status=201)

    @describe("getPool", PoolSerializer, errors=[404])
    def retrieve(self, request: Request, name: str) -> Response:
        """Return a pool, with its last plan."""
        return Response(PoolSerializer(find_pool(name)).data)

    @describe("changePool", PoolSerializer, body=PoolSerializer, errors=[404, 409])
    def partial_update(self, request: Request, name: str) -> Response:
        """Change a pool. Omitted fields stay as they are."""
        data = self.read(PoolSerializer)
        with transaction.atomic():
            rows = reach_pools().select_for_update(of=("self",), no_key=True)
            pool = find_pool(name, rows=rows)
            _fill_pool(pool, data)
            save_pool(pool)
        return Response(PoolSerializer(find_pool(pool.name)).data)

    @describe(
        "deletePool",
        status=204,
        errors=[404],
        parameters=[DRAIN],
        says="Its servers stay, unless you send `drain=true`. Protected ones stay in "
        "any case.",
    )
    def destroy(self, request: Request, name: str) -> Response:
        """Delete a pool."""
        delete_pool(find_pool(name), drain=read_drain(request))
        return Response(status=204)

    @describe("listPlans", PoolPlanSerializer(many=True), errors=[404])
    def plans(self, request: Request, name: str) -> Response:
        """Return the latest plans of a pool, the newest first."""
        rows = find_pool(name).plans.order_by("-at", "-pk")[:MAX_PLANS]
        return Response(PoolPlanSerializer(rows, many=True).data)

    @describe("listPolicies", PoolPolicySerializer(many=True), errors=[404])
    def policies(self, request: Request, name: str) -> Response:
        """Return the policies of a pool, the present one first.

        To go back to one, send it as the pool's `policy`.
        """
        rows = find_pool(name).policies.order_by("-number")[:MAX_PLANS]
        return Response(PoolPolicySerializer(rows, many=True).data)

    @describe(
        "replayPool",
        ReplaySerializer,
        errors=[404],
        parameters=REPLAY,
        says="Servers boot and fail as those of the pool's template did in the last "
        "week. With more slots, a server is as much dearer.",
    )
    def replay(self, request: Request, name: str) -> Response:
        """Return what other settings would have meant for the pool's own jobs."""
        query = request.query_params
        vary = query.get("vary", "idle")
        if vary not in VARIED:
            raise refuse("vary", f"Use one of {', '.join(VARIED)}.")
        days = read_number("days", query.get("days", "7"), 1, MAX_DAYS)
        pool = find_pool(name)
        record = read_record(pool, now=database_now(), days=days, most=MAX_REPLAYED)
        found = {
            "jobs": len(record.jobs),
            "boot": record.cloud.boot,
            "failing": record.cloud.failing,
            "mean": record.mean,
            "p95": record.p95,
            "points": draw_curve(pool, record, vary) if record.jobs else [],
        }
        return Response(ReplaySerializer(found).data)


def _fill_pool(pool: Pool, data: dict[str, Any]) -> None:
    """Set the fields of a pool, unsaved. Raise InvalidError."""
    for field, find in (("template", find_template), ("queue", find_queue)):
        given = data.pop(field, None)
        if given is not None:
            name = given["name"] if isinstance(given, Mapping) else given
            try:
                setattr(pool, field, find(name))
            except NotFoundError as error:
                fields = {field: [error.message]}
                raise InvalidError(error.message, fields=fields) from None
        elif getattr(pool, f"{field}_id") is None:
            raise InvalidError.of({field: [f"Name a {field}."]})
    for field, value in data.items():
        setattr(pool, field, value)
