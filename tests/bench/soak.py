"""Fifty clients that create, read and delete for a minute, on both databases.

``python -m tests.bench.soak [seconds]`` exits with 1 if an answer was a server error,
or if the database does not match what a client was told.
"""

import sys
from contextlib import ExitStack

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import Service
from tests.bench.table import set_sandbox
from tests.support.clients import find_broken_promises, soak

CLIENTS = 50


def main(seconds: float) -> int:
    """Soak each database, and print the answers and what was wrong."""
    broken = 0
    for database in ("sqlite", "postgresql"):
        with ExitStack() as stack:
            env = {}
            if database == "postgresql":
                server = PostgreSQL()
                stack.callback(server.stop)
                server.start()
                env["DATABASE_URL"] = server.create_database()
            service = stack.enter_context(Service(**env))
            set_sandbox(service)
            told = soak(service, clients=CLIENTS, seconds=seconds)
            wrong = find_broken_promises(service, told)
        print(f"{database}: {told.total / seconds:.0f} requests/s", end=", ")
        print(f"{len(told.made)} servers, {dict(sorted(told.statuses.items()))}")
        for sentence in wrong[:20]:
            print(f"  WRONG: {sentence}")
        broken += len(wrong)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
