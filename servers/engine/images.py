"""The image of a create call, where the template has a rule.

It is looked up before the attempt is written, so outside any transaction, and kept for
some minutes in the process. The attempt then records the image's id. If the look-up
fails, the attempt ends with that error, as if the create call had failed with it.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from servers.clouds.catalogue import OfferedImage
from servers.clouds.images import is_rule, resolve_rule
from servers.clouds.port import Cloud
from servers.clouds.registry import describe_kind
from servers.engine import uptime
from servers.lifecycle.snapshot import Placement
from servers.models import Account
from servers.outgoing.errors import CallError, UnknownOutcomeError, UnreachableError

KEEP_SECONDS: Final = 300.0
_MAX_KEPT: Final = 1000
# The part of the time until the create call's limit that a look-up may take.
_SHARE: Final = 0.5

Key = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The id for the create call, and how it was found; or why it was not."""

    image_id: str
    note: str = ""
    error: CallError | None = None


@dataclass(slots=True)
class _Entry:
    image: OfferedImage | None = None
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_entries: OrderedDict[Key, _Entry] = OrderedDict()
_lock: Final = threading.Lock()


def resolve_image(
    cloud: Cloud, account: Account, placement: Placement, *, send_before: float
) -> Resolved:
    """Return the image of a placement. ``send_before`` is an uptime, in seconds."""
    rule = placement.image
    if not is_rule(rule):
        return Resolved(rule)
    key = (str(account.pk), account.generation, placement.region, rule)
    seconds = (send_before - uptime.read()) * _SHARE
    try:
        image = _find(cloud, account, key, seconds=min(seconds, cloud.timings.call))
    except UnknownOutcomeError as error:
        # A look-up changes nothing, and the create call was not sent.
        return Resolved(rule, error=UnreachableError(error.message))
    except CallError as error:
        return Resolved(rule, error=error)
    named = f" ({image.name})" if image.name != image.image_id else ""
    return Resolved(image.image_id, f"{rule} is {image.image_id}{named}.")


def _find(cloud: Cloud, account: Account, key: Key, *, seconds: float) -> OfferedImage:
    """Return the newest image of a rule. One thread looks it up, the others wait."""
    with _lock:
        entry = _entries.setdefault(key, _Entry())
        _entries.move_to_end(key)
        while len(_entries) > _MAX_KEPT:
            _entries.popitem(last=False)
    began = time.monotonic()
    if seconds <= 0 or not entry.lock.acquire(timeout=seconds):
        raise UnreachableError(
            "The image of the template's rule was not found in time."
        )
    try:
        now = time.monotonic()
        if entry.image is None or now >= entry.until:
            entry.image = resolve_rule(
                cloud,
                describe_kind(account.kind).capabilities,
                key[-1],
                deadline=max(0.1, seconds - (now - began)),
            )
            entry.until = now + KEEP_SECONDS
        return entry.image
    finally:
        entry.lock.release()
