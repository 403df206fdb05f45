"""The cloud port: what every adapter promises, and which errors it raises.

A ``Cloud`` is one account in one region (a *location*). Any thread may call its
methods. Each method returns or raises within ``deadline`` seconds. This is a total for
the connections, headers and bodies of all its requests, so a time-out per read is not
enough. Methods raise only the errors below, and each may raise ClockError. The engine
acts only on the class of the error. An adapter that is unsure must therefore raise
UnknownOutcomeError: the engine then looks for the instance before it does anything
else.
"""

from typing import ClassVar, Protocol, runtime_checkable

from servers.clouds.base import CloudInstance, CloudLeftover, CloudListing, CreateSpec
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.timings import Timings


class Cloud(Protocol):
    """One account in one region. Safe to call from any thread."""

    provider: ClassVar[str]  # the name in the API: amazon, openstack, sandbox …
    timings: Timings
    # Whether an instance does not boot by create_instance alone: see finish.
    finishes: bool

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the cloud's own id of the account, or "" if it reports none.

        Raises CredentialsError, ThrottledError, UnreachableError,
        UnknownOutcomeError.
        """

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one instance with a single call, and return the cloud's answer.

        Never retries, and never waits for the boot. Raises RefusedError (or a
        subclass), ThrottledError or ClockError only if the cloud answered that nothing
        was created, and UnreachableError only if no byte of the request was sent.
        Raises UnknownOutcomeError in every other case.
        """

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Do what a created instance still needs, such as switching it on.

        Called only if ``finishes`` was true when the attempt was written, for an
        instance that a server owns, until it returns. ``create_instance`` alone creates
        what bills and carries the key; this never creates an instance. It does what is
        missing by ``instance``, as the create call, a look-up or a listing showed it,
        with what ``spec`` says, which is frozen with the attempt. It remembers nothing.

        It is idempotent. An earlier call may have done all or some of it: its process
        may have died, or its answer been lost, and ``instance`` may be older. What the
        cloud says is done already counts as done. Two calls may run at once.

        What it creates beside the instance carries the fleet's tag, so that
        ``list_leftovers`` finds it once the instance is gone. Returns the instance as
        the cloud shows it afterwards. Raises RefusedError or a subclass if the instance
        can never be finished; the engine then gives it up and destroys it. It also does
        so if the instance is returned as failed. After UnfinishedError (the cloud needs
        more time), MissingError (it may not be visible yet), ThrottledError,
        UnreachableError or UnknownOutcomeError, it is called again.
        """

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Find out whether ``create_instance`` would be accepted, without creating.

        Returns one sentence, with the reason, for each thing that could not be tested;
        an ``Untested`` also says which part of the call that is, as ``about`` of an
        error does.
        A return is no promise: quota and capacity are tested only if the cloud reports
        them beforehand. Raises RefusedError if an image, size, key or network does not
        exist, or a subclass (CredentialsError: these credentials may not create it).
        After ThrottledError, UnreachableError or UnknownOutcomeError, nothing was
        learned.
        """

    def catalogue(self, *, deadline: float) -> Catalogue:
        """Return what people can choose here: regions, images and sizes.

        It changes nothing, and no create depends on it: what is not listed may work,
        and what is listed may be refused. A list that these credentials may not read,
        or that was cut, has a sentence in ``gaps``. A kind whose capabilities promise
        no catalogue returns an empty one. Raises CredentialsError if these credentials
        may read nothing, ThrottledError, UnreachableError or UnknownOutcomeError, and
        never returns part of a list without saying so.
        """

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """Return all instances with exactly this key, ended ones included if listed.

        Requests only this key if the cloud can search. The result is complete;
        otherwise raises CredentialsError, ThrottledError, UnreachableError or
        UnknownOutcomeError.
        """

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """Return every instance in this location whose fleet tag is exactly ``fleet``.

        The result is complete (all pages). Otherwise raises CredentialsError,
        ThrottledError, UnreachableError or UnknownOutcomeError, and never returns part
        of a listing. A list that is refused or missing for any other reason than the
        credentials shows nothing, so that is an UnknownOutcomeError.
        """

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Return one instance by its id.

        Raises MissingError, CredentialsError, ThrottledError, UnreachableError or
        UnknownOutcomeError, also if the look itself is refused.
        """

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Ask the cloud to terminate one instance. A return does not mean it is gone.

        Raises MissingError, RefusedError (for example, if the cloud protects
        it), CredentialsError, ThrottledError, UnreachableError or UnknownOutcomeError.
        """

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether anything forbids destroying instances. Never destroys any.

        Never uses the id of an instance that may exist, so that a cloud which mistakes
        the check for the real call destroys nothing. Raises RefusedError or a subclass
        if the cloud refuses it: CredentialsError if these credentials may not destroy,
        or may destroy only some instances, which the cloud can't tell apart here;
        another one if it is not their fault, such as for an account that is locked.
        After ThrottledError, UnreachableError or UnknownOutcomeError, nothing was
        learned.
        """

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """Return everything that instances of exactly ``fleet`` left behind here.

        The result is complete; otherwise raises as ``list_instances`` does. It is
        empty if the cloud has no leftovers.
        """

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete one leftover. When this returns, it is gone or was gone already.

        Raises RefusedError, CredentialsError, ThrottledError, UnreachableError or
        UnknownOutcomeError.
        """


# What only some adapters have. A caller asks with isinstance, and does without.


@runtime_checkable
class FinishesSome(Protocol):
    """A cloud where it depends on the placement whether an instance needs finish."""

    def finishes_spec(self, spec: CreateSpec) -> bool:
        """Tell whether the instance of ``spec`` needs ``finish``. Asks no cloud."""


@runtime_checkable
class TellsQuotas(Protocol):
    """A cloud that tells the account's own limits."""

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Return the limits that can stop a create here, with what is used of them.

        At most a handful, the scarcest first. It changes nothing, and no create depends
        on it. Returns () if the cloud tells no limit here. Raises CredentialsError if
        these credentials may not ask, ThrottledError, UnreachableError or
        UnknownOutcomeError.
        """


@runtime_checkable
class FindsImages(Protocol):
    """A cloud whose catalogue does not list all images, but that can be asked."""

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Return all images that match and that a create accepts now, in any order.

        The result is complete: if an id of ``query`` is not in it, the cloud no longer
        has that image. Never returns an image of another owner than a rule names.
        Raises CredentialsError, RefusedError (the cloud can't look for that),
        ThrottledError, UnreachableError or UnknownOutcomeError.
        """
