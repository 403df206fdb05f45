"""Save, check and delete templates."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.db import OperationalError, transaction

from servers import tracing
from servers.clouds.images import check_image
from servers.clouds.registry import describe_kind, validate_placement_options
from servers.errors import ConflictError, InvalidError, NotFoundError
from servers.machine.agents.checks import (
    check_agent,
    check_watch,
    read_environment,
)
from servers.machine.readiness import READINESS
from servers.models import (
    Account,
    Template,
    TemplatePlacement,
    TemplateVersion,
    VersionPlacement,
)
from servers.models.placement import ACCOUNT_GONE, PLACEMENT_FIELDS
from servers.models.template import Recipe
from servers.operations.labels import check_labels, check_tags, list_clouds
from servers.operations.misfits import find_template_misfits, hold_fit
from servers.operations.saving import clean_fields, raise_wrong, saving
from servers.operations.secrets import SECRET_FIELDS, refuse_new_readers
from servers.operations.user_data import find_too_long, find_wrong_setup
from servers.placing.locations import ensure_location, open_location
from servers.queues.registry import list_lent
from servers.records.differences import list_differences, read_placements, read_values
from servers.records.ledger import Fact, write_event
from servers.records.limits import COUNTED
from servers.wording import count_of

MAX_USER_DATA: Final = 64 * 1024  # bytes; a cloud may allow less
MAX_PLACEMENTS: Final = 11  # the first, and ten fallbacks
SECONDS_FIELDS: Final = frozenset({"ttl", "drain_seconds"})
NEEDS_URL: Final = (
    "The instance can only report to ServerFleet at an address that it knows. The "
    "person who runs ServerFleet must set SERVERFLEET_PUBLIC_URL first."
)
NAME_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def check_template(template: Template, placements: Sequence[TemplatePlacement]) -> None:
    """Raise InvalidError with everything wrong with a template. Makes no call.

    A placement without a region gets that of its account. The errors of the first one
    have the names of its fields.
    """
    clean_fields(template)
    if not 1 <= len(placements) <= MAX_PLACEMENTS:
        raise_wrong({"placements": [f"Use 1 to {MAX_PLACEMENTS} placements."]})
    for number, placement in enumerate(placements):
        try:
            check_placement(placement)
        except InvalidError as error:
            if number == 0:
                raise
            raise_wrong({"placements": [f"Placement {number + 1}: {error.message}"]})
    raise_wrong(_find_wrong(template, placements))


def check_placement(placement: TemplatePlacement) -> None:
    """Raise InvalidError with everything wrong with a placement. Makes no call."""
    clean_fields(placement)
    account = placement.account
    placement.region = placement.region or account.region
    # Raises an error if the cloud can't have the region.
    open_location(account, placement.region)
    errors = {}
    if wrong := validate_placement_options(
        account.kind, placement.options, account_options=account.options
    ):
        errors["options"] = wrong
    kind = describe_kind(account.kind)
    if wrong_image := check_image(placement.image, kind.capabilities):
        errors["image"] = [wrong_image]
    if placement.spot and not kind.capabilities.spot:
        errors["spot"] = [f"{kind.label} has no spot instances."]
    raise_wrong(errors)


def save_template(
    template: Template,
    placements: Sequence[TemplatePlacement] | None = None,
    *,
    user_data: str | None = None,
    entered: Collection[str] = (),
) -> TemplateVersion:
    """Check and save a template and its next version.

    If ``placements`` or ``user_data`` is None, the template keeps its own. What can
    contain secrets must not reach another account: a new account needs it again.
    ``entered`` names those of SECRET_FIELDS that this change has anew, besides
    ``user_data``. Raises InvalidError or ConflictError (the name is taken).
    """
    if user_data is not None:
        template.user_data = user_data
    if placements is None:
        placements = list(template.placements.all())
    check_template(template, placements)
    with saving(template):
        _hold_accounts(each.account_id for each in placements)
        rows = Template.objects.select_for_update(no_key=True)
        known = rows.filter(pk=template.pk).first()
        if known:
            again = {*entered, *(() if user_data is None else ("user_data",))}
            refuse_new_readers(known, template, placements, entered=again)
        before = read_template(known) if known else None
        if template.is_default:
            Template.objects.filter(is_default=True).exclude(pk=template.pk).update(
                is_default=False
            )
        template.version = (known.version if known else 0) + 1
        template.save(force_insert=known is None, force_update=known is not None)
        version = TemplateVersion(
            template=template,
            template_name=template.name,
            number=template.version,
            actor=tracing.get_actor(),
            **read_values(template, RECIPE_FIELDS),
        )
        version.save(force_insert=True)
        template.placements.all().delete()
        values = [
            {"position": number, **read_values(each, PLACEMENT_FIELDS)}
            for number, each in enumerate(placements)
        ]
        TemplatePlacement.objects.bulk_create(
            TemplatePlacement(template=template, **each) for each in values
        )
        VersionPlacement.objects.bulk_create(
            VersionPlacement(version=version, **each) for each in values
        )
        # From now on every location that it names is listed, so that its gate can
        # open. Always in the same order, to avoid deadlocks.
        named = {(each.account_id, each.region): each.account for each in placements}
        for (_, region), account in sorted(named.items(), key=lambda item: item[0]):
            ensure_location(account, region)
        write_event(
            Fact.TEMPLATE_CHANGED,
            account=placements[0].account,
            reason=_describe_template_change(before, template),
        )
        hold_fit()
        raise_wrong(find_template_misfits(template, placements))
    return version


def _find_wrong(
    template: Template, placements: Sequence[TemplatePlacement]
) -> dict[str, list[str]]:
    """Return what is wrong with a template besides its placements, by field."""
    errors: dict[str, list[str]] = {}
    message = check_labels(template.labels)
    if message or (message := check_tags(template.labels, list_clouds(placements))):
        errors["labels"] = [message]
    if len(template.user_data.encode()) > MAX_USER_DATA:
        errors["user_data"] = [f"Use at most {MAX_USER_DATA // 1024} KiB."]
    else:
        errors |= find_wrong_setup(template)
    errors |= _check_agent(template)
    if template.calls_back and not settings.PUBLIC_URL:
        errors["readiness"] = [NEEDS_URL]
    if not NAME_PREFIX.fullmatch(template.name_prefix):
        errors["name_prefix"] = ["Use lower-case letters, digits and hyphens."]
    if not errors and (wrong := find_too_long(template, placements)):
        errors["user_data"] = [wrong]
    return errors or find_template_misfits(template, placements)


def _check_agent(template: Template) -> dict[str, list[str]]:
    """Return what is wrong with what takes builds on a template's servers."""
    agent = template.agent_kind
    watching = [name for name, kind in READINESS.items() if kind.has_host]
    nobody_asks = check_watch(
        agent,
        template.build_labels,
        readiness=template.readiness,
        watching=watching,
    )
    environment = read_environment(template.agent_environment) or {}
    given = {name for name, value in environment.items() if value.strip()}
    return nobody_asks | check_agent(
        agent,
        template.agent_image,
        template.agent_environment,
        lent=list_lent(agent, given),
    )


