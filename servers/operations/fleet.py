"""The installation: create it, confirm it, switch it."""

import string
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.crypto import get_random_string

from servers import tracing
from servers.errors import ConflictError, InvalidError
from servers.lifecycle.keys import is_fleet_id
from servers.lifecycle.states import Event, State
from servers.models import Fleet, Instance, Leftover, Listing, Location, Server
from servers.records import ledger
from servers.records.differences import list_differences, read_values
from servers.records.ledger import Fact, write_event

MAX_NOTE = 500
MAX_SERVERS = 1_000_000
_ALPHABET = string.ascii_lowercase + string.digits


def make_fleet_id() -> str:
    """Return a new short id: ``sf`` and six characters."""
    return "sf" + get_random_string(6, _ALPHABET)


def initialise_fleet(*, fleet_id: str = "") -> bool:
    """Create the fleet's only row if it is missing. Return whether it was created."""
    if fleet_id and not is_fleet_id(fleet_id):
        raise InvalidError(
            "A fleet's id has 1 to 16 lower-case letters, digits and hyphens, and "
            "begins with a letter."
        )
    fleet, made = Fleet.objects.get_or_create(
        pk=1,
        defaults={
            "fleet_id": fleet_id or make_fleet_id(),
            "fingerprint": settings.INSTALLATION_ID,
        },
    )
    if made:
        # Encrypted for its own row, which must exist first.
        fleet.key_check = Fleet.KEY_CHECK
        fleet.save(update_fields=["key_check"])
    return made


def pause_fleet(*, note: str = "", until: datetime | None = None) -> None:
    """Set the pause flag: pools create nothing, and clients can read it."""
    _switch(
        Fact.PAUSED,
        note,
        {"paused": True, "paused_note": note, "paused_until": until},
        paused_by=tracing.get_actor(),
    )


def resume_fleet() -> None:
    """Clear the pause flag."""
    values = {"paused": False, "paused_note": "", "paused_until": None}
    _switch(Fact.RESUMED, "", values, paused_by="")


def resume_due(now: datetime) -> bool:
    """Clear the pause flag if its time is over. Return whether it was."""
    with transaction.atomic():
        changed = Fleet.objects.filter(paused=True, paused_until__lte=now).update(
            paused=False, paused_note="", paused_until=None, paused_by=""
        )
        if changed:
            write_event(Fact.RESUMED, reason="The pause was set to end at this time.")
    return bool(changed)


def _switch(kind: Fact, note: str, values: Mapping[str, Any], **also: str) -> None:
    """Set the values, and ``also`` the others, with an event if the values change."""
    if len(note) > MAX_NOTE:
        raise InvalidError(f"The note is too long. Use at most {MAX_NOTE} characters.")
    with transaction.atomic():
        if Fleet.objects.filter(pk=1).exclude(**values).update(**values, **also):
            write_event(kind, reason=note)


def freeze_destroys(*, frozen: bool, note: str = "") -> None:
    """Stop or allow all destroys of the whole fleet. Terminations are still accepted.

    While destroys are frozen, terminated servers wait in ``stopping``.
    """
    _switch(
        Fact.FROZEN if frozen else Fact.UNFROZEN,
        note,
        {"destroys_frozen": frozen, "destroys_frozen_note": note},
    )


def change_fleet(
    *,
    paused: bool | None = None,
    paused_note: str = "",
    destroys_frozen: bool | None = None,
    destroys_frozen_note: str = "",
    **cap: int | None,
) -> None:
    """Change several switches together, or the server limit (``max_servers``).

    A limit of None means no limit. Raises InvalidError.
    """
    most = cap.get("max_servers")
    if most is not None and not 0 <= most <= MAX_SERVERS:
        raise InvalidError(
            f"max_servers: Use a number from 0 to {MAX_SERVERS}, or null.",
            fields={"max_servers": [f"Use a number from 0 to {MAX_SERVERS}."]},
        )
    for field, note in (
        ("paused_note", paused_note),
        ("destroys_frozen_note", destroys_frozen_note),
    ):
        if len(note) > MAX_NOTE:
            message = f"Use at most {MAX_NOTE} characters."
            raise InvalidError.of({field: [message]})
    with transaction.atomic():
        if paused:
            pause_fleet(note=paused_note)
        elif paused is not None:
            resume_fleet()
        if destroys_frozen is not None:
            note = destroys_frozen_note if destroys_frozen else ""
            freeze_destroys(frozen=destroys_frozen, note=note)
        if "max_servers" in cap:
            fleet = Fleet.objects.select_for_update(no_key=True).get()
            before = read_values(fleet, cap)
            if changes := "; ".join(list_differences(before, cap)):
                Fleet.objects.update(max_servers=most)
                write_event(Fact.CHANGED, reason=f"The fleet was changed: {changes}.")


def confirm_fleet() -> str:
    """Confirm that this database is the fleet's own. Return the fleet's id.

    Opens the gates that are closed in a copied or restored database. Raises
    ConflictError if the database is confirmed already.
    """
    with transaction.atomic():
        fleet = _take_over()
        write_event(
            Fact.FLEET_CONFIRMED, reason=f"The fleet {fleet.fleet_id} was confirmed."
        )
    return fleet.fleet_id


def split_fleet() -> tuple[str, int]:
    """Turn a cloned database into a new fleet. Return its id and the servers let go.

    All instances in the copy belong to the original fleet, which keeps using them. They
    are never destroyed here, because they carry the original fleet's id. Raises
    ConflictError if the database is confirmed already.
    """
    with transaction.atomic():
        fleet = _take_over()
        origin, fleet.fleet_id = fleet.fleet_id, make_fleet_id()
        fleet.save(update_fields=["fleet_id"])
        now = ledger.database_now()
        reason = f"It belongs to the fleet {origin}. This database is a copy of it."
        count = 0
        rows = Server.objects.exclude(state=State.STOPPED).select_related("recipe")
        for server in rows.select_for_update(no_key=True, of=("self",)):
            count += ledger.move(server, Event.DISOWNED, reason=reason, now=now)
        Instance.objects.all().delete()
        Leftover.objects.all().delete()
        Listing.objects.all().delete()
        write_event(
            Fact.FLEET_CONFIRMED,
            reason=f"A copy of {origin} became the fleet {fleet.fleet_id}. Servers "
            f"left to {origin}: {count}.",
        )
    return fleet.fleet_id, count


def close_gates() -> None:
    """Have each location listed again before anything is created or destroyed in it.

    Called at each start, because the database may be a restored backup.
    """
    Location.objects.filter(compared_at__isnull=False).update(
        compared_at=None, next_listing_at=Now()
    )


def _take_over() -> Fleet:
    fleet = Fleet.objects.select_for_update(no_key=True).get()
    if fleet.fingerprint == settings.INSTALLATION_ID:
        raise ConflictError("This database is already confirmed.")
    fleet.fingerprint = settings.INSTALLATION_ID
    fleet.save(update_fields=["fingerprint"])
    # Comparisons of the other installation must not open a gate.
    close_gates()
    return fleet
