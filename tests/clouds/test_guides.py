"""Each cloud's guide page: its options are all there, and its example works.

The account and the template of the example are posted to the API as they are, but for
the endpoint and the credentials. Then a server is created from them and terminated.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from servers.access.tokens import SCOPES, issue_token
from servers.clouds.registry import describe_kind
from servers.models import Account, Server
from servers.operations.fleet import initialise_fleet
from servers.operations.terminate import terminate_server
from tests.clouds.benches import BENCHES
from tests.exactly_once.clouds import MOTO_TIMINGS
from tests.support.fleet import Workshop

ROOT = Path(__file__).parents[2]
# A kind's first bench has its name.
CLOUDS = sorted(
    name
    for name, bench in BENCHES.items()
    if "http" not in bench.lacks and name == bench.kind
)
EXAMPLE = re.compile(r"## Example\n(.*?)(?=\n## |\Z)", re.DOTALL)
BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)


def read_page(cloud: str) -> str:
    return (ROOT / "servers" / "clouds" / cloud / "guide.md").read_text("utf-8")


@pytest.mark.pure
@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_guide_page_has_each_option_and_what_it_takes_to_run_it(cloud: str) -> None:
    page, kind = read_page(cloud), describe_kind(cloud)
    options = page.partition("## Options")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", options, re.MULTILINE))
    assert named == {field.name for field in kind.placement_options}
    for field in kind.credentials:
        assert f"`{field.name}`" in page or field.label in page
    if most := kind.capabilities.user_data_bytes:
        assert re.search(f"{most:,}|{most}|{most // 1024} KiB", page)
    assert "costs nothing" in page or "## Costs" in page or "costs" in page


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_example_of_a_guide_page_creates_a_server(
    cloud: str, workshop: Workshop, request: pytest.FixtureRequest
) -> None:
    found = EXAMPLE.search(read_page(cloud))
    assert found, "the page has no section Example"
    bench = BENCHES[cloud]()
    text = found[1].replace(bench.example_image or bench.image, bench.image)
    account, template = map(json.loads, BLOCK.findall(text))
    bench.prepare(request.getfixturevalue)
    with bench.run() as fake:
        fake.boot = fake.destroying = 0.1
        config = bench.config()
        given = set(account["credentials"])
        assert given <= {field.name for field in describe_kind(cloud).credentials}
        account |= {
            "endpoint": config.endpoint,
            "credentials": dict(config.credentials),
            "options": {**account.get("options", {}), **config.options},
        }
        initialise_fleet(fleet_id="ci")
        token = issue_token("t", scopes=SCOPES)
        admin = Client(headers={"authorization": f"Bearer {token}"})
        post(admin, "/api/accounts", account)
        # Quick ones, since an account has those of a real cloud.
        row = Account.objects.get(name=account["name"])
        row.options = {**row.options, "timings": MOTO_TIMINGS}
        row.save()
        post(admin, "/api/templates", template)
        made = post(admin, "/api/servers", {"template": template["name"]})
        server = Server.objects.get(name=made["name"])
        workshop.run_to("running", server, seconds=60)
        assert len(bench.count_live()) == 1
        terminate_server(server.name)
        workshop.run_to("stopped", server, seconds=60)
        assert bench.count_live() == []


def post(admin: Client, path: str, body: Any) -> Any:
    answer = admin.post(path, body, content_type="application/json")
    assert answer.status_code in {200, 201, 202}, answer.content
    return answer.json()


@pytest.mark.pure
def test_the_pages_on_clouds_name_each_kind_and_only_files_that_exist() -> None:
    listed = (ROOT / "docs" / "clouds.md").read_text("utf-8")
    for cloud in CLOUDS:
        assert f"(../servers/clouds/{cloud}/guide.md)" in listed
    page = (ROOT / "docs" / "adding-a-cloud.md").read_text("utf-8")
    folder = ROOT / "servers" / "clouds" / "hetznercloud"
    parts = set(re.findall(r"^\| `(\w+\.\w+)` \|", page, re.MULTILINE))
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert parts == files - {"__init__.py"}
    for name in re.findall(r"`((?:servers|tests)/[\w/.]+)`", page):
        assert (ROOT / name).exists(), name
    # The code that it shows is the code that runs.
    source = "".join(
        path.read_text("utf-8")
        for path in (
            *folder.glob("*.py"),
            ROOT / "tests" / "clouds" / "fakes" / "hetznercloud.py",
        )
    )
    for block in re.findall(r"```python\n(    .*?|@.*?|def .*?)```", page, re.DOTALL):
        for line in block.splitlines():
            assert line.strip() in source or line.strip() == "...", line
