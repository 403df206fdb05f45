"""Network addresses: what a spelling means, and where ServerFleet must not connect.

People who can enter an endpoint must not reach what only this machine can reach: its
loopback, its private networks and the metadata service of its cloud. So an address is
checked by its meaning, however it is spelled. And the check is on the address of the
connection itself, not on one that a name resolved to earlier.
"""

import ipaddress
import re
import socket
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
    r"(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*"
)
# What inet_aton, and so every resolver, accepts: such as 127.1 or 2130706433.
_ODD: Final = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}")
_LOCAL_NAMES: Final = (
    "localhost",
    "localhost.localdomain",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
)
_METADATA_NAMES: Final = (
    "metadata",
    "metadata.google.internal",
    "instance-data",
    "instance-data.ec2.internal",
)
# Link-local addresses, other metadata services, and addresses that are no host.
_NEVER: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure
            "192.0.0.192/32",  # Oracle Cloud
            "224.0.0.0/3",
            "::/128",
            "fe80::/10",
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254/128",  # Google Cloud
            "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
            "fd00:42::42/128",  # Scaleway
            "fd00:a9fe:a9fe::1/128",  # Linode
            "fd00:100::100:200/128",  # Alibaba Cloud
            "ff00::/8",
        ),
    )
)
# Not public, although Python's list says so: protocols' own addresses, and networks for
# which translators and documentation may have any use.
_LOCAL: Final = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20"),
    )
)
# Networks whose last 32 bits are an IPv4 address to which a translator leads: NAT64,
# SIIT, and IPv4-compatible addresses, long deprecated.
_TRANSLATED: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96"),
    )
)
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
# The middle of ISATAP's addresses, before an IPv4 address at which a tunnel ends.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})

NEVER: Final = (
    "{host} is a link-local or metadata address. ServerFleet never connects to those. "
    "Use the public address of the service."
)
PRIVATE: Final = (
    "{host} leads to this machine or to a private network. The person who runs "
    "ServerFleet can allow it by setting SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS to 1, or "
    "to a list of hosts and networks."
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The private addresses that endpoints can have."""

    everything: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()


def parse_allowed(text: str) -> Allowed:
    """Read ``1``, or hosts and networks separated by commas. Raise ValueError."""
    hosts, networks = set(), []
    parts = [part.strip().lower() for part in text.split(",") if part.strip()]
    if parts in (["1"], ["true"], ["yes"], ["on"]):
        return Allowed(everything=True)
    if parts in ([], ["0"], ["false"], ["no"], ["off"]):
        return Allowed()
    for part in parts:
        try:
            networks.append(ipaddress.ip_network(part.strip("[]"), strict=False))
        except ValueError:
            if "/" in part or _ODD.fullmatch(part) or not _HOST.fullmatch(part):
                raise ValueError(part) from None
            hosts.add(part)
    return Allowed(hosts=frozenset(hosts), networks=tuple(networks))


_read_allowed: Callable[[], Allowed] = Allowed


def configure(read: Callable[[], Allowed]) -> None:
    """Set the function that returns what is allowed. It is called for each check."""
    global _read_allowed  # noqa: PLW0603 - the one setting of a module without Django
    _read_allowed = read


def read_address(text: str) -> Address | None:
    """Return the address that a host spells, or None if it is a name."""
    text = normalise_host(text)
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    if not _ODD.fullmatch(text):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def normalise_host(text: str) -> str:
    """Return a host in the spelling used for comparisons.

    As in a look-up of a name, characters without a width mean nothing, and every kind
    of full stop is a dot.
    """
    seen = "".join(each for each in text if not stringprep.in_table_b1(each))
    name = unicodedata.normalize("NFKC", seen).replace("\u3002", ".")
    return name.strip("[]").rstrip(".").lower()


def is_host(text: str) -> bool:
    """Tell whether a text is an IP address or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text.lower()) is not None
    return "%" not in text


def explain_host(host: str) -> str:
    """Return why an endpoint can't have this host, or "". Makes no name look-up."""
    name = normalise_host(host)
    if name in _METADATA_NAMES:
        return NEVER.format(host=host)
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return explain_address(ipaddress.ip_address("127.0.0.1"), host=host)
    address = read_address(name)
    return explain_address(address, host=host) if address else ""


def explain_address(address: Address, *, host: str) -> str:
    """Return why an endpoint at ``host`` can't be called at ``address``, or ""."""
    if is_never(address):
        return NEVER.format(host=host)
    local = [each for each in _list_meanings(address) if _is_local(each)]
    if not local:
        return ""
    allowed = _read_allowed()
    if allowed.everything or normalise_host(host) in allowed.hosts:
        return ""
    if all(any(each in network for network in allowed.networks) for each in local):
        return ""
    return PRIVATE.format(host=host)


def is_never(address: Address) -> bool:
    """Tell whether an address is always forbidden."""
    meant = _list_meanings(address)
    return any(each in network for each in (address, *meant) for network in _NEVER)


def is_loopback(address: Address) -> bool:
    """Tell whether an address is a loopback address."""
    return any(each.is_loopback for each in _list_meanings(address))


def _is_local(address: Address) -> bool:
    if not address.is_global or address.is_reserved:
        return True
    if getattr(address, "is_site_local", False):
        return True
    return any(address in network for network in _LOCAL)


def resolve(host: str, port: int) -> list[str]:
    """Return a host's numeric addresses in the resolver's order. Raise OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _list_meanings(address: Address) -> tuple[Address, ...]:
    """Return the IPv4 addresses to which an IPv6 address can lead, or the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    bits = int(address)
    low = ipaddress.IPv4Address(bits & 0xFFFFFFFF)
    if address in _NAT64_LOCAL:
        # Its operator chooses where the IPv4 address stands (RFC 6052).
        split = (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF
        return address, low, ipaddress.IPv4Address(split)
    # ::1 and :: are addresses of their own.
    if bits > 1 and any(address in network for network in _TRANSLATED):
        return (low,)
    if bits >> 32 & 0xFFFFFFFF in _ISATAP:
        return address, low
    return (address,)
