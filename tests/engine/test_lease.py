"""The lease of a step covers the slowest cloud that it may call."""

from datetime import timedelta

import pytest

from servers.engine.step import find_lease_length
from servers.models import Account, Server
from servers.operations.setup import save_account
from tests.support.fleet import (
    TIMINGS,
    Workshop,
    change_template,
    make_fleet,
    provision,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_fallback_to_a_slower_cloud_lengthens_the_lease_while_pending(
    workshop: Workshop,
) -> None:
    make_fleet(no_capacity=["small"])
    slow = save_account(
        Account(
            name="slow",
            kind="sandbox",
            options={"boot": 0.1, "timings": {**TIMINGS, "lease": 60, "call": 20}},
        )
    )
    change_template(fallbacks=[{"account": "slow"}])
    server = provision()
    row = Server.objects.select_related("account", "recipe").get(pk=server.pk)
    assert find_lease_length(row) == timedelta(seconds=60)
    workshop.run_to("running", server)
    assert server.account_id == slow.pk
