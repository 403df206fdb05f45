"""Timings are refused with a sentence, or a server with them can be terminated."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers import reconciler
from servers.clouds.timings import LEAST_TIMINGS, Timings
from servers.errors import InvalidError
from servers.models import Account, Instance, Server
from servers.operations.accounts import save_account
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from tests.support.ageing import jump, wipe
from tests.support.fleet import QUICK, Workshop, make_fleet, provision, world_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.sqlite,  # what is decided is the same on both
]

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))
SECONDS = (0.0, 0.05, 0.3, 1.0, 2.5, 5.0, 30.0, 120.0, 601.0, 3600.0, 86400.0)
NAMES = tuple(Timings.__dataclass_fields__)


@st.composite
def draw_accepted(draw: st.DrawFn) -> dict[str, float]:
    """Draw timings that fit together, each from its minimum to its maximum."""

    def pick(least: float, most: float = 86400.0) -> float:
        fitting = [each for each in SECONDS if least <= each <= most]
        return draw(st.sampled_from([*fitting, least]))

    call = pick(LEAST_TIMINGS["call"] + 0.9, 601.0)
    lag = pick(0.0)
    busy = pick(LEAST_TIMINGS["listing_busy"], 3600.0)
    idle = pick(busy, 3600.0)
    return {
        "call": call,
        "lease": pick(2 * call + 0.1),
        "lag": lag,
        "settle": pick(max(lag, 0.05)),
        "grace": pick(lag),
        "listing_busy": busy,
        "listing_idle": idle,
        "gate": pick(idle + call),
    }


@pytest.mark.pure
@settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.fixed_dictionaries({name: st.sampled_from(SECONDS) for name in NAMES}))
def test_any_timings_fit_or_are_refused_with_a_sentence(given: dict[str, Any]) -> None:
    said = ""
    try:
        timings = Timings(**given)
    except ValueError as error:
        said = str(error)
    if said:
        assert said.endswith(".")
        assert any(name in said for name in NAMES)
    else:
        assert timings.lag <= min(timings.settle, timings.grace)
        assert timings.listing_idle + timings.call <= timings.gate


@pytest.mark.timeout(3600)
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(timings=draw_accepted())
def test_with_any_accepted_timings_a_server_can_be_terminated(
    workshop: Workshop, timings: dict[str, float]
) -> None:
    wipe()
    workshop.hints = []
    account = make_fleet(timings=timings)
    step = max(0.3, *timings.values()) / 2
    soon = timings["listing_busy"]
    server = provision()
    walk(workshop, account, server, "running", soon=soon, step=step)
    terminate_server(server.name)
    walk(workshop, account, server, "stopped", soon=soon, step=step)
    assert not Instance.objects.filter(live=True).exists()
    assert not world_of(account).live(database_now().timestamp())


def walk(
    workshop: Workshop,
    account: Account,
    server: Server,
    state: str,
    *,
    soon: float,
    step: float,
) -> None:
    """Work, purge and let time pass until the server is in a state.

    ``soon``: seconds from one listing to the next; ``step``: a long time.
    """
    for number in range(60):
        for _ in range(3):
            workshop.turn()
            if Server.objects.filter(pk=server.pk, state=state).exists():
                return
            jump(soon, world_of(account))
        if number % 4 == 3:
            reconciler.purge_history()
        jump(step, world_of(account))
    row = Server.objects.get(pk=server.pk)
    raise AssertionError(f"{row.state}: {row.waiting} {row.error}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lag": 601}, "lag (601 s) must be at most settle (0.4 s)"),
        ({"grace": 0.01}, "lag (0.05 s) must be at most grace (0.01 s)"),
        ({"gate": 1.5}, "gate (1.5 s) must be at least listing_idle plus call"),
        ({"listing_busy": 60}, "listing_busy (60 s) must be at most listing_idle"),
        ({"listing_busy": 0}, "listing_busy must be at least 0.05 s"),
        ({"lease": 0.01, "call": 0.001}, "call must be at least 0.1 s"),
        ({"call": 2, "lease": 3}, "call (2 s) must be less than half of lease (3 s)"),
    ],
)
def test_timings_that_do_not_fit_together_are_refused_when_they_are_set(
    options: dict[str, float], words: str
) -> None:
    account = make_fleet()
    timings = {**QUICK["timings"], **options}  # type: ignore[dict-item]
    account.options = {**account.options, "timings": timings}
    with pytest.raises(InvalidError) as refused:
        save_account(account)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (
            {"visibility": 30},
            "settle (0.4 s) must be at least the processing time plus",
        ),
        ({"latency": 5}, "call (1 s) must be at least 5"),
        ({"hang": 5, "faults": {"slow": 0.1}}, "call (1 s) must be at least 5.02 s"),
    ],
)
def test_a_sandbox_that_is_slower_than_its_timings_is_refused(
    behaviour: dict[str, Any], words: str
) -> None:
    account = make_fleet()
    account.options = {**account.options, **behaviour}
    with pytest.raises(InvalidError) as refused:
        save_account(account)
    assert words in refused.value.message


def test_timings_of_an_older_version_break_no_page(workshop: Workshop) -> None:
    account = make_fleet()
    timings = {**QUICK["timings"], "lag": 601}  # type: ignore[dict-item]
    options = {**account.options, "timings": timings}
    Account.objects.update(options=options)
    from servers.reports.leaks.load import report_leaks

    (location,) = report_leaks(now=database_now()).locations
    assert not location.is_fresh
    workshop.run_until(lambda: account.locations.get().health == "failing")
    assert "lag (601 s) must be at most settle" in account.locations.get().error
