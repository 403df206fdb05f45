"""The addresses of virtual machines, which their own listing does not have.

A machine refers to its interfaces, an interface to its public addresses. Two lists show
them all. They are asked for only while a machine is new: addresses that ServerFleet
asks for stay as long as the machine does. What is known is forgotten after a while,
should a person have changed them.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from servers.clouds.azure.api import NETWORK, Api
from servers.clouds.azure.convert import split_id
from servers.outgoing import reading
from servers.outgoing.errors import (
    MissingError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)

_KEPT_SECONDS: Final = 900.0
_MAX_KEPT: Final = 20_000


@dataclass(slots=True)
class Addresses:
    """A machine's addresses, by kind. "" for those that it has not."""

    public: str = ""
    private: str = ""
    ipv6: str = ""
    waits: bool = False  # for a public address that is not shown yet

    def choose(self, wanted: str) -> str:
        """Return the wanted address, or the next best, or "" while there is none."""
        if wanted == "private":
            return self.private or self.ipv6
        if wanted == "ipv6":
            return self.ipv6 or self.private
        return self.public or ("" if self.waits else self.private or self.ipv6)


@dataclass(slots=True)
class AddressBook:
    """The addresses of machines that are known. Safe to use from any thread."""

    _known: OrderedDict[str, tuple[float, Addresses]] = field(
        default_factory=OrderedDict
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, machine: Mapping[str, Any]) -> Addresses | None:
        """Return a machine's addresses, or None if they are not known."""
        with self._lock:
            found = self._known.get(_key(machine))
        if found is None or time.monotonic() >= found[0]:
            return None
        return found[1]

    def learn(self, machine: Mapping[str, Any], addresses: Addresses) -> None:
        """Keep a machine's addresses."""
        with self._lock:
            self._known[_key(machine)] = (time.monotonic() + _KEPT_SECONDS, addresses)
            while len(self._known) > _MAX_KEPT:
                self._known.popitem(last=False)


def _key(machine: Mapping[str, Any]) -> str:
    """Return what names a machine, and no later one of the same name."""
    own = reading.text(machine, "properties", "vmId")
    return f"{reading.text(machine, 'id').lower()} {own}"


def find_addresses(
    api: Api, book: AddressBook, machines: Iterable[Mapping[str, Any]]
) -> dict[str, Addresses]:
    """Return the addresses of machines, by the machines' ids in lower case.

    A listing is complete without them. So if the lists can't be had now, those of new
    machines are missing. Raises CredentialsError if they may not be listed.
    """
    found: dict[str, Addresses] = {}
    fresh = {}
    for each in machines:
        machine_id = reading.text(each, "id").lower()
        known = book.find(each)
        if known is not None:
            found[machine_id] = known
        else:
            fresh[machine_id] = each
    if fresh:
        for machine_id, addresses in _list_addresses(api).items():
            if machine_id in fresh:
                found[machine_id] = addresses
                if addresses.choose(""):
                    book.learn(fresh[machine_id], addresses)
    return found


def get_addresses(
    api: Api, book: AddressBook, machine: Mapping[str, Any]
) -> Addresses | None:
    """Return one machine's addresses, from its own interfaces, or None."""
    if (known := book.find(machine)) is not None:
        return known
    interfaces = []
    path = ("properties", "networkProfile", "networkInterfaces")
    try:
        for each in reading.objects(machine, *path):
            _, group, name = split_id(reading.text(each, "id"))
            if name:
                where = api.in_group(NETWORK, "networkInterfaces", name, group=group)
                query = {"$expand": "ipConfigurations/publicIPAddress"}
                interfaces.append(api.get(where, query))
    except (
        *(ThrottledError, UnknownOutcomeError, UnreachableError),
        MissingError,
    ):
        return None
    addresses = read_interfaces(interfaces, {})
    if addresses.choose(""):
        book.learn(machine, addresses)
    return addresses


def _list_addresses(api: Api) -> dict[str, Addresses]:
    try:
        interfaces = list(
            api.entries_of_group(api.in_group(NETWORK, "networkInterfaces"))
        )
        public: dict[str, str] = {}
        if any(map(_refers_to_public, interfaces)):
            for each in api.entries_of_group(
                api.in_group(NETWORK, "publicIPAddresses")
            ):
                public[reading.text(each, "id").lower()] = _read_address(
                    each, "properties", "ipAddress"
                )
    except (ThrottledError, UnknownOutcomeError, UnreachableError, TimeoutError):
        return {}
    by_machine: dict[str, list[Mapping[str, Any]]] = {}
    for each in interfaces:
        owner = reading.text(each, "properties", "virtualMachine", "id").lower()
        if owner:
            by_machine.setdefault(owner, []).append(each)
    return {
        machine_id: read_interfaces(own, public)
        for machine_id, own in by_machine.items()
    }


def read_interfaces(
    interfaces: Iterable[Mapping[str, Any]], public: Mapping[str, str]
) -> Addresses:
    """Return the addresses of a machine's interfaces.

    ``public`` has the public addresses by their ids, unless the interfaces themselves
    have them.
    """
    found = Addresses()
    for interface in interfaces:
        for each in reading.objects(interface, "properties", "ipConfigurations"):
            inner = reading.fields(each, "properties")
            outside = _find_public(inner, public)
            inside = _read_address(inner, "privateIPAddress")
            if ":" in (outside or inside):
                found.ipv6 = found.ipv6 or outside or inside
                continue
            found.public = found.public or outside
            found.private = found.private or inside
            is_six = reading.text(inner, "privateIPAddressVersion") == "IPv6"
            refers = bool(reading.fields(inner, "publicIPAddress"))
            found.waits = found.waits or (refers and not outside and not is_six)
    return found


def _find_public(inner: Mapping[str, Any], public: Mapping[str, str]) -> str:
    own = _read_address(inner, "publicIPAddress", "properties", "ipAddress")
    named = reading.text(inner, "publicIPAddress", "id").lower()
    return own or public.get(named, "")


def _refers_to_public(interface: Mapping[str, Any]) -> bool:
    return any(
        reading.fields(each, "properties", "publicIPAddress")
        for each in reading.objects(interface, "properties", "ipConfigurations")
    )


def _read_address(item: Mapping[str, Any], *path: str) -> str:
    text = reading.text(item, *path)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
