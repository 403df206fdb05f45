"""A cloud that accepts a create call, and finds out later that nothing is free."""

import pytest

from servers.lifecycle.states import Outcome
from servers.models import Attempt, NoCapacity
from tests.clouds.benches.openstack import OpenStackBench
from tests.exactly_once.clouds import make_fake
from tests.support.fleet import Workshop, change_template, provision

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


def test_the_next_placement_is_tried_and_the_fleet_remembers(
    workshop: Workshop,
) -> None:
    bench = OpenStackBench()
    with bench.run() as fake:
        made = make_fake(bench)
        change_template(fallbacks=[{"size": "m1.tiny"}])
        fake.no_capacity = 1
        server = provision()
        workshop.run_to("running", server, seconds=60)
        first, second = Attempt.objects.order_by("number")
        assert (first.outcome, first.placement) == (Outcome.ABANDONED, 0)
        assert "No valid host was found" in first.answer
        assert (second.outcome, second.placement) == (Outcome.ACCEPTED, 1)
        (full,) = NoCapacity.objects.all()
        assert full.size == "m1.medium"
        # The next one does not try it.
        other = provision()
        workshop.run_to("running", other, seconds=60)
        assert other.placement == 1
        assert len(made.live()) == 2
        made.account.refresh_from_db()
        assert (made.account.breaker, made.account.breaker_failures) == ("closed", 0)
