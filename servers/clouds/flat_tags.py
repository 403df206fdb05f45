"""Tags without values: a label is the one text ``name:value``.

On such clouds a tag is an object of the account that outlives the instances.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from servers.clouds.base import ADDRESS_TAG, FLEET_TAG, CreateSpec
from servers.outgoing.fields import read_several

_OWN: Final = "serverfleet-"


def make_tag(name: str, value: str) -> str:
    """Return the flat tag of a label."""
    return f"{name}:{value}"


def find_value(tags: Iterable[str], name: str) -> str:
    """Return the value of the tag ``name:value``, or "".

    The account's first tag of a name may decide its case for ever. ServerFleet's own
    values are in lower case.
    """
    start = make_tag(name, "")
    for each in map(str.lower, tags):
        if each.startswith(start):
            return each.removeprefix(start)
    return ""


def build_tags(spec: CreateSpec, options: Mapping[str, Any]) -> list[str]:
    """Return the tags of an instance: none that belongs to one instance alone.

    They are the fleet's, the labels' and those of the option ``tags``.
    """
    own = spec.own_tags
    tags = [
        make_tag(each, own[each]) for each in (FLEET_TAG, ADDRESS_TAG) if each in own
    ]
    tags += [make_tag(name, value) for name, value in sorted(spec.labels.items())]
    tags += read_several(options.get("tags"))
    return list(dict.fromkeys(tags))


def check_tags(options: Mapping[str, Any]) -> str:
    """Return what is wrong with the option ``tags``, or ""."""
    for each in read_several(options.get("tags")):
        if each.lower().startswith(_OWN):
            return f"A tag that starts with {_OWN} is ServerFleet's own: leave it out."
    return ""
