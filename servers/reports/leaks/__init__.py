"""The leak report: what the clouds run with the fleet's tag against the records.

For each location it says which instances are live, which of them a server owns, and
since when. Instances outside the bound should have been destroyed by now. The database
counts everything; only the rows listed by name are limited, per location.
"""
