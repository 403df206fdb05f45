"""Accept servers: rows in ``pending``, under the caps, with a hint each."""

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction

from servers import dispatch, ledger, tracing
from servers.clouds.registry import describe_kind
from servers.errors import ConflictError, InvalidError
from servers.lifecycle.states import PROVEN_GONE
from servers.models import Account, Fleet, Server, Template, TemplateVersion
from servers.scopes import ensure_scope, open_scope

NAME_RULE: Final = (
    "Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at "
    "each end."
)
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MOST_CAPACITY: Final = 1000
MOST_TTL: Final = 10 * 366 * 86400  # seconds
MOST_COUNT: Final = 100
MOST_LABELS: Final = 50
LABEL_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?")
LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9._/@: -]{0,200}")
RESERVED_LABELS: Final = "serverfleet"
_SUFFIX = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for; an empty field means the template's own."""

    template: str = ""
    name: str = ""
    image: str = ""
    region: str = ""
    size: str = ""
    capacity: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    ttl: int | None = None  # seconds; 0 is no limit
    count: int = 1


def provision_servers(request: Request) -> list[Server]:
    """Insert the servers asked for and hint the workers; return them, pending.

    Raises InvalidError (nothing is right with it) or ConflictError (a taken name, a
    cap, a disabled account). Either all are made or none.
    """
    _check(request)
    template = _find_template(request.template)
    recipe = _current_version(template)
    region = request.region or recipe.region
    open_scope(recipe.account, region)  # a region that its cloud can't have
    # Outside: its insert may wait for another's, and its loss is no loss.
    ensure_scope(recipe.account, region)
    try:
        with transaction.atomic():
            _hold_caps(recipe.account, template, request.count)
            now = ledger.database_now()
            servers = [
                _insert(request, template, recipe, region, now=now)
                for _ in range(request.count)
            ]
    except IntegrityError:
        raise ConflictError(
            f"The name {request.name!r} is taken. Choose another, or wait until that "
            "server is purged.",
            fields={"name": ["This name is taken."]},
        ) from None
    return servers


def _check(request: Request) -> None:
    errors: dict[str, list[str]] = {}
    if request.name and not NAME.fullmatch(request.name):
        errors["name"] = [NAME_RULE]
    if request.name and request.count > 1:
        errors["name"] = ["Several servers can't have one name: leave it out."]
    if message := check_capacity(request.capacity):
        errors["capacity"] = [message]
    if not 1 <= request.count <= MOST_COUNT:
        errors["count"] = [f"Use a number from 1 to {MOST_COUNT}."]
    if message := check_ttl(request.ttl):
        errors["ttl"] = [message]
    for name in ("image", "region", "size"):
        text = getattr(request, name)
        if len(text) > 100 or not text.isprintable():
            errors[name] = ["Use at most 100 printable characters."]
    if message := check_labels(request.labels):
        errors["labels"] = [message]
    if errors:
        first = next(iter(errors))
        raise InvalidError(f"{first}: {errors[first][0]}", fields=errors)


def check_capacity(capacity: int | None) -> str:
    """Return what is wrong with a capacity, or ""."""
    if capacity is None or 1 <= capacity <= MOST_CAPACITY:
        return ""
    return f"Use a number from 1 to {MOST_CAPACITY}."


def check_ttl(ttl: int | None) -> str:
    """Return what is wrong with a time to live in seconds, or ""."""
    if ttl is None or 0 <= ttl <= MOST_TTL:
        return ""
    return "Use seconds, from 0 (no limit) to ten years."


def check_labels(labels: Mapping[str, str]) -> str:
    """Return what is wrong with labels, or ""."""
    if len(labels) > MOST_LABELS:
        return f"Use at most {MOST_LABELS} labels."
    for name, value in labels.items():
        if not LABEL_NAME.fullmatch(name) or name.startswith(RESERVED_LABELS):
            return (
                f"{name[:80]!r} can't be a label's name: use lower-case letters, "
                "digits and . _ / -, and do not begin with serverfleet."
            )
        if not LABEL_VALUE.fullmatch(value):
            return (
                f"The label {name!r} has a value that can't be used: use at most 200 "
                "letters, digits, spaces and . _ / @ : -."
            )
    return ""


def _find_template(name: str) -> Template:
    templates = Template.objects.all()
    if name:
        found = templates.filter(name=name).first() if "\0" not in name else None
        if found is None:
            raise InvalidError(
                f"There is no template {name[:80]!r}.",
                fields={"template": ["There is no such template."]},
            )
        return found
    found = templates.filter(is_default=True).first()
    if found is None:
        raise ConflictError(
            "There is no default template. Name a template, or mark one as default."
        )
    return found


def _current_version(template: Template) -> TemplateVersion:
    return TemplateVersion.objects.select_related("account").get(
        template=template, number=template.version
    )


def _hold_caps(account: Account, template: Template, count: int) -> None:
    """Refuse what would pass a cap; hold the caps until the transaction ends."""
    # One lock order for all: fleet, account. SQLite's transactions hold all anyway.
    fleet = Fleet.objects.select_for_update(no_key=True).get()
    account = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    if not account.enabled:
        raise ConflictError(
            f"The account {account.name} is disabled. Enable it, or use another "
            "template."
        )
    counted = Server.objects.exclude(state__in=PROVEN_GONE)
    caps: tuple[tuple[str, int | None, dict[str, Any]], ...] = (
        (f"the account {account.name}", account.max_servers, {"account": account}),
        (f"the template {template.name}", template.max_servers, {"template": template}),
        ("the fleet", fleet.max_servers, {}),
    )
    for what, cap, only in caps:
        if cap is None:
            continue
        left = max(0, cap - counted.filter(**only).count())
        if count > left:
            raise ConflictError(
                f"The cap of {what} is {cap} servers, and {left} are left. Terminate "
                "some, or raise the cap."
            )


def _insert(
    request: Request,
    template: Template,
    recipe: TemplateVersion,
    region: str,
    *,
    now: datetime,
) -> Server:
    server = Server(
        name=request.name or recipe.name_prefix + _make_suffix(),
        provider=describe_kind(recipe.account.kind).provider,
        image=request.image or recipe.image,
        region=region,
        size=request.size or recipe.size,
        capacity=request.capacity or recipe.capacity,
        account=recipe.account,
        template=template,
        recipe=recipe,
        labels={**recipe.labels, **request.labels},
        ttl=recipe.ttl if request.ttl is None else request.ttl,
        created_by=tracing.get_actor(),
        created_at=now,
        updated_at=now,
        state_since=now,
        next_step_at=now,
    )
    ledger.insert_server(server)
    dispatch.hint(dispatch.ADVANCE, server.pk)
    return server


def _make_suffix() -> str:
    return "".join(secrets.choice(_SUFFIX) for _ in range(8))