def delete_template(template: Template) -> None:
    """Delete a template without live servers. Versions of stopped servers stay.

    Raises NotFoundError or ConflictError.
    """
    with transaction.atomic():
        # The full lock: a server that is created from it meanwhile either waits at its
        # commit and is refused, or is already committed and keeps the template.
        if not Template.objects.select_for_update().filter(pk=template.pk).first():
            raise NotFoundError.named("template", template.name)
        _lock_versions(template)
        if kept := explain_template_kept(template):
            raise ConflictError(f"{template.name} can't be deleted. {kept}")
        write_event(
            Fact.TEMPLATE_CHANGED,
            account=template.first_placement.account,
            reason=f"The template {template.name} was deleted.",
        )
        # The others stay until the records of their servers are purged.
        template.versions.filter(servers=None).delete()
        template.delete()


def _lock_versions(template: Template) -> None:
    """Lock the versions of a locked template, or raise ConflictError."""
    # A server's commit locks both, in an order that depends on when the database's
    # tables were created. So this must not wait: the commit may wait for the template.
    rows = template.versions.select_for_update(nowait=True).values_list("pk")
    try:
        list(rows)
    except OperationalError:
        raise ConflictError(
            f"{template.name} is being used at this moment, so it was not deleted. "
            "Try again."
        ) from None


def explain_template_kept(template: Template) -> str:
    """Return why a template can't be deleted now, as a sentence, or ""."""
    if pools := list(template.pools.values_list("name", flat=True)[:5]):
        return (
            f"Pools create servers from it: {', '.join(pools)}. Delete them, or give "
            "them another template, first."
        )
    count = COUNTED.filter(recipe__template=template).count()
    if not count:
        return ""
    return (
        f"{count_of(count, 'server')} created from it "
        f"{'has' if count == 1 else 'have'} not stopped yet. Terminate them first."
    )


def read_template(template: Template | TemplateVersion) -> dict[str, Any]:
    """Return the settings of a template or version, to compare with later."""
    names = TEMPLATE_FIELDS if isinstance(template, Template) else RECIPE_FIELDS
    return read_placements(template.placements.all()) | read_values(template, names)


def list_template_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what changed between two states that ``read_template`` returned."""
    return list_differences(before, after, secret=SECRET_FIELDS, seconds=SECONDS_FIELDS)


def _describe_template_change(
    before: Mapping[str, Any] | None, template: Template
) -> str:
    if before is None:
        return f"The template {template.name} was created."
    changes = "; ".join(list_template_changes(before, read_template(template)))
    return (
        f"The template {template.name} is now version {template.version}: "
        f"{changes or 'nothing was changed'}."
    )


RECIPE_FIELDS: Final = tuple(field.name for field in Recipe._meta.get_fields())
# All that people set in a template, besides its placements.
TEMPLATE_FIELDS: Final = (
    "name",
    *RECIPE_FIELDS,
    *(
        field.name
        for field in Template._meta.fields
        if field.editable and field.name not in {"name", *RECIPE_FIELDS}
    ),
)


def _hold_accounts(pks: Iterable[Any]) -> None:
    """Keep accounts from being deleted until the transaction ends."""
    # Checked here, because the foreign key is only checked at the commit.
    asked = set(pks)
    rows = Account.objects.select_for_update(no_key=True).filter(pk__in=asked)
    if len(rows.order_by("pk")) < len(asked):
        raise ConflictError(
            "The account was deleted meanwhile, so nothing was saved.",
            fields={"account": [ACCOUNT_GONE]},
        )
