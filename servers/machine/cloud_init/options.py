"""What a template's options may be. Each check returns what is wrong, or "".

The options come from people and programs as JSON, so nothing about them is certain.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from servers.addresses import is_host
from servers.machine.agents.checks import IMAGE, MAX_IMAGE
from servers.machine.cloud_init.docker import DAEMON_JSON, DATA_ROOT, KEYS_FOLDER, OURS
from servers.machine.cloud_init.parts import BOOT_LOG, FOLDER, STATE_FOLDER
from servers.machine.cloud_init.setup import OwnFile

MAX_ENTRIES: Final = 50
MAX_JSON: Final = 16 * 1024  # bytes of daemon.json
MAX_FILES: Final = 64 * 1024  # bytes of all files together
MAX_COMMANDS: Final = 16 * 1024
MAX_KEY: Final = 16 * 1024  # characters of one SSH key
# Without setuid, setgid and sticky. Ignition drops these bits in configs before 3.4.0
# (coreos/ignition#1301). cloud-init sets the owner after the mode, so Linux clears the
# first two.
MODE: Final = re.compile(r"0{0,2}[0-7]{3}")
_SPECIAL_MODE: Final = re.compile(r"0?[1-7][0-7]{3}")
_PATH: Final = re.compile(r"(?:/[^/\x00-\x1f\x7f]+)+")
_KEY_TYPES: Final = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_SECRET_NAME: Final = re.compile(
    r"secret|token|passw|api.?key|private.?key", re.IGNORECASE
)
_PASSWORD: Final = re.compile(r"(?:^|://)[^/\s@:]*:[^/\s@]+@")  # user:password@host
_TAKEN: Final = (FOLDER, KEYS_FOLDER, STATE_FOLDER)
_TAKEN_FILES: Final = (DAEMON_JSON, BOOT_LOG)


def check_mirrors(value: object) -> str:
    """Registry mirrors: URLs without a path, as the daemon requires."""
    return _check_texts(value, _check_mirror)


def _check_mirror(text: str) -> str:
    said = f"{_shorten(text)} is not a URL such as https://mirror.example.com."
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        return said
    if parts.scheme not in {"http", "https"} or not is_host(host) or port == 0:
        return said
    if _is_odd(text) or "@" in parts.netloc:
        return said
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return f"{_shorten(text)} has a path. Docker takes mirrors only without one."
    return ""


def check_registries(value: object) -> str:
    """Insecure registries: hosts with or without a port, or networks."""
    return _check_texts(value, _check_registry)


def _check_registry(text: str) -> str:
    said = f"{_shorten(text)} is neither host:port nor a network such as 10.0.0.0/8."
    if "/" in text:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            return said
        return ""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return said
    odd = _is_odd(text) or "@" in text or parts.netloc != text or port == 0
    return said if odd or not is_host(parts.hostname or "") else ""


def check_images(value: object) -> str:
    """Images to pull."""
    return _check_texts(value, _check_image)


def _check_image(text: str) -> str:
    if len(text) <= MAX_IMAGE and IMAGE.fullmatch(text):
        return ""
    said = "is not the name of an image, such as registry.example.com/team/image:tag."
    return f"{_shorten(text)} {said}"


def check_ssh_keys(value: object) -> str:
    """SSH public keys, as in a ``.pub`` file."""
    return _check_texts(value, _check_ssh_key, secret=True)


def _check_ssh_key(text: str) -> str:
    if "PRIVATE KEY" in text:
        return "this is a private key. Enter the public one, from the .pub file."
    said = "this is not a public key such as ssh-ed25519 AAAA… name."
    kind, _, rest = text.partition(" ")
    if kind not in _KEY_TYPES or _is_odd(text.replace(" ", "")) or len(text) > MAX_KEY:
        return said
    try:
        blob = base64.b64decode(rest.strip().partition(" ")[0], validate=True)
        fields = _split_blob(blob)
    except (binascii.Error, ValueError):
        return said
    return "" if len(fields) > 1 and fields[0] == kind.encode() else said


def _split_blob(blob: bytes) -> list[bytes]:
    """Return the fields of a key, each with its length before it. Raise ValueError."""
    fields = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            raise ValueError
        fields.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return fields


def check_daemon_json(value: object, *, local_disk: bool) -> str:
    """The daemon's own settings, besides those that ServerFleet sets."""
    if not isinstance(value, Mapping):
        return "Use a JSON object."
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return "Use a JSON object without NaN and without deep nesting."
    if len(text.encode()) > MAX_JSON:
        return f"Use at most {MAX_JSON // 1024} KiB."
    for name in value:
        if why := OURS.get(str(name)):
            return f"{name} can't be set here. {why}"
    if why := _find_secret(value):
        return why
    if local_disk and "data-root" in value:
        return f"data-root can't be set: the local disk is mounted at {DATA_ROOT}."
    return ""


