"""``manage.py replay``: the curve of wait against server-hours."""

import struct
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

pytestmark = pytest.mark.pure


def replay(**options: Any) -> str:
    out = StringIO()
    call_command("replay", stdout=out, **options)
    return out.getvalue()


def test_it_prints_the_waits_and_hours_of_several_idle_times(tmp_path: Path) -> None:
    path = tmp_path / "jobs.dat"
    path.write_bytes(bytes.fromhex("000003e80000ea60") * 30)
    first, head, *rows = replay(file=str(path), min=0).splitlines()
    assert first == "30 jobs. Waits are in seconds."
    assert head.split()[:2] == ["idle", "time"]
    assert head.split()[-2:] == ["server-hours", "idle"]
    assert [row[:24].strip() for row in rows] == [
        *(f"{minutes} min" for minutes in (1, 2, 3, 5, 10, 20, 55)),
        "Drone's defaults",
    ]
    # All wait for one boot of 90 s, which starts at once or at the first poll.
    assert {row.split()[-5] for row in rows[:-1]} <= {"90", "100"}


def test_a_boot_that_is_longer_than_the_deadline_is_no_failed_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "jobs.dat"
    path.write_bytes(
        b"".join(struct.pack(">II", n * 60_000, 600_000) for n in range(60))
    )
    row = replay(file=str(path), min=0, boot=900.0).splitlines()[2]
    # It was 10.3 when each of them was given up and repeated.
    assert float(row.split()[-2]) < 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min": 3, "max": 2}, "--min: Use at most max."),
        ({"slots": 0}, "--slots: Use at least 1."),
        ({"failing": 100}, "less than 100 %"),
        ({"boot": -1}, "boot of 0 to 3600"),
        ({"days": 0}, "at most 31 days"),
        ({"jobs": 10**9}, "100000 jobs"),
        ({"file": "/nowhere"}, "No such file"),
        ({"file": "/dev"}, "Is a directory|records of 8 bytes"),
        ({"file": "/dev/zero"}, "/dev/zero is larger than 64 MiB."),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        replay(**options)
