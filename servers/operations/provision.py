"""Accept servers: insert pending rows within the caps, and send a hint for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from servers import tracing
from servers.access.reach import reach_recipes
from servers.errors import ConflictError, InvalidError
from servers.freshness.stamped_cache import Kept
from servers.freshness.stamps import Stamps, read_stamps
from servers.lifecycle.snapshot import Placement
from servers.messaging import dispatch
from servers.models import Account, Fleet, Pool, Server, Template, TemplateVersion
from servers.models.account import NAME, NAME_RULE
from servers.operations.labels import Clouds, check_labels, check_tags
from servers.placing.caps import hold_caps
from servers.placing.locations import ensure_location, open_location
from servers.placing.pending import build_pending
from servers.placing.placements import Wanted, choose
from servers.placing.registrations import explain_unregistered, list_unregistered
from servers.records import ledger

MAX_CAPACITY: Final = 1000
MAX_TTL: Final = 10 * 366 * 86400  # seconds
MAX_COUNT: Final = 100
# Of what a request can choose, as in a placement.
MAX_LETTERS: Final = {"image": 255, "region": 100, "size": 255}
TEMPLATE_GONE: Final = "This template no longer exists. Choose another."
_MAX_SOURCES: Final = 1000
# A pool may want a thousand servers at once. Each gets a hint, and ticks send others
# only after this. A worker takes no hint that is AGAIN early, and clocks may step back.
_HINTED: Final = dispatch.AGAIN - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for servers. Empty fields mean the template's own values."""

    template: str = ""
    name: str = ""
    image: str = ""
    region: str = ""
    size: str = ""
    capacity: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    ttl: int | None = None  # seconds; 0 is no limit
    count: int = 1
    trial: timedelta | None = None  # a try of the template, at most this long
    pool: UUID | None = None  # that they are created for


def provision_servers(
    request: Request, *, stamps: Stamps | None = None
) -> list[Server]:
    """Insert the requested servers, hint the workers, and return the pending servers.

    ``stamps`` are those that the caller has read, if any. Either all servers are
    created or none. Raises InvalidError (the request is wrong) or ConflictError (a
    taken name, a cap, a disabled account).
    """
    check_request(request)
    stamps = stamps or read_stamps()
    wanted = Wanted(request.image, request.region, request.size)
    sources = _sources.under(stamps.recipes if stamps else None)
    key = (request.template, wanted)
    if (source := sources.get(key)) is None:
        source = sources[key] = _look_up(request.template, wanted)
    _check_tags(request, source)
    _check_registration(request, source)
    now = (stamps.read_at if stamps else None) or ledger.database_now()
    try:
        with transaction.atomic():
            servers = [_build(request, source, now=now) for _ in range(request.count)]
            ledger.insert_servers(servers)
            hold_caps(
                source.recipe,
                account_id=source.account.pk,
                fleet_has_cap=source.fleet_has_cap,
                inserted=request.count,
            )
            if source.is_elsewhere:
                # The template's own locations already have rows. The account's lock
                # comes first, as in all transactions.
                ensure_location(source.account, source.first.region)
            for server in servers:
                dispatch.hint(dispatch.ADVANCE, server.pk)
    except (IntegrityError, Account.DoesNotExist):
        if not Template.objects.filter(versions=source.recipe).exists():
            raise say_gone() from None
        raise ConflictError(
            f"The name {request.name!r} is already taken. Choose another name, or wait "
            "until that server is purged.",
            fields={"name": ["This name is already taken."]},
        ) from None
    return servers


def _check_tags(request: Request, source: "_Source") -> None:
    """Raise InvalidError if the labels can't be tags at every possible cloud."""
    recipe = source.recipe
    labels = {**recipe.labels, **request.labels}
    message = check_labels(labels) or check_tags(labels, source.clouds)
    if message:
        raise InvalidError.of({"labels": [message]})


def _check_registration(request: Request, source: "_Source") -> None:
    """Raise InvalidError if the agents would lack what only a pool's queue gives.

    At most one query, and none for a template that leaves nothing out.
    """
    if not source.is_incomplete:
        return
    pool = None
    if request.pool is not None:
        pools = Pool.objects.select_related("queue")
        pool = pools.filter(pk=request.pool).first()
    if message := explain_unregistered(source.recipe, pool.queue if pool else None):
        raise InvalidError(message, fields={"template": [message]})


