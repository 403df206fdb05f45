"""``manage.py import-drone``: the Drone Autoscaler's variables become rows."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from servers.models import Account, Event, Pool, Queue, Template
from servers.operations.drone_import.variables import read_seconds, read_variables
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)

COMMON = """
# The autoscaler's file, as for `docker run --env-file`.
DRONE_POOL_MIN=1
DRONE_POOL_MAX=7
DRONE_POOL_MIN_AGE=1h30m
DRONE_SERVER_HOST=drone.example.com
DRONE_SERVER_PROTO=https
DRONE_SERVER_TOKEN=needle-server
DRONE_AGENT_TOKEN='needle-agent'
export DRONE_AGENT_CONCURRENCY=4
DRONE_AGENT_LABELS=size:large,team:web
DRONE_CAPACITY_BUFFER=3
"""
CLOUDS = {
    "amazon": """
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=needle-cloud
DRONE_AMAZON_REGION=eu-central-1
DRONE_AMAZON_IMAGE=ami-0123456789abcdef0
DRONE_AMAZON_INSTANCE=m5.large
DRONE_AMAZON_INSTANCE_ALT=m5a.large
DRONE_AMAZON_SUBNET_ID=subnet-0a1b2c3d
DRONE_AMAZON_SUBNET_IDS_ALT=subnet-0a1b2c3e
DRONE_AMAZON_SECURITY_GROUP=sg-0a1b2c3d,sg-0a1b2c3e
DRONE_AMAZON_SSHKEY=builds
DRONE_AMAZON_VOLUME_SIZE=64
DRONE_AMAZON_VOLUME_TYPE=gp3
DRONE_AMAZON_MARKET_TYPE=spot
DRONE_AMAZON_PRIVATE_IP=true
DRONE_AMAZON_TAGS=team:builds
""",
    "digitalocean": """
DRONE_DIGITALOCEAN_TOKEN=needle-cloud
DRONE_DIGITALOCEAN_REGION=fra1
DRONE_DIGITALOCEAN_IMAGE=docker-20-04
DRONE_DIGITALOCEAN_SIZE=s-2vcpu-4gb
DRONE_DIGITALOCEAN_TAGS=builds,ci
DRONE_DIGITALOCEAN_FIREWALL=0a1b
""",
    "google": """
DRONE_GOOGLE_PROJECT=acme-builds
DRONE_GOOGLE_ZONE=europe-west1-b,europe-west1-c
DRONE_GOOGLE_MACHINE_IMAGE=ubuntu-os-cloud/global/images/ubuntu-2404-noble
DRONE_GOOGLE_MACHINE_TYPE=n2-standard-2
DRONE_GOOGLE_DISK_SIZE=50
DRONE_GOOGLE_LABELS=team:builds
""",
    "hetznercloud": """
DRONE_HETZNERCLOUD_TOKEN=needle-cloud
DRONE_HETZNERCLOUD_IMAGE=ubuntu-24.04
DRONE_HETZNERCLOUD_TYPE=cx22
DRONE_HETZNERCLOUD_DATACENTER=nbg1-dc3
DRONE_HETZNERCLOUD_SSHKEY=12
""",
    "openstack": """
OS_AUTH_URL=https://keystone.example.com:5000/v3
OS_REGION_NAME=RegionOne
OS_USERNAME=builds
OS_PASSWORD=needle-cloud
OS_PROJECT_NAME=ci
OS_USER_DOMAIN_NAME=Default
DRONE_OPENSTACK_IMAGE=ubuntu-24.04
DRONE_OPENSTACK_FLAVOR=m1.large
DRONE_OPENSTACK_NETWORK=0317c1e7-91cf-4084-aa23-736126cebae0
""",
    "scaleway": """
