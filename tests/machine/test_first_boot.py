"""Debian's first boot, for real: its user data is played in a new root.

The test stands in for cloud-init, which writes the files and starts the boot, and for
systemd, which starts Docker as the units say. All else is real: apt installs Docker
from the distribution, and a client with the server's certificate is let in.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from servers.machine.certificates import issue_keys, name_server
from servers.machine.cloud_init.render import render_user_data
from servers.machine.cloud_init.setup import Names, OwnFile, Setup
from tests.machine.rendering import read_config

pytestmark = [pytest.mark.pure, pytest.mark.slow, pytest.mark.sqlite]

MIRROR: Final = "http://deb.debian.org/debian"
# Kept between runs: building it takes a minute.
CACHE: Final = Path("/var/cache/serverfleet-tests")
SYSTEMCTL: Final = """\
#!/bin/sh
# Stands in for systemd: Docker's unit needs that of the firewall.
echo "$*" >>/systemctl.log
case "$*" in
"is-active "*) exit 3 ;;
"start docker.service")
    units=/etc/systemd/system
    firewall=$(sed -n 's/^ExecStart=//p' $units/serverfleet-firewall.service)
    daemon=$(sed -n 's/^ExecStart=//p' $units/docker.service.d/serverfleet.conf)
    : >/run/docker.net
    unshare --net=/run/docker.net sh -c \\
        "busybox ip link set lo up && $firewall && exec $daemon" >/dockerd.log 2>&1 &
    ;;
esac
"""
# dpkg must not start what it installs, as in any chroot.
POLICY: Final = "#!/bin/sh\nexit 101\n"
RUN: Final = """\
set -e
mount --bind /proc "$1/proc"
mount -t tmpfs none "$1/run"
mount --rbind /dev "$1/dev"
mount -t sysfs none "$1/sys" 2>/dev/null || true
mount -t cgroup2 none "$1/sys/fs/cgroup" 2>/dev/null || true
exec chroot "$1" "$2"
"""


PLAY: Final = """\
#!/bin/sh
# The daemon's own network begins when it is started.
export PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
/opt/serverfleet/boot || exit 1
[ -e /var/lib/serverfleet/booted ] || exit 1
in_network() { nsenter --net=/run/docker.net "$@"; }
in_network docker --tlsverify --tlscacert /client/ca.pem --tlscert /client/cert.pem \\
    --tlskey /client/key.pem -H tcp://localhost:2376 version >/dev/null &&
    echo "with: OK"
in_network docker --tls -H tcp://localhost:2376 version >/dev/null 2>&1 ||
    echo "without: refused"
"""


@pytest.fixture
def root() -> Iterator[Path]:
    programs = ("debootstrap", "unshare", "chroot", "tar", "iptables", "busybox")
    if os.geteuid() != 0 or not all(map(shutil.which, programs)):
        pytest.skip("only root can build a Debian root, with debootstrap")
    packed = CACHE / "bookworm.tar"
    folder = Path(tempfile.mkdtemp(prefix="sf-root-", dir="/var/tmp"))
    try:
        if not packed.exists():
            build_root(folder / "new", packed)
        (folder / "root").mkdir()
        subprocess.run(["tar", "-xf", packed, "-C", folder / "root"], check=True)
        yield folder / "root"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_root(folder: Path, packed: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = CACHE / "archives"
    kept.mkdir(exist_ok=True)
    build = ["debootstrap", "--variant=minbase", f"--cache-dir={kept}"]
    what = ["bookworm", str(folder), MIRROR]
    done = subprocess.run(
        [
            *build,
            "--include=apparmor,ca-certificates,iptables,docker.io",
            "--download-only",
            *what,
        ],
        capture_output=True,
        check=False,
        timeout=280,
    )
    if done.returncode:
        pytest.skip("Debian's mirror can't be reached")
    shutil.rmtree(folder)
    subprocess.run(
        [*build, *what],
        capture_output=True,
        check=True,
        timeout=280,
    )
    new = packed.with_suffix(f".{os.getpid()}")
    subprocess.run(["tar", "-cf", new, "-C", folder, "."], check=True)
    new.rename(packed)


def write_root(root: Path, text: str) -> None:
    """Write what cloud-init would write, and what stands in for systemd."""
    for each in read_config(text)["write_files"]:
        write(root, each["path"], each["content"], int(each["permissions"], 8))
    write(root, "/usr/local/bin/systemctl", SYSTEMCTL, 0o755)
    write(root, "/usr/sbin/policy-rc.d", POLICY, 0o755)
    shutil.copy(str(shutil.which("busybox")), root / "usr/local/bin")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    # apt takes from here what was downloaded before.
    for package in (CACHE / "archives").glob("*.deb"):
        shutil.copy(package, root / "var/cache/apt/archives")


def write(root: Path, path: str, content: str, mode: int) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
    target.chmod(mode)


def test_debian_boots_up_to_a_daemon_that_answers_over_tls(root: Path) -> None:
    name = name_server(uuid4())
    keys = issue_keys(name, now=datetime.now(UTC), days=1)
    setup = Setup(
        kind="docker",
        daemon_json={
            "storage-driver": "vfs",
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
        },
        files=(OwnFile("/etc/mine", "own\n", 0o600),),
        commands="docker info >/info\n",
        user_data="#!/bin/sh\necho {{ server }} >/own\n",
    )
    names = Names("agent-1", "ci", "builds", "", "large", 2)
    write_root(root, render_user_data(setup, names=names, keys=keys).text)
    # Docker gets a network of its own: port 2376 of this machine is for other tests.
    write(root, "/play", PLAY, 0o755)
    write(root, "/client/ca.pem", keys.ca_cert, 0o644)
    write(root, "/client/cert.pem", keys.client_cert, 0o644)
    write(root, "/client/key.pem", keys.client_key, 0o600)
    done = subprocess.run(
        [
            *("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", RUN, "sh", str(root), "/play"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    log = root / "var/log/serverfleet.log"
    said = log.read_text() if log.exists() else "no log"
    assert done.returncode == 0, (done.stdout, done.stderr, said[-3000:])
    steps = (root / "var/lib/serverfleet/steps").read_text().splitlines()
    assert [line.split("\t")[2:] for line in steps] == [
        ["0", "Stop Docker"],
        ["0", "Install Docker"],
        ["0", "Start Docker"],
        ["0", "Run the template's commands"],
        ["0", "Run the user data"],
    ]
    assert (root / "own").read_text() == "agent-1\n"
    assert "Storage Driver: vfs" in (root / "info").read_text()
    assert (root / "etc/docker/serverfleet/key.pem").stat().st_mode & 0o777 == 0o600
    # With the client's certificate it answers, and without one it refuses.
    assert "with: OK" in done.stdout
    assert "without: refused" in done.stdout
    assert "enable docker.service" in (root / "systemctl.log").read_text()
