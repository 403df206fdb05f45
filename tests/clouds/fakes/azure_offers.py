"""What the fake of Azure offers: regions, sizes, images, quotas."""

import re
from typing import Any

LOCATION = "westeurope"
LOCATIONS = ("westeurope", "northeurope", "eastus")
# Cores and MiB.
SIZES = {
    "Standard_B2s": (2, 4096),
    "Standard_D4s_v5": (4, 16384),
    "Standard_D8s_v5": (8, 32768),
}
IMAGES = {
    ("Canonical", "ubuntu-24_04-lts", "server"): (
        *("24.04.202404230", "24.04.202410170", "24.04.20240905"),
    ),
    ("Debian", "debian-12", "12-gen2"): ("0.20240102.1614", "0.20250101.9"),
}
QUOTAS = (
    ("virtualMachines", "Virtual Machines", 12, 25000),
    ("cores", "Total Regional vCPUs", 48, 100),
    ("lowPriorityCores", "Total Regional Spot vCPUs", 0, 100),
    ("standardDSv5Family", "Standard DSv5 Family vCPUs", 96, 100),
    ("standardNCFamily", "Standard NC Family vCPUs", 0, 0),
    ("availabilitySets", "Availability Sets", 0, 2500),
)


def find_image(reference: dict[str, Any]) -> str | None:
    """Return an image's version, or None if there is none."""
    if "id" in reference:
        return "1.0.0" if re.search("/galleries/acme/", reference["id"]) else None
    names = (reference["publisher"], reference["offer"], reference["sku"])
    versions = IMAGES.get(names, ())
    if reference["version"] == "latest":
        return versions[-1] if versions else None
    return reference["version"] if reference["version"] in versions else None
