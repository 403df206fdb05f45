"""Jobs of Drone, Woodpecker and GitHub get servers, run to their end, and leave none.

With CHAOS=1, at full size and with everything killed meanwhile.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import ROOT
from servers.drill.surroundings import surroundings
from servers.drill.verdict import Findings, Held
from servers.machine.callback.tokens import make_token
from tests.end_to_end.floor import Calls, Instance
from tests.end_to_end.outcome import (
    Life,
    Outcome,
    find_late,
    find_peak,
    find_return,
)
from tests.end_to_end.works import Drone

CHAOS = os.environ.get("CHAOS") == "1"
SEED = os.environ.get("DRILL_SEED", "1")
SMALL = pytest.param(
    {"jobs": 60, "seconds": 6, "most": 3}, id="small", marks=pytest.mark.sqlite
)
FULL = [
    pytest.param({"jobs": 500, "seconds": 180, "most": 12}, id="full"),
    pytest.param(
        {"jobs": 500, "seconds": 240, "most": 12, "kills": 120}, id="whatever-dies"
    ),
]
RUNS = FULL if CHAOS else [SMALL]
CLEAN = Findings((), (), (), (), (), 0.0)


def run(database: str, **wanted: int) -> dict[str, Any]:
    arguments = [f"--{name}={value}" for name, value in wanted.items()]
    with surroundings(database=database) as env:
        env |= {
            # The fake CI systems listen on this machine.
            "SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS": "1",
            # A busy machine may take a while for a boot of five seconds.
            "SERVERFLEET_BOOT_DEADLINE": "30",
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.end_to_end", f"--seed={SEED}", *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
        )
    print(done.stdout, done.stderr[-5000:])
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["finished"] == wanted["jobs"]
    assert found["hooks_taken"] > 0
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800 if CHAOS else 240)
@pytest.mark.parametrize("wanted", RUNS)
def test_all_jobs_run_and_the_pools_are_back_at_min(
    wanted: dict[str, int], postgresql: PostgreSQL | None
) -> None:
    found = run("postgresql" if postgresql else "sqlite", **wanted)
    assert all(found["rows"].values())
    if "kills" in wanted:
        assert found["kills"]["worker"] > 0
        assert ("database" in found["kills"]) is bool(postgresql)


class Answers(Calls):
    """A way to ServerFleet on which it answers this, or refuses."""

    told: Any = None

    def post(self, *_: Any) -> Any:
        """Return the answer."""
        return self.told


@pytest.mark.pure
def test_an_instance_that_is_refused_runs_no_agent() -> None:
    works, calls = Drone(), Answers("http://ci")
    calls.pool = ThreadPoolExecutor(1)
    instance = Instance("agent-1", make_token(), works, calls)
    seconds = iter(range(0, 1000, 10))

    def take_turns() -> int:
        for _ in range(3):
            instance.turn(next(seconds))
            calls.pool.submit(int).result()  # the report before it is through
        return len(works.crew)

    assert take_turns() == 0
    calls.told = {"cordon": True, "drain": False}
    assert take_turns() == 0
    calls.told = {"cordon": False, "drain": False}
    assert take_turns() == 1
    calls.pool.shutdown()


# What a run concludes.

LIFE = Life("s1", "linux", 100.0, 110.0, 200.0)
HELD = Held("i1", "s1", 101.0, 199.0)


def outcome(**changes: Any) -> Outcome:
    plain = Outcome(
        jobs=2, finished=2, killed=(), forgotten=0, findings=CLEAN, late=(),
        bound_seconds=60.0, rows={"linux": 3}, at_the_cloud={"linux": 4}, most=3,
        left={"linux": 1}, least={"linux": 1}, back_seconds=10.0, idle_seconds=4.0,
    )  # fmt: skip
    return replace(plain, **changes)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"killed": ("drone 7 on agent-1",)}, "Jobs that were killed: 1."),
        ({"forgotten": 1}, "Jobs that never ran: 1."),
        ({"findings": replace(CLEAN, leaks=("i1",))}, "without a server"),
        ({"findings": replace(CLEAN, doubles=("s1",))}, "more than one live"),
        ({"late": ("i1",)}, "beyond the bound: 1."),
        ({"runners": ("ci-1",)}, "Runners without a server: 1."),
        ({"rows": {"linux": 4}}, "linux had 4 servers, and its max is 3."),
        ({"left": {"linux": 0}}, "linux has 0 servers, and its min is 1."),
        ({"back_seconds": 34.1}, "back at min after 34.1 s"),
        ({"wished_kills": 1}, "Kills that are missing: 1."),
        ({"bad_lines": ("The log contains a password.",)}, "contains a password"),
    ],
)
def test_each_of_these_breaks_a_promise(changes: dict[str, Any], sentence: str) -> None:
    assert outcome().find_broken() == []
    assert sentence in " ".join(outcome(**changes).find_broken())


@pytest.mark.pure
def test_a_peak_is_what_overlaps() -> None:
    assert find_peak([(1.0, 2.0), (2.0, 3.0), (2.5, None)]) == 2
    assert find_peak([]) == 0


@pytest.mark.pure
@pytest.mark.parametrize(
    ("held", "lives", "late"),
    [
        ([HELD], [LIFE], []),
        ([replace(HELD, gone_at=261.0)], [LIFE], ["i1"]),
        ([replace(HELD, gone_at=None)], [replace(LIFE, stopped_at=None)], []),
        # The second of a server's two is its own.
        ([HELD, Held("i2", "s1", 120.0, 199.0)], [LIFE], ["i1"]),
        ([HELD], [], ["i1"]),
    ],
)
def test_what_is_nobodys_has_to_go_within_the_bound(
    held: list[Held], lives: list[Life], late: list[str]
) -> None:
    wanted = {"calm_at": 0.0, "bound": 60.0, "now": 1000.0}
    assert find_late(held, lives, **wanted) == late
    assert find_late(held, lives, **{**wanted, "calm_at": 500.0}) == []


@pytest.mark.pure
def test_the_way_back_to_min_ends_with_the_last_server_that_was_ready() -> None:
    lost = replace(LIFE, server="s2", ready_at=None, stopped_at=300.0)
    assert find_return([LIFE, lost], 180.0) == 20.0
    assert find_return([LIFE], 250.0) == 0.0
