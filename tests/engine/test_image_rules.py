"""Images by rule: looked up before the create, and recorded on the attempt."""

from typing import Any

import pytest

from servers.errors import InvalidError
from servers.lifecycle.states import Answer, Outcome
from servers.models import Account, Attempt, Event, Location
from tests.exactly_once.clouds import make_moto
from tests.support.fleet import (
    Workshop,
    change_template,
    make_fleet,
    provision,
    world_of,
)
from tests.support.moto import reset_moto

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_rule_is_looked_up_once_and_its_image_is_recorded(workshop: Workshop) -> None:
    account = make_fleet()
    change_template(image="newest:sandbox/ubuntu-*")
    for _ in range(2):
        server = provision()
        workshop.run_to("running", server)
        assert server.image == "ubuntu-24.04"
    assert {each.image for each in Attempt.objects.all()} == {"ubuntu-24.04"}
    told = Event.objects.filter(kind="attempt_written")[0].reason
    assert told.endswith("newest:sandbox/ubuntu-* is ubuntu-24.04.")
    calls = [operation for operation, _, _ in world_of(account).calls()]
    assert calls.count("list_images") == 1  # kept for minutes
    assert calls.count("create") == 2


def test_a_rule_without_an_image_is_refused_and_the_next_is_tried(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    change_template(
        image="newest:sandbox/windows-*", fallbacks=[{"image": "debian-12"}]
    )
    server = provision()
    workshop.run_to("running", server)
    first, second = Attempt.objects.order_by("number")
    assert (first.outcome, first.answer_class) == (Outcome.REFUSED, Answer.REFUSED)
    assert "no image that newest:sandbox/windows-* means here" in first.answer
    assert (second.image, server.image) == ("debian-12", "debian-12")
    # The refused one was never sent.
    assert [each for each, _, _ in world_of(account).calls()].count("create") == 1


def test_a_look_up_without_an_answer_created_nothing_and_is_repeated(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    change_template(image="newest:sandbox/debian-*")
    workshop.run_until(Location.objects.filter(listed_from__isnull=False).exists)
    broken = {**account.options, "faults": {"server_error": 1}}
    Account.objects.update(options=broken)
    server = provision()
    workshop.run_until(Attempt.objects.filter(outcome=Outcome.REFUSED).exists)
    attempt = Attempt.objects.order_by("number")[0]
    assert attempt.answer_class == Answer.UNREACHABLE  # never an open attempt
    assert "create" not in [each for each, _, _ in world_of(account).calls()]
    server.refresh_from_db()
    assert server.state in {"pending", "creating"}


@pytest.mark.parametrize(
    "image",
    [
        "newest:",
        "newest:sandbox",
        "newest:sandbox/",
        "newest:*/ubuntu-*",
        "newest:self/ubuntu-*",
        "newest:sandbox/*",
        "newest:sandbox/[a-z]*",
        "newest:sandbox/a\n",
    ],
)
def test_a_rule_that_is_wrong_is_refused_when_it_is_saved(image: str) -> None:
    make_fleet()
    with pytest.raises(InvalidError) as refused:
        change_template(image=image)
    assert "image" in refused.value.fields


def test_ec2_finds_the_newest_of_an_owner(workshop: Workshop, moto_url: str) -> None:
    reset_moto(moto_url)
    bench: Any = make_moto(moto_url)
    change_template(image="newest:099720109477/ubuntu/images/*xenial*")
    server = provision()
    workshop.run_to("running", server)
    (attempt,) = Attempt.objects.all()
    assert attempt.image.startswith("ami-")
    assert server.image == attempt.image
    assert bench.account.kind == "amazon"
