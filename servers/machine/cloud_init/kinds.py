"""What ServerFleet can set up by itself, in one literal table."""

from typing import Final

KINDS: Final = {
    "none": "nothing",
    "docker": "Docker, on Debian or Ubuntu (cloud-init)",
    "ignition": "Docker, on Flatcar (Ignition)",
}


def list_cloud_inits() -> list[tuple[str, str]]:
    """Return the name and the label of each kind."""
    return list(KINDS.items())