def say_gone() -> ConflictError:
    """Return the error for a template that was deleted before the commit."""
    return ConflictError(
        "The template was deleted meanwhile, so nothing was created. Choose another.",
        fields={"template": [TEMPLATE_GONE]},
    )


def check_request(request: Request) -> None:
    """Raise InvalidError with everything that is wrong with the request itself."""
    errors: dict[str, list[str]] = {}
    if request.name and not NAME.fullmatch(request.name):
        errors["name"] = [NAME_RULE]
    if request.name and request.count > 1:
        errors["name"] = ["Several servers can't share a name. Leave the name out."]
    if message := check_capacity(request.capacity):
        errors["capacity"] = [message]
    if not 1 <= request.count <= MAX_COUNT:
        errors["count"] = [f"Use a number from 1 to {MAX_COUNT}."]
    if message := check_ttl(request.ttl):
        errors["ttl"] = [message]
    for name, most in MAX_LETTERS.items():
        text = getattr(request, name)
        if len(text) > most or not text.isprintable():
            errors[name] = [f"Use at most {most} printable characters."]
    if message := check_labels(request.labels):
        errors["labels"] = [message]
    if errors:
        raise InvalidError.of(errors)


def check_capacity(capacity: int | None) -> str:
    """Return what is wrong with a capacity, or ""."""
    if capacity is None or 1 <= capacity <= MAX_CAPACITY:
        return ""
    return f"Use a number from 1 to {MAX_CAPACITY}."


def check_ttl(ttl: int | None) -> str:
    """Return what is wrong with a time to live in seconds, or ""."""
    if ttl is None or 0 <= ttl <= MAX_TTL:
        return ""
    return "Use a number of seconds from 0 (no limit) to ten years."


@dataclass(frozen=True, slots=True)
class _Source:
    """What servers are created from, in which clouds, and whether there is a cap."""

    recipe: TemplateVersion
    first: Placement
    account: Account
    is_elsewhere: bool  # in a location that the template does not name
    clouds: Clouds
    fleet_has_cap: bool
    is_incomplete: bool  # the template leaves out what a CI gives


_sources: Final = Kept[tuple[str, Wanted], _Source](most=_MAX_SOURCES)


def _look_up(name: str, wanted: Wanted) -> _Source:
    """Return the current version of a template that its cloud accepts."""
    recipes = reach_recipes().select_related("template")
    named = {"template__name": name} if name else {"template__is_default": True}
    found = recipes.filter(**named).first() if "\0" not in name else None
    # None of them: the template was deleted after it was found.
    if found is not None and (rows := list(found.placements.all())):
        first, *others = choose([row.freeze() for row in rows], wanted, found.overrides)
        accounts = {row.account_id: row.account for row in rows}
        account = accounts[first.account]
        # Raises an error if the cloud can't have the region.
        open_location(account, first.region)
        named_places = {(row.account_id, row.region) for row in rows}
        return _Source(
            recipe=found,
            first=first,
            account=account,
            is_elsewhere=(first.account, first.region) not in named_places,
            clouds=tuple(
                (accounts[each.account].kind, each.options) for each in (first, *others)
            ),
            fleet_has_cap=Fleet.objects.exclude(max_servers=None).exists(),
            is_incomplete=bool(list_unregistered(found)),
        )
    if name:
        raise InvalidError(
            f"There is no template named {name[:80]!r}.",
            fields={"template": ["There is no such template."]},
        )
    raise ConflictError(
        "There is no default template. Name a template, or mark one as the default."
    )


def _build(request: Request, source: _Source, *, now: datetime) -> Server:
    recipe, first = source.recipe, source.first
    return build_pending(
        recipe,
        first,
        source.account,
        Wanted(request.image, request.region, request.size),
        name=request.name,
        capacity=request.capacity or recipe.capacity,
        labels={**recipe.labels, **request.labels},
        ttl=recipe.ttl if request.ttl is None else request.ttl,
        trial_until=None if request.trial is None else now + request.trial,
        pool_id=request.pool,
        created_by=tracing.get_actor(),
        due_at=None if request.pool is None else now + _HINTED,
        now=now,
    )
