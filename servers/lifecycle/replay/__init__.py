"""Policies replayed over a record of jobs: how long jobs wait, and what it costs.

The world is simulated: jobs arrive when the record says, servers boot, and a policy
decides at each poll. All of it is pure, and the same seed gives the same result.
"""
