"""Hetzner Cloud's bench."""

from typing import ClassVar

from servers.clouds.base import Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.hetznercloud import FakeHetznerCloud


class HetznerCloudBench(Bench):
    kind = "hetznercloud"
    make_fake = FakeHetznerCloud
    region = "fsn1"
    image = "ubuntu-24.04"
    size = "cx22"
    credentials: ClassVar[dict[str, str]] = {"token": "{token}"}
    missing = ("999999999", "0")
    lacks: ClassVar[dict[str, str]] = {"expiry": "its tokens have no end"}
    leftovers: ClassVar[dict[str, str]] = {
        "volumes": "volume",
        "primary_ips": "address",
    }
    statuses: ClassVar[dict[str, Meaning]] = {
        "initializing": Meaning.BOOTING,
        "starting": Meaning.BOOTING,
        "running": Meaning.RUNNING,
        "stopping": Meaning.STOPPED,
        "off": Meaning.STOPPED,
        "deleting": Meaning.ENDING,
        "migrating": Meaning.BOOTING,
        "rebuilding": Meaning.BOOTING,
        "unknown": Meaning.UNCLEAR,
    }
    statuses_at = (
        *("components", "schemas", "server"),
        *("properties", "status", "enum"),
    )
