"""What the conformance suite needs to know of a cloud, and to do to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar
from uuid import uuid4

from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    SERVER_TAG,
    CloudConfig,
    CreateSpec,
    Meaning,
    NoCapacityError,
    QuotaError,
)
from servers.clouds.port import Cloud
from servers.clouds.registry import open_cloud
from servers.lifecycle.keys import make_key
from servers.outgoing.errors import CallError, CredentialsError, RefusedError
from tests.clouds.fakes.base import running
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.wire import Response


class Bench:
    """A cloud's fake, the adapter over it, and what is true of this cloud.

    A subclass sets the attributes below. It overrides a method only where its cloud
    differs. One object serves one test.
    """

    kind: ClassVar[str]
    make_fake: ClassVar[type[Any]]
    region: ClassVar[str]
    image: ClassVar[str]
    size: ClassVar[str]
    credentials: ClassVar[Mapping[str, str]]  # with {token}, which names the account
    # What secrets look like in the requests of account one, besides its token.
    secrets: ClassVar[tuple[str, ...]] = ("token-one",)
    # What the suite tests and this cloud, or its fake, does not have, with the reason:
    # the names that tests give to ``needs``.
    lacks: ClassVar[Mapping[str, str]] = {}
    # Ids in the cloud's own form that no instance has.
    missing: ClassVar[tuple[str, ...]]
    # The image in the example of the guide page, if the fake has no such image.
    example_image: ClassVar[str] = ""
    bad_image: ClassVar[str] = "no-such-image"
    bad_size: ClassVar[str] = "no-such-size"
    # Where the cloud reports no capacity only after the create call, on the instance.
    late_capacity: ClassVar[bool] = False
    # Calls of one create in the good case, without what is remembered between creates.
    calls_of_create: ClassVar[int] = 1
    calls_of_destroy: ClassVar[int] = 1
    # Calls of one listing that shows new instances, without further pages.
    calls_of_list: ClassVar[int] = 1
    # The role of the call that looks for a key.
    find_role: ClassVar[str] = "list"
    # Which kinds of leftovers the cloud has: the fake's kind to the port's.
    leftovers: ClassVar[Mapping[str, str]] = {}
    # What each raw status means, and where the description lists them.
    statuses: ClassVar[Mapping[str, Meaning]] = {}
    statuses_at: ClassVar[tuple[str, ...]] = ()
    labels: ClassVar[Mapping[str, str]] = {"team": "builds"}
    errors: ClassVar[Mapping[str, type[CallError]]] = {
        "unauthorized": CredentialsError,
        "expired": CredentialsError,
        "forbidden": CredentialsError,
        "no_capacity": NoCapacityError,
        "quota": QuotaError,
        "bad_image": RefusedError,
        "protected": RefusedError,
    }

    def __init__(self) -> None:
        self.fake: Any = self.make_fake()

    def run(self) -> AbstractContextManager[Any]:
        """Run the fake for a block; at its end, hold it to the description."""
        return running(self.fake)

    def open(self, account: str = "one", **options: Any) -> Cloud:
        """Return the adapter of an account. No call is made."""
        return open_cloud(self.kind, self.config(account, **options))

    def config(self, account: str = "one", **options: Any) -> CloudConfig:
        """Return what opens an account."""
        return CloudConfig(
            account,
            self.region,
            self.fake.url,
            {
                name: value.format(token=f"token-{account}")
                for name, value in self.credentials.items()
            },
            {**self.options(), **options},
        )

    def options(self) -> dict[str, Any]:
        """Return options that every account of this kind needs."""
        return {}

    def make_spec(self, *, fleet: str = "ci", **changes: Any) -> CreateSpec:
        """Return a create call."""
        server = uuid4()
        given: dict[str, Any] = {
            "key": str(make_key(fleet, server, 1)),
            "token": uuid4().hex,
            "fleet": fleet,
            "server_id": server.hex,
            "name": "agent-1",
            "image": self.image,
            "size": self.size,
            "user_data": "#!/bin/sh\ntrue\n",
            "labels": dict(self.labels),
        }
        return CreateSpec(**{**given, **changes})

    def plant(self, spec: CreateSpec, *, account: str = "one") -> str:
        """Have an instance run as ``spec`` would have created it; return its id."""
        tags = self.tags_of(spec)
        return str(self.fake.plant(spec.key, tags, account=account).id)

    def tags_of(self, spec: CreateSpec) -> dict[str, str]:
        """Return an instance's tags as the fake keeps them."""
        return {
            FLEET_TAG: spec.fleet,
            KEY_TAG: spec.key,
            SERVER_TAG: spec.server_id,
        }

    def name_of(self, spec: CreateSpec) -> str:
        """Return the name that the cloud shows of an instance."""
        return spec.name

    def leave(self, kind: str, spec: CreateSpec) -> str:
        """Have something lie about that carries ``spec``'s tags; return its id."""
        return str(self.fake.plant_leftover(kind, self.tags_of(spec)))

    def prepare(self, find: Callable[[str], Any]) -> None:
        """Get what the fake needs besides itself; ``find`` returns a fixture."""

    def vanish(self, instance_id: str) -> None:
        """Have an instance end at once, without a call."""
        self.fake.machines[instance_id].gone = self.fake.now

    def protect(self, instance_id: str) -> None:
        """Have the cloud refuse to destroy an instance."""
        self.fake.machines[instance_id].protected = True

    def count_live(self, fleet: str = "ci") -> list[str]:
        """Return the key of each instance that a fleet is billed for.

        It is the fake's own count, whatever the API shows.
        """
        return [
            self.key_of(machine)
            for machine in self.fake.machines.values()
            if self.fleet_of(machine) == fleet
            and machine.phase(self.fake.now) not in {"absent", "gone"}
        ]

    def list_unfinished(self, fleet: str) -> list[str]:
        """Return what ``finish`` left undone, of all instances of a fleet."""
        return []

    def labels_of(self, instance_id: str) -> dict[str, str]:
        """Return the tags that an instance has at the cloud, by their names."""
        return dict(self.fake.machines[instance_id].tags)

    def user_data_of(self, instance_id: str) -> bytes:
        """Return the user data that an instance gets."""
        return str(self.fake.machines[instance_id].body.get("user_data", "")).encode()

    def set_status(self, instance_id: str, raw_status: str) -> None:
        """Have the cloud show an instance with a raw status."""
        self.fake.machines[instance_id].raw_status = raw_status

    def link_to(self, url: str) -> Response | None:
        """Return a page of a listing whose next page is at ``url``.

        None if this cloud's pages hold no links.
        """
        return None

    def key_of(self, machine: Machine) -> str:
        """Return the key that an instance carries."""
        return machine.tags.get(KEY_TAG, "")

    def fleet_of(self, machine: Machine) -> str:
        """Return the fleet whose tag an instance carries."""
        return machine.tags.get(FLEET_TAG, "")

    @contextmanager
    def counting(self, most: int) -> Iterator[None]:
        """Fail if a block makes more than ``most`` calls, those for tokens aside."""
        since = len(self.fake.seen)
        yield
        made = [each for each in self.fake.seen[since:] if each.role != "token"]
        said = [f"{each.method} {each.path}" for each in made]
        assert len(made) <= most, said
