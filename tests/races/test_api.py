"""What the API's callers change in the same moment."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest

from servers.access.tokens import issue_token
from servers.models import Template
from tests.support.clients import run_all
from tests.support.crew import ROUNDS, Person

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = ("image", "size", "name_prefix")


def test_changes_of_different_fields_all_stand(crew: list[Person], site: str) -> None:
    token = issue_token("patches", scopes=["fleet:admin"])
    name = Template.objects.get().name

    def change(path: str, value: str, fields: tuple[str, ...]) -> None:
        may_go = threading.Barrier(len(fields))

        def send(number: int) -> None:
            link = http.client.HTTPConnection(urlsplit(site).netloc, timeout=60)
            may_go.wait(30)
            body = json.dumps({fields[number]: value})
            link.request(
                "PATCH",
                path,
                body,
                {
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                },
            )
            assert link.getresponse().status == 200
            link.close()

        run_all(len(fields), send)

    for number in range(ROUNDS):
        path = f"/api/templates/{name}?unchecked=true"  # no cloud knows a v1
        change(path, f"v{number}", CHANGES)
        template = Template.objects.get()
        (placement,) = template.placements.all()
        kept = [placement.image, placement.size, template.name_prefix]
        assert kept == [f"v{number}"] * 3
