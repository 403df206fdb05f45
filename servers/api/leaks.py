"""``/api/leaks``: the proof, and decisions about unknown instances."""

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from servers.access.reach import find_account, find_template
from servers.api.shared.bodies import Kind, read_body
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError, NotFoundError
from servers.models import Event, Token
from servers.operations import adopt_stray, delete_leftover, destroy_held, destroy_stray
from servers.records.ledger import database_now
from servers.reports.leaks import (
    Finding,
    LocationReport,
    Remainder,
    Report,
    Unconfirmed,
    list_history,
    report_leaks,
)
from servers.reports.server_json import render_server, to_seconds

PLACE: Final = {"account": Kind.TEXT, "region": Kind.TEXT}
ADOPTION: Final = {"template": Kind.TEXT}


class Leaks(ScopedView):
    """The comparison of the clouds' listings with the database."""

    def get(self, request: Request) -> Response:
        """Compare the clouds with the database, for one account or all."""
        account = request.query_params.get("account", "")
        if account:
            find_account(account)  # an unknown account would look clean
        report = report_leaks(now=database_now(), account=account)
        history = [_render_event(event) for event in list_history(account=account)]
        return Response(render_report(report) | {"history": history})


class DestroyStray(ScopedView):
    """Destroy an instance that needs a decision."""

    write_scope = Token.Scope.FLEET_ADMIN
    write_right = "servers.change_fleet"

    def post(self, request: Request, pk: int) -> Response:
        """Have an instance that needs a decision destroyed soon."""
        destroy_stray(pk)
        return Response(status=204)


class DeleteLeftover(ScopedView):
    """Delete a leftover of a terminated instance."""

    write_scope = Token.Scope.FLEET_ADMIN
    write_right = "servers.change_fleet"

    def post(self, request: Request, pk: int) -> Response:
        """Have a leftover of a terminated instance deleted soon."""
        delete_leftover(pk)
        return Response(status=204)


class DestroyHeld(ScopedView):
    """Destroy the instances of one location that are held because they are many."""

    write_scope = Token.Scope.FLEET_ADMIN
    write_right = "servers.change_fleet"

    def post(self, request: Request) -> Response:
        """Have all held orphans and doubles of one location destroyed soon."""
        data = read_body(self.body, PLACE, some=True)
        count = destroy_held(data.get("account", ""), region=data.get("region", ""))
        return Response({"condemned": count})


class AdoptStray(ScopedView):
    """Create a server for an unknown instance."""

    write_scope = Token.Scope.FLEET_ADMIN
    write_right = "servers.change_fleet"

    def post(self, request: Request, pk: int) -> Response:
        """Create a server for an unknown instance, with the template in the body."""
        name = read_body(self.body, ADOPTION).get("template", "")
        try:
            template = find_template(name) if name else None
        except NotFoundError as error:
            raise InvalidError(error.message) from None
        server = adopt_stray(pk, template=template)
        return Response(render_server(server, with_secrets=False))


def render_report(report: Report) -> dict[str, Any]:
    """Return the report as JSON. Times are Unix seconds, ages are seconds."""
    return {
        "clean": report.is_clean,
        "at": to_seconds(report.at),
        "scopes": [_render_location(location) for location in report.locations],
    }


def _render_location(report: LocationReport) -> dict[str, Any]:
    location = report.location
    return {
        "account": location.account.name,
        "region": location.region,
        "clean": report.is_clean,
        "compared": to_seconds(location.compared_at),
        "fresh": report.is_fresh,
        "error": location.error,
        "bound": int(report.bound.total_seconds()),
        "live": report.live,
        "owned": report.owned,
        "held": location.held,
        "counts": {
            "instances": report.unowned.total,
            "instances_outside": report.unowned.outside,
            "waits": report.waiting,
            "unconfirmed": report.ending.total,
            "unconfirmed_outside": report.ending.outside,
            "leftovers": report.left.total,
            "leftovers_outside": report.left.outside,
        },
        "findings": [_render_finding(finding) for finding in report.findings],
        "unconfirmed": [_render_unconfirmed(entry) for entry in report.unconfirmed],
        "leftovers": [_render_leftover(entry) for entry in report.leftovers],
    }


def _render_finding(finding: Finding) -> dict[str, Any]:
    instance = finding.instance
    return {
        "key": instance.pk,
        "id": instance.instance_id,
        "name": instance.name,
        "verdict": instance.verdict,
        "status": instance.raw_status,
        "age": int(finding.age.total_seconds()),
        "outside": finding.outside,
        "next": finding.next,
        "waits": finding.waits,
        "under_way": finding.is_under_way,
    }


def _render_event(event: Event) -> dict[str, Any]:
    return {
        "at": to_seconds(event.at),
        "kind": event.kind,
        "account": event.account.name if event.account else "",
        "server": event.server_name,
        "actor": event.actor,
        "reason": event.reason,
    }


def _render_leftover(entry: Remainder) -> dict[str, Any]:
    leftover = entry.leftover
    return {
        "key": leftover.pk,
        "id": leftover.resource_id,
        "kind": leftover.kind,
        "detail": leftover.detail,
        "age": int(entry.age.total_seconds()),
        "outside": entry.outside,
        "next": entry.next,
        "waits": entry.waits,
    }


def _render_unconfirmed(entry: Unconfirmed) -> dict[str, Any]:
    return {
        "name": entry.server.name,
        "age": int(entry.age.total_seconds()),
        "outside": entry.outside,
        "waiting": entry.server.waiting,
    }
