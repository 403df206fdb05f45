"""``/api/templates`` and ``/api/accounts``: how and where servers are created."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, Final

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import (
    find_account,
    find_template,
    reach_accounts,
    reach_templates,
)
from servers.api.shared.bodies import Kind, read_body
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError, NotFoundError
from servers.models import Account, Location, Template, TemplatePlacement, Token
from servers.models.template import PlacementFields
from servers.operations import (
    Trial,
    check_places,
    close_breaker,
    delete_account,
    delete_template,
    find_trial,
    save_account,
    save_template,
    try_template,
)
from servers.operations.accounttest import probe_account
from servers.operations.setup import MOST_PLACEMENTS, PRICE
from servers.reports.health import summarise_health
from servers.reports.server_json import to_seconds

PLACEMENT: Final = {
    **dict.fromkeys(("account", "region", "image", "size", "ssh_key"), Kind.TEXT),
    "options": Kind.OBJECT,
    "spot": Kind.FLAG,
    "price_per_hour": Kind.TEXT_OR_NONE,
}
TEMPLATE_FIELDS: Final = {
    # The short form of the first placement.
    **PLACEMENT,
    **dict.fromkeys(
        ("name", "user_data", "readiness", "name_prefix", "overrides"), Kind.TEXT
    ),
    **dict.fromkeys(("capacity", "readiness_port", "ttl"), Kind.NUMBER),
    "labels": Kind.LABELS,
    "placements": Kind.LIST,
    "is_default": Kind.FLAG,
    "max_servers": Kind.NUMBER_OR_NONE,
}
ACCOUNT_FIELDS: Final = {
    **dict.fromkeys(("name", "kind", "endpoint", "region"), Kind.TEXT),
    **dict.fromkeys(
        ("max_servers", "creates_per_minute", "calls_at_once"), Kind.NUMBER
    ),
    "credentials": Kind.LABELS,
    "options": Kind.OBJECT,
    "enabled": Kind.FLAG,
}


class TemplateViewSet(ScopedView, ViewSet):
    """The templates. Each change creates a new version; servers keep theirs."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_template"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "create": ("servers.add_template",),
            "partial_update": ("servers.change_template",),
            "destroy": ("servers.delete_template",),
            "begin_try": ("servers.change_template", "servers.add_server"),
        }
    )

    def list(self, request: Request) -> Response:
        """Return all templates, by name."""
        rows = reach_templates().prefetch_related("placements").order_by("name")
        return Response([render_template(row) for row in rows])

    def create(self, request: Request) -> Response:
        """Create a template."""
        template = Template()
        data = read_body(self.body, TEMPLATE_FIELDS, some=True)
        placements = _fill_template(template, data)
        if not read_unchecked(request):
            check_places(template, placements, before=None)
        save_template(template, placements)
        return Response(render_template(template), status=201)

    def retrieve(self, request: Request, name: str) -> Response:
        """Return a template."""
        return Response(render_template(find_template(name)))

    def partial_update(self, request: Request, name: str) -> Response:
        """Change a template. Omitted fields stay as they are."""
        data = read_body(self.body, TEMPLATE_FIELDS, some=True)
        if not read_unchecked(request):
            # A network call, so before the transaction.
            template = find_template(name)
            placements = _fill_template(template, dict(data))
            check_places(
                template,
                placements,
                before=find_template(name),
                user_data=data.get("user_data"),
            )
        with transaction.atomic():
            template = _lock_template(name)
            placements = _fill_template(template, dict(data))
            save_template(template, placements, user_data=data.get("user_data"))
        return Response(render_template(template))

    def destroy(self, request: Request, name: str) -> Response:
        """Delete a template that no server needs."""
        delete_template(find_template(name))
        return Response(status=204)

    def begin_try(self, request: Request, name: str) -> Response:
        """Try a template with a server that is terminated once it is ready or fails."""
        server = try_template(find_template(name))
        return Response({"server": server.name}, status=202)

    def show_try(self, request: Request, name: str) -> Response:
        """Return the outcome and the steps of the latest trial run of a template."""
        return Response(_render_trial(find_trial(find_template(name))))


