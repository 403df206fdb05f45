"""The REST API: the Drone Autoscaler's contract, and what goes beyond it."""
