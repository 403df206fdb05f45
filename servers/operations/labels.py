"""Which labels a server can have: what every cloud allows, and then its own cloud.

A label belongs to ServerFleet. The create call also sets it as a tag of the instance.
Names and values can have letters and digits of any script, spaces, and
``_ . : / = + - @``, which AWS allows everywhere. Case is preserved. A name has no
``=``, because forms and URLs write ``name=value``.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from servers.clouds.registry import describe_kind
from servers.models.placement import PlacementFields

MAX_LABELS: Final = 50
MAX_LABEL_NAME: Final = 128  # characters, as EC2's tags
MAX_LABEL_VALUE: Final = 256
MAX_LABEL_FILTER: Final = MAX_LABEL_NAME + 1 + MAX_LABEL_VALUE  # name=value
# In a search text. More would need too many queries.
MAX_COLONS: Final = 8
_IN_NAME: Final = r"\w.:/+@-"
_IN_VALUE: Final = r"\w.:/=+@-"
LABEL_NAME: Final = re.compile(
    rf"[{_IN_NAME}](?:[ {_IN_NAME}]{{0,{MAX_LABEL_NAME - 2}}}[{_IN_NAME}])?"
)
LABEL_VALUE: Final = re.compile(
    rf"(?:[{_IN_VALUE}](?:[ {_IN_VALUE}]{{0,{MAX_LABEL_VALUE - 2}}}[{_IN_VALUE}])?)?"
)
RESERVED_LABELS: Final = "serverfleet"

Clouds = tuple[tuple[str, Mapping[str, object]], ...]


def check_labels(labels: object) -> str:
    """Return what is wrong with labels, whatever the cloud, or ""."""
    if not isinstance(labels, Mapping):
        return "Labels must be an object with string values."
    if len(labels) > MAX_LABELS:
        return f"Use at most {MAX_LABELS} labels."
    for name, value in labels.items():
        if not isinstance(name, str) or not isinstance(value, str):
            return "Labels must be an object with string values."
        if not LABEL_NAME.fullmatch(name):
            return (
                f"{name[:80]!r} can't be a label's name. Use 1 to {MAX_LABEL_NAME} "
                "letters, digits, spaces and _ . : / + - @, with no space at either "
                "end."
            )
        if name.lower().startswith(RESERVED_LABELS):
            return (
                f"{name[:80]!r} can't be a label's name. Names that begin with "
                f"{RESERVED_LABELS} are reserved. Choose another name."
            )
        if not LABEL_VALUE.fullmatch(value):
            return (
                f"The label {name[:80]!r} has an invalid value. Use at most "
                f"{MAX_LABEL_VALUE} letters, digits, spaces and _ . : / = + - @, with "
                "no space at either end."
            )
    return ""


def read_label_filter(text: str) -> list[tuple[str, str | None]]:
    """Return the labels that a filter can mean, or [] if no label can match it.

    ``name`` means any value (None). ``name=value`` and ``name:value`` mean one value.
    Names and values can contain colons, and values can contain ``=``, so one text can
    mean several labels.
    """
    signs = [at for at, sign in enumerate(text) if sign == ":"][:MAX_COLONS]
    if "=" in text:
        signs.append(text.index("="))
    pairs = [(text[:at], text[at + 1 :]) for at in signs]
    found: list[tuple[str, str | None]] = [
        (name, value)
        for name, value in pairs
        if LABEL_NAME.fullmatch(name) and LABEL_VALUE.fullmatch(value)
    ]
    return [(text, None), *found] if LABEL_NAME.fullmatch(text) else found


def list_clouds(placements: Iterable[PlacementFields]) -> Clouds:
    """Return the kind and the options of each placement."""
    return tuple((each.account.kind, each.options) for each in placements)


def check_tags(labels: Mapping[str, str], clouds: Clouds) -> str:
    """Return why a cloud would refuse the labels as tags, or "".

    Each of ``clouds`` is a kind with the options of a placement. Some of the options
    use up a tag.
    """
    for kind, options in clouds:
        described = describe_kind(kind)
        if message := described.capabilities.tags.check(labels, options):
            return f"{described.label}: {message}"
    return ""
