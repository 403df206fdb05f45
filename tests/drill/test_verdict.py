"""What the drill concludes from what the cloud held and what the records say."""

from dataclasses import replace

import pytest

from servers.drill.ends import Ends
from servers.drill.log_lines import find_faults
from servers.drill.plan import Plan, Wishes
from servers.drill.verdict import Findings, Held, Row, Verdict, compare, judge

NOW = 1000.0
RUNNING = Row("s1", "one", "running", "i1")
STOPPED = Row("s2", "two", "stopped", "i2", stopped_at=500.0)
KEPT = (Held("i1", "s1", 100.0, None), Held("i2", "s2", 100.0, 400.0))
CLEAN = Findings((), (), (), (), (), 0.0)


def find(
    held: tuple[Held, ...], rows: tuple[Row, ...] = (RUNNING, STOPPED)
) -> Findings:
    return compare(held, rows, ["i1", "i2"], ["one", "two"], now=NOW)


def verdict(**changes: object) -> Verdict:
    plain = Verdict(
        seed=1, database="sqlite", seconds=60.0, kills={"worker": 60}, steps={},
        between_intent_and_answer=20, stops=1, flushes=1, requests={"200": 9},
        accepted=2, creates=2, made=2, live=1,
        states={"running": 1, "stopped": 1}, held_for_a_person=0,
        bound_seconds=67.0, rest_after_seconds=5.0, findings=CLEAN,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_fleet_whose_every_instance_is_its_rows_is_clean() -> None:
    assert find(KEPT) == CLEAN


def test_an_instance_of_no_row_is_a_leak() -> None:
    assert find((*KEPT, Held("i3", "s9", 900.0, None))).leaks == ("i3",)
    assert find((*KEPT, Held("i3", "s2", 900.0, None))).leaks == ("i3",)


def test_a_second_live_instance_of_a_server_is_a_double_and_a_leak() -> None:
    found = find((*KEPT, Held("i3", "s1", 900.0, None)))
    assert (found.doubles, found.leaks) == (("s1",), ("i3",))


def test_an_instance_that_outlived_its_rows_end_is_told() -> None:
    late = Held("i2", "s2", 100.0, 501.0)
    assert find((KEPT[0], late)).early == ("two",)
    assert find((KEPT[0], replace(late, gone_at=None))).leaks == ("i2",)


def test_a_running_server_without_its_instance_and_a_lost_request_are_told() -> None:
    assert find((KEPT[1],)).empty == ("one",)
    assert find(KEPT, (RUNNING,)).lost == ("two",)


def test_the_longest_life_of_what_was_never_a_rows_is_the_time_to_heal() -> None:
    unowned = (Held("i3", "s1", 10.0, 25.0), Held("i4", "s2", 10.0, 17.0))
    assert find((*KEPT, *unowned)).worst_heal == 15.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"findings": replace(CLEAN, leaks=("i3",))}, "without a server"),
        ({"findings": replace(CLEAN, doubles=("s1",))}, "more than one live"),
        ({"findings": replace(CLEAN, early=("two",))}, "Servers stopped while"),
        ({"findings": replace(CLEAN, empty=("one",))}, "without a live instance"),
        ({"findings": replace(CLEAN, lost=("two",))}, "requests without a server"),
        ({"ends": Ends(cut_off=("one",))}, "ended before their build"),
        ({"ends": Ends(doubly_replaced=("one",))}, "replaced twice"),
        ({"ends": Ends(half_replaced=("one",))}, "Replacements without a lost server"),
        ({"held_for_a_person": 1}, "need a decision"),
        ({"states": {"running": 1, "creating": 2}}, "changing at the end: 2."),
        ({"kills": {"worker": 59}}, "requested number: 1."),
        ({"between_intent_and_answer": 19}, "between an intent"),
    ],
)
def test_each_of_these_breaks_the_promise(
    changes: dict[str, object], sentence: str
) -> None:
    kept, broken = verdict(), verdict(**changes)
    for entry in (kept, broken):
        judge(entry, wished_kills=60, wished_stranded=20, bad_answers=())
    assert kept.is_kept
    assert not broken.is_kept
    assert sentence in " ".join(broken.broken)
    assert broken.as_dict()["kept"] is False


def test_an_answer_that_is_a_fault_breaks_it() -> None:
    entry = verdict()
    judge(entry, wished_kills=0, wished_stranded=0, bad_answers=["500: {}"])
    assert "500: {}" in " ".join(entry.broken)


LOG = """
  API token  sf_0123ab_{secret}
  These credentials are shown only once.
web    | 2026-01-01 [info     ] GET /api/servers 200
worker | 2026-01-01 [error    ] A step failed.
worker |     Traceback (most recent call last):
""".format(secret="0123456789" * 4)
SECRETS = {"a password": ["battery", ""], "a key": ["AAAA="]}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("web | it said battery", "The log contains a password. Occurrences: 1."),
        ("worker | AAAA= AAAA=", "The log contains a key. Occurrences: 2."),
        (f"web | sf_0123ab_{'x' * 30}", "looks like a token"),
        ("web | -----BEGIN EC PRIVATE KEY-----", "looks like a private key"),
        (f"web | Authorization: Bearer {'x' * 30}", "looks like a bearer's"),
        (
            "web |     Traceback (most recent call last):",
            "The web process logged a traceback",
        ),
    ],
)
def test_a_secret_or_a_trace_of_the_web_in_the_log_breaks_it(
    line: str, sentence: str
) -> None:
    assert find_faults(LOG, SECRETS) == []
    found = find_faults(f"{LOG}{line}\n", SECRETS)
    assert len(found) == 1
    assert sentence in found[0]
    assert "battery" not in found[0]
    entry = verdict()
    judge(entry, wished_kills=0, wished_stranded=0, bad_answers=(), bad_lines=found)
    assert entry.broken == found


def test_a_seed_replays_every_choice_of_every_stream() -> None:
    def choices(seed: int) -> list[object]:
        killer, caller = Plan(seed, "killer of workers"), Plan(seed, "caller 1")
        strikes = [
            killer.next_strike(workers=bool(n % 2), with_database=True)
            for n in range(200)
        ]
        asks = [caller.next_ask(alive=n % 7, most=6) for n in range(200)]
        return [strikes, asks]

    assert choices(7) == choices(7)
    assert choices(7) != choices(8)
    assert Wishes(seed=7).options()["faults"]
    assert not Wishes(seed=7).options(calm=True)["faults"]


def test_a_standstill_of_a_minute_after_the_last_kill_breaks_the_promise() -> None:
    for seconds, is_kept in ((59.0, True), (61.0, False)):
        found = verdict(first_step_after_seconds=seconds)
        judge(found, wished_kills=60, wished_stranded=20, bad_answers=[])
        assert found.is_kept is is_kept
        assert found.as_dict()["first_step_after_seconds"] == seconds
