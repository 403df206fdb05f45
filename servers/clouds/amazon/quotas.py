"""What is left of EC2's own limits: virtual CPUs, on demand and spot.

EC2 itself no longer tells its limits. Service Quotas does, by codes that are the same
in every account, and the instances themselves say what is used. Only standard families
are counted: accelerated and large-memory ones have limits of their own.
Source: the Amazon EC2 User Guide, "On-Demand Instance quotas" and "Spot Instance
quotas"; the Service Quotas API Reference, GetServiceQuota.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from xml.etree import ElementTree

from servers.clouds.amazon.api import find_text
from servers.clouds.amazon.convert import iterate_instances
from servers.clouds.amazon.spot import is_spot
from servers.clouds.catalogue import Quota, sort_quotas
from servers.outgoing import reading

TARGET: Final = "ServiceQuotasV20190624.GetServiceQuota"
_ON_DEMAND: Final = "L-1216C47A"
_SPOT: Final = "L-34B43A08"
_NAMES: Final = {
    _ON_DEMAND: "Standard on-demand instances",
    _SPOT: "Standard spot instances",
}
_STANDARD: Final = "acdhimrtz"  # the first letters of their families
# A stopped instance counts against no limit.
_COUNTED: Final = frozenset({"pending", "running", "shutting-down"})

Ask = Callable[[Mapping[str, str]], Any]


def read_quotas(ask: Ask, pages: Iterable[ElementTree.Element]) -> tuple[Quota, ...]:
    """Return both limits, the scarcest first.

    ``ask`` sends GetServiceQuota, and ``pages`` are of all instances of the region.
    """
    used = _count_cores(pages)
    found = []
    for code, name in _NAMES.items():
        answer = ask({"ServiceCode": "ec2", "QuotaCode": code})
        limit = reading.number(answer, "Quota", "Value")
        if limit is not None:
            found.append(Quota(name, limit, float(used[code]), "vCPUs"))
    return sort_quotas(found)


def _count_cores(pages: Iterable[ElementTree.Element]) -> Counter[str]:
    """Return how many vCPUs each limit counts."""
    used: Counter[str] = Counter()
    for page in pages:
        for _, item in iterate_instances(page):
            if find_text(item, "instanceState/name") not in _COUNTED:
                continue
            if find_text(item, "instanceType")[:1] not in _STANDARD:
                continue
            cores = _whole(find_text(item, "cpuOptions/coreCount"))
            threads = _whole(find_text(item, "cpuOptions/threadsPerCore"))
            used[_SPOT if is_spot(item) else _ON_DEMAND] += cores * threads
    return used


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
