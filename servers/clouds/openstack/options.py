"""The options for OpenStack's servers in an account or a template, one field each.

Each sets a part of the create call, or of what follows it. guide.md lists them.
Source: the API references of Nova (Create Server) and Neutron (floating IPs).
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.outgoing.fields import Field

APPLICATION: Final = "application_credential"
PASSWORD: Final = "password"  # noqa: S105 - a method
METHODS: Final = {APPLICATION: "Application credential", PASSWORD: "User and password"}
ADDRESSES: Final = {
    "public": "Floating or public; private if there is none",
    "private": "The address in its network",
    "ipv6": "IPv6; the address in its network if there is none",
}
INTERFACES: Final = {"public": "Public", "internal": "Internal", "admin": "Admin"}
_UUID: Final = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
_NAME: Final = r"[^\x00-\x1f\x7f]{1,255}"
_LIKE: Final = "0317c1e7-91cf-4084-aa23-736126cebae0"

CREDENTIALS: Final = (
    Field(
        "method",
        "Sign-in",
        "Default: an application credential, which belongs to one project.",
        choices=METHODS,
        shown=True,
    ),
    Field(
        "application_credential_id",
        "Application credential id",
        only_with=APPLICATION,
        required=True,
        shown=True,
        pattern="[!-~]{1,64}",
        like="aa809205ed614a0e854bac92c0768bb9",
    ),
    Field(
        "application_credential_secret",
        "Application credential secret",
        only_with=APPLICATION,
        required=True,
        secret=True,
    ),
    Field("username", "User", only_with=PASSWORD, required=True, shown=True),
    Field("password", "Password", only_with=PASSWORD, required=True, secret=True),
    Field(
        "user_domain",
        "User's domain",
        "A name or an id (default: Default).",
        only_with=PASSWORD,
        shown=True,
    ),
    Field(
        "project",
        "Project",
        "A name or an id.",
        only_with=PASSWORD,
        required=True,
        shown=True,
    ),
    Field(
        "project_domain",
        "Project's domain",
        "A name or an id (default: the user's).",
        only_with=PASSWORD,
        shown=True,
    ),
)

ACCOUNT_OPTIONS: Final = (
    Field(
        "interface",
        "Interface",
        "Which addresses of the catalogue are called (default: public).",
        choices=INTERFACES,
        directs=True,
    ),
    Field(
        "plain_http",
        "Allow plain HTTP",
        "Whether services may be called without TLS although Keystone has it. The "
        "token is then sent unencrypted (default: no).",
        flag=True,
        directs=True,
    ),
)

OPTIONS: Final = (
    Field(
        "networks",
        "Networks",
        "The ids of networks, separated by commas. If empty, the project's only "
        "network is used.",
        several=True,
        pattern=_UUID,
        like=_LIKE,
    ),
    Field(
        "security_groups",
        "Security groups",
        "Names or ids, separated by commas. If empty, the project's group default is "
        "used.",
        several=True,
        pattern=_NAME,
        like="builders",
    ),
    Field(
        "floating_network",
        "Floating addresses from",
        "The id of an external network. Each instance gets a floating address of it, "
        "which is billed.",
        pattern=_UUID,
        like=_LIKE,
    ),
    Field(
        "address",
        "Address to use",
        "Which address of the instance the server gets (default: public).",
        choices=ADDRESSES,
    ),
    Field(
        "zone",
        "Availability zone",
        "If empty, OpenStack chooses.",
        pattern=_NAME,
        like="nova",
    ),
    Field(
        "disk_gib",
        "Root disk size (GiB)",
        "Boots from a new volume of this size, which is deleted with the instance. If "
        "empty, the root disk is the size's own.",
        number=True,
        whole=True,
        least=1,
        most=65536,
    ),
    Field(
        "disk_type",
        "Root disk type",
        "The name of a volume type, with a root disk size (default: the cloud's).",
        pattern=_NAME,
        like="ssd",
    ),
    Field(
        "config_drive",
        "Config drive",
        "Whether instances read their user data from a drive instead of the metadata "
        "service (default: the cloud's).",
        flag=True,
    ),
    Field(
        "server_group",
        "Server group",
        "The id of an existing group.",
        pattern=_UUID,
        like=_LIKE,
    ),
)


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    if options.get("disk_type") and not options.get("disk_gib"):
        return "A root disk type needs a root disk size."
    if options.get("floating_network") and options.get("address") in {
        "private",
        "ipv6",
    }:
        return "A floating address that the server does not use is billed for nothing."
    return ""


def check_credentials(given: Mapping[str, str], _endpoint: str) -> str:
    """Return what is wrong with credentials that are valid one by one, or ""."""
    method = given.get("method") or APPLICATION
    for field in CREDENTIALS:
        if field.only_with == method and field.required and not given.get(field.name):
            return f"{field.label} is missing."
        if field.only_with not in {"", method} and given.get(field.name):
            return f"{field.label} does not belong to this sign-in. Remove it."
    return ""
