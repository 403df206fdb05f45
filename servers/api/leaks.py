"""``/api/leaks``: the proof, and decisions about unknown instances."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import find_account, find_template
from servers.api.schema.describe import describe
from servers.api.schema.parameters import LEAKS_ACCOUNT
from servers.api.serializers.leaks import (
    AdoptionSerializer,
    CondemnedSerializer,
    LeaksSerializer,
    PlaceSerializer,
)
from servers.api.serializers.servers import ServerSerializer
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError, NotFoundError
from servers.models import Token
from servers.operations.unowned import (
    adopt_unowned,
    delete_leftover,
    destroy_held,
    destroy_unowned,
)
from servers.records.ledger import database_now
from servers.reports.leaks.load import list_history, report_leaks
from servers.reports.server_json import render_server


class LeakViewSet(ScopedView, ViewSet):
    """The comparison of the clouds' listings with the database, and decisions."""

    write_scope = Token.Scope.FLEET_ADMIN
    write_right = "servers.change_fleet"

    @describe("getLeaks", LeaksSerializer, errors=[404], parameters=[LEAKS_ACCOUNT])
    def show(self, request: Request) -> Response:
        """Compare the clouds with the database, for one account or all."""
        account = request.query_params.get("account", "")
        if account:
            find_account(account)  # an unknown account would look clean
        report = report_leaks(now=database_now(), account=account)
        history = list_history(account=account)
        shown = LeaksSerializer({"report": report, "history": history})
        return Response(shown.data)

    @describe("destroyInstance", status=204, errors=[404, 409])
    def destroy(self, request: Request, pk: int) -> Response:
        """Have an instance that needs a decision destroyed soon."""
        destroy_unowned(pk)
        return Response(status=204)

    @describe("deleteLeftover", status=204, errors=[404, 409])
    def delete_leftover(self, request: Request, pk: int) -> Response:
        """Have a leftover of a terminated instance deleted soon."""
        delete_leftover(pk)
        return Response(status=204)

    @describe(
        "destroyHeld", CondemnedSerializer, body=PlaceSerializer, errors=[404, 409]
    )
    def destroy_held(self, request: Request) -> Response:
        """Have all held orphans and doubles of one location destroyed soon."""
        data = self.read(PlaceSerializer)
        count = destroy_held(data.get("account", ""), region=data.get("region", ""))
        return Response(CondemnedSerializer({"condemned": count}).data)

    @describe(
        "adoptInstance", ServerSerializer, body=AdoptionSerializer, errors=[404, 409]
    )
    def adopt(self, request: Request, pk: int) -> Response:
        """Create a server for an unknown instance, with the template in the body."""
        name = self.read(AdoptionSerializer).get("template", "")
        try:
            template = find_template(name) if name else None
        except NotFoundError as error:
            raise InvalidError(error.message) from None
        server = adopt_unowned(pk, template=template)
        return Response(render_server(server, with_secrets=False))
