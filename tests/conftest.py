"""The tests' environment: a data folder, keys, and the chosen database."""

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.drill.postgresql import MissingServerError, PostgreSQL, find_binaries
from tests.support.moto import run_moto

_state: dict[str, Any] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="the database that the tests run on",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sf-", dir="/tmp"))
    _state["folder"] = folder
    for name in list(os.environ):
        if name.startswith("SERVERFLEET_") or name.endswith(("_URL", "_PROXY")):
            del os.environ[name]
    key = base64.b64encode(b"k" * 32).decode()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "serverfleet.settings",
        "SERVERFLEET_DATA": str(folder),
        "SERVERFLEET_SECRET_KEY": "a key for tests alone, long enough to be a key",
        "SERVERFLEET_ENCRYPTION_KEYS": f"k1:{key}",
        "SERVERFLEET_INSTALLATION_ID": "tests",
        "SERVERFLEET_HTTPS": "0",
        "SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS": "1",
        "SERVERFLEET_METRICS_OPEN": "1",
        "SERVERFLEET_RATE_TOKEN": "100000000",
        "SERVERFLEET_RATE_ADDRESS": "100000000",
        "BROKER_URL": "memory://",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if config.getoption("--database") == "postgresql":
        _start_postgresql(config)
    import django
    from django.conf import settings

    if "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        # A file, because the tests fork, kill, and look with other processes.
        settings.DATABASES["default"]["TEST"] = {
            "NAME": str(folder / "test.sqlite3"),
            "MIRROR": None,
            "CHARSET": None,
            "COLLATION": None,
            "MIGRATE": True,
        }
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
    settings.CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache"
    }
    django.setup()
    from tests.support import emptying

    emptying.install()
    _check_database(config)


def _check_database(config: pytest.Config) -> None:
    """Stop if the tests would run on a database other than the chosen one."""
    from django.conf import settings

    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        # The processes that run the tests inherit this environment. With the name in
        # it pytest-django would load the settings before they have their database.
        del os.environ["DJANGO_SETTINGS_MODULE"]
        return
    engine = settings.DATABASES["default"]["ENGINE"]
    if not engine.endswith(config.getoption("--database").replace("sqlite", "sqlite3")):
        pytest.exit(f"The tests would run on {engine}.", 1)


def _start_postgresql(config: pytest.Config) -> None:
    shared_out = bool(config.getoption("numprocesses", None))
    try:
        if shared_out and not hasattr(config, "workerinput"):
            # The tests run in other processes. Each of them starts its own server.
            find_binaries()
            return
        server = PostgreSQL()
        _state["postgresql"] = server
        server.start()
    except MissingServerError as error:
        if os.environ.get("CI") == "true":
            pytest.exit(f"There is no PostgreSQL server for the tests: {error}", 1)
        print(f"SKIPPED: all tests on PostgreSQL, since there is no server: {error}")
        pytest.exit("no PostgreSQL server", 0)
    os.environ["DATABASE_URL"] = server.url()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (server := _state.pop("postgresql", None)) is not None:
        server.stop()
    if (folder := _state.pop("folder", None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Run tests without a database once, and others only on the database they need.

    Slow tests are spread over the workers of pytest-xdist, and start early.
    """
    only_on = {"pure": "sqlite", "sqlite": "sqlite", "postgresql": "postgresql"}
    database = config.getoption("--database")
    left_out = [
        item
        for item in items
        for mark, needed in only_on.items()
        if item.get_closest_marker(mark) and needed != database
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = _spread_slow(items, workers)


def _spread_slow(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return tests in an order in which each worker gets as many slow ones.

    ``--dist worksteal`` first gives each worker an equal part of the list. In a part,
    slow tests alternate with others, so that not all of them run at the same time. They
    stand between files, since the tests of a file share what they start.
    """
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    size = len(items) // workers
    spread: list[pytest.Item] = []
    done = 0
    for number in range(workers):
        part = slow[number::workers]
        began, last = done, min(len(quick), done + max(0, size - len(part)))
        pause = (last - began) * 2 // 3 // max(1, len(part))
        for due, item in enumerate(part, 1):
            stop = _find_end_of_file(quick, began + due * pause)
            stop = max(done, min(last, stop))
            spread += [item, *quick[done:stop]]
            done = stop
        spread += quick[done:last]
        done = last
    return [*spread, *quick[done:]]


def _find_end_of_file(items: list[pytest.Item], at: int) -> int:
    """Return the end of the file that ``at`` lies in."""
    while 0 < at < len(items) and items[at].path == items[at - 1].path:
        at += 1
    return at


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With CI=true, fail a skipped test: what it needs should be installed."""
    outcome: Any = yield
    report = outcome.get_result()
    expected = hasattr(report, "wasxfail")  # reported as skipped, but its test has run
    if report.skipped and not expected and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Do the same for a whole file that skips itself during collection."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped: {report.longrepr}"


@pytest.fixture(scope="session")
def postgresql() -> PostgreSQL | None:
    """The tests' PostgreSQL server, if they run on it."""
    return _state.get("postgresql")


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A moto server process for the whole run."""
    with run_moto() as url:
        yield url


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What workers and the scheduler do, run by hand."""
    from servers.messaging import dispatch
    from tests.support.fleet import Workshop

    hand = Workshop()
    monkeypatch.setattr(dispatch, "_send", hand.take_hint)
    return hand
