"""``manage.py connect NAME``: a local socket to a server's Docker daemon."""

import signal
import tempfile
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from servers import tracing
from servers.errors import FleetError
from servers.machine.docker.client import Docker
from servers.machine.docker.connection import Endpoint
from servers.machine.docker.tunnel import Tunnel
from servers.operations.connect import open_endpoint

CHECK_SECONDS: Final = 10.0


class Command(BaseCommand):
    """Open a local socket to a server's Docker daemon, until Ctrl-C."""

    help = (
        "Open a local socket to a server's Docker daemon, so that a plain `docker -H "
        "unix://…` works. Each connection checks the daemon's certificate in full. "
        "Press Ctrl-C to close it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", help="the server's name")
        parser.add_argument(
            "--socket",
            help="where to open it. The default is a new folder that only you can read",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        try:
            with tracing.bound(actor="command line"):
                server, endpoint = open_endpoint(options["name"])
            with Docker(endpoint, timeout=CHECK_SECONDS) as docker:
                version = docker.version()
        except FleetError as error:
            raise CommandError(error.message) from None
        self.stderr.write(f"Connected to Docker {version} of {server.name}.")
        if options["socket"]:
            self._serve(endpoint, Path(options["socket"]))
            return
        with tempfile.TemporaryDirectory(prefix="serverfleet-") as folder:
            self._serve(endpoint, Path(folder, "docker.sock"))

    def _serve(self, endpoint: Endpoint, path: Path) -> None:
        try:
            tunnel = Tunnel(endpoint, path.absolute())
        except OSError as error:
            raise CommandError(
                f"{path} can't be opened ({error.strerror}). Remove it, or name "
                "another path with --socket."
            ) from None
        ended = threading.Event()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, lambda *_: ended.set())
        threading.Thread(target=tunnel.serve, daemon=True).start()
        try:
            self.stdout.write(f"export DOCKER_HOST=unix://{tunnel.path}")
            self.stdout.flush()
            self.stderr.write("Press Ctrl-C to close it.")
            ended.wait()
        finally:
            tunnel.close()
