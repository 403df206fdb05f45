"""Caps hold against any number of callers at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from servers.drill.service import Service

CAP = 10
CALLERS = 50


def test_fifty_posts_at_once_against_a_cap_of_ten_make_ten(service: Service) -> None:
    code = (
        f"from servers.models import Account; Account.objects.update(max_servers={CAP})"
    )
    assert service.command("shell", "-v", "0", "-c", code).returncode == 0
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(
            callers.map(
                lambda _: service.call("POST", "/api/servers", timeout=60),
                range(CALLERS),
            )
        )
    assert Counter(status for status, _ in answers) == {200: CAP, 409: CALLERS - CAP}
    refused = {answer["message"] for status, answer in answers if status == 409}
    assert len(refused) == 1
    assert f"limit of {CAP} servers, so no more can be created" in refused.pop()
    assert len(service.states()) == CAP
