"""Decisions about instances that are not in the database, and about leftovers."""

import secrets
from typing import Any, Final

from django.db import transaction

from servers.access.reach import reach_recipes, reach_templates
from servers.clouds.registry import describe_kind
from servers.errors import ConflictError, NotFoundError
from servers.lifecycle.keys import parse_key
from servers.lifecycle.states import Outcome, Verdict
from servers.messaging import dispatch
from servers.models import Attempt, Instance, Leftover, Location, Server, Template
from servers.placing.prices import price_of
from servers.records import ledger
from servers.records.condemn import condemn_unowned
from servers.records.ledger import Fact, write_event

_UNOWNED: Final = (Verdict.ORPHAN, Verdict.DOUBLE)
_NOBODY_WAITS: Final = "Nothing there needs a decision any more. Reload and look again."
_DECIDED: Final = "{} no longer needs a decision. Reload and look again."


def destroy_unowned(instance_pk: Any) -> None:
    """Condemn an instance that no server owns: it will be destroyed.

    It is unexplained, or an orphan or double that is held because there are so many.
    Raises NotFoundError or ConflictError (a server owns it, or it is decided already).
    """
    now = ledger.database_now()
    found = Instance.objects.filter(pk=instance_pk).first()
    if found is not None and found.verdict in _UNOWNED:
        # It takes its own locks, the server's first.
        if not condemn_unowned(found, now=now):
            raise ConflictError(_DECIDED.format(found.instance_id))
        dispatch.hint(dispatch.DESTROY, found.pk)
        return
    with transaction.atomic():
        instance = _find(instance_pk)
        reason = f"A person condemned {instance.instance_id}."
        instance.condemned_at = now
        instance.condemned_for = reason
        instance.next_step_at = now
        instance.save(update_fields=["condemned_at", "condemned_for", "next_step_at"])
        write_event(Fact.CONDEMNED, account_id=instance.account_id, reason=reason)
        dispatch.hint(dispatch.DESTROY, instance.pk)


def delete_leftover(leftover_pk: Any) -> None:
    """Have a leftover deleted when its location is next observed.

    Raises NotFoundError or ConflictError (it is already going to be deleted).
    """
    leftover = Leftover.objects.filter(pk=leftover_pk).first()
    if leftover is None:
        raise NotFoundError("This leftover no longer exists.")
    now = ledger.database_now()
    with transaction.atomic():
        rows = Leftover.objects.filter(pk=leftover.pk, condemned_at__isnull=True)
        if not rows.update(condemned_at=now):
            raise ConflictError(_DECIDED.format(leftover.resource_id))
        write_event(
            Fact.CONDEMNED,
            account_id=leftover.account_id,
            reason=f"A person condemned {leftover.kind} {leftover.resource_id}.",
        )
        Location.objects.filter(
            account=leftover.account_id, region=leftover.region
        ).update(leftovers_at=None, next_listing_at=now)


def destroy_held(account: str, *, region: str = "") -> int:
    """Condemn all held orphans and doubles of a location. Return how many.

    Raises NotFoundError or ConflictError (none is held).
    """
    location = Location.objects.filter(account__name=account, region=region).first()
    if location is None:
        raise NotFoundError("There is no such account or region.")
    now = ledger.database_now()
    waiting = Instance.objects.filter(
        account=location.account_id,
        region=location.region,
        live=True,
        verdict__in=_UNOWNED,
        condemned_at__isnull=True,
    )
    if not location.held:
        raise ConflictError(_NOBODY_WAITS)
    count = 0
    for instance in waiting.order_by("pk"):
        if condemn_unowned(instance, now=now):
            dispatch.hint(dispatch.DESTROY, instance.pk)
            count += 1
    Location.objects.filter(pk=location.pk).update(held=0)
    if not count:  # another person was faster
        raise ConflictError(_NOBODY_WAITS)
    return count


def adopt_unowned(instance_pk: Any, *, template: Template | None = None) -> Server:
    """Create a server for an unknown instance, as if its call was just answered.

    The template (by default the default one) decides on readiness and ttl. Raises
    NotFoundError or ConflictError.
    """
    template = template or reach_templates().filter(is_default=True).first()
    if template is None:
        raise ConflictError("There is no default template. Name a template.")
    with transaction.atomic():
        instance = _find(instance_pk)
        key = parse_key(instance.key)
        if key is None:
            raise ConflictError(
                f"{instance.instance_id} has no key of a server, so it can't be "
                "adopted. Destroy it, or remove the fleet's tag from it at the cloud."
            )
        now = ledger.database_now()
        server = _make_row(instance, template, key.number)
        price = price_of(server)
        ledger.insert_adopted(server, now=now)
        attempt = Attempt.objects.create(
            server=server,
            server_uid=server.pk,
            server_name=server.name,
            recipe_id=server.recipe_id,
            number=key.number,
            account=instance.account,
            region=instance.region,
            size=server.size,
            placement=server.placement,
            price_per_hour=price.per_hour,
            currency=price.currency,
            key=instance.key,
            token="",
            asked_at=instance.first_seen,
            lease_end=instance.first_seen,
            answered_at=now,
            outcome=Outcome.ACCEPTED,
            answer="Adopted by a person.",
            instance_id=instance.instance_id,
        )
        Instance.objects.filter(pk=instance.pk).update(
            attempt=attempt, server_uid=server.pk, verdict=Verdict.OURS
        )
        dispatch.hint(dispatch.ADVANCE, server.pk)
    return server


def _find(instance_pk: Any) -> Instance:
    instance = (
        Instance.objects.select_for_update(no_key=True, of=("self",))
        .select_related("account")
        .filter(pk=instance_pk)
        .first()
    )
    if instance is None:
        raise NotFoundError("There is no such instance.")
    if (
        not instance.live
        or instance.verdict != Verdict.UNEXPLAINED
        or instance.condemned_at is not None
    ):
        raise ConflictError(_DECIDED.format(instance.instance_id))
    return instance


def _make_row(instance: Instance, template: Template, number: int) -> Server:
    recipe = reach_recipes().filter(template=template).first()
    placements = list(recipe.placements.all()) if recipe else []
    if recipe is None or not placements:
        raise NotFoundError.named("template", template.name)
    # That of the same location if there is one: it tells the price.
    here = (instance.account_id, instance.region)
    placement = next(
        (each for each in placements if (each.account_id, each.region) == here),
        placements[0],
    )
    taken = Server.objects.filter(name=instance.name, hidden=False).exists()
    name = instance.name
    if taken or not name:
        name = f"adopted-{secrets.token_hex(4)}"
    return Server(
        name=name[:63],
        provider=describe_kind(instance.account.kind).provider,
        placement=placement.position,
        image=placement.image,
        size=placement.size,
        region=instance.region,
        capacity=recipe.capacity,
        account=instance.account,
        template=template,
        recipe=recipe,
        labels=recipe.labels,
        ttl=recipe.ttl,
        attempt_number=number,
        instance_id=instance.instance_id,
        address=instance.address,
    )
