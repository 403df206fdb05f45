"""The cloud port: what every adapter promises, and which errors it raises.

A ``Cloud`` is one account in one region (a *location*). Any thread may call its
methods. Each method returns or raises within ``deadline`` seconds. This is a total for
the connections, headers and bodies of all its requests, so a time-out per read is not
enough. Methods raise only the errors below, and each may raise ClockError. The engine
acts only on the class of the error. An adapter that is unsure must therefore raise
UnknownOutcomeError: the engine then looks for the instance before it does anything
else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, Protocol

from servers.addresses import is_host

# The tags (labels, metadata) that an adapter puts on each instance it creates. On
# clouds without tags, the instance's name contains the key instead.
FLEET_TAG = "serverfleet-fleet"
SERVER_TAG = "serverfleet-server"
KEY_TAG = "serverfleet-key"


class CloudError(Exception):
    """Base class: what a cloud's answer, or a missing answer, means to the caller.

    ``message`` is a sentence for a person. It includes the cloud's response, contains
    no secrets, and has at most MAX_MESSAGE characters. ``retry_after`` is in seconds,
    or None if the cloud gave no time.
    """

    MAX_MESSAGE: ClassVar[int] = 1000

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        message = message[: self.MAX_MESSAGE]
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class UnknownOutcomeError(CloudError):
    """There is no reliable answer: the call may have taken effect, or still may.

    Raised for time-outs, broken connections, 5xx and unreadable answers. When a read
    raises it, nothing was learned.
    """


class InstanceNotFoundError(CloudError):
    """The cloud says that no instance with that id exists in this location."""


class RefusedError(CloudError):
    """The cloud refused the call. Nothing was created, and a repeat is refused too.

    Raised for a bad image, size, key, network or parameter.
    """


class CredentialsError(RefusedError):
    """The cloud does not accept the credentials, in general or for this call."""


class QuotaError(RefusedError):
    """The account's own quota at the cloud is used up. Nothing was created."""


class NoCapacityError(RefusedError):
    """The cloud has no such size free here. Another size or region may work."""


class ClockError(CloudError):
    """The cloud rejects the call's signature because this machine's clock is wrong.

    Nothing was created, and the credentials are not at fault: the same call works once
    the clock is set. ``message`` says so.
    """


class ThrottledError(CloudError):
    """Too many calls. Nothing was created, and the same call may work later."""


class UnreachableError(CloudError):
    """The request was never sent. Nothing was created, and a repeat may work later."""


# Lower limits, in seconds. Shorter timings leave no time for the work itself.
LEAST_TIMINGS: Final = {
    "call": 0.1,
    "lease": 1.0,
    "settle": 0.0,
    "grace": 0.0,
    "lag": 0.0,
    "listing_busy": 0.05,
    "listing_idle": 0.05,
    "gate": 1.0,
}


