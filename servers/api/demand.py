"""``PUT /api/pools/{name}/demand``: the jobs of a queue, pushed by a client."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import find_pool
from servers.api.schema.describe import describe
from servers.api.serializers.demand import DemandAnswerSerializer, DemandSerializer
from servers.api.shared.views import ScopedView
from servers.models import Token
from servers.pools import push_demand


class DemandViewSet(ScopedView, ViewSet):
    """What clients push."""

    write_scope: ClassVar[str | None] = Token.Scope.DEMAND_WRITE
    write_right = "servers.change_pool"

    @describe(
        "pushDemand",
        DemandAnswerSerializer,
        body=DemandSerializer,
        errors=[404, 409],
        says="The pool's queue is of the kind `push`. Each push replaces all that it "
        "showed before, also for other pools that follow it, and the pools are planned "
        "at once. The latest push may be repeated.",
    )
    def push(self, request: Request, name: str) -> Response:
        """Replace the jobs of a pool's queue."""
        queue = push_demand(find_pool(name), self.read(DemandSerializer))
        return Response(DemandAnswerSerializer(queue).data)
