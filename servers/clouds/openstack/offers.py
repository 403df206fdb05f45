"""OpenStack's catalogue: regions, flavors and images; and the project's quotas.

Source: the API references of Nova and Glance. No service tells prices.
"""

import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from servers.clouds.base import About
from servers.clouds.catalogue import (
    Catalogue,
    ImageQuery,
    OfferedImage,
    OfferedSize,
    Quota,
    make_catalogue,
    sort_quotas,
)
from servers.clouds.images import matches
from servers.clouds.openstack.errors import NAME
from servers.clouds.openstack.session import Session, make_path
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError

# An id rather than a name: Nova numbers its oldest flavors.
_FLAVOR_ID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
SELF: Final = "self"
PUBLIC: Final = "public"
_KEPT_SECONDS: Final = 600.0
_MAX_KEPT: Final = 2000
_QUOTAS: Final = (
    ("Instances", "maxTotalInstances", "totalInstancesUsed", "instances"),
    ("Cores", "maxTotalCores", "totalCoresUsed", "vCPUs"),
    ("Memory", "maxTotalRAMSize", "totalRAMUsed", "MiB"),
)


def read_catalogue(session: Session) -> Catalogue:
    """Return the catalogue of a region."""
    gaps: list[str] = []

    def ask(service: str, path: str, name: str) -> list[dict[str, Any]]:
        try:
            return list(session.entries(service, path, name, {}))
        except (CredentialsError, RefusedError) as error:
            gaps.append(f"{NAME} does not list {name}: {error.message}")
            return []

    regions = session.token.list_regions()
    flavors = ask("compute", "/flavors/detail", "flavors")
    images = ask("image", "/images", "images")
    if len(gaps) == 2:
        raise CredentialsError(gaps[0])
    return make_catalogue(
        regions=regions,
        images=[read_image(each) for each in images if _is_active(each)],
        sizes=_read_sizes(flavors),
        gaps=gaps,
    )


def _read_sizes(flavors: list[dict[str, Any]]) -> list[OfferedSize]:
    """Return the flavors by name, or by id where several have one name."""
    names = Counter(reading.text(each, "name") for each in flavors)
    return [
        OfferedSize(
            name=name if name and names[name] == 1 else reading.text(each, "id"),
            cores=reading.whole(each, "vcpus"),
            memory_mib=reading.whole(each, "ram"),
        )
        for each in flavors
        if not reading.truth(each, "OS-FLV-DISABLED:disabled")
        and ((name := reading.text(each, "name")) or reading.text(each, "id"))
    ]


def read_image(item: dict[str, Any]) -> OfferedImage:
    """Return an image of Glance."""
    return OfferedImage(
        image_id=reading.text(item, "id"),
        name=reading.text(item, "name"),
        architecture=reading.text(item, "architecture")
        or reading.text(item, "hw_architecture"),
        created=reading.text(item, "created_at"),
        owner=reading.text(item, "owner"),
    )


def find_images(session: Session, query: ImageQuery) -> Iterator[OfferedImage]:
    """Yield the images with some ids, or those of a rule that a create accepts.

    A rule's owner is a project's id; ``self``, the account's own project; or
    ``public``, the images that the cloud's administrators offer to all.
    """
    for image_id in query.ids:
        # Not by a filter of the list: it leaves out hidden and community images.
        try:
            path = make_path("/images/", image_id)
            item = session.ask("image", "GET", path).data
        except MissingError:
            continue
        if _is_active(item):
            yield read_image(item)
    if not query.owner:
        return
    owner = session.token.project if query.owner == SELF else query.owner
    name = "visibility" if owner == PUBLIC else "owner"
    for item in session.entries("image", "/images", "images", {name: owner}):
        found = read_image(item)
        whose = reading.text(item, name).replace("-", "")
        # As the rule names its owner, so that it matches.
        named = replace(found, owner=query.owner)
        if (
            _is_active(item)
            and whose == owner.replace("-", "")
            and matches(named, query)
        ):
            yield found


def _is_active(item: Mapping[str, Any]) -> bool:
    return reading.text(item, "status") == "active" and bool(reading.text(item, "id"))


def read_quotas(session: Session) -> tuple[Quota, ...]:
    """Return what the project may use of Nova, the scarcest first."""
    limits = session.ask("compute", "GET", "/limits").need_object("limits", "absolute")
    found = []
    for name, most, used, unit in _QUOTAS:
        limit, taken = reading.number(limits, most), reading.number(limits, used)
        if limit is not None and limit >= 0:  # -1: no limit
            found.append(Quota(name, limit, taken, unit))
    return sort_quotas(found)


class Flavors:
    """The ids of flavors by their names, kept for some minutes.

    People write names into templates, and Nova wants ids. Safe to use from any thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, ...], tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, session: Session, size: str) -> str:
        """Return the id of a flavor, by its name or id. Raises RefusedError."""
        if _FLAVOR_ID.fullmatch(size):
            return size
        key = self._make_key(session, size)
        with self._lock:
            known = self._known.get(key)
        if known is not None and self._clock() < known[1]:
            return known[0]
        found = look_up_flavor(session, size)
        with self._lock:
            self._known[key] = found, self._clock() + _KEPT_SECONDS
            while len(self._known) > _MAX_KEPT:
                self._known.popitem(last=False)
        return found

    def forget(self, session: Session, size: str) -> None:
        """Look a flavor up again: someone may have replaced it by one of its name."""
        with self._lock:
            self._known.pop(self._make_key(session, size), None)

    def _make_key(self, session: Session, size: str) -> tuple[str, ...]:
        config = session.config
        return config.endpoint, config.account_id, config.region, size


def look_up_flavor(session: Session, size: str) -> str:
    """Return the id of a flavor, by its name or id. Raises RefusedError."""
    flavors = list(session.entries("compute", "/flavors/detail", "flavors", {}))
    for name in ("id", "name"):
        found = {
            reading.text(each, "id")
            for each in flavors
            if reading.text(each, name) == size and reading.text(each, "id")
        }
        if len(found) > 1:
            raise RefusedError(
                f"{NAME} has several flavors named {size}. Use the id of one.",
                about=About.SIZE,
            )
        if found:
            return found.pop()
    raise RefusedError(
        f"{NAME} has no flavor {size} for this project.", about=About.SIZE
    )
