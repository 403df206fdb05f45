"""The only app, in layers: a file imports only from layers below its own.

L0  lifecycle, clouds, machine   pure rules; the cloud port; checks on the instance
L1  fields                       encrypted columns
L2  models                       the records
L3  reach                        which records a caller can reach
    ledger, selectors, dispatch  the one writer of state; reads; hints
L4  operations, engine           what people can request; one step of one server
L5  reconciler                   the tick, the listing of a location, the sweep
L6  tasks, api, dashboard, admin, management, checks

``errors`` is below all of them. import-linter enforces this order (pyproject.toml).
"""
