"""What an account offers: a page to search, and the lists of the template form."""

from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.views.generic import TemplateView, View

from servers.access.reach import find_account
from servers.clouds.catalogue import OfferedImage, OfferedSize
from servers.clouds.registry import describe_kind
from servers.dashboard.accounts.acts import AccountAct
from servers.dashboard.shared.access import Page
from servers.errors import FleetError
from servers.models import Account
from servers.operations.catalogue import hint_catalogue, refresh_for_person
from servers.placing.locations import open_location
from servers.records.ledger import database_now
from servers.reports.catalogue import Offers, read_offers, search

MAX_ROWS: Final = 200
MAX_CHOICES: Final = 20
MAX_TEXT: Final = 100


def _read(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "")[:MAX_TEXT].strip()


def _load(account: Account, region: str) -> Offers:
    """Return what is known, and have it renewed if that is old."""
    offers = read_offers(account, region)
    if offers.is_stale(database_now()):
        try:
            open_location(account, region)
        except FleetError:
            return offers  # no such region, so nobody is asked
        hint_catalogue(account, region)
    return offers


def describe_size(size: OfferedSize) -> str:
    """Return a size's cores, memory and price in words, as far as they are known."""
    parts = []
    if size.cores:
        parts.append(f"{size.cores} core{'' if size.cores == 1 else 's'}")
    if size.memory_mib:
        parts.append(f"{size.memory_mib / 1024:.4g} GiB")
    if size.price_per_hour is not None:
        price = f"{size.price_per_hour.normalize():f}"
        parts.append(f"{price} {size.currency} per hour".replace("  ", " "))
    return ", ".join(parts)


def describe_image(image: OfferedImage) -> str:
    """Return an image's name, and what tells it from others of that name."""
    name = image.name if image.name != image.image_id else ""
    parts = (name, image.architecture, image.created[:10])
    return ", ".join(part for part in parts if part)


class CataloguePage(Page, TemplateView):
    """The images and sizes of one region of an account."""

    template_name = "accounts/catalogue.html"
    permission_required = "servers.view_account"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Search the copy in the database."""
        account = find_account(self.kwargs["name"])
        region = _read(self.request, "region") or account.region
        words = _read(self.request, "q")
        offers = _load(account, region)
        images = list(search(offers.images, words))
        sizes = list(search(offers.sizes, words))
        now = database_now()
        known = account.locations.order_by("region").values_list("region", flat=True)
        return super().get_context_data(**context) | {
            "account": account,
            "region": region,
            "words": words,
            "offers": offers,
            "stale": offers.is_stale(now),
            "now": now,
            "has_catalogue": describe_kind(account.kind).capabilities.catalogue,
            "regions": sorted({region, *known, *offers.regions} - {""}),
            "images": images[:MAX_ROWS],
            "sizes": [(size, describe_size(size)) for size in sizes[:MAX_ROWS]],
            "more": len(images) > MAX_ROWS or len(sizes) > MAX_ROWS,
            "total": len(images) + len(sizes),
        }


class OfferList(Page, View):
    """What a field of the template form can be filled with, as JSON."""

    permission_required = "servers.view_account"
    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest, name: str) -> JsonResponse:
        """Return the ids that contain the words, each with what people know it by."""
        account = find_account(name)
        region = _read(request, "region") or account.region
        words = _read(request, "q")
        offers = _load(account, region)
        rows: list[tuple[str, str]]
        match request.GET.get("what"):
            case "region":
                named = (each for each in offers.regions if words in each)
                rows = [(each, "") for each in named]
            case "size":
                rows = [
                    (size.name, describe_size(size))
                    for size in search(offers.sizes, words)
                ]
            case _:
                rows = [
                    (image.image_id, describe_image(image))
                    for image in search(offers.images, words)
                ]
        return JsonResponse({"offers": rows[:MAX_CHOICES]})


class RefreshCatalogue(AccountAct):
    """Ask the cloud now what an account offers."""

    page = "catalogue-account"

    def act(self) -> str:
        """Ask, and wait for the answer."""
        region = self.request.POST.get("region", "").replace("\0", "")[:MAX_TEXT]
        refresh_for_person(self.row, region or self.row.region)
        return "The catalogue was requested from the cloud."
