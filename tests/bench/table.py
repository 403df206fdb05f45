"""The table of the benchmarks, and helpers for the service under test."""

from servers.clouds.sandbox.world import World
from servers.drill.service import Service

Row = tuple[str, str, str, str]
HEAD: Row = ("what", "measured", "baseline or bar", "ratio")


def print_table(rows: list[Row]) -> None:
    """Print rows in columns under the header."""
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(4)]
    for row in [HEAD, tuple("-" * width for width in widths), *rows]:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        print("| " + " | ".join(cells) + " |")


def set_sandbox(service: Service, **options: object) -> None:
    """Change the sandbox's behaviour, and lift its caps."""
    code = (
        "from servers.models import Account; "
        "Account.objects.update(max_servers=100000, creates_per_minute=100000, "
        f"calls_at_once=64, options={options!r})"
    )
    done = service.command("shell", "-v", "0", "-c", code)
    assert done.returncode == 0, done.stderr


def world_of(service: Service) -> World:
    """Return the world of the service's sandbox."""
    (path,) = (service.data / "sandbox").glob("*.sqlite3")
    return World(path)
