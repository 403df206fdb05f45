"""Whether EC2 would accept a call, tested with DryRun, which changes nothing.

EC2 promises only that a dry run checks permissions (API Reference, DryRun of each
action), although it may notice more. So the image and the size are looked up as well.
If a policy does not allow that, only the dry run counts.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from servers.clouds.amazon.api import NAME, find_text
from servers.clouds.amazon.images import Call, check_disk, describe_image, is_looked_up
from servers.clouds.amazon.launch import changes_disk
from servers.clouds.base import About, Untested
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
)

_DRY: Final = {"DryRun": "true"}


def check_run(
    call: Call, params: Mapping[str, str], options: Mapping[str, Any]
) -> tuple[str, ...]:
    """Test whether RunInstances with ``params`` would work, and raise what prevents it.

    ``params`` were built from ``options``. Returns one sentence for each thing that
    could not be looked up.
    """
    answer = call({**params, **_DRY})
    for item in answer.findall("instancesSet/item"):
        # Not every endpoint supports DryRun. This instance is new, and ours.
        _undo(call, find_text(item, "instanceId"))
    untested = (
        _check_image(call, params["ImageId"], options),
        _check_size(call, params["InstanceType"]),
    )
    return tuple(sentence for sentence in untested if sentence)


def check_terminate(call: Call) -> None:
    """Test whether TerminateInstances is allowed, with an id that no instance has."""
    try:
        call(
            {
                "Action": "TerminateInstances",
                "InstanceId.1": f"i-{secrets.token_hex(9)[:17]}",
                **_DRY,
            }
        )
    except MissingError:
        return  # allowed; the instance is missing, as expected


def _undo(call: Call, instance_id: str) -> NoReturn:
    said = f"The endpoint ignored DryRun and created {instance_id[:100]}"
    try:
        call({"Action": "TerminateInstances", "InstanceId.1": instance_id})
    except CallError as error:
        # It has the fleet's tag, so listings show it until it is gone.
        raise RefusedError(f"{said}. Terminate it there: {error.message}") from None
    raise RefusedError(f"{said}, which was terminated at once.")


def _check_image(call: Call, image: str, options: Mapping[str, Any]) -> str:
    if not is_looked_up(image):
        return _leave_out(
            About.IMAGE, image, "EC2 resolves its parameter only at launch"
        )
    try:
        found = describe_image(call, image)
    except CredentialsError:
        why = "these credentials may not call DescribeImages"
        return _leave_out(About.IMAGE, image, why)
    if found.state != "available":
        raise RefusedError(
            f"The image {image} is {found.state}, not available.", about=About.IMAGE
        )
    if changes_disk(options):
        check_disk(found, options)
    return ""


def _leave_out(part: About, name: str, why: str) -> Untested:
    said = f"ServerFleet could not test whether the {part} {name} exists: {why}."
    return Untested(said, part)


def _check_size(call: Call, size: str) -> str:
    try:
        answer = call({"Action": "DescribeInstanceTypes", "InstanceType.1": size})
    except CredentialsError:
        why = "these credentials may not call DescribeInstanceTypes"
        return _leave_out(About.SIZE, size, why)
    if answer.find("instanceTypeSet/item") is None:
        raise RefusedError(
            f"{NAME} has no size {size} in this region.", about=About.SIZE
        )
    return ""
