"""The cloud port: what every adapter promises, and how it says what went wrong.

A ``Cloud`` is one account in one region (a *scope*). Its methods may be called from
any thread. Each ends within ``deadline`` seconds of its start, a total that counts
connection, headers and body of all its requests together (a time-out per read is not
one), and raises only the errors below; any may raise ClockError. The engine acts on the
class of the error alone, so an adapter that is unsure must raise UnknownOutcomeError:
the engine then looks before it does anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, Protocol

from servers.addresses import is_host

# The tags (labels, metadata) that an adapter puts on each instance it makes. Clouds
# that allow no tags carry the key in the instance's name instead.
FLEET_TAG = "serverfleet-fleet"
SERVER_TAG = "serverfleet-server"
KEY_TAG = "serverfleet-key"


class CloudError(Exception):
    """Base of what a cloud's answer, or its absence, means to the caller.

    ``message`` is a sentence for a person with the cloud's own words in it, free of
    secrets, at most MAX_MESSAGE characters. ``retry_after`` is in seconds, where the
    cloud named a time.
    """

    MAX_MESSAGE: ClassVar[int] = 1000

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        message = message[: self.MAX_MESSAGE]
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class UnknownOutcomeError(CloudError):
    """No trustworthy answer: the call may have taken effect, or may yet.

    Time-outs, broken connections, 5xx, answers that can't be read. Reads raise it too:
    there it means that nothing was learned.
    """


class InstanceNotFoundError(CloudError):
    """The cloud says that no instance of that id exists in this scope."""


class RefusedError(CloudError):
    """The cloud answered no, nothing was made, and the same call will be refused again.

    A bad image, size, key, network or parameter.
    """


class CredentialsError(RefusedError):
    """The cloud does not accept the account's credentials, or not for this call."""


class QuotaError(RefusedError):
    """The account's own quota at the cloud is used up. Nothing was made."""


class NoCapacityError(RefusedError):
    """The cloud has no such machine left here; another size or region may do."""


class ClockError(CloudError):
    """The cloud takes no call signed by this machine's clock, which is wrong.

    Nothing was made, and the credentials are not at fault: the same call works once the
    clock is set. ``message`` says so.
    """


class ThrottledError(CloudError):
    """Too many calls. Nothing was made; the same call may work later."""


class UnreachableError(CloudError):
    """The request never left: nothing was made; the same call may work later."""


# Shorter ones leave no time for the work itself. In seconds.
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
    """How a cloud moves, in seconds; the defaults suit a public cloud.

    ``settle`` must exceed the cloud's processing time plus its visibility lag, counted
    from the end of the lease that covered the call. Timings that would keep a server
    from ever coming to its end can't be had: ValueError, with a sentence.
    """

    call: float = 60.0  # the total deadline of one call; below half the lease
    lease: float = 150.0  # how long one worker may hold a row
    settle: float = 120.0  # after the lease's end no request can still appear
    grace: float = 300.0  # age at which an unowned instance is condemned
    lag: float = 5.0  # least distance between two looks that count as two
    listing_busy: float = 5.0  # seconds between listings while something moves
    listing_idle: float = 30.0
    gate: float = 300.0  # a listing older than this opens no gate

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
    """All that an adapter needs to open one scope. Never logged: it holds secrets."""

    account_id: str
    region: str
    endpoint: str = ""  # "" means the cloud's own
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateSpec:
    """One create call.

    ``options`` are the adapter's own (subnet, security groups, disk), plain JSON.
    """

    key: str  # ties the instance to its attempt; see lifecycle/keys.py
    token: str  # idempotency token, for clouds that take one
    fleet: str
    server_id: str  # 32 hex digits
    name: str  # what people see in the cloud's console
    image: str
    size: str
    user_data: str = field(default="", repr=False)
    ssh_key: str = ""  # the name of a key pair that the cloud holds
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """The labels and, above them, the tags by which ServerFleet finds its own."""
        return {
            **self.labels,
            FLEET_TAG: self.fleet,
            SERVER_TAG: self.server_id,
            KEY_TAG: self.key,
        }


class Meaning(StrEnum):
    """What a raw status means. Each adapter names the meaning of each of its own."""

    BOOTING = "booting"  # on the way: no more is missing than time
    RUNNING = "running"
    ENDING = "ending"  # on the way out; it may still run, and be billed
    STOPPED = "stopped"  # it is kept, and does not run: stopped, hibernated, suspended
    FAILED = "failed"  # the cloud gave up on it: it will never be ready
    GONE = "gone"  # terminal: it is shown for a while, and bills nothing
    UNCLEAR = "unclear"  # a status that the adapter does not know yet


