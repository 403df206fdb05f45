"""What a kind of cloud can do and allows: one record for each kind.

Checks read it. No other code states such a limit.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class TagRules:
    """A cloud's limits on labels that become tags, besides those for every label.

    The cloud allows ``most`` tags. ServerFleet needs ``own`` of them itself, and one
    more for each option in ``tagging`` that a template sets. Names in ``reserved``, and
    names that start with one of ``prefixes`` in upper or lower case, are refused.
    A whole name must match ``name``, a whole value ``value``, and both together
    ``flat``, as ``name:value``, if the cloud allows less than ServerFleet's own rule
    for labels.
    """

    most: int = 50
    own: int = 0
    name: str = ""
    value: str = ""
    flat: str = ""
    tagging: frozenset[str] = frozenset()
    reserved: Mapping[str, str] = field(default_factory=dict)  # name to reason
    prefixes: tuple[str, ...] = ()

    def check(self, labels: Mapping[str, str], options: Mapping[str, object]) -> str:
        """Return what is wrong with labels, or ""."""
        most = (
            self.most - self.own - sum(bool(options.get(name)) for name in self.tagging)
        )
        if len(labels) > most:
            return (
                f"{len(labels)} labels are too many. Use at most {most}: each label "
                "becomes a tag, and ServerFleet needs some tags itself."
            )
        for name, value in labels.items():
            if why := self.reserved.get(name):
                return f"The label {name!r} can't be used: {why}"
            if name.lower().startswith(self.prefixes):
                return (
                    f"The label {name[:80]!r} can't be used: the cloud reserves names "
                    f"that start with {' or '.join(self.prefixes)}."
                )
            for rule, text in (
                (self.name, name),
                (self.value, value),
                (self.flat, f"{name}:{value}"),
            ):
                if rule and not re.fullmatch(rule, text):
                    return (
                        f"The label {name[:80]!r} can't be used: the cloud does not "
                        f"accept {text[:80]!r} in a tag."
                    )
        return ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one kind of cloud can do. The defaults promise nothing.

    ``user_data_bytes`` counts the user data as UTF-8, before it is encoded for the
    call. 0 means that the cloud has no limit below ServerFleet's own.
    """

    tags: TagRules = TagRules()
    user_data_bytes: int = 0
    user_data_in_base64: bool = False
    # It passes any bytes on, so cloud-init can get its user data compressed.
    user_data_gzip: bool = False
    idempotency_token: bool = False  # create_instance sends ``CreateSpec.token``
    finds_by_key: bool = False  # the cloud searches; otherwise all are listed
    dry_run: bool = False  # check_create asks the cloud itself
    catalogue: bool = False  # it tells its regions, images and sizes
    # What a create accepts is in its catalogue, by the id that a template has. So if a
    # whole list does not show an id, the cloud no longer has it.
    lists_all_images: bool = False
    lists_all_sizes: bool = False
    # Which owners an image by rule may have: a regular expression for the whole text,
    # with an example; "" if the kind takes no rules. See images.py.
    image_owners: str = ""
    image_owners_like: str = ""
    # What each of its quotas counts by itself. So a refusal by quota says nothing about
    # another region, size or kind of purchase, unless that is left out here.
    quota_per: frozenset[str] = frozenset({"region", "size", "spot"})
    spot: bool = False  # it sells what it may take back at any time, for less
    stopping_ends: bool = False  # an instance that shuts itself down is terminated

    def pack_user_data(self, text: str, *, compresses: bool) -> bytes:
        """Return user data as the call sends it, before any encoding of the call.

        It is compressed only if it is too long for the cloud, and if the image can read
        that (``compresses``). The same text always gives the same bytes.
        """
        plain = text.encode()
        if not (compresses and self.user_data_gzip) or self.fits_user_data(len(plain)):
            return plain
        return gzip.compress(plain, mtime=0)

    def fits_user_data(self, size: int) -> bool:
        """Tell whether the cloud takes user data of ``size`` bytes."""
        return not self.user_data_bytes or size <= self.user_data_bytes

    def check_user_data(self, size: int) -> str:
        """Return what is wrong with user data of ``size`` bytes, or ""."""
        if self.fits_user_data(size):
            return ""
        return (
            f"The user data has {size} bytes, but the cloud accepts at most "
            f"{self.user_data_bytes}. Shorten the template's user data."
        )


NO_CAPABILITIES: Final = Capabilities()
