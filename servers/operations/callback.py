"""What an instance reports: its boot, then heartbeats. Nothing here moves a server.

A report is written down, and a worker decides what follows. Each report can be
repeated: the instance does so whenever it gets no answer. Whatever is wrong with who
reports is one ``RefusedError``, which tells a stranger nothing.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from servers.errors import FleetError
from servers.freshness.stamps import read_clock
from servers.lifecycle.states import State
from servers.machine.callback.conditions import HEARTBEAT_SECONDS
from servers.machine.callback.texts import (
    clean_line,
    clean_log,
    find_end,
    hide,
    list_secrets,
)
from servers.machine.callback.tokens import digest, is_secret, is_token
from servers.messaging import dispatch
from servers.models import Host, TemplateVersion
from servers.records.callbacks import (
    HEARD,
    find_host,
    make_due,
    seal_log,
    write_report,
)
from servers.records.registrations import list_given

DRAINING_SECONDS: Final = 5  # between two heartbeats of a drain
MAX_STEPS: Final = 100
MAX_BUILDS: Final = 50
_MAX_NAME: Final = 100
_MOST: Final = 30.0 * 86400  # seconds
REFUSED: Final = (
    "This report was refused. A token works only with the secret that it was first "
    "used with, for one attempt to create one server, until that server stops."
)


class RefusedError(FleetError):
    """The caller is no instance that ServerFleet listens to."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


