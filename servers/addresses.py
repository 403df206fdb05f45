"""Network addresses: what a spelling means, and where ServerFleet must not connect.

People who can enter an endpoint must not reach what only this machine can reach: its
loopback, its private networks and the metadata service of its cloud. So an address is
checked by its meaning, however it is spelled. And the check is on the address of the
connection itself, not on one that a name resolved to earlier.
"""

import ipaddress
import re
import socket
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
_LOCAL_NAMES: Final = ("localhost", "localhost.localdomain", "ip6-localhost")
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
            "ff00::/8",
        ),
    )
)
_NAT64: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")

NEVER: Final = (
    "{host} is a link-local or metadata address. ServerFleet never connects to those. "
    "Use the public endpoint of the cloud."
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
    """Return a host in the spelling used for comparisons."""
    return unicodedata.normalize("NFKC", text).strip("[]").rstrip(".").lower()


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
    meant = _unwrap(address)
    if is_never(address):
        return NEVER.format(host=host)
    local = meant.is_reserved or getattr(meant, "is_site_local", False)
    if meant.is_global and not local:
        return ""
    allowed = _read_allowed()
    if allowed.everything or normalise_host(host) in allowed.hosts:
        return ""
    if any(meant in network for network in allowed.networks):
        return ""
    return PRIVATE.format(host=host)


def is_never(address: Address) -> bool:
    """Tell whether an address is always forbidden."""
    meant = _unwrap(address)
    return any(each in network for each in (address, meant) for network in _NEVER)


def is_loopback(address: Address) -> bool:
    """Tell whether an address is a loopback address."""
    return _unwrap(address).is_loopback


def resolve(host: str, port: int) -> list[str]:
    """Return a host's numeric addresses in the resolver's order. Raise OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, or the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    low = int(address) & 0xFFFFFFFF
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(low)
    # IPv4-compatible, long deprecated. ::1 and :: are not such addresses.
    if address in _COMPATIBLE and low > 1:
        return ipaddress.IPv4Address(low)
    return address
