"""Which keys sign an account's calls: its own, the machine's, or those of a role.

Temporary keys are cached in the process, by ``lent``.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from servers.clouds.amazon.connection import Keys, call, is_own_host, sts_of
from servers.clouds.amazon.machine import fetch_machine_keys, read_sts_keys
from servers.clouds.base import CloudConfig
from servers.outgoing.deadline import Deadline, current_deadline
from servers.outgoing.errors import (
    CredentialsError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.fields import Field
from servers.outgoing.lent import Lent, LentCache

KEYS: Final = "keys"
MACHINE: Final = "machine"
SOURCES: Final = {
    KEYS: "Access keys",
    MACHINE: "The role of the machine that ServerFleet runs on",
}
_ROLE_ARN: Final = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}"
_EXTERNAL_ID: Final = r"[A-Za-z0-9_+=,.@:/-]{2,1224}"
CREDENTIALS: Final = (
    Field(
        "source",
        "Credential source",
        "Default: access keys.",
        choices=SOURCES,
        shown=True,
    ),
    Field("access_key_id", "Access key id", only_with=KEYS, required=True),
    Field(
        "secret_access_key",
        "Secret access key",
        only_with=KEYS,
        required=True,
        secret=True,
    ),
    Field(
        "session_token",
        "Session token",
        "Only for a temporary key.",
        only_with=KEYS,
        secret=True,
    ),
    Field(
        "role_arn",
        "Role to assume",
        "Leave empty to use the credentials above directly.",
        shown=True,
        pattern=_ROLE_ARN,
        like="arn:aws:iam::123456789012:role/serverfleet",
    ),
    Field(
        "external_id",
        "External id",
        "Only if the role's trust policy requires one.",
        shown=True,
        pattern=_EXTERNAL_ID,
        like="serverfleet-1",
    ),
)
_ROLE_SECONDS: Final = "3600"  # the maximum if one role assumes another


_cache: Final = LentCache[Keys]("The role's keys")


def find_keys(config: CloudConfig) -> Keys:
    """Return the keys for an account's next call. Fetch them if they are temporary.

    Temporary keys require a surrounding ``Deadline``. Raises CredentialsError,
    ThrottledError, ClockError or UnreachableError: the call itself was not sent.
    """
    if not is_lent(config.credentials):
        return _typed(config.credentials)
    deadline = current_deadline()
    try:
        keys = _cache.find(
            _digest(config),
            lambda: _fetch(config, deadline),
            wait=deadline.remaining(),
        )
    except (TimeoutError, UnknownOutcomeError) as error:
        # Nothing was sent to EC2 yet, only to STS.
        raise UnreachableError(str(error)) from None
    return keys


def forget_keys(config: CloudConfig) -> None:
    """Fetch new temporary keys at the next call."""
    if is_lent(config.credentials):
        _cache.forget(_digest(config))


def is_lent(credentials: Mapping[str, str]) -> bool:
    """Tell whether the keys come from a role."""
    return credentials.get("source") == MACHINE or bool(credentials.get("role_arn"))


def check_credentials(given: Mapping[str, str], endpoint: str) -> str:
    """Return what is wrong with credentials that are valid one by one, or "".

    A person who edits an account must not be able to send a role's keys to an address
    of their choice.
    """
    if endpoint and is_lent(given) and not is_own_host(endpoint):
        return (
            "A role's keys are sent only to AWS. Leave the endpoint empty, or use an "
            "access key that belongs to this endpoint."
        )
    own = [name for name in ("access_key_id", "secret_access_key") if given.get(name)]
    if given.get("source") == MACHINE:
        if own or given.get("session_token"):
            return "The machine's role needs no access key. Remove the keys."
    elif "access_key_id" not in own:
        return "Access key id is missing."
    elif "secret_access_key" not in own:
        return "Secret access key is missing."
    if given.get("external_id") and not given.get("role_arn"):
        return "An external id needs a role to assume."
    return ""


def _typed(credentials: Mapping[str, str]) -> Keys:
    return Keys(
        credentials.get("access_key_id", ""),
        credentials.get("secret_access_key", ""),
        credentials.get("session_token", ""),
    )


def _digest(config: CloudConfig) -> bytes:
    # A digest, so that the cache's keys contain no secret.
    parts = [config.account_id, config.region, dict(config.credentials)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def _fetch(config: CloudConfig, deadline: Deadline) -> Lent[Keys]:
    credentials = config.credentials
    if credentials.get("source") == MACHINE:
        base = fetch_machine_keys(deadline, region=config.region)
    else:
        base = Lent(_typed(credentials))
    role = credentials.get("role_arn", "")
    return _assume(role, base.keys, config) if role else base


def _assume(role: str, keys: Keys, config: CloudConfig) -> Lent[Keys]:
    account = re.sub(r"[^\w+=,.@-]", "", config.account_id)[:40]
    params = {
        "Action": "AssumeRole",
        "RoleArn": role,
        # It identifies the caller in the other account's CloudTrail.
        "RoleSessionName": f"serverfleet-{account}",
        "DurationSeconds": _ROLE_SECONDS,
    }
    if external_id := config.credentials.get("external_id"):
        params["ExternalId"] = external_id
    try:
        answer = call(sts_of(config.region), keys, params)
    except CredentialsError as error:
        raise CredentialsError(
            f"The role {role} can't be assumed: {error.message} Let the role trust "
            "these credentials, and check the external id."
        ) from None
    return read_sts_keys(answer)
