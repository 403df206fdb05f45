"""The REST API: the Drone Autoscaler's server API and ServerFleet's additions."""
