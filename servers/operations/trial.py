"""Try a template: create a server, wait until it is ready, and terminate it.

The server's row says that it is a trial run, so any worker terminates it, even after
crashes.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from servers.errors import NotFoundError
from servers.lifecycle.states import ENDING, Event, State
from servers.models import Event as EventRow
from servers.models import Server, Template
from servers.operations.provision import Request, provision_servers
from servers.records.boots import find_call


@dataclass(frozen=True, slots=True)
class Reached:
    """A state that was reached ``seconds`` after the start of the trial run."""

    state: str
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Trial:
    """The current state of the latest trial run of a template."""

    server: Server
    outcome: str  # under way, works, failed
    boot_seconds: float | None  # from the create call to ready; see boots.py
    queued_seconds: float | None  # from the request to that call
    gone: bool  # nothing of it is left at the cloud
    error: str
    steps: tuple[Reached, ...]


def try_template(template: Template) -> Server:
    """Create a server that is terminated automatically. Return it, pending.

    If a trial run is already in progress, return its server. Raises NotFoundError or
    ConflictError (a cap, a disabled account).
    """
    longest = timedelta(seconds=settings.PENDING_DEADLINE + settings.BOOT_DEADLINE)
    name = f"try-{template.name[:40].rstrip('-')}-{secrets.token_hex(4)}"
    with transaction.atomic():
        # Serialised, so that of two requests the second finds the first one's try.
        held = Template.objects.select_for_update(no_key=True).filter(pk=template.pk)
        if not held.first():
            raise NotFoundError.named("template", template.name)
        running = _list_trials(template).exclude(state__in=ENDING).first()
        if running is not None:
            return running
        (server,) = provision_servers(
            Request(template=template.name, name=name, ttl=0, trial=longest)
        )
    return server


def find_trial(template: Template) -> Trial:
    """Return a template's latest trial run. Raise NotFoundError if there is none."""
    server = _list_trials(template).first()
    if server is None:
        raise NotFoundError(
            f"{template.name} has no recent trial run. Send a POST to this path to "
            "start one."
        )
    events = list(
        EventRow.objects.filter(server_uid=server.pk)
        .exclude(to_state="")
        .order_by("id")
    )
    steps = tuple(
        Reached(event.to_state, event.at, (event.at - events[0].at).total_seconds())
        for event in events
    )
    ready = next((step for step in steps if step.state == State.RUNNING), None)
    call = find_call([(step.state, step.at) for step in steps])
    over = server.state in ENDING | {State.ERROR}
    if ready is not None:
        outcome, error = "works", ""
    elif over:
        ends = [event for event in events if event.kind == Event.STOP_REQUESTED]
        outcome, error = "failed", server.error or (ends[0].reason if ends else "")
    else:
        outcome, error = "under way", server.waiting
    return Trial(
        server=server,
        outcome=outcome,
        boot_seconds=(ready.at - call).total_seconds() if ready and call else None,
        queued_seconds=(call - events[0].at).total_seconds() if call else None,
        gone=server.state == State.STOPPED,
        error=error,
        steps=steps,
    )


def was_tried(template: Template) -> bool:
    """Tell whether there is still a record of a trial run of a template."""
    return _list_trials(template).exists()


def _list_trials(template: Template) -> QuerySet[Server]:
    """Return the trial runs of a template, newest first."""
    return Server.objects.filter(template=template, trial_until__isnull=False).order_by(
        "-created_at", "-id"
    )
