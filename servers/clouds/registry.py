"""All kinds of clouds, and the adapter of each, in one literal dict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from servers.addresses import explain_host
from servers.clouds.base import CloudConfig
from servers.clouds.kind import Field, Kind, is_number
from servers.clouds.port import Cloud
from servers.clouds.timings import Timings
from servers.errors import InvalidError

_ADAPTERS: Final = {
    "amazon": "servers.clouds.amazon",
    "sandbox": "servers.clouds.sandbox",
}

MOST_TIMING: Final = 86400  # seconds
# Only characters that need no quoting, since the path is part of what is signed. No
# segment may be . or ..
_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?")
NO_OBJECT: Final = "The options must be a JSON object."
TIMINGS: Final = frozenset(Timings.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class _Problem:
    field: str
    message: str


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
        f"timings must be an object of seconds from 0 to {MOST_TIMING}, with any of "
        f"these names: {', '.join(Timings.__dataclass_fields__)}."
    )
    if not isinstance(given, Mapping) or not set(given) <= TIMINGS:
        raise InvalidError(message, fields={"options": [message]})
    try:
        if not all(map(is_number, given.values())):
            raise ValueError(message)
        numbers = {name: float(str(value)) for name, value in given.items()}
        if any(not 0 <= number <= MOST_TIMING for number in numbers.values()):
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
    problems = _check_fields("credentials", described.credentials, credentials)
    if not problems and (message := described.check_credentials(credentials, endpoint)):
        problems.append(_Problem("credentials", message))
    if not isinstance(options, Mapping):
        problems.append(_Problem("options", NO_OBJECT))
    else:
        rest = {name: value for name, value in options.items() if name != "timings"}
        wrong = _check_fields("options", described.account_options, rest)
        if not wrong and (message := described.check_options(rest)):
            wrong.append(_Problem("options", message))
        problems += wrong
        try:
            _read_timings(described, options)
        except InvalidError as error:
            problems.append(_Problem("options", error.message))
    if described.needs_region and not region:
        problems.append(_Problem("region", f"{described.label} needs a region."))
    problems += _check_endpoint(described, endpoint)
    errors: dict[str, list[str]] = {}
    for problem in problems:
        errors.setdefault(problem.field, []).append(problem.message)
    return errors


def validate_placement_options(
    kind: str, options: object, *, account_options: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with a template's options for an account of a kind.

    They override the account's own, so the combination is checked, too.
    """
    described = describe_kind(kind)
    if not isinstance(options, Mapping):
        return [NO_OBJECT]
    problems = _check_fields("options", described.placement_options, options)
    if not problems:
        both = {**account_options, **options}
        both.pop("timings", None)
        if message := described.check_options(both):
            problems = [_Problem("options", message)]
    return [problem.message for problem in problems]


def _check_fields(
    name: str, fields: tuple[Field, ...], given: Mapping[str, object]
) -> list[_Problem]:
    by_name = {field.name: field for field in fields}
    problems = [
        _Problem(name, f"{field.label} is missing.")
        for field in fields
        if field.required and not field.only_with and not given.get(field.name)
    ]
    for key, value in given.items():
        field = by_name.get(key)
        if field is None:
            known = ", ".join(by_name) or "none"
            problems.append(
                _Problem(name, f"{key[:40]!r} is unknown. Known names: {known}.")
            )
        elif message := field.check(value):
            problems.append(_Problem(name, f"{field.label}: {message}"))
    return problems


def _check_endpoint(kind: Kind, endpoint: str) -> list[_Problem]:
    if not endpoint:
        return []
    if not kind.takes_endpoint:
        return [_Problem("endpoint", f"{kind.label} takes no endpoint.")]
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0)
        valid = valid and not parts.username and bool(_PATH.fullmatch(parts.path))
        valid = valid and not parts.query and not parts.fragment
    except ValueError:
        valid = False
    if valid:
        wrong = explain_host(str(parts.hostname))
        return [_Problem("endpoint", wrong)] if wrong else []
    return [
        _Problem(
            "endpoint",
            "Use a URL such as https://host:port or https://host/path, without a user "
            "or a query.",
        )
    ]
