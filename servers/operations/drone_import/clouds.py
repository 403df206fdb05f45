"""The clouds of the Drone Autoscaler, and what their variables mean here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from servers.errors import InvalidError
from servers.operations.drone_import.variables import read_flag, read_list, read_whole

Variables = Mapping[str, str]
MAX_KEY_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class CloudImport:
    """One cloud.

    ``prefix`` begins its variables, ``needed`` names those without which nothing can be
    created. ``placement`` maps variables to a placement's fields, and ``options`` to
    options of the cloud with how each is read. ``others`` are read by other functions.
    """

    kind: str
    prefix: str
    needed: tuple[str, ...]
    placement: Mapping[str, str]
    read_credentials: Callable[[Variables], dict[str, str]]
    options: Mapping[str, tuple[str, Callable[[str, str], Any]]] = field(
        default_factory=dict
    )
    others: tuple[str, ...] = ()
    private: str = ""  # the variable that asks for private addresses only
    private_options: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    labels: str = ""


def _text(_name: str, text: str) -> str:
    return text


def _list(_name: str, text: str) -> list[str]:
    return read_list(text)


def _flag(_name: str, text: str) -> bool:
    return read_flag(text)


def _read_amazon(given: Variables) -> dict[str, str]:
    # The autoscaler's library also accepts the second name of each variable.
    key = given.get("AWS_ACCESS_KEY_ID") or given.get("AWS_ACCESS_KEY")
    secret = given.get("AWS_SECRET_ACCESS_KEY") or given.get("AWS_SECRET_KEY")
    if bool(key) != bool(secret):
        raise InvalidError(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together. Set both. To "
            "use the role of ServerFleet's machine, set neither."
        )
    if not key or not secret:
        return {"source": "machine"}
    token = given.get("AWS_SESSION_TOKEN", "")
    more = {"session_token": token} if token else {}
    return {"access_key_id": key, "secret_access_key": secret, **more}


def _read_google(given: Variables) -> dict[str, str]:
    project = given.get("DRONE_GOOGLE_PROJECT", "")
    path = given.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if not path:
        return {"source": "machine", "project": project}
    try:
        with Path(path).open(encoding="utf-8") as file:
            key = file.read(MAX_KEY_BYTES)
    except (OSError, ValueError):
        raise InvalidError(
            "The file that GOOGLE_APPLICATION_CREDENTIALS names can't be read here. "
            "Copy it to this machine, and set the variable to its path."
        ) from None
    return {"service_account_key": key, "project": project}


def _read_openstack(given: Variables) -> dict[str, str]:
    if given.get("OS_APPLICATION_CREDENTIAL_ID"):
        return {
            "application_credential_id": given["OS_APPLICATION_CREDENTIAL_ID"],
            "application_credential_secret": given.get(
                "OS_APPLICATION_CREDENTIAL_SECRET", ""
            ),
        }
    project = given.get("OS_PROJECT_NAME") or given.get("OS_TENANT_NAME", "")
    found = {
        "method": "password",
        "username": given.get("OS_USERNAME", ""),
        "password": given.get("OS_PASSWORD", ""),
        "project": given.get("OS_PROJECT_ID") or project,
        "user_domain": given.get("OS_USER_DOMAIN_NAME")
        or given.get("OS_DOMAIN_NAME", ""),
        "project_domain": given.get("OS_PROJECT_DOMAIN_NAME", ""),
    }
    return {name: value for name, value in found.items() if value}


AMAZON: Final = CloudImport(
    kind="amazon",
    prefix="DRONE_AMAZON_",
    needed=("DRONE_AMAZON_REGION", "DRONE_AMAZON_IMAGE", "DRONE_AMAZON_INSTANCE"),
    placement={
        "DRONE_AMAZON_REGION": "region",
        "DRONE_AMAZON_IMAGE": "image",
        "DRONE_AMAZON_INSTANCE": "size",
        "DRONE_AMAZON_SSHKEY": "ssh_key",
    },
    read_credentials=_read_amazon,
    options={
        "DRONE_AMAZON_SUBNET_ID": ("subnet", _text),
        "DRONE_AMAZON_SECURITY_GROUP": ("security_groups", _list),
        "DRONE_AMAZON_VOLUME_SIZE": ("disk_gib", read_whole),
        "DRONE_AMAZON_VOLUME_TYPE": ("disk_type", _text),
        "DRONE_AMAZON_VOLUME_IOPS": ("disk_iops", read_whole),
        "DRONE_AMAZON_VOLUME_THROUGHPUT": ("disk_throughput", read_whole),
        "DRONE_AMAZON_DEVICE_NAME": ("disk_device", _text),
        "DRONE_AMAZON_IAM_PROFILE_ARN": ("instance_profile", _text),
    },
    others=(
        "DRONE_AMAZON_INSTANCE_ALT",
        "DRONE_AMAZON_SUBNET_IDS_ALT",
        "DRONE_AMAZON_MARKET_TYPE",
    ),
    private="DRONE_AMAZON_PRIVATE_IP",
    private_options={"public_ip": False, "address": "private"},
    labels="DRONE_AMAZON_TAGS",
)
DIGITALOCEAN: Final = CloudImport(
    kind="digitalocean",
    prefix="DRONE_DIGITALOCEAN_",
    needed=(
        "DRONE_DIGITALOCEAN_TOKEN",
        "DRONE_DIGITALOCEAN_REGION",
        "DRONE_DIGITALOCEAN_IMAGE",
        "DRONE_DIGITALOCEAN_SIZE",
    ),
    placement={
        "DRONE_DIGITALOCEAN_REGION": "region",
        "DRONE_DIGITALOCEAN_IMAGE": "image",
        "DRONE_DIGITALOCEAN_SIZE": "size",
        "DRONE_DIGITALOCEAN_SSHKEY": "ssh_key",
    },
    read_credentials=lambda given: {"token": given["DRONE_DIGITALOCEAN_TOKEN"]},
    options={"DRONE_DIGITALOCEAN_TAGS": ("tags", _list)},
    private="DRONE_DIGITALOCEAN_PRIVATE_IP",
    private_options={"address": "private"},
)
GOOGLE: Final = CloudImport(
    kind="google",
    prefix="DRONE_GOOGLE_",
    needed=(
        "DRONE_GOOGLE_ZONE",
        "DRONE_GOOGLE_MACHINE_IMAGE",
        "DRONE_GOOGLE_MACHINE_TYPE",
    ),
    placement={"DRONE_GOOGLE_MACHINE_TYPE": "size"},
    read_credentials=_read_google,
    options={
        "DRONE_GOOGLE_NETWORK": ("network", _text),
        "DRONE_GOOGLE_SUBNETWORK": ("subnet", _text),
        "DRONE_GOOGLE_DISK_SIZE": ("disk_gib", read_whole),
        "DRONE_GOOGLE_DISK_TYPE": ("disk_type", _text),
        "DRONE_GOOGLE_TAGS": ("network_tags", _list),
        "DRONE_GOOGLE_SERVICE_ACCOUNT_EMAIL": ("service_account", _text),
        "DRONE_GOOGLE_SCOPES": ("scopes", _list),
    },
    others=(
        "DRONE_GOOGLE_ZONE",
        "DRONE_GOOGLE_MACHINE_IMAGE",
        "DRONE_GOOGLE_PROJECT",
    ),
    private="DRONE_GOOGLE_PRIVATE_IP",
    private_options={"public_ip": False, "address": "private"},
    labels="DRONE_GOOGLE_LABELS",
)
HETZNERCLOUD: Final = CloudImport(
    kind="hetznercloud",
    prefix="DRONE_HETZNERCLOUD_",
    needed=(
        "DRONE_HETZNERCLOUD_TOKEN",
        "DRONE_HETZNERCLOUD_DATACENTER",
        "DRONE_HETZNERCLOUD_IMAGE",
        "DRONE_HETZNERCLOUD_TYPE",
    ),
    placement={
        "DRONE_HETZNERCLOUD_DATACENTER": "region",
        "DRONE_HETZNERCLOUD_IMAGE": "image",
        "DRONE_HETZNERCLOUD_TYPE": "size",
    },
    read_credentials=lambda given: {"token": given["DRONE_HETZNERCLOUD_TOKEN"]},
)
OPENSTACK: Final = CloudImport(
    kind="openstack",
    prefix="DRONE_OPENSTACK_",
    needed=(
        "OS_AUTH_URL",
        "OS_REGION_NAME",
        "DRONE_OPENSTACK_IMAGE",
        "DRONE_OPENSTACK_FLAVOR",
    ),
    placement={
        "OS_REGION_NAME": "region",
        "DRONE_OPENSTACK_IMAGE": "image",
        "DRONE_OPENSTACK_FLAVOR": "size",
        "DRONE_OPENSTACK_SSHKEY": "ssh_key",
    },
    read_credentials=_read_openstack,
    options={
        "DRONE_OPENSTACK_NETWORK": ("networks", _list),
        "DRONE_OPENSTACK_SECURITY_GROUP": ("security_groups", _list),
        "DRONE_OPENSTACK_IP_POOL": ("floating_network", _text),
    },
    endpoint="OS_AUTH_URL",
    labels="DRONE_OPENSTACK_METADATA",
)
SCALEWAY: Final = CloudImport(
    kind="scaleway",
    prefix="DRONE_SCALEWAY_",
    needed=(
        "DRONE_SCALEWAY_SECRET_KEY",
        "DRONE_SCALEWAY_ORGANISATION_ID",
        "DRONE_SCALEWAY_ZONE",
        "DRONE_SCALEWAY_IMAGE",
        "DRONE_SCALEWAY_SIZE",
    ),
    placement={
        "DRONE_SCALEWAY_ZONE": "region",
        "DRONE_SCALEWAY_IMAGE": "image",
        "DRONE_SCALEWAY_SIZE": "size",
    },
    read_credentials=lambda given: {
        "secret_key": given["DRONE_SCALEWAY_SECRET_KEY"],
        # An organisation's first project has its id.
        "project_id": given["DRONE_SCALEWAY_ORGANISATION_ID"],
    },
    options={"DRONE_SCALEWAY_DYNAMIC_IP": ("public_ipv4", _flag)},
    others=("DRONE_SCALEWAY_ACCESS_KEY",),
)
CLOUDS: Final = (AMAZON, DIGITALOCEAN, GOOGLE, HETZNERCLOUD, OPENSTACK, SCALEWAY)


def list_placements(cloud: CloudImport, given: Variables) -> list[dict[str, Any]]:
    """Return the placements of a cloud's variables, in the autoscaler's order."""
    first: dict[str, Any] = {
        name: given[variable]
        for variable, name in cloud.placement.items()
        if given.get(variable)
    }
    first["options"] = {
        name: read(variable, given[variable])
        for variable, (name, read) in cloud.options.items()
        if given.get(variable)
    }
    if cloud.private and read_flag(given.get(cloud.private, "")):
        first["options"] |= cloud.private_options
    if cloud is AMAZON:
        return _list_amazon(first, given)
    if cloud is GOOGLE:
        return _list_google(first, given)
    if cloud is HETZNERCLOUD and "region" in first:
        # Of a data center such as nbg1-dc3.
        first["region"] = re.sub(r"-dc\d+$", "", first["region"])
    return [first]


def _list_amazon(first: dict[str, Any], given: Variables) -> list[dict[str, Any]]:
    first["spot"] = given.get("DRONE_AMAZON_MARKET_TYPE") == "spot"
    sizes = [first["size"], *read_list(given.get("DRONE_AMAZON_INSTANCE_ALT", ""))]
    own = first["options"].get("subnet", "")
    subnets = [own, *read_list(given.get("DRONE_AMAZON_SUBNET_IDS_ALT", ""))]
    return [
        {**first, "size": size, "options": {**first["options"], "subnet": subnet}}
        if subnet
        else {**first, "size": size}
        for subnet in dict.fromkeys(subnets)
        for size in dict.fromkeys(sizes)
    ]


def _list_google(first: dict[str, Any], given: Variables) -> list[dict[str, Any]]:
    image = given["DRONE_GOOGLE_MACHINE_IMAGE"]
    if re.match(r"[^/]+/global/images/", image):
        image = f"projects/{image}"
    return [
        {
            **first,
            "image": image,
            "region": zone.rpartition("-")[0],
            "options": {**first["options"], "zone": zone},
        }
        for zone in read_list(given["DRONE_GOOGLE_ZONE"])
    ]
