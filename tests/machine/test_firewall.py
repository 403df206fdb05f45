"""The rules of the firewall script, in network namespaces of their own.

One namespace is the instance, one a container behind it, and one the network outside,
with the cloud's metadata service.
"""

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from servers.addresses import is_never
from servers.machine.cloud_init.scripts import read_script

pytestmark = pytest.mark.pure

METADATA: Final = "169.254.169.254"
OUTSIDE: Final = "198.51.100.1"
INSTANCE: Final = "198.51.100.2"
LISTEN: Final = """
import socket, sys
servers = [socket.create_server((sys.argv[1], int(port))) for port in sys.argv[2:]]
print("up", flush=True)
sys.stdin.read()
"""
TRY: Final = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor

def reach(target):
    try:
        socket.create_connection(target, 0.4, (sys.argv[1], 0))
    except OSError:
        return "closed"
    return "open"

targets = list(zip(sys.argv[2::2], map(int, sys.argv[3::2])))
print(*ThreadPoolExecutor().map(reach, targets))
"""


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        *("168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "fd00:a9fe:a9fe::1"),
        *("fd00:c1::a9fe:a9fe", "fd00:100::100:200"),
    ],
)
def test_the_rules_name_each_metadata_service_that_is_never_called(
    address: str,
) -> None:
    service = ipaddress.ip_address(address)
    assert is_never(service)
    words = re.findall(r"(?<= )(?:[0-9a-f]+[:.])+[0-9a-f:./]+", read_script("firewall"))
    assert any(service in ipaddress.ip_network(word) for word in words)


class Namespace:
    """A network namespace that exists as long as its process."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.keeper = stack.enter_context(
            subprocess.Popen(
                ["unshare", "--net", "sh", "-c", "echo up && exec cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        stack.callback(self.keeper.kill)
        assert self.keeper.stdout is not None
        assert self.keeper.stdout.readline() == b"up\n"
        self.ip("link set lo up")

    def run(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["nsenter", "--net", "--target", str(self.keeper.pid), *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def ip(self, line: str) -> None:
        self.run("ip", *line.split())

    def listen(self, address: str, *ports: int) -> None:
        words = ["nsenter", "--net", "--target", str(self.keeper.pid), "python3", "-c"]
        process = self.stack.enter_context(
            subprocess.Popen(
                [*words, LISTEN, address, *map(str, ports)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        self.stack.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"

    def reach(self, *targets: tuple[str, int], by: str = "0.0.0.0") -> list[bool]:
        words = [str(word) for target in targets for word in target]
        return [
            word == "open"
            for word in self.run("python3", "-c", TRY, by, *words).split()
        ]


def connect(one: Namespace, other: Namespace, name: str) -> None:
    """Lay a cable between two namespaces: ``name`` in one, ``eth1`` in the other."""
    one.ip(f"link add {name} type veth peer name eth1 netns {other.keeper.pid}")
    one.ip(f"link set {name} up")
    other.ip("link set eth1 up")


@pytest.fixture
def spaces() -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    """The instance, a container and the outside."""
    programs = ("ip", "iptables", "ip6tables", "unshare", "nsenter")
    if os.geteuid() != 0 or not all(map(shutil.which, programs)):
        pytest.skip("only root can have network namespaces with iptables")
    with ExitStack() as stack:
        instance, container, outside = (Namespace(stack) for _ in range(3))
        connect(instance, container, "docker0")
        connect(instance, outside, "eth0")
        instance.run("sysctl", "-q", "net.ipv4.ip_forward=1")
        instance.ip("addr add 172.17.0.1/24 dev docker0")
        instance.ip(f"addr add {INSTANCE}/24 dev eth0")
        instance.ip(f"route add {METADATA} dev eth0")
        container.ip("addr add 172.17.0.2/24 dev eth1")
        container.ip("route add default via 172.17.0.1")
        for address in (f"{OUTSIDE}/24", "198.51.100.9/24", f"{METADATA}/32"):
            outside.ip(f"addr add {address} dev eth1")
        outside.ip(f"route add 172.17.0.0/24 via {INSTANCE}")
        outside.listen("0.0.0.0", 53, 80)
        instance.listen("0.0.0.0", 2376)
        yield instance, container, outside


def test_containers_reach_no_metadata_and_strangers_no_docker(
    spaces: tuple[Namespace, Namespace, Namespace],
) -> None:
    instance, container, outside = spaces
    docker = (INSTANCE, 2376)
    everything = [(METADATA, 53), (METADATA, 80), (OUTSIDE, 80), ("172.17.0.1", 2376)]

    def look() -> list[bool]:
        return container.reach(*everything)

    assert look() == [True] * 4  # or the test would show nothing
    script = read_script("firewall")
    for _ in range(2):  # it runs at each boot
        instance.run("sh", "-s", stdin=script)
        assert look() == [True, False, True, True]
        assert instance.reach((METADATA, 80)) == [True]
        assert outside.reach(docker) == [True]
    for _ in range(2):
        instance.run("sh", "-s", "--", f"{OUTSIDE}/32", "2001:db8::/64", stdin=script)
        assert look() == [True, False, True, False]
        assert outside.reach(docker, by=OUTSIDE) == [True]
        assert outside.reach(docker, by="198.51.100.9") == [False]
        assert instance.reach(("127.0.0.1", 2376)) == [True]
    rules = instance.run("iptables", "-t", "raw", "-S")
    assert rules.count("-A PREROUTING") == 1
    assert "fd00:ec2::/32" in instance.run("ip6tables", "-t", "raw", "-S")
