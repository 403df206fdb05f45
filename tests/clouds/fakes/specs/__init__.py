"""The clouds' official descriptions, to which the fakes are held.

They are no part of this repository: CLOUD_MATERIAL names the folder that holds them, a
folder for each cloud. Without it nothing is checked, and a test says so by a skip.

``forms`` reads each form of description into operations, ``schemas`` turns its schemas
into JSON Schema, and ``checker`` compares.
"""

from tests.clouds.fakes.specs.checker import Checker, load_checker
from tests.clouds.fakes.specs.material import find_material

__all__ = ["Checker", "find_material", "load_checker"]
