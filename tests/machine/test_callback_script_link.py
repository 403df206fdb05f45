"""The script on an instance calls over any link, and shows its token to nobody else."""

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from servers.machine.callback.script import render_token
from servers.machine.certificates import issue_keys
from tests.support.callbacks import CallingInstance, wait_until
from tests.support.receivers import BEHAVIOURS, receive

pytestmark = pytest.mark.pure

BAD_LINKS = (*((each,) for each in BEHAVIOURS), ("500", "drop"))


def test_a_bad_link_delays_a_report_and_the_same_secret_comes_again(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        running = []
        for client in filter(shutil.which, ("curl", "wget")):
            for behaviours in BAD_LINKS:
                receiver = stack.enter_context(receive())
                receiver.behaviours.extend(behaviours)
                folder = tmp_path / f"{client}-{'-'.join(behaviours)}"
                instance = CallingInstance(folder, receiver.url, client=client)
                script = instance.script.read_text()
                instance.script.write_text(
                    script.replace("'max-time = 30'", "'max-time = 2'").replace(
                        "timeout 30 wget", "timeout 2 wget"
                    )
                )
                instance.finish_boot()
                running.append((behaviours, receiver, instance))
                stack.enter_context(instance.start())
        for behaviours, receiver, instance in running:
            wait_until(lambda: receiver.list("heartbeat"), 40)  # noqa: B023
            assert instance.leaks == set()
            assert receiver.list("boot")[-1]["phase"] == "ready"
            calls = [each for each in receiver.calls if each.path.endswith("/boot")]
            assert tuple(each.behaviour for each in calls[:-1]) == behaviours
            assert {each.body["secret"] for each in calls} == {instance.read_secret()}
            gaps = [b.at - a.at for a, b in pairwise(calls)]
            for number, (gap, behaviour) in enumerate(
                zip(gaps, behaviours, strict=True)
            ):
                assert gap >= (3 if behaviour == "429" else 2**number)
                assert gap < 11
            said = instance.said.read_text()
            assert said.count("did not take the boot report") == len(behaviours)


def test_only_the_right_certificate_gets_the_token(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    keys, others, old = (
        issue_keys("callback.test", now=now - timedelta(days=age), days=1)
        for age in (0, 0, 3)
    )
    with ExitStack() as stack:
        trusted, wrong, expired, plain = (
            stack.enter_context(receive(each)) for each in (keys, keys, old, None)
        )
        instances: list[CallingInstance] = []
        for client in filter(shutil.which, ("curl", "wget")):
            for receiver, ca in (
                (trusted, keys.ca_cert),
                (wrong, others.ca_cert),
                (wrong, ""),
                (expired, old.ca_cert),
            ):
                folder = tmp_path / str(len(instances))
                instance = CallingInstance(folder, receiver.url, ca=ca, client=client)
                instances.append(stack.enter_context(instance.start()))
        # Something that answers in plain HTTP where TLS is expected gets nothing.
        url = plain.url.replace("http:", "https:")
        lone = stack.enter_context(CallingInstance(tmp_path / "plain", url).start())
        wait_until(lambda: len(trusted.list("boot")) >= len(instances) // 4)
        wait_until(
            lambda: all(
                "did not take" in each.said.read_text()
                for each in (*instances, lone)
                if each.said.read_text() or each not in instances[::4]
            )
        )
        secrets = {each["secret"] for each in trusted.list("boot")}
        assert secrets == {each.read_secret() for each in instances[::4]}
        assert not wrong.calls
        assert not expired.calls
        assert all(b"Bearer" not in str(each).encode() for each in plain.calls)
        assert set.union(*(each.leaks for each in instances)) == set()


def test_without_a_client_that_hides_the_token_one_is_installed(tmp_path: Path) -> None:
    with receive() as receiver:
        instance = CallingInstance(tmp_path / "a", receiver.url, client="")
        # BusyBox has a wget, too, which takes the token only as an argument.
        instance.add_script("bin/wget", "echo 'BusyBox v1.35.0'; exit 1")
        curl = shutil.which("curl")
        instance.add_script(
            "bin/apt-get",
            f'echo "$*" >>"{tmp_path}/asked"\n'
            f'case "$*" in *curl*) {shutil.which("ln")} -sf {curl} '
            f'"{tmp_path}/a/bin/curl" ;; esac',
        )
        instance.finish_boot()
        with instance.start():
            wait_until(lambda: receiver.list("heartbeat"))
        asked = (tmp_path / "asked").read_text().splitlines()
        assert [each.split()[-1] for each in asked] == ["update", "ca-certificates"]


@pytest.mark.parametrize("token", ["", "cb_x", f"cb_{'a' * 42}\n", f'cb_{"a" * 42}"'])
def test_what_is_no_token_is_never_written(token: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        render_token(token)
