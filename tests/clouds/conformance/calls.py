"""How many calls each cloud gets in a server's life, counted at its fake.

``make calls`` writes the table into docs/clouds.md. A test fails if it is out of date.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from servers.clouds.port import Cloud
from tests.clouds.benches import BENCHES
from tests.clouds.benches.base import Bench

PAGE: Final = Path(__file__).parents[3] / "docs" / "clouds.md"
START: Final = "<!-- calls per life: make calls writes this table -->\n"
END: Final = "<!-- end of calls per life -->\n"
# A column, and its heading.
STEPS: Final = {
    "token": "sign-in",
    "create": "create",
    "finish": "finish",
    "find": "look for it after silence",
    "list": "listing of 40 servers",
    "list_many": "of 1,000",
    "destroy": "destroy",
    "leftovers": "look for leftovers",
    "check": "check before a create",
}
UNKNOWN: Final = "–"


def count_calls(bench: Bench) -> dict[str, str]:
    """Return the number of calls of each step on a bench that runs."""
    cloud, counts = bench.open(), dict[str, str]()
    spec = bench.make_spec()

    @contextmanager
    def counting(step: str) -> Iterator[None]:
        since = len(bench.fake.seen)
        yield
        made = bench.fake.seen[since:]
        signed = [each for each in made if each.role == "token"]
        counts["token"] = str(max(int(counts.get("token", "0")), len(signed)))
        counts[step] = str(len(made) - len(signed))

    with counting("first create"):  # signs in, and looks up what is remembered
        cloud.create_instance(bench.make_spec(), deadline=10)
    with counting("create"):
        made = cloud.create_instance(spec, deadline=10)
    with counting("finish"):
        made = cloud.finish(made, spec, deadline=10)
    with counting("find"):
        cloud.find_instances(spec.key, deadline=10)
    _fill(bench, cloud, 40)
    with counting("list"):
        cloud.list_instances("ci", deadline=60)
    if "thousands" in bench.lacks:
        counts["list_many"] = UNKNOWN
    else:
        _fill(bench, cloud, 1000)
        with counting("list_many"):
            cloud.list_instances("ci", deadline=60)
    with counting("destroy"):
        cloud.destroy_instance(made.instance_id, deadline=10)
    with counting("leftovers"):
        cloud.list_leftovers("ci", deadline=10)
    with counting("check"):
        cloud.check_create(bench.make_spec(), deadline=30)
    return counts


def _fill(bench: Bench, cloud: Cloud, wanted: int) -> None:
    for _ in range(wanted - len(cloud.list_instances("ci", deadline=60).instances)):
        bench.plant(bench.make_spec())


def list_benches() -> list[str]:
    """Return the benches whose calls can be counted."""
    return [name for name, bench in BENCHES.items() if "http" not in bench.lacks]


def build_row(name: str, counts: dict[str, str]) -> str:
    """Return a cloud's row of the table in Markdown."""
    return f"| {name} | {' | '.join(counts[step] for step in STEPS)} |"


def read_rows() -> list[str]:
    """Return the rows that docs/clouds.md has now."""
    page = PAGE.read_text(encoding="utf-8")
    return page.partition(START)[2].partition(END)[0].splitlines()[2:]


def write_row(row: str) -> None:
    """Put a cloud's row into docs/clouds.md. Drop those of clouds without a bench."""
    cloud = row.split("|")[1]
    rows = {each.split("|")[1]: each for each in read_rows()} | {cloud: row}
    known = {f" {name} " for name in list_benches()}
    lines = [
        f"| cloud | {' | '.join(STEPS.values())} |",
        f"| --- |{' --- |' * len(STEPS)}",
        *(rows[name] for name in sorted(rows) if name in known),
    ]
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    table = "\n".join(lines)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}{table}\n{END}{after}", encoding="utf-8")
