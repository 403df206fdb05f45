"""What servers cost: exact through crashes, purges, changes of price and deletions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from servers import reconciler
from servers.lifecycle.states import Verdict
from servers.models import (
    Account,
    Attempt,
    DayCost,
    Event,
    Instance,
    Server,
    Template,
)
from servers.models.cost import NO_POOL
from servers.operations.templates import delete_template
from servers.operations.terminate import terminate_server
from servers.records.costs import sum_ended
from servers.records.ledger import database_now
from servers.reports.costs import Costs, cost_server, load_spending
from tests.support.fleet import (
    Workshop,
    change_template,
    make_fleet,
    make_template,
    provision,
)

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
EUR: dict[str, Any] = {"price_per_hour": Decimal("0.5"), "currency": "EUR"}


def read(costs: Costs) -> dict[str, tuple[float, float]]:
    """Return today's and the month's amount by currency, and the unknown hours."""
    found = {
        each.currency: (float(each.today), float(each.month)) for each in costs.amounts
    }
    unknown = (costs.unknown_today / 3600, costs.unknown_month / 3600)
    return {**found, **({"unknown": unknown} if any(unknown) else {})}


def make_instance(
    account: Account,
    *,
    began: datetime,
    hours: float | None = None,
    verdict: str = Verdict.OURS,
    template: Template | None = None,
    **price: Any,
) -> Instance:
    """Add an instance that was billed for some hours, or is live."""
    number = Attempt.objects.count() + 1
    recipe = template.versions.first() if template else None
    attempt = Attempt.objects.create(
        server_uid=account.pk,
        server_name="one",
        number=number,
        account=account,
        key=f"ci-{number}",
        token="t",
        asked_at=began,
        lease_end=began,
        recipe=recipe,
        outcome="abandoned",
        closed_at=began,
        **price,
    )
    gone = None if hours is None else began + timedelta(hours=hours)
    return Instance.objects.create(
        account=account,
        instance_id=f"i-{number}",
        key=attempt.key,
        attempt=attempt,
        server_uid=attempt.server_uid,
        first_seen=began + timedelta(seconds=3),
        live=gone is None,
        gone_at=gone,
        verdict=verdict if gone is None else Verdict.GONE,
    )


def sum_all() -> None:
    with transaction.atomic():
        while sum_ended(limit=2):
            pass


def test_a_price_is_frozen_with_the_create_call(workshop: Workshop) -> None:
    make_fleet()
    change_template(**EUR)
    server = provision()
    workshop.run_to("running", server)
    change_template(price_per_hour=Decimal(9), currency="USD")
    attempt = Attempt.objects.get()
    assert (attempt.price_per_hour, attempt.currency) == (Decimal("0.5"), "EUR")
    began = database_now() - timedelta(hours=3)
    Attempt.objects.update(asked_at=began)
    costs = cost_server(server, now=began + timedelta(hours=3))
    assert [(each.currency, each.whole) for each in costs.amounts] == [
        ("EUR", Decimal("1.5"))
    ]
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert reconciler.purge_history()
    row = DayCost.objects.order_by("-day")[0]
    assert (row.currency, row.price_per_hour) == ("EUR", Decimal("0.5"))
    assert row.account == server.account_id
    assert row.template == server.template_id
    gone = Instance.objects.get()
    assert gone.gone_at is not None
    whole = sum(each.seconds for each in DayCost.objects.all())
    assert whole == int(gone.gone_at.timestamp()) - int(began.timestamp())


def test_live_gone_errored_and_orphaned_instances_are_billed_until_they_are_gone() -> (
    None
):
    account = make_fleet()
    template = Template.objects.get()
    made: dict[str, Any] = {"template": template, **EUR}
    make_instance(account, began=NOON - timedelta(hours=2), **made)
    make_instance(account, began=NOON - timedelta(hours=24), hours=14, **made)
    make_instance(
        account, began=NOON - timedelta(hours=1), verdict=Verdict.ORPHAN, **made
    )
    make_instance(account, began=NOON - timedelta(days=40), hours=1, **made)
    expected = {"EUR": (0.5 * (2 + 2 + 1), 0.5 * (2 + 14 + 1))}
    for _ in range(2):
        spent = load_spending(now=NOON)
        assert read(spent.of_all()) == expected
        assert read(spent.of_account(account.pk)) == expected
        assert read(spent.of_template(template.pk)) == expected
        sum_all()
    assert read(spent.of_account(template.pk)) == {}


def test_unknown_prices_are_told_as_such_and_currencies_are_never_added_up() -> None:
    account = make_fleet()
    began = NOON - timedelta(hours=2)
    make_instance(account, began=began, **EUR)
    make_instance(account, began=began, price_per_hour=Decimal(2), currency="USD")
    make_instance(account, began=began, price_per_hour=Decimal(3))
    make_instance(account, began=began, price_per_hour=Decimal(0), currency="CHF")
    make_instance(account, began=began)
    Instance.objects.create(  # not in the database until a listing showed it
        account=account,
        instance_id="i-x",
        key="ci-x",
        first_seen=began,
        verdict="unexplained",
    )
    expected = {
        "": (6, 6),
        "CHF": (0, 0),
        "EUR": (1, 1),
        "USD": (4, 4),
        "unknown": (4, 4),
    }
    assert read(load_spending(now=NOON).of_all()) == expected
    Instance.objects.update(live=False, gone_at=NOON)
    sum_all()
    assert read(load_spending(now=NOON).of_all()) == expected


def test_a_purge_loses_nothing_of_the_month_and_a_repeated_one_adds_nothing() -> None:
    account = make_fleet()
    month = database_now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = month + timedelta(days=27)
    for days in range(25):
        make_instance(account, began=month + timedelta(days=days), hours=30, **EUR)
    before = load_spending(now=end)
    assert reconciler.purge_history()
    assert reconciler.purge_history()
    # Long after: the rows go, their sums stay.
    Instance.objects.update(gone_at=month - timedelta(days=90))
    Attempt.objects.update(closed_at=month - timedelta(days=90))
    assert reconciler.purge_history()
    assert not Instance.objects.exists()
    assert not Attempt.objects.exists()
    after = load_spending(now=end)
    assert read(after.of_all()) == read(before.of_all())
    assert read(after.of_all())["EUR"][1] == 0.5 * 30 * 25


def test_a_crash_between_two_batches_neither_loses_nor_doubles_anything() -> None:
    account = make_fleet()
    for hours in range(1, 6):
        make_instance(account, began=NOON - timedelta(hours=9), hours=hours, **EUR)
    expected = {"EUR": (7.5, 7.5)}
    with transaction.atomic():
        assert sum_ended(limit=2) == 2
    assert read(load_spending(now=NOON).of_all()) == expected
    with transaction.atomic():
        assert sum_ended(limit=2) == 2
        transaction.set_rollback(True)  # as if it was killed before its commit
    assert read(load_spending(now=NOON).of_all()) == expected
    sum_all()
    assert read(load_spending(now=NOON).of_all()) == expected
    assert DayCost.objects.count() == 1


def test_an_instance_that_was_believed_gone_is_billed_on_from_there() -> None:
    account = make_fleet()
    one = make_instance(account, began=NOON - timedelta(hours=8), hours=2, **EUR)
    sum_all()
    Instance.objects.filter(pk=one.pk).update(live=True, gone_at=None)
    assert read(load_spending(now=NOON).of_all()) == {"EUR": (4, 4)}
    Instance.objects.filter(pk=one.pk).update(
        live=False, gone_at=NOON - timedelta(hours=1)
    )
    assert read(load_spending(now=NOON).of_all()) == {"EUR": (3.5, 3.5)}
    sum_all()
    assert read(load_spending(now=NOON).of_all()) == {"EUR": (3.5, 3.5)}


def test_what_a_deleted_template_cost_stays_in_the_figure_of_its_account() -> None:
    account = make_fleet()
    other = make_template(account, "other", **EUR)
    make_instance(
        account, began=NOON - timedelta(hours=2), hours=1, template=other, **EUR
    )
    make_instance(account, began=NOON - timedelta(hours=2), template=other, **EUR)
    sum_all()
    delete_template(other)
    spent = load_spending(now=NOON)
    assert read(spent.of_account(account.pk)) == {"EUR": (1.5, 1.5)}


def test_a_purge_does_not_delete_what_is_not_summed(workshop: Workshop) -> None:
    account = make_fleet()
    long_ago = database_now() - timedelta(days=90)
    one = make_instance(account, began=long_ago, hours=1, **EUR)
    assert not reconciler.purge_history(seconds=0)
    # Its first batch is summed even so, and only then may it go.
    one.refresh_from_db()
    assert one.summed_until == one.gone_at
    assert reconciler.purge_history()
    assert not Instance.objects.exists()
    assert sum(row.seconds for row in DayCost.objects.all()) == 3600


def test_the_queries_do_not_grow_with_instances(
    django_assert_num_queries: Any,
) -> None:
    account = make_fleet()
    for number in range(30):
        hours = 1 if number % 2 else None
        make_instance(account, began=NOON - timedelta(hours=2), hours=hours, **EUR)
    with django_assert_num_queries(1):
        load_spending(now=NOON)
    server = Server(pk=account.pk)
    with django_assert_num_queries(2):
        assert cost_server(server, now=NOON).amounts
    with transaction.atomic(), django_assert_num_queries(4):
        assert sum_ended(limit=100) == 15
    assert not Event.objects.filter(kind="instance_failed").exists()


def test_a_pools_costs_are_its_own_before_and_after_they_are_summed() -> None:
    account = make_fleet()
    pool, other = uuid4(), uuid4()
    for whose, hours in ((pool, 2.0), (pool, 1.0), (other, 4.0), (None, 8.0)):
        make_instance(
            account, began=NOON - timedelta(hours=9), hours=hours, pool=whose, **EUR
        )
    make_instance(account, began=NOON - timedelta(hours=1), hours=1.0, pool=pool)

    def check() -> None:
        spending = load_spending(now=NOON)
        assert read(spending.of_pool(pool)) == {
            "EUR": (1.5, 1.5),
            "unknown": (1.0, 1.0),
        }
        assert read(spending.of_pool(other)) == {"EUR": (2.0, 2.0)}
        assert read(spending.of_pool(uuid4())) == {}
        assert read(spending.of_all()) == {"EUR": (7.5, 7.5), "unknown": (1.0, 1.0)}

    check()
    sum_all()
    check()
    assert DayCost.objects.count() == 4
    assert DayCost.objects.filter(pool=NO_POOL).count() == 1
