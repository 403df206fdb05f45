"""Which spot instances EC2 is about to take back: the notice, two minutes before.

An instance itself shows only that it was taken back. The notice is the status of its
spot request, which has the fleet's tag, too.
Source: the Amazon EC2 User Guide, "Spot request status codes".
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final
from xml.etree import ElementTree

from servers.clouds.amazon.api import find_text
from servers.clouds.base import FLEET_TAG, CloudInstance
from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import CallError

_NOTICES: Final = (
    "marked-for-termination",
    "marked-for-stop",
    "marked-for-stop-by-experiment",
)
_PAGE: Final = 1000


def is_spot(item: ElementTree.Element) -> bool:
    """Tell whether an instance is a spot instance."""
    return find_text(item, "instanceLifecycle") == "spot"


def build_notice_params(fleet: str) -> dict[str, str]:
    """Return the request for the spot requests of a fleet with a notice."""
    params = {
        "Action": "DescribeSpotInstanceRequests",
        "MaxResults": str(_PAGE),
        "Filter.1.Name": f"tag:{FLEET_TAG}",
        "Filter.1.Value.1": fleet,
        "Filter.2.Name": "status-code",
    }
    for number, code in enumerate(_NOTICES, start=1):
        params[f"Filter.2.Value.{number}"] = code
    return params


def read_notices(pages: Iterable[ElementTree.Element]) -> Mapping[str, str]:
    """Return what EC2 says about each instance with a notice, by its id.

    A listing is complete without it. So if it can't be had, there are no notices.
    """
    notices: dict[str, str] = {}
    try:
        current_deadline().remaining()
        for page in pages:
            for item in page.findall("spotInstanceRequestSet/item"):
                said = find_text(item, "status/message")
                code = find_text(item, "status/code")
                notices[find_text(item, "instanceId")] = said or code
    except (CallError, TimeoutError):
        return {}
    return notices


def mark(instance: CloudInstance, notices: Mapping[str, str]) -> CloudInstance:
    """Return the instance with its notice, if it has one."""
    said = notices.get(instance.instance_id)
    if said is None or not instance.live:
        return instance
    return replace(instance, interrupted=True, fault=instance.fault or said)
