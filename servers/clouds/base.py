"""What calls of the port take, return and raise. ``port`` is their law."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from servers.addresses import is_host
from servers.outgoing.errors import CallError, RefusedError

# The tags (labels, metadata) that an adapter puts on each instance it creates. On
# clouds without tags, the instance's name contains the key instead.
FLEET_TAG = "serverfleet-fleet"
SERVER_TAG = "serverfleet-server"
KEY_TAG = "serverfleet-key"
# What people call the server, where the instance's name at the cloud is its key.
NAME_TAG = "serverfleet-name"
# Which address of an instance its template wants for the server. A listing shows
# instances, not the templates that they came from.
ADDRESS_TAG = "serverfleet-address"


class About(StrEnum):
    """The parts of a create call that can be refused by themselves."""

    IMAGE = "image"
    SIZE = "size"
    KEY = "key"
    NETWORK = "network"
    TAGS = "tags"


class Untested(str):
    """A sentence about what could not be tested; ``about`` says which part that is."""

    __slots__ = ("about",)
    about: str

    def __new__(cls, sentence: str, about: str = "") -> "Untested":
        """Return the sentence with its part."""
        made = super().__new__(cls, sentence)
        made.about = about
        return made


class QuotaError(RefusedError):
    """The account's own quota at the cloud is used up. Nothing was created."""


class NoCapacityError(RefusedError):
    """The cloud has no such size free here. Another size or region may work."""


class UnfinishedError(CallError):
    """What ``finish`` waits for has not happened at the cloud yet.

    Nothing is wrong. It is called again after ``retry_after``, or when a listing shows
    a change.
    """


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """All that an adapter needs to open a location. Contains secrets: never log it."""

    account_id: str
    region: str
    endpoint: str = ""  # "" for the cloud's own
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, object] = field(default_factory=dict)
    folder: str = ""  # where a simulated cloud keeps its files


@dataclass(frozen=True, slots=True)
class CreateSpec:
    """One create call.

    ``options`` are specific to the adapter (subnet, security groups, disk): plain JSON.
    ``compresses``: the image can also read its user data compressed. ``spot``: the
    cloud may take the instance back at any time, for a lower price. An adapter whose
    capabilities have no spot refuses it.
    """

    key: str  # ties the instance to its attempt; see lifecycle/keys.py
    token: str  # the idempotency token, for clouds that support one
    fleet: str
    server_id: str  # 32 hex digits
    name: str  # what people see in the cloud's console
    image: str
    size: str
    user_data: str = field(default="", repr=False)
    compresses: bool = False
    ssh_key: str = ""  # the name of a key pair at the cloud
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    spot: bool = False

    @property
    def tags(self) -> dict[str, str]:
        """The labels, overridden by ServerFleet's own tags."""
        return {**self.labels, **self.own_tags}

    @property
    def own_tags(self) -> dict[str, str]:
        """The tags by which ServerFleet finds its own, and the wanted address.

        If the template wants none, the account's option as it is then applies.
        """
        tags = {
            FLEET_TAG: self.fleet,
            SERVER_TAG: self.server_id,
            KEY_TAG: self.key,
        }
        if address := self.options.get("address"):
            tags[ADDRESS_TAG] = str(address)
        return tags


class Meaning(StrEnum):
    """What a raw status means. Each adapter maps each of its statuses to a meaning."""

    BOOTING = "booting"  # starting; it only needs time
    RUNNING = "running"
    ENDING = "ending"  # terminating; it may still run and be billed
    STOPPED = "stopped"  # kept but not running: stopped, hibernated, suspended
    FAILED = "failed"  # the cloud gave up on it; it will never be ready
    GONE = "gone"  # terminated; it may be listed for a while, and is not billed
    UNCLEAR = "unclear"  # a status that the adapter does not know yet


# Neither running nor starting.
HALTED = frozenset({Meaning.ENDING, Meaning.STOPPED, Meaning.UNCLEAR})


@dataclass(frozen=True, slots=True)
class CloudInstance:
    """What a cloud shows of one instance.

    ``interrupted``: the cloud takes back, or has taken back, an instance because it is
    a spot instance. While it still runs, that is a notice. ``no_capacity``: it failed
    because the cloud has no such size free, which some clouds find out only after the
    create call. ``fault`` has the cloud's own words.
    """

    instance_id: str
    key: str  # "" if it has none
    fleet: str  # the whole fleet tag; "" if it has none
    name: str
    raw_status: str  # the cloud's own status, never libcloud's lossy NodeState
    meaning: Meaning  # of the raw status
    address: str = ""  # public if there is one, otherwise private; "" while unknown
    fault: str = ""  # the cloud's explanation if it failed or ended
    interrupted: bool = False
    no_capacity: bool = False

    def __post_init__(self) -> None:
        # The address appears in commands that people copy into a shell.
        if self.address and not is_host(self.address):
            object.__setattr__(self, "address", "")

    @property
    def live(self) -> bool:
        """Whether it may still run and be billed: it is anything but gone."""
        return self.meaning is not Meaning.GONE


@dataclass(frozen=True, slots=True)
class CloudLeftover:
    """What an ended instance left behind. It is attached to nothing, and is billed."""

    resource_id: str
    kind: str  # such as volume
    key: str  # of the attempt that created its instance; "" if it has none
    fleet: str
    detail: str = ""  # a few words for people, such as 20 GiB


@dataclass(frozen=True, slots=True)
class CloudListing:
    """A complete listing. ``identity`` is "" if the answer names no account."""

    instances: tuple[CloudInstance, ...]
    identity: str = ""