DRONE_SCALEWAY_SECRET_KEY=11111111-2222-4333-8444-555555555555
DRONE_SCALEWAY_ORGANISATION_ID=11111111-2222-4333-8444-555555555556
DRONE_SCALEWAY_ZONE=fr-par-1
DRONE_SCALEWAY_IMAGE=ubuntu_noble
DRONE_SCALEWAY_SIZE=DEV1-L
DRONE_SCALEWAY_DYNAMIC_IP=true
""",
}


@pytest.fixture(autouse=True)
def account() -> Account:
    return make_fleet()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "autoscaler.env"


def run_import(file: Path, text: str, **options: Any) -> str:
    file.write_text(text)
    out = StringIO()
    call_command("import-drone", str(file), stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", CLOUDS)
def test_each_cloud_becomes_an_account_a_template_a_queue_and_a_dry_pool(
    file: Path, kind: str
) -> None:
    said = run_import(file, COMMON + CLOUDS[kind])
    assert "needle" not in said
    account = Account.objects.get(name="drone")
    assert account.kind == kind
    template = Template.objects.get(name="drone")
    assert (template.capacity, template.agent) == (4, "drone")
    assert json.loads(template.agent_environment) == {
        "DRONE_RPC_HOST": "drone.example.com",
        "DRONE_RPC_PROTO": "https",
        "DRONE_RPC_SECRET": "needle-agent",
        "DRONE_RUNNER_LABELS": "size:large,team:web",
    }
    queue = Queue.objects.get()
    assert (queue.kind, queue.url) == ("drone", "https://drone.example.com")
    assert json.loads(queue.credentials) == {"token": "needle-server"}
    pool = Pool.objects.get()
    assert (pool.template, pool.queue, pool.dry) == (template, queue, True)
    assert pool.policy == {"min": 1, "max": 7, "spare": 3, "min_age": 5400}
    assert pool.labels == {
        "os": "linux",
        "arch": "amd64",
        "label.size": "large",
        "label.team": "web",
    }
    for event in Event.objects.all():
        assert "needle" not in event.reason


def test_amazons_alternatives_become_fallbacks(file: Path) -> None:
    run_import(file, COMMON + CLOUDS["amazon"], name="builds")
    template = Template.objects.get(name="builds")
    found = [
        (each.region, each.size, each.options["subnet"], each.spot, each.ssh_key)
        for each in template.placements.all()
    ]
    rest = (True, "builds")
    assert found == [
        ("eu-central-1", "m5.large", "subnet-0a1b2c3d", *rest),
        ("eu-central-1", "m5a.large", "subnet-0a1b2c3d", *rest),
        ("eu-central-1", "m5.large", "subnet-0a1b2c3e", *rest),
        ("eu-central-1", "m5a.large", "subnet-0a1b2c3e", *rest),
    ]
    first = template.placements.all()[0].options
    assert first["security_groups"] == ["sg-0a1b2c3d", "sg-0a1b2c3e"]
    assert (first["address"], first["public_ip"]) == ("private", False)
    assert (first["disk_gib"], first["disk_type"]) == (64, "gp3")
    assert template.labels == {"team": "builds"}
    stored = json.loads(Account.objects.get(name="builds").credentials)
    assert stored["secret_access_key"] == "needle-cloud"


def test_amazons_keys_may_have_the_other_names_that_its_library_takes(
    file: Path,
) -> None:
    renamed = (
        CLOUDS["amazon"].replace("KEY_ID", "KEY").replace("SECRET_ACCESS", "SECRET")
    )
    run_import(file, COMMON + renamed)
    stored = json.loads(Account.objects.get(name="drone").credentials)
    assert stored["access_key_id"] == "AKIAIOSFODNN7EXAMPLE"
    assert stored["secret_access_key"] == "needle-cloud"


def test_the_usual_minimum_is_not_above_a_maximum_of_one(file: Path) -> None:
    small = COMMON.replace("DRONE_POOL_MIN=1", "").replace("MAX=7", "MAX=1")
    run_import(file, small + CLOUDS["scaleway"])
    policy = Pool.objects.get().policy
    assert (policy["min"], policy["max"]) == (1, 1)


def test_googles_zones_become_placements(file: Path) -> None:
    run_import(file, COMMON + CLOUDS["google"])
    found = Template.objects.get(name="drone").placements.all()
    assert [(each.region, each.options["zone"]) for each in found] == [
        ("europe-west1", "europe-west1-b"),
        ("europe-west1", "europe-west1-c"),
    ]
    image = "projects/ubuntu-os-cloud/global/images/ubuntu-2404-noble"
    assert {each.image for each in found} == {image}


def test_what_was_not_carried_over_is_said_without_values(file: Path) -> None:
    more = "DRONE_REAPER_ENABLED=true\nDRONE_AGENT_VOLUMES=/needle:/x\nHOME=/root\n"
    said = run_import(file, COMMON + CLOUDS["hetznercloud"] + more).splitlines()
    assert "The pool is a dry run:" in said[0]
    nothing = "ServerFleet has no such setting."
    otherwise = "Failed servers are not capacity, and the pool terminates them."
    assert said[1:] == [
        f"- DRONE_AGENT_VOLUMES was not carried over. {nothing}",
        f"- DRONE_HETZNERCLOUD_SSHKEY was not carried over. {nothing}",
        f"- DRONE_REAPER_ENABLED was not carried over. {otherwise}",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no supported cloud"),
        (COMMON, "names no supported cloud"),
        (COMMON + CLOUDS["amazon"] + CLOUDS["google"], "several clouds: amazon, goog"),
        (CLOUDS["hetznercloud"], "DRONE_SERVER_HOST, DRONE_SERVER_TOKEN"),
        (COMMON + "DRONE_AMAZON_REGION=x", "DRONE_AMAZON_IMAGE, DRONE_AMAZON_INST"),
        (
            COMMON + CLOUDS["hetznercloud"] + "DRONE_HETZNERCLOUD_DATACENTER=",
            "^DRONE_HETZNERCLOUD_DATACENTER must be set",
        ),
        (
            COMMON + CLOUDS["openstack"] + "OS_REGION_NAME=",
            "^OS_REGION_NAME must be set",
        ),
        (COMMON + CLOUDS["scaleway"] + "what is this needle?", "is not NAME=value"),
        (COMMON + CLOUDS["scaleway"] + "DRONE_POOL_MAX=ten", "DRONE_POOL_MAX is not"),
        (COMMON + CLOUDS["scaleway"] + "DRONE_POOL_MAX=0", "min: Use at most max"),
        (COMMON + CLOUDS["scaleway"] + "DRONE_TIMEOUT_STOP=1 day", "is not a time"),
        (COMMON + CLOUDS["scaleway"] + "DRONE_SERVER_PROTO=ftp", "http"),
        (COMMON + CLOUDS["scaleway"] + "DRONE_AGENT_NAME_PREFIX=A_B", "lower-case"),
        (
            COMMON + CLOUDS["scaleway"] + "DRONE_POOL_MAX=0000000000123456789",
            "DRONE_POOL_MAX is not",
        ),
        (
            COMMON + CLOUDS["scaleway"] + f"DRONE_TIMEOUT_STOP={'9' * 200_000}h",
            "is not a time",
        ),
        (
            COMMON + CLOUDS["amazon"].replace("AWS_SECRET_ACCESS_KEY", "AWS_SECRET"),
            "belong together",
        ),
        ("\ufeffA=1", "no supported cloud"),  # as some editors begin a file
        ("A=" + "x" * 300_000, "larger than 256 KiB"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_stored(
    file: Path, text: str, words: str
) -> None:
    before = (Account.objects.count(), Template.objects.count())
    with pytest.raises(CommandError, match=words) as raised:
        run_import(file, text)
    assert "needle" not in str(raised.value)
    assert (Account.objects.count(), Template.objects.count()) == before
    assert not Queue.objects.exists()


def test_names_that_are_taken_and_files_that_are_not_there(file: Path) -> None:
    with pytest.raises(
        CommandError, match="sandbox is already the name of another account"
    ):
        run_import(file, COMMON + CLOUDS["scaleway"], name="sandbox")
    with pytest.raises(CommandError, match="can't be read: No such file"):
        call_command("import-drone", str(file.with_name("none")))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="it is not text"):
        call_command("import-drone", str(file))


def test_values_are_read_as_docker_and_go_read_them() -> None:
    text = 'A=1\n  export B = x\nC="a b"\nD=a=b\nE=\'\nF=\n'
    with pytest.raises(Exception, match="Line 2"):
        read_variables(text)
    assert read_variables(text.replace("B = x", "B=x")) == {
        "A": "1",
        "B": "x",
        "C": "a b",
        "D": "a=b",
        "E": "'",
        "F": "",
    }
    times = ("55m", "1h30m", "1.5s", "200ms", "0", ".5h", "1h0m0s")
    assert [read_seconds("T", each) for each in times] == [
        *(3300, 5400, 2, 0),
        *(0, 1800, 3600),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2 # servers", "2"),
        ("'a b' # the first", "a b"),
        ('"a" # "b"', "a"),
        ("# none yet", ""),
        ("a#b", "a#b"),
        ("'a#b'", "a#b"),
        ('"a # b"', "a # b"),
        (r'"say \"hi\", \$5"', 'say "hi", $5'),
        ("'it", "'it"),
        ("''", ""),
        ("x\x85\u2028y", "x\x85\u2028y"),
    ],
)
def test_a_value_ends_where_a_shell_ends_it(written: str, value: str) -> None:
    assert read_variables(f"A={written}\r\nB=1\rC=2\n") == {
        "A": value,
        "B": "1",
        "C": "2",
    }
