"""The volume that a server boots from: tagged after its create call.

Nova creates it while it builds the server, deletes it with the server, and tells Cinder
neither a name nor metadata. If that deletion fails, only its own metadata shows whose
it was. So it gets the fleet's tag as soon as Nova shows it.

Source: nova/virt/block_device.py; the Block Storage API reference, "Create metadata for
volume", which adds to what is there.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import FLEET_TAG, KEY_TAG, CreateSpec, Meaning, UnfinishedError
from servers.clouds.openstack.convert import find_meaning
from servers.clouds.openstack.floating import check_built
from servers.clouds.openstack.session import Session, make_path
from servers.outgoing import reading
from servers.outgoing.errors import MissingError

# A listing shows sooner that the server runs. Until then Cinder copies the image.
_AGAIN_SECONDS: Final = 30.0
_ATTACHED: Final = "os-extended-volumes:volumes_attached"


def needs_tag(options: Mapping[str, Any]) -> bool:
    """Tell whether a server boots from a volume of its own."""
    return bool(options.get("disk_gib"))


def tag_volume(session: Session, server: str, spec: CreateSpec) -> None:
    """Tag the volume that a server boots from.

    Only volumes that Nova deletes with the server: nobody attaches one like that by
    hand. Raises UnfinishedError as long as there is none, and RefusedError or
    NoCapacityError if the server failed before.
    """
    if not session.has("volume"):
        return  # then its leftovers can't be seen either
    reply = session.ask("compute", "GET", make_path("/servers/", server))
    shown = reply.need_object("server")
    volumes = [
        reading.text(each, "id")
        for each in reading.objects(shown, _ATTACHED)
        if reading.truth(each, "delete_on_termination")
    ]
    if not volumes:
        check_built(shown)
        if find_meaning(shown) is Meaning.BOOTING:
            raise UnfinishedError(
                f"The root disk of {server} is not created yet.",
                retry_after=_AGAIN_SECONDS,
            )
    tags = {FLEET_TAG: spec.fleet, KEY_TAG: spec.key}
    for volume in volumes:
        path = f"{make_path('/volumes/', volume)}/metadata"
        try:
            session.ask("volume", "POST", path, data={"metadata": tags})
        except MissingError:
            continue  # nothing is left to be found
