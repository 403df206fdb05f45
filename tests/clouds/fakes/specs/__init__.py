"""The clouds' official descriptions, to which the fakes are held.

They are no part of this repository: CLOUD_MATERIAL names the folder that holds them, a
folder for each cloud. Without it nothing is checked, and a test says so by a skip.

``forms`` reads each form of description into operations, ``schemas`` turns its schemas
into JSON Schema, and ``checker`` compares. ``query`` does so for EC2's Query API.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache

from tests.clouds.fakes.specs.checker import Checker
from tests.clouds.fakes.specs.forms import Operation, read_operations
from tests.clouds.fakes.specs.material import load_spec
from tests.clouds.fakes.specs.query import QueryChecker

AnyChecker = Checker | QueryChecker


def load_checker(
    cloud: str, *, mounts: Mapping[str, str], invents: Collection[str]
) -> AnyChecker | None:
    """Return the checker of a cloud, or None if there is no description here."""
    spec = load_spec(cloud)
    if spec is None:
        return None
    if spec.get("metadata", {}).get("protocol") == "ec2":
        return QueryChecker(cloud, spec, invents)
    return Checker(cloud, _load(cloud, tuple(sorted(mounts.items()))), invents)


@lru_cache(maxsize=16)
def _load(cloud: str, mounts: tuple[tuple[str, str], ...]) -> list[Operation]:
    return read_operations(load_spec(cloud), dict(mounts))
