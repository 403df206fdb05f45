"""Instances that tests create, and how often the fake was asked."""

from typing import Any

from servers.clouds.base import CloudInstance, CreateSpec
from tests.clouds.benches.google import GoogleBench

IN_B = {"zone": "europe-west1-b"}


def create(bench: GoogleBench, **changes: Any) -> tuple[CloudInstance, CreateSpec]:
    spec = bench.make_spec(**changes)
    return bench.open().create_instance(spec, deadline=10), spec


def count(bench: GoogleBench, role: str) -> int:
    return [each.role for each in bench.fake.seen].count(role)
