"""Amazon EC2's bench, over a moto server."""

import base64
from collections.abc import Callable
from typing import Any, ClassVar

from servers.clouds.base import CreateSpec, Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.amazon import REGION, FakeAmazon

MOTO = "moto shows what it has at once"


class AmazonBench(Bench):
    kind = "amazon"
    make_fake = FakeAmazon
    region = REGION
    image = "ami-12c6146b"
    size = "t3.micro"
    credentials: ClassVar[dict[str, str]] = {
        "access_key_id": "{token}",
        "secret_access_key": "made-up-secret",
    }
    statuses: ClassVar[dict[str, Meaning]] = {
        "pending": Meaning.BOOTING,
        "running": Meaning.RUNNING,
        "shutting-down": Meaning.ENDING,
        "terminated": Meaning.GONE,
        "stopping": Meaning.STOPPED,
        "stopped": Meaning.STOPPED,
    }
    statuses_at = ("InstanceStateName", "enum")
    secrets = ("made-up-secret",)
    lacks: ClassVar[dict[str, str]] = {
        "visibility": MOTO,
        "statuses": "moto has no others than a life has; test_statuses has them all",
        "gaps": "its catalogue takes moto seconds; test_catalogue has gaps",
        "json": "it answers in XML; test_amazon has odd answers",
        "thousands": "moto needs half a minute for them; test_amazon reads pages",
    }
    missing = ("i-0123456789abcdef0",)
    example_image = "ami-0a1b2c3d"
    bad_image = "ami-00000000000000001"
    leftovers: ClassVar[dict[str, str]] = {"volume": "volume"}

    def prepare(self, find: Callable[[str], Any]) -> None:
        self.fake.moto = find("moto_url")

    def plant(self, spec: CreateSpec, *, account: str = "one") -> str:
        made = self.open(account).create_instance(spec, deadline=30)
        return made.instance_id

    def leave(self, kind: str, spec: CreateSpec) -> str:
        params = {
            "Action": "CreateVolume",
            "Size": "8",
            "AvailabilityZone": f"{REGION}a",
            "TagSpecification.1.ResourceType": "volume",
        }
        for number, (name, value) in enumerate(self.tags_of(spec).items(), start=1):
            params[f"TagSpecification.1.Tag.{number}.Key"] = name
            params[f"TagSpecification.1.Tag.{number}.Value"] = value
        return self.fake.ask(params).findtext("volumeId") or ""

    def labels_of(self, instance_id: str) -> dict[str, str]:
        params = {"Action": "DescribeInstances", "InstanceId.1": instance_id}
        return {
            tag.findtext("key"): tag.findtext("value")
            for tag in self.fake.ask(params).iterfind(".//tagSet/item")
        }

    def user_data_of(self, instance_id: str) -> bytes:
        params = {
            "Action": "DescribeInstanceAttribute",
            "InstanceId": instance_id,
            "Attribute": "userData",
        }
        found = self.fake.ask(params).findtext("userData/value") or ""
        return base64.b64decode(found)

    def vanish(self, instance_id: str) -> None:
        # EC2 shows a terminated instance for a while.
        self.fake.ask({"Action": "TerminateInstances", "InstanceId.1": instance_id})

    def protect(self, instance_id: str) -> None:
        self.fake.protected.add(instance_id)

    def count_live(self, fleet: str = "ci") -> list[str]:
        keys: list[str] = self.fake.count_live(fleet)
        return keys
