"""The benches on which the conformance suite tests each cloud.

A new cloud plugs in like this:

1. Its folder in ``servers/clouds/``, and a line in ``registry._ADAPTERS``.
2. ``tests/clouds/fakes/KIND.py``: a subclass of ``fakes.base.Fake`` with a ``route``
   for each call that the adapter makes. Give the create, list, get, destroy and token
   calls the roles ``create``, ``list``, ``get``, ``destroy`` and ``token``: faults aim
   at roles. ``refuse`` words each of ``TROUBLES``. ``add_machine``, ``find_machine``,
   ``list_machines`` and ``end_machine`` keep the instances and their times.
3. ``tests/clouds/benches/KIND.py``: a subclass of ``Bench`` with what is true of the
   cloud. What it lacks, it names with the reason in ``lacks``.
4. A line in ``BENCHES`` below.

Then ``pytest tests/clouds/conformance -k KIND`` runs the suite over it, and
``tests/clouds/test_guides.py`` the example of its guide page. ``make calls`` writes its
row into docs/clouds.md. ``CHAOS=1 pytest tests/exactly_once -k KIND`` kills workers
over its fake, at every boundary and at random.

With CLOUD_MATERIAL set, each request and answer is held to the cloud's own description;
what breaks it fails the test at its end.
"""

from typing import Final

from tests.clouds.benches.amazon import AmazonBench
from tests.clouds.benches.azure import AzureBench
from tests.clouds.benches.base import Bench
from tests.clouds.benches.digitalocean import DigitalOceanBench
from tests.clouds.benches.google import GoogleBench
from tests.clouds.benches.hetznercloud import HetznerCloudBench
from tests.clouds.benches.linode import LinodeBench
from tests.clouds.benches.openstack import DiskBench, FloatingBench, OpenStackBench
from tests.clouds.benches.sandbox import SandboxBench, SandboxOfTwoCallsBench
from tests.clouds.benches.scaleway import ScalewayBench
from tests.clouds.benches.vultr import VultrBench

BENCHES: Final[dict[str, type[Bench]]] = {
    "amazon": AmazonBench,
    "azure": AzureBench,
    "digitalocean": DigitalOceanBench,
    "google": GoogleBench,
    "hetznercloud": HetznerCloudBench,
    "linode": LinodeBench,
    "sandbox": SandboxBench,
    "sandbox of two calls": SandboxOfTwoCallsBench,
    "openstack": OpenStackBench,
    "openstack with floating addresses": FloatingBench,
    "openstack with root disks": DiskBench,
    "scaleway": ScalewayBench,
    "vultr": VultrBench,
}
