"""What a person decides about an instance that the database does not know."""

import secrets
from typing import Any

from django.db import transaction

from servers import dispatch, ledger
from servers.clouds.registry import describe_kind
from servers.errors import ConflictError, NotFoundError
from servers.ledger import Kind, write_event
from servers.lifecycle.keys import parse_key
from servers.lifecycle.states import Outcome, Verdict
from servers.models import Attempt, Instance, Server, Template, TemplateVersion


def destroy_stray(instance_pk: Any) -> Instance:
    """Condemn an unexplained instance: it will be destroyed.

    Raises NotFoundError, ConflictError (it is not unexplained, or no longer live).
    """
    with transaction.atomic():
        instance = _find(instance_pk)
        now = ledger.database_now()
        reason = f"{instance.instance_id} was condemned by a person."
        instance.condemned_at = now
        instance.condemned_for = reason
        instance.next_step_at = now
        instance.save(update_fields=["condemned_at", "condemned_for", "next_step_at"])
        write_event(Kind.CONDEMNED, account_id=instance.account_id, reason=reason)
        dispatch.hint(dispatch.DESTROY, instance.pk)
    return instance


def adopt_stray(instance_pk: Any, *, template: Template | None = None) -> Server:
    """Make a server of an unexplained instance, as if its call had just been answered.

    The template (the default without one) says how it goes on: readiness, ttl, drain.
    Raises NotFoundError, ConflictError.
    """
    template = template or Template.objects.filter(is_default=True).first()
    if template is None:
        raise ConflictError("There is no default template. Name one.")
    with transaction.atomic():
        instance = _find(instance_pk)
        key = parse_key(instance.key)
        if key is None:
            raise ConflictError(
                f"{instance.instance_id} carries no key of a server. Destroy it, or "
                "take the fleet's tag off it at the cloud."
            )
        now = ledger.database_now()
        server = _make_row(instance, template, key.number)
        ledger.insert_adopted(server, now=now)
        attempt = Attempt.objects.create(
            server=server,
            server_uid=server.pk,
            server_name=server.name,
            number=key.number,
            account=instance.account,
            region=instance.region,
            size=server.size,
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
        raise ConflictError(
            f"{instance.instance_id} needs no decision any more. Look again."
        )
    return instance


def _make_row(instance: Instance, template: Template, number: int) -> Server:
    recipe = TemplateVersion.objects.get(template=template, number=template.version)
    taken = Server.objects.filter(name=instance.name, hidden=False).exists()
    name = instance.name
    if taken or not name:
        name = f"adopted-{secrets.token_hex(4)}"
    return Server(
        name=name[:63],
        provider=describe_kind(instance.account.kind).provider,
        image=recipe.image,
        size=recipe.size,
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
