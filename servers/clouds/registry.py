"""All kinds of clouds, and the adapter of each, in one literal dict."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from servers.addresses import explain_host
from servers.clouds.base import CloudConfig
from servers.clouds.kind import Kind
from servers.clouds.port import Cloud
from servers.clouds.timings import Timings
from servers.errors import InvalidError
from servers.outgoing.fields import Field, is_number

_ADAPTERS: Final = {
    "amazon": "servers.clouds.amazon",
    "azure": "servers.clouds.azure",
    "digitalocean": "servers.clouds.digitalocean",
    "google": "servers.clouds.google",
    "hetznercloud": "servers.clouds.hetznercloud",
    "linode": "servers.clouds.linode",
    "openstack": "servers.clouds.openstack",
    "sandbox": "servers.clouds.sandbox",
    "scaleway": "servers.clouds.scaleway",
    "vultr": "servers.clouds.vultr",
}

MAX_TIMING: Final = 86400  # seconds
# Only characters that need no quoting, since the path is part of what is signed. No
# segment may be . or ..
_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?")
NO_OBJECT: Final = "The options must be a JSON object."
TIMINGS: Final = frozenset(Timings.__dataclass_fields__)


def list_kinds() -> list[Kind]:
    """Return all kinds, sorted by name."""
    return [describe_kind(kind) for kind in sorted(_ADAPTERS)]


@lru_cache
def describe_kind(kind: str) -> Kind:
    """Return what an account of ``kind`` needs. Raises InvalidError."""
    path = _ADAPTERS.get(kind)
    if path is None:
        known = ", ".join(sorted(_ADAPTERS))
        raise InvalidError(
            f"{kind[:40]!r} is not a known kind of cloud. Use one of {known}.",
            fields={"kind": [f"Use one of {known}."]},
        )
    described = import_module(path).KIND
    assert isinstance(described, Kind)
    return described


def open_cloud(kind: str, config: CloudConfig) -> Cloud:
    """Return the cloud of one location. Cheap: no call, no connection.

    ``config.options["timings"]`` overrides the kind's timings. Raises InvalidError.
    """
    described = describe_kind(kind)
    return described.open(config, _read_timings(described, config.options))


def read_timings(kind: str, options: Mapping[str, object]) -> Timings:
    """Return the timings of an account's clouds, the same in every region."""
    return _read_timings(describe_kind(kind), options)


def _read_timings(kind: Kind, options: Mapping[str, object]) -> Timings:
    given = options.get("timings", {})
    message = (
        f"timings must be an object of seconds from 0 to {MAX_TIMING}, with any of "
        f"these names: {', '.join(Timings.__dataclass_fields__)}."
    )
    if not isinstance(given, Mapping) or not set(given) <= TIMINGS:
        raise InvalidError(message, fields={"options": [message]})
    try:
        if not all(map(is_number, given.values())):
            raise ValueError(message)
        numbers = {name: float(str(value)) for name, value in given.items()}
        if any(not 0 <= number <= MAX_TIMING for number in numbers.values()):
            raise ValueError(message)
        timings = replace(kind.timings, **numbers)
        if wrong := kind.check_timings(options, timings):
            raise ValueError(wrong)
    except ValueError as error:
        said = str(error)
        if said != message:
            said = f"timings: {said}"
        raise InvalidError(said, fields={"options": [said]}) from None
    return timings


def validate_config(
    kind: str,
    *,
    credentials: Mapping[str, str],
    endpoint: str,
    region: str,
    options: Any,
) -> dict[str, list[str]]:
    """Return what is wrong with an account's settings, by field; empty if nothing."""
    try:
        described = describe_kind(kind)
    except InvalidError as error:
        return error.fields
    wrong = check_fields(described.credentials, credentials)
    if not wrong and (message := described.check_credentials(credentials, endpoint)):
        wrong = [message]
    errors = {
        "credentials": wrong,
        "options": _check_account_options(described, options),
    }
    if described.needs_region and not region:
        errors["region"] = [f"{described.label} needs a region."]
    if message := _check_endpoint(described, endpoint):
        errors["endpoint"] = [message]
    return {name: messages for name, messages in errors.items() if messages}


def _check_account_options(kind: Kind, options: Any) -> list[str]:
    if not isinstance(options, Mapping):
        return [NO_OBJECT]
    rest = {name: value for name, value in options.items() if name != "timings"}
    wrong = check_fields(kind.account_options, rest)
    if not wrong and (message := kind.check_options(rest)):
        wrong = [message]
    try:
        _read_timings(kind, options)
    except InvalidError as error:
        wrong.append(error.message)
    return wrong


def validate_placement_options(
    kind: str, options: object, *, account_options: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with a template's options for an account of a kind.

    They override the account's own, so the combination is checked, too.
    """
    described = describe_kind(kind)
    if not isinstance(options, Mapping):
        return [NO_OBJECT]
    wrong = check_fields(described.placement_options, options)
    if not wrong:
        both = {**account_options, **options}
        both.pop("timings", None)
        if message := described.check_options(both):
            return [message]
    return wrong


def check_fields(fields: tuple[Field, ...], given: Mapping[str, object]) -> list[str]:
    """Return what is wrong with the values of some fields."""
    by_name = {field.name: field for field in fields}
    wrong = [
        f"{field.label} is missing."
        for field in fields
        if field.required and not field.only_with and not given.get(field.name)
    ]
    for key, value in given.items():
        field = by_name.get(key)
        if field is None:
            known = ", ".join(by_name) or "none"
            wrong.append(f"{key[:40]!r} is unknown. Known names: {known}.")
        elif message := field.check(value):
            wrong.append(f"{field.label}: {message}")
    return wrong


def _check_endpoint(kind: Kind, endpoint: str) -> str:
    if not endpoint:
        return f"{kind.label} needs an endpoint." if kind.needs_endpoint else ""
    if not kind.takes_endpoint:
        return f"{kind.label} takes no endpoint."
    return check_url(endpoint)


def check_url(endpoint: str) -> str:
    """Return what is wrong with a URL that calls are to go to, or ""."""
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0)
        valid = valid and not parts.username and bool(_PATH.fullmatch(parts.path))
        valid = valid and not parts.query and not parts.fragment
    except ValueError:
        valid = False
    if valid:
        return explain_host(str(parts.hostname))
    return (
        "Use a URL such as https://host:port or https://host/path, without a user or a "
        "query."
    )
