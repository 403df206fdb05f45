"""``/api/costs``, a server's own costs, and the metrics."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from servers.models import Attempt, Instance, Server
from servers.records.ledger import database_now
from servers.reports import costs
from servers.reports.costs import load_spending
from tests.api.conftest import Call
from tests.api.test_metrics import read
from tests.support.fleet import Workshop, change_template, provision
from tests.support.people import log_in, make_person
from tests.support.pools import make_pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forget what this process keeps for some seconds."""
    costs._kept.clear()
    yield
    costs._kept.clear()


def test_the_api_the_metrics_and_the_pages_tell_the_same(
    call: Call, workshop: Workshop
) -> None:
    change_template(price_per_hour=Decimal("0.5"), currency="EUR")
    known = provision(name="known")
    pool = make_pool()
    Server.objects.filter(pk=known.pk).update(pool=pool)
    workshop.run_to("running", known)
    change_template(price_per_hour=None, currency="")
    unknown = provision(name="unknown")
    workshop.run_to("running", unknown)
    # Both ended a moment ago, two hours after their calls.
    end = database_now()
    Attempt.objects.update(asked_at=end - timedelta(hours=2))
    Instance.objects.update(live=False, gone_at=end)
    begins = load_spending(now=end).of_all()
    (amount,) = begins.amounts
    today = f"{amount.today:.4f}"
    told = {"currency": "EUR", "today": today, "month": f"{amount.month:.4f}"}

    found = call("GET", "/api/costs").json()
    assert found["zone"] == "UTC"
    assert found["fleet"]["amounts"] == [told]
    assert found["fleet"]["unknown_month"] == begins.unknown_month > 0
    for named in (*found["accounts"], *found["templates"]):
        assert named == {"name": named["name"], **found["fleet"]}
    assert {each["name"] for each in found["accounts"]} == {"sandbox"}
    own = {"amounts": [told], "unknown_today": 0, "unknown_month": 0}
    assert found["pools"] == [{"name": "linux", **own}]

    one = call("GET", "/api/servers/known/costs").json()
    assert one["amounts"] == [{**told, "total": "1.0000"}]
    assert one["unknown_total"] == 0
    two = call("GET", "/api/servers/unknown/costs").json()
    assert (two["amounts"], two["unknown_total"]) == ([], 7200)
    details = call("GET", "/api/servers/known/details").json()
    assert (details["price_per_hour"], details["currency"]) == ("0.5", "EUR")
    details = call("GET", "/api/servers/unknown/details").json()
    assert (details["price_per_hour"], details["currency"]) == ("", "")
    (attempt,) = call("GET", "/api/servers/known/attempts").json()
    assert (attempt["price_per_hour"], attempt["currency"]) == ("0.5", "EUR")

    measured = read()
    where = (
        'account="sandbox",currency="EUR",period="{}",pool="linux",template="default"'
    )
    for period in ("today", "month"):
        value = measured["serverfleet_cost{" + where.format(period) + "}"]
        assert value == pytest.approx(float(told[period]), abs=0.0001)
    gap = (
        'serverfleet_cost_unknown_seconds{account="sandbox",period="month",'
        'pool="",template="default"}'
    )
    assert measured[gap] == begins.unknown_month

    client = log_in(make_person("viewer"))
    for path in ("/", "/accounts/sandbox/", "/templates/default/"):
        page = client.get(path).content.decode()
        assert "EUR</strong> <span>this month" in page, path
        assert "<strong>Unknown</strong>" in page, path
        assert "Days and months are UTC" in page, path
    page = client.get("/servers/known/").content.decode()
    assert "1.00 EUR (" in page
    assert "at 0.5 EUR per hour" in page
    page = client.get("/servers/unknown/").content.decode()
    assert "unknown for 2 h" in page
    assert "price unknown" in page


def test_a_server_that_never_had_an_instance_costs_nothing(call: Call) -> None:
    provision(name="one")
    assert call("GET", "/api/servers/one/costs").json()["amounts"] == []
    assert call("GET", "/api/servers/two/costs").status_code == 404
    Server.objects.all().delete()
    assert call("GET", "/api/costs").json()["fleet"] == {
        "amounts": [],
        "unknown_today": 0,
        "unknown_month": 0,
    }
    page = log_in(make_person("viewer")).get("/accounts/sandbox/").content.decode()
    assert "Nothing was billed this month." in page
