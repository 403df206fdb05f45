"""The row of a server that is to be created, on request or as a replacement."""

import string
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.crypto import get_random_string

from servers.clouds.registry import describe_kind
from servers.lifecycle.snapshot import Placement
from servers.models import Account, Server, TemplateVersion
from servers.placing.placements import Wanted

_LETTERS: Final = string.ascii_lowercase + string.digits


def build_pending(
    recipe: TemplateVersion,
    first: Placement,
    account: Account,
    wanted: Wanted,
    *,
    name: str = "",
    capacity: int,
    labels: Mapping[str, str],
    ttl: int,
    created_by: str,
    trial_until: datetime | None = None,
    pool_id: UUID | None = None,
    due_at: datetime | None = None,
    now: datetime,
) -> Server:
    """Return an unsaved row, to be created in ``first`` first. Send a hint for it.

    If it is still there at ``due_at``, which is now by default, ticks send another one.
    Without a ``name``, it gets one with the template's prefix. ``ttl`` is in seconds; 0
    is no limit.
    """
    return Server(
        name=name or recipe.name_prefix + get_random_string(8, _LETTERS),
        provider=describe_kind(account.kind).provider,
        placement=first.position,
        image=first.image,
        region=first.region,
        size=first.size,
        wanted_image=wanted.image,
        wanted_region=wanted.region,
        wanted_size=wanted.size,
        capacity=capacity,
        account=account,
        template=recipe.template,
        recipe=recipe,
        labels=labels,
        ttl=ttl,
        trial_until=trial_until,
        pool_id=pool_id,
        created_by=created_by,
        created_at=now,
        updated_at=now,
        state_since=now,
        next_step_at=now if due_at is None else due_at,
    )
