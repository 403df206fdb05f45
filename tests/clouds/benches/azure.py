"""Azure's bench."""

import base64
from typing import Any, ClassVar

from servers.clouds.base import NAME_TAG, CloudConfig, Meaning
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.azure import FakeAzure
from tests.clouds.fakes.azure_show import GROUP, SUBSCRIPTIONS
from tests.clouds.fakes.wire import Response

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"


class AzureBench(Bench):
    kind = "azure"
    make_fake = FakeAzure
    region = "westeurope"
    image = "Canonical:ubuntu-24_04-lts:server:latest"
    size = "Standard_D4s_v5"
    credentials: ClassVar[dict[str, str]] = {}  # see config
    missing = (f"{GROUP}/ci-none", "other/ci-none")
    bad_image = "Canonical:no-such-offer:server:latest"
    bad_size = "Standard_Z99"
    late_capacity = True
    # The machine's name is the key, so it is got by its name.
    find_role = "get"
    # Its own, and those of interfaces and addresses while machines are new.
    calls_of_list = 3
    leftovers: ClassVar[dict[str, str]] = {
        "disks": "disk",
        "networkInterfaces": "interface",
        "publicIPAddresses": "address",
    }
    statuses: ClassVar[dict[str, Meaning]] = {
        "Creating": Meaning.BOOTING,
        "Updating": Meaning.RUNNING,
        "Succeeded": Meaning.RUNNING,
        "Migrating": Meaning.RUNNING,
        "Failed": Meaning.FAILED,
        "Canceled": Meaning.FAILED,
        "Deleting": Meaning.ENDING,
    }

    def config(self, account: str = "one", **options: Any) -> CloudConfig:
        """Return what opens an account: a secret that the fake's sign-in knows."""
        return CloudConfig(
            f"{account} of {self.fake.url}",
            self.region,
            self.fake.url,
            {
                "subscription": SUBSCRIPTIONS[account],
                "tenant": TENANT,
                "client_id": CLIENT,
                "client_secret": f"token-{account}",
            },
            {**self.options(), **options},
        )

    def options(self) -> dict[str, Any]:
        """Return options that every account of this kind needs."""
        return {"resource_group": GROUP, "subnet": "builders/default"}

    def tags_of(self, spec: Any) -> dict[str, str]:
        """Return an instance's tags as the fake keeps them."""
        return {**super().tags_of(spec), NAME_TAG: spec.name}

    def user_data_of(self, instance_id: str) -> bytes:
        """Return the user data that an instance was created with."""
        inside = self.fake.machines[instance_id].body["properties"]
        return base64.b64decode(inside["osProfile"].get("customData", ""))

    def link_to(self, url: str) -> Response:
        """Return a page of a listing whose next page is at ``url``."""
        return Response(200, {"value": [], "nextLink": url})
