"""``/api/accounts/{name}/catalogue``: what people can choose in a location."""

from typing import Any, ClassVar, Final

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import find_account
from servers.api.schema.describe import describe
from servers.api.schema.parameters import CATALOGUE, MAX_OFFERS, REGION
from servers.api.serializers.catalogue import CatalogueSerializer
from servers.api.shared.parameters import read_number, refuse
from servers.api.shared.views import ScopedView
from servers.models import Account, Token
from servers.operations.catalogue import hint_catalogue, refresh_for_person
from servers.placing.locations import open_location
from servers.records.ledger import database_now
from servers.reports.catalogue import find_doubts, read_offers, search

USUAL: Final = 50
MAX_TEXT: Final = 100


class CatalogueView(ScopedView, ViewSet):
    """The catalogue of one region of an account."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_account"
    write_right = "servers.change_account"

    @describe(
        "getCatalogue",
        CatalogueSerializer,
        errors=[404],
        parameters=CATALOGUE,
        says="The answer is a copy, which workers renew each hour. If there is none "
        "yet, it is empty, and a worker asks the cloud now.",
    )
    def show(self, request: Request, name: str) -> Response:
        """Return the images, sizes and regions that an account can use."""
        return Response(_describe(request, find_account(name), hints=True))

    @describe(
        "refreshCatalogue",
        CatalogueSerializer,
        errors=[404, 503],
        parameters=[REGION],
        says="If the cloud does not answer, `error` says why, and what was known "
        "before stays.",
    )
    def refresh(self, request: Request, name: str) -> Response:
        """Ask the cloud what an account can use, and wait for the answer."""
        account = find_account(name)
        refresh_for_person(account, _read_region(request, account))
        return Response(_describe(request, account, hints=False))


def _read_region(request: Request, account: Account) -> str:
    region = str(request.query_params.get("region", ""))[:MAX_TEXT] or account.region
    if "\0" in region:
        raise refuse("region", "Enter a region.")
    open_location(account, region)  # raises if the account can't have it
    return region


def _describe(request: Request, account: Account, *, hints: bool) -> Any:
    query = request.query_params
    limit = read_number("limit", query.get("limit", str(USUAL)), 1, MAX_OFFERS)
    words = query.get("search", "")
    region = _read_region(request, account)
    now = database_now()
    offers = read_offers(account, region)
    if hints and offers.is_stale(now):
        hint_catalogue(account, region)
    images, sizes = (
        list(search(offers.images, words)),
        list(search(offers.sizes, words)),
    )
    named = [each for each in offers.regions if words.lower() in each.lower()]
    doubts = [
        doubt
        for doubt in find_doubts()
        if (doubt.placement.account_id, doubt.placement.region) == (account.pk, region)
    ]
    return CatalogueSerializer(
        {
            "offers": offers,
            "stale": offers.is_stale(now),
            "regions": named[:limit],
            "images": images[:limit],
            "sizes": sizes[:limit],
            "total_images": len(images),
            "total_sizes": len(sizes),
            "missing": doubts,
        }
    ).data
