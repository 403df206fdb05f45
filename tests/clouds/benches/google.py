"""Google Compute Engine's bench."""

from typing import Any, ClassVar

from servers.clouds.base import NAME_TAG, CloudConfig, Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.google import FakeGoogle
from tests.clouds.fakes.google_token import make_key_file


class GoogleBench(Bench):
    kind = "google"
    make_fake = FakeGoogle
    region = "europe-west1"
    image = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64"
    size = "e2-standard-4"
    credentials: ClassVar[dict[str, str]] = {}  # see config
    missing = ("europe-west1-b/ci-none", "europe-west1-z/ci-none", "us-central1-a/x")
    bad_image = "projects/ubuntu-os-cloud/global/images/no-such-image"
    late_capacity = True
    lacks: ClassVar[dict[str, str]] = {
        "expiry": "an expired key is told as an unknown one, and tokens are renewed"
    }
    leftovers: ClassVar[dict[str, str]] = {"disks": "disk", "addresses": "address"}
    statuses: ClassVar[dict[str, Meaning]] = {
        "PENDING": Meaning.BOOTING,
        "PROVISIONING": Meaning.BOOTING,
        "STAGING": Meaning.BOOTING,
        "RUNNING": Meaning.RUNNING,
        "REPAIRING": Meaning.BOOTING,
        "PENDING_STOP": Meaning.ENDING,
        "STOPPING": Meaning.ENDING,
        "DEPROVISIONING": Meaning.ENDING,
        "SUSPENDING": Meaning.STOPPED,
        "SUSPENDED": Meaning.STOPPED,
        "STOPPED": Meaning.STOPPED,
        # Of all clouds, only here this is no end.
        "TERMINATED": Meaning.STOPPED,
    }
    statuses_at = ("schemas", "Instance", "properties", "status", "enum")

    def config(self, account: str = "one", **options: Any) -> CloudConfig:
        """Return what opens an account: a key that the fake's token endpoint knows."""
        return CloudConfig(
            f"{account} of {self.fake.url}",
            self.region,
            self.fake.url,
            {
                "service_account_key": make_key_file(
                    f"token-{account}",
                    project=f"project-{account}",
                    token_uri=f"{self.fake.url}/token",
                )
            },
            options,
        )

    def tags_of(self, spec: Any) -> dict[str, str]:
        """Return an instance's labels as the fake keeps them."""
        return {**super().tags_of(spec), NAME_TAG: spec.name}

    def user_data_of(self, instance_id: str) -> bytes:
        """Return the user data that an instance was created with."""
        items = self.fake.machines[instance_id].body["metadata"]["items"]
        return next(
            (each["value"] for each in items if each["key"] == "user-data"), ""
        ).encode()
