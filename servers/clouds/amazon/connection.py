"""Signed calls to AWS's Query APIs, through libcloud's connection and signature."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from libcloud.common.aws import SignedAWSConnection

from servers.clouds.amazon.api import read_answer
from servers.clouds.amazon.errors import find_meaning
from servers.clouds.driver import put_on_http, send_by, thread_driver
from servers.outgoing import reading
from servers.outgoing.errors import CallError
from servers.outgoing.http import explain_answer, send
from servers.outgoing.masking import mask

# Partitions with other host suffixes. Source: AWS General Reference, endpoints.
_PARTITIONS: Final = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
}
_OWN_HOST: Final = re.compile(
    r"(vpce-[a-z0-9-]+\.)?ec2(-fips)?\.[a-z0-9-]+\.(vpce\.)?("
    + "|".join(map(re.escape, ("amazonaws.com", "api.aws", *_PARTITIONS.values())))
    + ")"
)
_VERSIONS: Final = {"ec2": "2016-11-15", "sts": "2011-06-15"}
# The address of STS, if it is not the region's. AWS's own tools read it, too.
_STS_URL: Final = "AWS_ENDPOINT_URL_STS"
_QUOTAS_URL: Final = "AWS_ENDPOINT_URL_SERVICE_QUOTAS"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that sign a call. Never log them: two of the three are secrets."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def digest(self) -> bytes:
        """Return a digest that identifies these keys without revealing them."""
        parts = (self.access_key_id, self.secret_access_key, self.session_token)
        return hashlib.sha256("\n".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class Service:
    """An AWS service in a region."""

    name: str  # ec2, sts
    region: str
    url: str

    @property
    def version(self) -> str:
        """Its API's version."""
        return _VERSIONS[self.name]


def ec2_of(region: str, endpoint: str) -> Service:
    """Return EC2 in a region, at the account's own endpoint if it has one."""
    return Service("ec2", region, endpoint or f"https://{name_host('ec2', region)}")


def sts_of(region: str) -> Service:
    """Return STS in a region."""
    url = os.environ.get(_STS_URL) or f"https://{name_host('sts', region)}"
    return Service("sts", region, url)


def quotas_of(region: str, endpoint: str) -> Service | None:
    """Return Service Quotas in a region; None for a cloud that is not AWS."""
    url = os.environ.get(_QUOTAS_URL)
    if not url and endpoint and not is_own_host(endpoint):
        return None
    host = f"https://{name_host('servicequotas', region)}"
    return Service("servicequotas", region, url or host)


def is_own_host(url: str) -> bool:
    """Tell whether an endpoint is EC2's own over HTTPS, with FIPS and VPC endpoints.

    The whole name is compared, since customers have hosts under AWS's domain, too.
    """
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(_OWN_HOST.fullmatch(parts.hostname or ""))


def name_host(service: str, region: str) -> str:
    """Return a service's host in a region."""
    for prefix, suffix in _PARTITIONS.items():
        if region.startswith(prefix):
            return f"{service}.{region}.{suffix}"
    return f"{service}.{region}.amazonaws.com"


class _Connection(SignedAWSConnection):
    service_name = ""


class _Signer:
    """A connection, and the attributes of a driver that its signature needs."""

    name = "ServerFleet"

    def __init__(self, service: Service, keys: Keys) -> None:
        self.region_name = service.region
        parts = urlsplit(service.url)
        secure = parts.scheme == "https"
        # EC2-like clouds have a path: http://host:8773/services/compute.
        self.path = parts.path or "/"
        self.connection = _Connection(
            keys.access_key_id,
            keys.secret_access_key,
            secure=secure,
            host=_bracket(parts.hostname or ""),
            port=parts.port or (443 if secure else 80),
            token=keys.session_token or None,
            signature_version="4",
        )
        self.connection.service_name = service.name
        self.connection.driver = self  # type: ignore[assignment]
        put_on_http(self.connection)


def call(
    service: Service, keys: Keys, params: Mapping[str, str]
) -> ElementTree.Element:
    """Send one signed request, and return its answer without namespaces.

    Call it within a ``Deadline``. Raises errors by the answer's meaning.
    """
    signer = thread_driver((service, keys.digest()), lambda: _Signer(service, keys))
    answer = send_by(
        signer.connection,
        signer.path,
        method="POST",
        data=urlencode({**params, "Version": service.version}),
        headers=dict(_FORM),
    )
    try:
        return read_answer(answer, temporary=bool(keys.session_token))
    except CallError as error:
        said = mask(error.message, (keys.secret_access_key, keys.session_token))
        raise type(error)(
            said, retry_after=error.retry_after, about=error.about
        ) from None


def call_json(
    service: Service, keys: Keys, target: str, body: Mapping[str, str]
) -> Any:
    """Send one signed request of a JSON API, and return its answer.

    Call it within a ``Deadline``. Raises errors by the answer's meaning.
    """
    signer = thread_driver((service, keys.digest()), lambda: _Signer(service, keys))
    answer = send_by(
        signer.connection,
        signer.path,
        method="POST",
        data=json.dumps(dict(body)),
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target},
    )
    found = reading.parse_json(answer.body)
    if 200 <= answer.status < 300 and isinstance(found, dict):
        return found
    code = reading.text(found, "__type").rpartition("#")[2]
    if not code:
        raise explain_answer(answer, "AWS Service Quotas", "")
    words = reading.text(found, "Message") or reading.text(found, "message")
    said = mask(
        f"AWS Service Quotas answered {code}: {words}",
        (keys.secret_access_key, keys.session_token),
    )
    raise find_meaning(answer.status, code)(said, retry_after=answer.retry_after)


def call_unsigned(service: Service, params: Mapping[str, str]) -> ElementTree.Element:
    """Send one request that is authenticated by a parameter, and return its answer."""
    body = urlencode({**params, "Version": service.version})
    return read_answer(send("POST", service.url, body=body, headers=_FORM))


_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