@dataclass(frozen=True, slots=True)
class Timings:
    """A cloud's timings in seconds. The defaults suit a public cloud.

    ``settle`` must exceed the cloud's processing time plus its visibility lag, counted
    from the end of the lease that covered the call. Raises ValueError with a sentence
    for timings with which a server could never be terminated.
    """

    call: float = 60.0  # the total deadline of one call; less than half the lease
    lease: float = 150.0  # how long one worker may keep a row leased
    settle: float = 120.0  # this long after the lease's end, no request can take effect
    grace: float = 300.0  # age at which an instance without an owner is condemned
    lag: float = 5.0  # time between two looks for them to count as two
    listing_busy: float = 5.0  # between listings while something is changing
    listing_idle: float = 30.0
    gate: float = 300.0  # a listing older than this does not open the gate

    def __post_init__(self) -> None:
        if wrong := self._explain_wrong():
            raise ValueError(wrong)

    def _explain_wrong(self) -> str:
        """Return what is wrong with the timings against each other, or ""."""
        for name, least in LEAST_TIMINGS.items():
            if getattr(self, name) < least:
                return f"{name} must be at least {least:g} s."
        if self.call >= self.lease / 2:
            return (
                f"call ({self.call:g} s) must be less than half of lease "
                f"({self.lease:g} s), so that a call ends while its worker still has "
                "the lease."
            )
        if self.lag > self.settle:
            return (
                f"lag ({self.lag:g} s) must be at most settle ({self.settle:g} s), "
                "when all effects of a call must be visible."
            )
        if self.lag > self.grace:
            return (
                f"lag ({self.lag:g} s) must be at most grace ({self.grace:g} s), since "
                "an orphan must be seen twice before it is destroyed."
            )
        if self.listing_busy > self.listing_idle:
            return (
                f"listing_busy ({self.listing_busy:g} s) must be at most listing_idle "
                f"({self.listing_idle:g} s). It applies while something is changing."
            )
        if self.gate < self.listing_idle + self.call:
            return (
                f"gate ({self.gate:g} s) must be at least listing_idle plus call "
                f"({self.listing_idle + self.call:g} s). Otherwise it closes between "
                "two listings."
            )
        return ""


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """All that an adapter needs to open a location. Contains secrets: never log it."""

    account_id: str
    region: str
    endpoint: str = ""  # "" for the cloud's own
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateSpec:
    """One create call.

    ``options`` are specific to the adapter (subnet, security groups, disk): plain JSON.
    """

    key: str  # ties the instance to its attempt; see lifecycle/keys.py
    token: str  # the idempotency token, for clouds that support one
    fleet: str
    server_id: str  # 32 hex digits
    name: str  # what people see in the cloud's console
    image: str
    size: str
    user_data: str = field(default="", repr=False)
    ssh_key: str = ""  # the name of a key pair at the cloud
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """The labels, overridden by the tags by which ServerFleet finds its own."""
        return {
            **self.labels,
            FLEET_TAG: self.fleet,
            SERVER_TAG: self.server_id,
            KEY_TAG: self.key,
        }


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
    """What a cloud shows of one instance."""

    instance_id: str
    key: str  # "" if it has none
    fleet: str  # the whole fleet tag; "" if it has none
    name: str
    raw_status: str  # the cloud's own status, never libcloud's lossy NodeState
    meaning: Meaning  # of the raw status
    address: str = ""  # public if there is one, otherwise private; "" while unknown
    fault: str = ""  # the cloud's explanation if it failed or ended

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


class Cloud(Protocol):
    """One account in one region. Safe to call from any thread."""

    provider: ClassVar[str]  # the name in the API: amazon, openstack, sandbox …
    timings: Timings

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the cloud's own id of the account, or "" if it reports none.

        Raises CredentialsError, ThrottledError, UnreachableError,
        UnknownOutcomeError.
        """
        ...

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one instance with a single call, and return the cloud's answer.

        Never retries, and never waits for the boot. Raises RefusedError (or a
        subclass), ThrottledError or ClockError only if the cloud answered that nothing
        was created, and UnreachableError only if no byte of the request was sent.
        Raises UnknownOutcomeError in every other case.
        """
        ...

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Find out whether ``create_instance`` would be accepted, without creating.

        Returns one sentence, with the reason, for each thing that could not be tested.
        A return is no promise: quota and capacity are tested only if the cloud reports
        them beforehand. Raises RefusedError if an image, size, key or network does not
        exist, or a subclass (CredentialsError: these credentials may not create it).
        After ThrottledError, UnreachableError or UnknownOutcomeError, nothing was
        learned.
        """
        ...

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """Return all instances with exactly this key, ended ones included if listed.

        Requests only this key if the cloud can search. The result is complete;
        otherwise raises CredentialsError, ThrottledError, UnreachableError or
        UnknownOutcomeError.
        """
        ...

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """Return every instance in this location whose fleet tag is exactly ``fleet``.

        The result is complete (all pages). Otherwise raises CredentialsError,
        ThrottledError or UnknownOutcomeError, and never returns part of a listing.
        """
        ...

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Return one instance by its id.

        Raises InstanceNotFoundError, CredentialsError, ThrottledError or
        UnknownOutcomeError.
        """
        ...

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Ask the cloud to terminate one instance. A return does not mean it is gone.

        Raises InstanceNotFoundError, RefusedError (for example, if the cloud protects
        it), CredentialsError, ThrottledError, UnreachableError or UnknownOutcomeError.
        """
        ...

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether anything forbids destroying instances. Never destroys any.

        Never uses the id of an instance that may exist, so that a cloud which mistakes
        the check for the real call destroys nothing. Raises CredentialsError if these
        credentials may not destroy, or may destroy only some instances, which the cloud
        can't tell apart here. After ThrottledError, UnreachableError or
        UnknownOutcomeError, nothing was learned.
        """
        ...

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """Return everything that instances of exactly ``fleet`` left behind here.

        The result is complete; otherwise raises as ``list_instances`` does. It is
        empty if the cloud has no leftovers.
        """
        ...

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete one leftover. When this returns, it is gone or was gone already.

        Raises RefusedError, CredentialsError, ThrottledError, UnreachableError or
        UnknownOutcomeError.
        """
        ...
