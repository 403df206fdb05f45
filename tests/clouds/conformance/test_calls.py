"""How many calls a life takes, and that the docs say so."""

import os

import pytest

from tests.clouds.benches.base import Bench
from tests.clouds.conformance.calls import (
    build_row,
    count_calls,
    list_benches,
    read_rows,
    write_row,
)

pytestmark = pytest.mark.pure


@pytest.mark.needs("http")
def test_a_life_takes_as_many_calls_as_the_docs_say(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    counts = count_calls(bench)
    assert int(counts["create"]) == bench.calls_of_create
    assert (counts["finish"] != "0") is bench.open().finishes
    # One listing, whatever the number of servers, but for its pages.
    assert int(counts["list"]) == bench.calls_of_list
    assert int(counts["destroy"]) == bench.calls_of_destroy
    name = request.node.callspec.params["bench"]
    row = build_row(name, counts)
    if os.environ.get("WRITE_CALLS"):
        write_row(row)
    assert row in read_rows(), "docs/clouds.md is out of date. Run make calls."


def test_the_docs_count_the_calls_of_no_other_cloud() -> None:
    assert [row.split("|")[1].strip() for row in read_rows()] == sorted(list_benches())
