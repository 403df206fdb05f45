"""The template's own user data, and how it is merged with what is built in.

cloud-init tells the kind of a text by its first line. As one of several parts of a
multipart message, each text has its kind as a MIME type. The built-in part comes second
and says how it is merged into the first: its lists go before those of the template, and
no value of the template is replaced.

Source: cloud-init's documentation, "User-data formats" and "Merging user-data
sections".
"""

import hashlib
import json
from collections.abc import Iterable
from email import message_from_string
from email.errors import MessageError
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Final

import yaml

SCRIPT: Final = "script"
_MERGE: Final = "dict(recurse_dict,recurse_list,no_replace)+list(prepend)+str()"
_MULTIPART: Final = "multipart"
# First line to MIME type.
_TYPES: Final = {
    "#cloud-config-archive": "cloud-config-archive",
    "#cloud-config": "cloud-config",
    "#cloud-boothook": "cloud-boothook",
    "#include-once": "x-include-once-url",
    "#include": "x-include-url",
    "#part-handler": "part-handler",
    "## template: jinja": "jinja2",
    "#!": SCRIPT,
}
MAX_DEPTH: Final = 50
_TAGS: Final = "tag:yaml.org,2002:"
_BEGIN: Final = (
    "ServerFleet can't merge this with what it sets up. Begin the user data with "
    "#cloud-config, #! or another line that cloud-init knows."
)
_BEGIN_IGNITION: Final = (
    "Flatcar reads an Ignition config. Enter one as JSON, with ignition.version 3.0.0 "
    "to 3.3.0, or a script that begins with #!."
)
_VERSIONS: Final = frozenset({"3.0.0", "3.1.0", "3.2.0", "3.3.0"})


def find_type(text: str) -> str:
    """Return the kind of a text by its first line, or "" if cloud-init knows none."""
    start = text.lstrip()[:200].lower()
    if start.startswith(("content-type:", "mime-version:")):
        return _MULTIPART
    return next((kind for line, kind in _TYPES.items() if start.startswith(line)), "")


def find_wrong_format(text: str, *, ignition: bool, merges: bool) -> str:
    """Return why own user data can't be used, or "".

    ``merges`` tells that cloud-init gets it together with a built-in part.
    """
    if not text.strip():
        return ""
    found = find_type(text)
    if ignition:
        return "" if found == SCRIPT else _find_wrong_ignition(text)
    if merges and not found:
        return _BEGIN
    if merges and found == _MULTIPART and not _parse_multipart(text):
        return "This is not a multipart message. Check its boundary."
    if found == "cloud-config":
        return find_wrong_yaml(text)
    return ""


def _find_wrong_ignition(text: str) -> str:
    try:
        config = json.loads(text)
        is_known = config["ignition"]["version"] in _VERSIONS
    except (ValueError, TypeError, KeyError, RecursionError):
        return _BEGIN_IGNITION
    return "" if is_known else _BEGIN_IGNITION


def find_wrong_yaml(text: str) -> str:
    """Return why a text is no cloud-config, or "".

    The events are read without building anything, so nothing in them can grow.
    """
    try:
        return _find_wrong_event(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"Line {mark.line + 1}: " if mark else ""
        return f"{line}this is not valid YAML: {error.problem or error.context}."
    except yaml.YAMLError:
        return "This is not valid YAML: it has a character that YAML does not allow."


def _find_wrong_event(events: Iterable[yaml.Event]) -> str:
    anchors: set[str] = set()
    depth = documents = 0
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            return "Use a single YAML document."
        if not isinstance(event, yaml.NodeEvent):
            continue
        if wrong := _find_wrong_node(event, anchors, depth):
            return wrong
        if event.anchor:
            anchors.add(event.anchor)
        depth += isinstance(event, yaml.CollectionStartEvent)
    return ""


def _find_wrong_node(event: yaml.NodeEvent, anchors: set[str], depth: int) -> str:
    tag = str(getattr(event, "tag", None) or "")
    empty = isinstance(event, yaml.ScalarEvent) and not event.value
    if depth == 0 and not isinstance(event, yaml.MappingStartEvent) and not empty:
        return "A cloud-config is a mapping of names to values."
    if depth >= MAX_DEPTH:
        return _say(event, "values are nested too deeply.")
    if isinstance(event, yaml.AliasEvent) and event.anchor not in anchors:
        return _say(event, f"the alias {event.anchor} is not defined.")
    if tag.startswith("!") and tag != "!":
        return _say(event, f"the tag {tag[:60]} can't be used.")
    if tag.startswith(_TAGS) and tag[len(_TAGS) :].startswith("python"):
        return _say(event, f"the tag {tag[:60]} can't be used.")
    return ""


def _say(event: yaml.Event, what: str) -> str:
    assert event.start_mark is not None
    return f"Line {event.start_mark.line + 1}: {what}"


_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def _parse_multipart(text: str) -> Message | None:
    try:
        found = message_from_string(text.lstrip())
    except (MessageError, ValueError):
        return None
    return found if found.is_multipart() else None


def merge_multipart(own: str, built_in: str, *, kind: str) -> str:
    """Return own user data and the built-in cloud-config as one multipart message.

    ``kind`` is that of the own user data.
    """
    digest = hashlib.sha256(f"{own}{built_in}".encode()).hexdigest()
    message = MIMEMultipart(boundary=f"=={digest[:32]}==")
    multipart = _parse_multipart(own) if kind == _MULTIPART else None
    message.attach(multipart or _build_part(own, kind or "plain", "user-data"))
    ours = _build_part(built_in, "cloud-config", "serverfleet")
    ours["Merge-Type"] = _MERGE
    message.attach(ours)
    return message.as_string()


def _build_part(text: str, kind: str, name: str) -> MIMEText:
    part = MIMEText(text, kind, "us-ascii" if text.isascii() else "utf-8")
    part["Content-Disposition"] = f'attachment; filename="{name}"'
    return part