class AccountViewSet(ScopedView, ViewSet):
    """The accounts at clouds. Credentials are write-only."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_account"
    write_right = "servers.change_account"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "create": ("servers.add_account",),
            "destroy": ("servers.delete_account",),
        }
    )

    def list(self, request: Request) -> Response:
        """Return all accounts, by name."""
        rows = reach_accounts().prefetch_related("locations")
        return Response([render_account(row) for row in rows])

    def create(self, request: Request) -> Response:
        """Create an account."""
        data = read_body(self.body, ACCOUNT_FIELDS, some=True)
        credentials = data.pop("credentials", {})
        account = save_account(Account(**data), credentials=credentials)
        return Response(render_account(account), status=201)

    def retrieve(self, request: Request, name: str) -> Response:
        """Return an account."""
        return Response(render_account(find_account(name)))

    def partial_update(self, request: Request, name: str) -> Response:
        """Change an account. Omitted fields stay as they are, even credentials."""
        data = read_body(self.body, ACCOUNT_FIELDS, some=True)
        credentials = data.pop("credentials", None)
        with transaction.atomic():
            account = _lock_account(name)
            for field, value in data.items():
                setattr(account, field, value)
            account = save_account(account, credentials=credentials)
        return Response(render_account(account))

    def destroy(self, request: Request, name: str) -> Response:
        """Delete an account that nothing needs."""
        delete_account(find_account(name))
        return Response(status=204)

    def test(self, request: Request, name: str) -> Response:
        """Test the credentials of an account at its cloud, and wait for the result."""
        findings = probe_account(find_account(name))
        return Response(
            {
                # Locations that were not tested don't count.
                "works": all(finding.works for finding in findings if finding.tested),
                "findings": [
                    {
                        "region": finding.region,
                        "works": finding.works,
                        "tested": finding.tested,
                        "message": finding.message,
                    }
                    for finding in findings
                ],
            }
        )

    def close(self, request: Request, name: str) -> Response:
        """Close the circuit breaker of an account to allow creates again."""
        account = find_account(name)
        close_breaker(account)
        account.refresh_from_db()
        return Response(render_account(account))


def read_unchecked(request: Request) -> bool:
    """Return whether to save a template without asking its cloud."""
    given = request.query_params.getlist("unchecked")
    if given in ([], ["false"]):
        return False
    if given == ["true"]:
        return True
    raise InvalidError(
        "unchecked must be true or false.",
        fields={"unchecked": ["Use true or false."]},
    )


def render_template(template: Template) -> dict[str, Any]:
    """Return a template as JSON. Of the user data, say only whether there is any."""
    placements = [_render_placement(each) for each in template.placements.all()]
    return {
        "name": template.name,
        "version": template.version,
        **placements[0],  # the fields of the first stand at the top, too
        "placements": placements,
        "capacity": template.capacity,
        "has_user_data": bool(template.user_data),
        "labels": template.labels,
        "readiness": template.readiness,
        "readiness_port": template.readiness_port,
        "ttl": template.ttl,
        "name_prefix": template.name_prefix,
        "overrides": template.overrides,
        "max_servers": template.max_servers,
        "is_default": template.is_default,
    }


def _render_placement(placement: PlacementFields) -> dict[str, Any]:
    price = placement.price_per_hour
    return {
        "account": placement.account.name,
        "region": placement.region,
        "image": placement.image,
        "size": placement.size,
        "ssh_key": placement.ssh_key,
        "options": placement.options,
        "spot": placement.spot,
        "price_per_hour": None if price is None else str(price),
    }


def render_account(account: Account) -> dict[str, Any]:
    """Return an account as JSON with its locations but without its credentials."""
    locations = sorted(account.locations.all(), key=lambda row: row.region)
    health = summarise_health(locations)
    return {
        "name": account.name,
        "kind": account.kind,
        "endpoint": account.endpoint,
        "region": account.region,
        "options": account.options,
        "identity": account.identity,
        "max_servers": account.max_servers,
        "creates_per_minute": account.creates_per_minute,
        "calls_at_once": account.calls_at_once,
        "enabled": account.enabled,
        "health": health.health,
        "health_note": health.note,
        "health_since": to_seconds(health.since),
        "locations": [_render_location(row) for row in locations],
        "breaker": account.breaker,
        "breaker_note": account.breaker_note,
    }


def _render_location(location: Location) -> dict[str, Any]:
    return {
        "region": location.region,
        "health": location.health,
        "health_note": location.error,
        "health_since": to_seconds(location.health_since),
        "compared": to_seconds(location.compared_at),
    }


def _render_trial(trial: Trial) -> dict[str, Any]:
    return {
        "server": trial.server.name,
        "state": trial.server.state,
        "outcome": trial.outcome,
        "boot_seconds": trial.boot_seconds,
        "queued_seconds": trial.queued_seconds,
        "gone": trial.gone,
        "error": trial.error,
        "steps": [
            {
                "state": step.state,
                "at": to_seconds(step.at),
                "seconds": round(step.seconds, 3),
            }
            for step in trial.steps
        ],
    }


def _fill_template(template: Template, data: dict[str, Any]) -> list[TemplatePlacement]:
    """Set the fields of a template, unsaved. Return the placements that it gets."""
    short = {name: data.pop(name) for name in PLACEMENT if name in data}
    given = data.pop("placements", None)
    for field, value in data.items():
        setattr(template, field, value)
    if given is not None:
        if short:
            message = "Send either placements, or the fields of one."
            raise InvalidError(
                f"placements: {message}", fields={"placements": [message]}
            )
        # One too many is enough to be refused.
        few = given[: MOST_PLACEMENTS + 1]
        return [_read_placement(number, entry) for number, entry in enumerate(few)]
    placements = list(template.placements.all()) if template.version else []
    first = placements[0] if placements else TemplatePlacement()
    _fill_placement(first, short)
    return [first, *placements[1:]]


def _read_placement(number: int, entry: Any) -> TemplatePlacement:
    try:
        if not isinstance(entry, dict):
            raise InvalidError("Send an object.")
        placement = TemplatePlacement()
        _fill_placement(placement, read_body(entry, PLACEMENT))
    except InvalidError as error:
        message = f"Placement {number + 1}: {error.message}"
        raise InvalidError(
            f"placements: {message}", fields={"placements": [message]}
        ) from None
    return placement


def _fill_placement(placement: TemplatePlacement, data: dict[str, Any]) -> None:
    if "account" in data:
        try:
            data["account"] = find_account(data["account"])
        except NotFoundError as error:
            fields = {"account": [error.message]}
            raise InvalidError(error.message, fields=fields) from None
    if data.get("price_per_hour") is not None:
        data["price_per_hour"] = _read_price(data["price_per_hour"])
    for field, value in data.items():
        setattr(placement, field, value)
    if placement.account_id is None:
        raise InvalidError(
            "account: Name an account.", fields={"account": ["Name an account."]}
        )


def _read_price(text: str) -> Decimal:
    # Decimal itself also accepts signs, exponents, spaces and Infinity.
    if not PRICE.fullmatch(text):
        message = "Send a decimal number as a string, such as 0.0425."
        raise InvalidError(
            f"price_per_hour: {message}", fields={"price_per_hour": [message]}
        )
    return Decimal(text)


def _lock_template(name: str) -> Template:
    """Return a template, locked so that no concurrent change is undone."""
    return find_template(name, rows=reach_templates().select_for_update(no_key=True))


def _lock_account(name: str) -> Account:
    return find_account(name, rows=reach_accounts().select_for_update(no_key=True))
