"""``/api/templates`` and ``/api/accounts``: how and where servers are created."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import (
    find_account,
    find_template,
    load_placed,
    reach_accounts,
    reach_templates,
)
from servers.api.schema.describe import describe
from servers.api.schema.parameters import UNCHECKED
from servers.api.serializers.accounts import AccountSerializer, AccountTestSerializer
from servers.api.serializers.templates import TemplateSerializer
from servers.api.serializers.trials import TrialBegunSerializer, TrialSerializer
from servers.api.shared.parameters import read_unchecked
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError, NotFoundError
from servers.models import Account, Template, TemplatePlacement, Token
from servers.models.placement import PLACEMENT_FIELDS
from servers.operations.account_test import probe_account
from servers.operations.accounts import close_breaker, delete_account, save_account
from servers.operations.places import check_places
from servers.operations.secrets import SECRET_FIELDS
from servers.operations.templates import delete_template, save_template
from servers.operations.trial import find_trial, try_template
from servers.reports.catalogue import note_doubts

_ASKS: Final = (
    "If something changes that the cloud can check, the cloud is asked first. This can "
    "take some seconds. You get a 400 if the cloud refuses the image, the size or an "
    "option, and a 503 if the cloud did not confirm them. `unchecked` skips the check."
)


class TemplateViewSet(ScopedView, ViewSet):
    """The templates. Each change creates a new version; servers keep theirs."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_template"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "create": ("servers.add_template",),
        "partial_update": ("servers.change_template",),
        "destroy": ("servers.delete_template",),
        "begin_try": ("servers.change_template", "servers.add_server"),
    }

    @describe("listTemplates", TemplateSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Return all templates, by name."""
        rows = note_doubts(load_placed(reach_templates().order_by("name")))
        return Response(TemplateSerializer(rows, many=True).data)

    @describe(
        "createTemplate",
        TemplateSerializer,
        status=201,
        body=TemplateSerializer,
        errors=[409, 503],
        parameters=[UNCHECKED],
        says=_ASKS,
    )
    def create(self, request: Request) -> Response:
        """Create a template."""
        template = Template()
        data = self.read(TemplateSerializer)
        placements = _fill_template(template, data)
        if not read_unchecked(request):
            check_places(template, placements, before=None)
        save_template(template, placements)
        return Response(TemplateSerializer(template).data, status=201)

    @describe("getTemplate", TemplateSerializer, errors=[404])
    def retrieve(self, request: Request, name: str) -> Response:
        """Return a template."""
        return Response(TemplateSerializer(find_template(name)).data)

    @describe(
        "changeTemplate",
        TemplateSerializer,
        body=TemplateSerializer,
        errors=[404, 409, 503],
        parameters=[UNCHECKED],
        says=_ASKS,
    )
    def partial_update(self, request: Request, name: str) -> Response:
        """Change a template. Omitted fields stay as they are."""
        data = self.read(TemplateSerializer)
        if not read_unchecked(request):
            # A network call, so before the transaction.
            template = find_template(name)
            placements = _fill_template(template, dict(data))
            check_places(
                template,
                placements,
                before=find_template(name),
                entered=SECRET_FIELDS & data.keys(),
            )
        with transaction.atomic():
            rows = reach_templates().select_for_update(no_key=True)
            template = find_template(name, rows=rows)  # no concurrent change is undone
            placements = _fill_template(template, dict(data))
            save_template(template, placements, entered=SECRET_FIELDS & data.keys())
        return Response(TemplateSerializer(template).data)

    @describe("deleteTemplate", status=204, errors=[404, 409])
    def destroy(self, request: Request, name: str) -> Response:
        """Delete a template that no server needs."""
        delete_template(find_template(name))
        return Response(status=204)

    @describe("tryTemplate", TrialBegunSerializer, status=202, errors=[404, 409])
    def begin_try(self, request: Request, name: str) -> Response:
        """Try a template with a server that is terminated once it is ready or fails."""
        server = try_template(find_template(name))
        return Response(TrialBegunSerializer(server).data, status=202)

    @describe("getTrial", TrialSerializer, errors=[404])
    def show_try(self, request: Request, name: str) -> Response:
        """Return the outcome and the steps of the latest trial run of a template."""
        return Response(TrialSerializer(find_trial(find_template(name))).data)


class AccountViewSet(ScopedView, ViewSet):
    """The accounts at clouds. Credentials are write-only."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_account"
    write_right = "servers.change_account"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "create": ("servers.add_account",),
        "destroy": ("servers.delete_account",),
    }

    @describe("listAccounts", AccountSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Return all accounts, by name."""
        rows = reach_accounts().prefetch_related("locations")
        return Response(AccountSerializer(rows, many=True).data)

    @describe(
        "createAccount",
        AccountSerializer,
        status=201,
        body=AccountSerializer,
        errors=[409],
    )
    def create(self, request: Request) -> Response:
        """Create an account."""
        data = self.read(AccountSerializer)
        credentials = data.pop("credentials", {})
        account = save_account(Account(**data), credentials=credentials)
        return Response(AccountSerializer(account).data, status=201)

    @describe("getAccount", AccountSerializer, errors=[404])
    def retrieve(self, request: Request, name: str) -> Response:
        """Return an account."""
        return Response(AccountSerializer(find_account(name)).data)

    @describe(
        "changeAccount",
        AccountSerializer,
        body=AccountSerializer,
        errors=[404, 409],
    )
    def partial_update(self, request: Request, name: str) -> Response:
        """Change an account. Omitted fields stay as they are, even credentials."""
        data = self.read(AccountSerializer)
        credentials = data.pop("credentials", None)
        with transaction.atomic():
            rows = reach_accounts().select_for_update(no_key=True)
            account = find_account(name, rows=rows)
            for field, value in data.items():
                setattr(account, field, value)
            account = save_account(account, credentials=credentials)
        return Response(AccountSerializer(account).data)

    @describe("deleteAccount", status=204, errors=[404, 409])
    def destroy(self, request: Request, name: str) -> Response:
        """Delete an account that nothing needs."""
        delete_account(find_account(name))
        return Response(status=204)

    @describe("testAccount", AccountTestSerializer, errors=[404])
    def test(self, request: Request, name: str) -> Response:
        """Test the credentials of an account at its cloud, and wait for the result."""
        findings = probe_account(find_account(name))
        # Locations that were not tested don't count.
        works = all(finding.works for finding in findings if finding.tested)
        shown = AccountTestSerializer({"works": works, "findings": findings})
        return Response(shown.data)

    @describe("closeBreaker", AccountSerializer, errors=[404])
    def close(self, request: Request, name: str) -> Response:
        """Close the circuit breaker of an account to allow creates again."""
        account = find_account(name)
        close_breaker(account)
        account.refresh_from_db()
        return Response(AccountSerializer(account).data)


def _fill_template(template: Template, data: dict[str, Any]) -> list[TemplatePlacement]:
    """Set the fields of a template, unsaved. Return the placements that it gets."""
    short = {name: data.pop(name) for name in PLACEMENT_FIELDS if name in data}
    given = data.pop("placements", None)
    for field, value in data.items():
        setattr(template, field, value)
    if given is not None:
        if short:
            message = "Send either placements, or the fields of one."
            raise InvalidError.of({"placements": [message]})
        return [_read_placement(number, entry) for number, entry in enumerate(given)]
    placements = list(template.placements.all()) if template.version else []
    first = placements[0] if placements else TemplatePlacement()
    _fill_placement(first, short)
    return [first, *placements[1:]]


def _read_placement(number: int, entry: Any) -> TemplatePlacement:
    try:
        placement = TemplatePlacement()
        _fill_placement(placement, dict(entry))
    except InvalidError as error:
        message = f"Placement {number + 1}: {error.message}"
        raise InvalidError.of({"placements": [message]}) from None
    return placement


def _fill_placement(placement: TemplatePlacement, data: dict[str, Any]) -> None:
    if "account" in data:
        try:
            data["account"] = find_account(data["account"])
        except NotFoundError as error:
            fields = {"account": [error.message]}
            raise InvalidError(error.message, fields=fields) from None
    for field, value in data.items():
        setattr(placement, field, value)
    if placement.account_id is None:
        raise InvalidError.of({"account": ["Name an account."]})