def _find_secret(value: Mapping[str, Any]) -> str:
    """Return where a secret stands in the daemon's settings, or ""."""
    left: list[tuple[Any, Any]] = list(value.items())
    while left:
        name, each = left.pop()
        if isinstance(each, Mapping):
            left += each.items()
        elif isinstance(each, list | tuple):
            left += [(name, item) for item in each]
        elif each and (
            _SECRET_NAME.search(str(name))
            or (isinstance(each, str) and _PASSWORD.search(each))
        ):
            return (
                f"{_shorten(str(name))} holds a secret, which everybody who sees the "
                "template could read. Put it into a file of the template, such as "
                "/etc/systemd/system/docker.service.d/secret.conf with an environment "
                "variable. The content of files is encrypted and never shown."
            )
    return ""


def check_build_labels(value: object) -> str:
    """Labels of build containers: names and values."""
    if not isinstance(value, Mapping) or len(value) > MAX_ENTRIES:
        return f"Use an object with at most {MAX_ENTRIES} labels."
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            return "Labels must be an object with string values."
        if not name or _is_odd(name) or "=" in name or len(name) > 255:
            return f"{_shorten(name)} can't be a label's name."
        if len(text) > 1000 or not text.isprintable():
            return f"The label {_shorten(name)} has an invalid value."
    return ""


def check_commands(text: str) -> str:
    """Shell commands, one per line."""
    if len(text.encode()) > MAX_COMMANDS:
        return f"Use at most {MAX_COMMANDS // 1024} KiB."
    return "Commands can't have NUL characters." if "\0" in text else ""


def check_files(text: str) -> str:
    """Files: a JSON array of objects with path, content and mode."""
    if not text:
        return ""
    entries = _load(text)
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        return f"Use an array of at most {MAX_ENTRIES} files."
    seen: set[str] = set()
    size = 0
    for number, entry in enumerate(entries, start=1):
        if wrong := _check_file(entry, seen):
            return f"File {number}: {wrong}"
        size += len(entry["content"].encode("utf-8", "replace"))
    if size > MAX_FILES:
        return f"Use at most {MAX_FILES // 1024} KiB for all files together."
    return ""


def _check_file(entry: Any, seen: set[str]) -> str:
    if not isinstance(entry, dict) or set(entry) - {"path", "content", "mode"}:
        return "use an object with path, content and mode."
    path, content, mode = (entry.get(name) for name in ("path", "content", "mode"))
    if not isinstance(path, str) or len(path) > 1000 or not _PATH.fullmatch(path):
        return "enter an absolute path such as /etc/example.conf."
    if {".", ".."} & set(path.split("/")):
        return "enter a path without . and .. in it."
    if path in _TAKEN_FILES or path.startswith(tuple(f"{each}/" for each in _TAKEN)):
        return f"{_shorten(path)} is ServerFleet's own. Choose another path."
    if path in seen:
        return f"{_shorten(path)} is listed twice."
    seen.add(path)
    if not isinstance(content, str) or not _is_text(content):
        return "the content must be text, without NUL characters."
    return _check_mode(mode)


def _check_mode(mode: Any) -> str:
    if mode is None or (isinstance(mode, str) and MODE.fullmatch(mode)):
        return ""
    if isinstance(mode, str) and _SPECIAL_MODE.fullmatch(mode):
        return (
            "the mode can't contain setuid, setgid or sticky. Use a mode such "
            'as "0755", and set these bits with a command such as chmod u+s.'
        )
    return 'enter the mode as three octal digits, such as "0644".'


def read_files(text: str) -> tuple[OwnFile, ...]:
    """Return the files of a checked text."""
    return tuple(
        OwnFile(each["path"], each["content"], int(each.get("mode") or "0644", 8))
        for each in json.loads(text or "[]")
    )


def _check_texts(
    value: object, check: Callable[[str], str], *, secret: bool = False
) -> str:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        return f"Use a list of at most {MAX_ENTRIES} values."
    for number, text in enumerate(value, start=1):
        if not isinstance(text, str):
            return "Use a list of texts."
        if wrong := check(text):
            return f"Entry {number}: {wrong}" if secret else wrong
    if len(set(value)) < len(value):
        return "Enter each value once."
    return ""


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_text(text: str) -> bool:
    """Tell whether a text can be sent: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_odd(text: str) -> bool:
    """Tell whether a text has spaces or anything invisible."""
    return not text.isprintable() or any(map(str.isspace, text))


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
