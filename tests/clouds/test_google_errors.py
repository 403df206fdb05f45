"""Compute Engine: what each reason means, in the code and on the guide page."""

from pathlib import Path

import pytest

from servers.clouds import google
from servers.clouds.base import NoCapacityError, QuotaError
from servers.clouds.google.errors import MEANINGS, find_meaning
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("status", "reasons", "message", "wanted"),
    [
        (403, ["rateLimitExceeded"], "Quota exceeded for quota group", ThrottledError),
        (403, ["quotaExceeded"], "Quota 'CPUS' exceeded", QuotaError),
        (403, ["forbidden"], "Required 'compute.x' permission", CredentialsError),
        (403, ["somethingNew"], "No", CredentialsError),
        (401, [], "Login Required", CredentialsError),
        (412, ["conditionNotMet"], "Constraint violated", RefusedError),
        (
            404,
            ["notFound"],
            "The resource 'projects/p/zones/z/instances/i' was not found",
            MissingError,
        ),
        (409, ["alreadyExists"], "exists", UnknownOutcomeError),
        (409, ["somethingNew"], "?", UnknownOutcomeError),
        (408, [], "?", UnknownOutcomeError),
        (429, ["somethingNew"], "?", ThrottledError),
        (500, ["internalError"], "?", UnknownOutcomeError),
        (0, [], "", UnknownOutcomeError),
        (503, ["NEW_RESOURCE_POOL_EXHAUSTED"], "?", NoCapacityError),
    ],
)
def test_reasons_have_their_meanings(
    status: int, reasons: list[str], message: str, wanted: type[CallError]
) -> None:
    assert find_meaning(status, reasons, message) is wanted


def test_each_reason_has_one_meaning() -> None:
    reasons = [reason for each in MEANINGS.values() for reason in each]
    assert len(reasons) == len(set(reasons))


def test_the_guide_page_names_each_reason_with_its_meaning() -> None:
    page = (Path(google.__file__).parent / "guide.md").read_text("utf-8")
    table = page.partition("## What an error means")[2].partition("\n## ")[0]
    named = {
        line.split("|")[1].strip(): line.split("|")[2]
        for line in table.splitlines()
        if line.startswith("| ")
    }
    words = {
        ThrottledError: "throttled",
        NoCapacityError: "no capacity",
        QuotaError: "quota",
        CredentialsError: "credentials",
        UnknownOutcomeError: "unknown outcome",
        MissingError: "gone",
    }
    for meaning, reasons in MEANINGS.items():
        for reason in reasons:
            assert f"`{reason}`" in named[words[meaning]]
