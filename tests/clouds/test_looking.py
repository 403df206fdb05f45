"""A list that a cloud refuses shows nothing: not even that there are no instances."""

from typing import Final

import pytest

from servers.outgoing.errors import CallError, UnknownOutcomeError
from tests.clouds.benches import BENCHES

pytestmark = pytest.mark.pure

# Where nothing but a fault of the cloud can refuse a list.
CLOUDS: Final = ("digitalocean", "hetznercloud", "openstack", "scaleway", "vultr")


@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("why", ["missing", "bad_image"])
def test_a_look_that_a_cloud_refuses_shows_nothing(name: str, why: str) -> None:
    bench = BENCHES[name]()
    with bench.run() as fake:
        cloud, spec = bench.open(), bench.make_spec()
        cloud.create_instance(spec, deadline=10)
        refused = fake.refuse(why, fake.seen[-1])
        for act in (
            lambda: cloud.list_instances("ci", deadline=10),
            lambda: cloud.find_instances(spec.key, deadline=10),
        ):
            fake.answer(refused, role="list")
            with pytest.raises(CallError) as raised:
                act()
            assert type(raised.value) is UnknownOutcomeError
