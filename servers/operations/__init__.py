"""What people can request. The API, pages, admin and commands all call these.

Each operation does everything in one transaction, or raises a FleetError and changes
nothing. None waits for a cloud.
"""
