"""The port over OpenStack: one region of one project."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from servers.clouds.base import (
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
    Meaning,
)
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.kind import Kind
from servers.clouds.opening import check_region
from servers.clouds.openstack.checks import check_destroying, check_parts
from servers.clouds.openstack.convert import (
    show_address,
    show_instance,
    show_port,
    show_volume,
)
from servers.clouds.openstack.errors import NAME
from servers.clouds.openstack.floating import give_address
from servers.clouds.openstack.launch import (
    CAPABILITIES,
    KEY,
    build_body,
    merge_options,
    needs_floating,
    tag_fleet,
    tag_key,
)
from servers.clouds.openstack.offers import (
    Flavors,
    find_images,
    read_catalogue,
    read_quotas,
)
from servers.clouds.openstack.options import (
    ACCOUNT_OPTIONS,
    CREDENTIALS,
    OPTIONS,
    check_credentials,
    check_options,
)
from servers.clouds.openstack.session import Session, looking_up, make_path
from servers.clouds.openstack.volumes import needs_tag, tag_volume
from servers.clouds.timings import Timings
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError, RefusedError
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.reply import need_text
from servers.outgoing.rest import refusing_missing

_REGION: Final = re.compile(r"[!-~]{1,63}")
_STARTED: Final = "BUILD"
_LEFTOVERS: Final = {
    "volume": ("volume", "/volumes/"),
    "address": ("network", "/floatingips/"),
    "port": ("network", "/ports/"),
}
_flavors: Final = Flavors()


class OpenStack:
    """One region of one project."""

    provider: ClassVar[str] = "openstack"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(config, _REGION, like="RegionOne")
        self.config = config
        self.timings = timings
        self._session = Session(config)
        self._address = str(config.options.get("address") or "")
        # A placement can differ from its account: see finishes_spec.
        self.finishes = _needs_finish(config.options)

    def finishes_spec(self, spec: CreateSpec) -> bool:
        """Tell whether an instance needs more calls, for its address or its volume."""
        return _needs_finish(self._merge(spec))

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the id of the project that the token belongs to."""
        with Deadline(deadline, NAME), reading_whole():
            return self._session.token.project

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one server, tagged in the same request.

        Nova answers with its id alone: the rest is as the request had it.
        """
        body, version = build_body(spec, self._merge(spec))
        with Deadline(deadline, NAME):
            with looking_up(), refusing_missing():
                flavor = _flavors.find(self._session, spec.size)
            body["server"]["flavorRef"] = flavor
            try:
                with refusing_missing():
                    reply = self._session.ask(
                        "compute",
                        "POST",
                        "/servers",
                        data=body,
                        version=version,
                        hide=(spec.user_data,),
                    )
            except RefusedError:
                _flavors.forget(self._session, spec.size)
                raise
            server = need_text(reply.need_object("server"), "id", what=NAME)
        return CloudInstance(
            instance_id=server,
            key=spec.key,
            fleet=spec.fleet,
            name=spec.name,
            raw_status=_STARTED,
            meaning=Meaning.BOOTING,
        )

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Give the server a floating address, and tag its volume, as it needs it."""
        options, server = self._merge(spec), instance.instance_id
        with Deadline(deadline, NAME):
            if needs_floating(options):
                address = give_address(self._session, server, spec, options)
                if instance.meaning in {Meaning.BOOTING, Meaning.RUNNING}:
                    instance = replace(instance, address=address)
            if needs_tag(options):
                tag_volume(self._session, server, spec)
        return instance

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Look up what the call refers to, and what is left of the quotas."""
        options = self._merge(spec)
        build_body(spec, options)
        with Deadline(deadline, NAME), refusing_missing():
            _flavors.find(self._session, spec.size)
            return check_parts(
                self._session, image=spec.image, ssh_key=spec.ssh_key, options=options
            )

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List flavors and images. The catalogue of services has the regions."""
        with Deadline(deadline, NAME), reading_whole():
            return read_catalogue(self._session)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Get images by their ids, or list those of an owner."""
        with Deadline(deadline, NAME), reading_whole():
            return tuple(find_images(self._session, query))

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Read the project's limits."""
        with Deadline(deadline, NAME), reading_whole():
            return read_quotas(self._session)

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the servers with the key's tag."""
        if not KEY.fullmatch(key):
            return []
        with Deadline(deadline, NAME), reading_whole():
            found = list(self._select(tag_key(key)))
        # A filter that Nova does not know is dropped silently, so compare.
        return [instance for instance in found if instance.key == key]

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the servers with the fleet's tag, all pages of them."""
        if not KEY.fullmatch(fleet):
            return CloudListing(())
        with Deadline(deadline, NAME), reading_whole():
            found = {each.instance_id: each for each in self._select(tag_fleet(fleet))}
            project = self._session.token.project
        return CloudListing(
            tuple(instance for instance in found.values() if instance.fleet == fleet),
            identity=project,
        )

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one server."""
        path = make_path("/servers/", instance_id)
        with Deadline(deadline, NAME), reading_one():
            reply = self._session.ask("compute", "GET", path)
            return show_instance(reply.need_object("server"), self._address)

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Delete one server. Its port and the volume that it boots from go with it."""
        path = make_path("/servers/", instance_id)
        with Deadline(deadline, NAME):
            self._session.ask("compute", "DELETE", path)

    def check_destroy(self, *, deadline: float) -> None:
        """Look at the token's roles, and delete a server that does not exist."""
        with Deadline(deadline, NAME):
            check_destroying(self._session)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List volumes, floating addresses and ports of the fleet that are not in use.

        None of the services finds them by a part of their metadata or description.
        """
        with Deadline(deadline, NAME), reading_whole():
            found = [
                left
                for service, path, name, show in (
                    ("volume", "/volumes/detail", "volumes", show_volume),
                    ("network", "/floatingips", "floatingips", show_address),
                    ("network", "/ports", "ports", show_port),
                )
                if self._session.has(service)
                for each in self._session.entries(service, path, name, {})
                if (left := show(each)) is not None
            ]
        return tuple(left for left in found if left.fleet == fleet)

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a volume, a floating address or a port."""
        kind, _, name = resource_id.partition("-")
        if kind not in _LEFTOVERS:
            return
        service, path = _LEFTOVERS[kind]
        with Deadline(deadline, NAME):
            try:
                self._session.ask(service, "DELETE", make_path(path, name))
            except MissingError:
                return  # gone already

    def _merge(self, spec: CreateSpec) -> dict[str, Any]:
        return merge_options(self.config.options, spec.options)

    def _select(self, tag: str) -> Iterator[CloudInstance]:
        """Yield all servers that Nova returns for a tag."""
        query: Mapping[str, str] = {"tags": tag}
        for each in self._session.entries(
            "compute", "/servers/detail", "servers", query
        ):
            yield show_instance(each, self._address)


def _needs_finish(options: Mapping[str, Any]) -> bool:
    return needs_floating(options) or needs_tag(options)


KIND: Final = Kind(
    name="openstack",
    label=NAME,
    provider="openstack",
    open=OpenStack,
    # Nova lists a server from its answer on. But a proxy before it may go on with a
    # request for a minute after the caller gave up.
    timings=Timings(),
    credentials=CREDENTIALS,
    check_credentials=check_credentials,
    asks_for="an application credential, or a user and a password",
    account_options=(*ACCOUNT_OPTIONS, *OPTIONS),
    placement_options=OPTIONS,
    capacity_options=("zone", "server_group", "disk_type"),
    check_options=check_options,
    capabilities=CAPABILITIES,
    needs_endpoint=True,
)
