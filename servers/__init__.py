"""The only app, in rooms on layers: a file imports only from layers below its own.

    apps
    tasks management checks      the workers' entrance, commands, checks of settings
    api dashboard admin drill    entrances: parse, call one operation, answer
    reconciler                   the tick, listings, the sweep, the purge
    operations engine            what people can request; one step of one server
    reports                      what people read: why, leaks, overview, attention
    placing access               where a server can be created; who a caller is
    messaging                    hints, broker, heartbeats
    records                      the writers: ledger, leases, attempts, counters
    freshness                    what may be served from memory
    models                       the records and their encrypted columns
    clouds machine               the port to clouds; what happens on an instance
    lifecycle                    pure: states, the table, ``decide``
    addresses tracing errors     needed everywhere

import-linter enforces this order (pyproject.toml).
"""