class Phase(StrEnum):
    """How far a boot is."""

    BOOTING = "booting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a boot. ``seconds`` is how long it took, or None while it runs."""

    name: str
    seconds: float | None = None
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Boot:
    """A report of the boot: all steps so far, and the end of the log."""

    phase: Phase
    steps: Sequence[Step] = ()
    log: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat. ``drained``: the agent and all builds have ended.

    ``spent``: the agent has ended after the one build that it was for.
    """

    builds: Sequence[str] = ()
    drained: bool = False
    agent: bool = True  # it runs, or there is none, or it is spent
    spent: bool = False
    docker: bool = True  # it answers, or there is none


@dataclass(frozen=True, slots=True)
class Told:
    """What the instance is told. ``again``: seconds until it reports again."""

    cordon: bool
    drain: bool
    again: int


def find_instance(token: str) -> Host:
    """Return the record that a token belongs to. Raise RefusedError.

    One look-up, whatever comes of it, so that the time tells a stranger nothing.
    """
    host = find_host(digest(token)) if is_token(token) else None
    if host is None or not hmac.compare_digest(host.token_digest, digest(token)):
        raise RefusedError
    server = host.server
    if server.state not in HEARD or server.attempt_number != host.attempt:
        raise RefusedError
    return host


def check_secret(host: Host, secret: str) -> None:
    """Raise RefusedError unless the secret is that of the instance.

    The first report registers it, so before that any is.
    """
    known = host.secret_digest or digest(secret)
    if not is_secret(secret) or not hmac.compare_digest(known, digest(secret)):
        raise RefusedError


def report_boot(host: Host, secret: str, boot: Boot) -> Told:
    """Record a report of the boot. Raise RefusedError.

    The first end that is reported counts. What comes later, even if it was sent before,
    changes nothing, and is answered like the first.
    """
    if _has_ended(host):
        _write(host, secret, {})
        return _answer(host)
    if host.server.state == State.RUNNING:
        raise RefusedError
    now = read_clock()
    columns = _read_progress(host, boot, now=now)
    if boot.phase is Phase.READY:
        columns["booted_at"] = now
    elif boot.phase is Phase.FAILED:
        columns["boot_failed"] = True
    try:
        _write(
            host,
            secret,
            columns,
            is_due=boot.phase is not Phase.BOOTING,
            unless_ended=True,
        )
    except RefusedError:
        # The end may have been reported over another connection in this moment.
        host = identify_again(host, secret)
        if not _has_ended(host):
            raise
        _write(host, secret, {})
    return _answer(host)


def identify_again(host: Host, secret: str) -> Host:
    """Return the record as it is now. Raise RefusedError."""
    found = find_host(host.token_digest)
    if found is None or found.secret_digest != digest(secret):
        raise RefusedError
    return found


def _has_ended(host: Host) -> bool:
    """Tell whether the end of the boot was reported."""
    return host.booted_at is not None or host.boot_failed


def report_beat(host: Host, secret: str, beat: Beat) -> Told:
    """Record a heartbeat. Raise RefusedError.

    An instance that hears of a drain while it boots sends them from then on.
    """
    drains = host.server.state == State.SHUTDOWN
    if host.booted_at is None and not drains:
        raise RefusedError
    builds = [name for each in beat.builds[:MAX_BUILDS] if (name := _clean(each))]
    columns: dict[str, Any] = {}
    if builds != host.builds:
        columns["builds"] = builds
    # A cordon, too, tells the agent to finish and end.
    missing = not (beat.agent or drains or host.server.cordoned)
    if missing != host.agent_missing:
        columns["agent_missing"] = missing
    if beat.docker is host.docker_silent:
        columns["docker_silent"] = not beat.docker
    is_spent = beat.spent and host.agent_spent_at is None
    if is_spent:
        columns["agent_spent_at"] = read_clock()
    ends = drains and beat.drained and host.drained_at is None
    if ends:
        now = read_clock()
        # A build that was sent just before the cordon may not have shown yet.
        recheck = timedelta(seconds=settings.DRAIN_RECHECK)
        ends = now >= host.server.state_since + recheck
    if ends:
        columns |= {"drained_at": now, "builds": []}
    _write(host, secret, columns, is_due=ends or is_spent)
    return _answer(host, is_spent=beat.spent)


def _write(
    host: Host,
    secret: str,
    columns: dict[str, Any],
    *,
    is_due: bool = False,
    unless_ended: bool = False,
) -> None:
    if host.server.state == State.SHUTDOWN and host.drain_told_at is None:
        # The answer tells it.
        columns = {**columns, "drain_told_at": read_clock()}
    with transaction.atomic():
        if is_due and not make_due(host):
            raise RefusedError
        written = write_report(host, digest(secret), columns, unless_ended=unless_ended)
        if not written:
            raise RefusedError
        if is_due:
            dispatch.hint(dispatch.ADVANCE, host.pk)


def _answer(host: Host, *, is_spent: bool = False) -> Told:
    drains = host.server.state == State.SHUTDOWN
    # It can't run any more, so its boot is not to start an agent.
    is_lost = host.server.state == State.ERROR and host.server.ready_at is None
    cordon = drains or is_lost or host.server.cordoned
    # What is spent is about to be told to drain.
    again = DRAINING_SECONDS if drains or is_spent else HEARTBEAT_SECONDS
    return Told(cordon=cordon, drain=drains, again=again)


def _read_progress(host: Host, boot: Boot, *, now: datetime) -> dict[str, Any]:
    """Return the columns for the steps and the log, unless newer ones are known.

    Over a slow link, a report can arrive after one that was sent later. Steps are only
    ever added, so the longer list is the newer one.
    """
    hidden = _list_secrets(host) if boot.log or boot.steps else set()
    steps = _read_steps(boot, hidden, now=now)
    for step, known in zip(steps, host.boot_steps, strict=False):
        if step["name"] == known["name"]:
            step["at"] = known["at"]
    if _count(steps) < _count(host.boot_steps):
        return {}
    columns: dict[str, Any] = {}
    if steps != host.boot_steps:
        columns["boot_steps"] = steps
    if boot.log:
        log = clean_log(boot.log, hidden)
        columns |= {"boot_log": seal_log(log, host.pk), "log_end": find_end(log)}
    return columns


def _count(steps: Sequence[Any]) -> tuple[int, int]:
    """Return how many steps have begun, and how many have ended."""
    ended = sum(1 for each in steps if each.get("seconds") is not None)
    return len(steps), ended


def _read_steps(boot: Boot, hidden: set[str], *, now: datetime) -> list[dict[str, Any]]:
    """Return the steps as they are stored, with the times at which they began.

    The clock of an instance can be wrong until its boot has set it. So a step began, by
    the database's clock, as long before its first report as it took.
    """
    found = []
    for step in boot.steps[:MAX_STEPS]:
        seconds = None if step.seconds is None else min(max(step.seconds, 0.0), _MOST)
        found.append(
            {
                "name": hide(_clean(step.name), hidden) or "?",
                "at": round(now.timestamp() - (seconds or 0)),
                "seconds": None if seconds is None else round(seconds, 1),
                "ok": step.ok,
            }
        )
    return found


def _clean(name: str) -> str:
    return clean_line(name, _MAX_NAME)


def _list_secrets(host: Host) -> set[str]:
    recipe = TemplateVersion.objects.get(pk=host.server.recipe_id)
    texts = (recipe.user_data, recipe.commands)
    given = list_given(host.pk, recipe.agent_kind)
    return list_secrets(recipe.agent_environment, recipe.files, texts, given)