# Neither running nor on the way there.
HALTED = frozenset({Meaning.ENDING, Meaning.STOPPED, Meaning.UNCLEAR})


@dataclass(frozen=True, slots=True)
class CloudInstance:
    """What a cloud shows of one instance."""

    instance_id: str
    key: str  # "" where it carries none
    fleet: str  # the fleet tag, whole; "" where it carries none
    name: str
    raw_status: str  # the cloud's own word, never libcloud's lossy NodeState
    meaning: Meaning  # of the raw status
    address: str = ""  # public where there is one, else private; "" while unknown
    fault: str = ""  # the cloud's own words where it failed or ended

    def __post_init__(self) -> None:
        # It stands in lines that people copy into a shell.
        if self.address and not is_host(self.address):
            object.__setattr__(self, "address", "")

    @property
    def live(self) -> bool:
        """Whether it is anything but gone, so that it may run and be billed."""
        return self.meaning is not Meaning.GONE


@dataclass(frozen=True, slots=True)
class CloudLeftover:
    """What stayed behind when an instance ended, attached to nothing, and bills."""

    resource_id: str
    kind: str  # volume
    key: str  # of the attempt whose instance it came with; "" where it carries none
    fleet: str
    detail: str = ""  # a few words for a person: 20 GiB


@dataclass(frozen=True, slots=True)
class CloudListing:
    """A complete listing. ``identity`` is "" where the answer does not tell whose."""

    instances: tuple[CloudInstance, ...]
    identity: str = ""


class Cloud(Protocol):
    """One account in one region. Safe to call from any thread."""

    provider: ClassVar[str]  # the name on the wire: amazon, openstack, sandbox …
    timings: Timings

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the cloud's own id of the account, or "" where it tells none.

        Raises CredentialsError, ThrottledError, UnreachableError,
        UnknownOutcomeError.
        """
        ...

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Ask for one instance, once, and return what the cloud answered.

        Never retries and never waits for the boot. Raises RefusedError (and its kin)
        ThrottledError or ClockError only where the cloud answered that nothing was
        made, and UnreachableError only where no byte of the request was sent; in every
        other case UnknownOutcomeError.
        """
        ...

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Find out whether ``create_instance`` would be taken; makes nothing, ever.

        Returns what could not be tested, a sentence each, with why. Returning is no
        promise: quota and capacity show where the cloud tells them beforehand. Raises
        RefusedError (an image, size, key or network that does not
        exist) and its kin (CredentialsError: these credentials may not create it);
        ThrottledError, UnreachableError and UnknownOutcomeError: nothing was learned.
        """
        ...

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """Return all instances that carry exactly ``key``, dead ones too where listed.

        Asks the cloud for that key alone where the cloud can search. Complete, or
        raises CredentialsError, ThrottledError, UnreachableError, UnknownOutcomeError.
        """
        ...

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """Return every instance in this scope whose fleet tag is exactly ``fleet``.

        Complete (all pages), or raises CredentialsError, ThrottledError,
        UnknownOutcomeError: a part of a listing is never returned.
        """
        ...

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Return one instance by its id.

        Raises InstanceNotFoundError, CredentialsError, ThrottledError,
        UnknownOutcomeError.
        """
        ...

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Ask for the end of one instance. Returning means asked, not gone.

        Raises InstanceNotFoundError, RefusedError (the cloud protects it, say),
        CredentialsError, ThrottledError, UnreachableError, UnknownOutcomeError.
        """
        ...

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether anything forbids to destroy instances; ends none, ever.

        Never asks with the id of an instance that may exist, so that a cloud which
        takes the question for the call ends nothing. Raises CredentialsError (these
        credentials may not destroy, or only some that the cloud can't know here);
        ThrottledError, UnreachableError and UnknownOutcomeError: nothing was learned.
        """
        ...

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """Return all that instances of exactly ``fleet`` left behind in this scope.

        Complete, or raises as ``list_instances``. Empty where the cloud has none.
        """
        ...

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete one; it is gone, or was already, when this returns.

        Raises RefusedError, CredentialsError, ThrottledError, UnreachableError,
        UnknownOutcomeError.
        """
        ...
