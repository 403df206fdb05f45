"""The script on an instance reports its boot and health, however bad the link is."""

import shutil
import stat
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from servers.machine.callback.script import render_script, render_token
from servers.machine.callback.tokens import make_token
from servers.machine.certificates import issue_keys
from tests.support.callbacks import CallingInstance, wait_until
from tests.support.receivers import BEHAVIOURS, receive

pytestmark = pytest.mark.pure

DASH, BUSYBOX = ("dash",), ("busybox", "sh")
BOTH = pytest.mark.parametrize(
    ("shell", "client"), [(DASH, "wget"), (BUSYBOX, "curl")], ids=["wget", "curl"]
)

BAD_LINKS = (*((each,) for each in BEHAVIOURS), ("500", "drop"))


@BOTH
def test_a_boot_is_reported_as_it_goes_on_and_heartbeats_follow(
    tmp_path: Path, shell: tuple[str, ...], client: str
) -> None:
    for program in (shell[0], client):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")
    folder = tmp_path / "instance"
    with (
        receive() as receiver,
        CallingInstance(
            folder, receiver.url, shell=shell, client=client, has_agent=True
        ) as instance,
    ):
        instance.log.write_bytes(
            b'\x00\x1b[31mred\x1b[0m\a "a\\b"\tc\r\n10%\r20%\r\nna\xc3\xafve \xf0\x9f'
            b"\x98\x80 \xff \xc3( \xed\xa0\x80 \xc2\x85.\n"
        )
        instance.start(token="x", code="y", secret="z")
        wait_until(lambda: receiver.list("boot"))
        first = receiver.list("boot")[0]
        assert first == {
            "secret": instance.read_secret(),
            "phase": "booting",
            "steps": [],
            "log": 'red "a\\b"\tc\n10%\n20%\nna\xefve \U0001f600 ? ?( ? .\n',
        }
        assert len(first["secret"]) == 64
        assert int(first["secret"], 16)

        instance.begin_step('Pull "x"')
        wait_until(lambda: receiver.list("boot")[-1]["steps"] == [{"name": 'Pull "x"'}])
        instance.finish_step('Pull "x"', seconds=12)
        steps = [{"name": 'Pull "x"', "seconds": 12, "ok": True}]
        wait_until(lambda: receiver.list("boot")[-1]["steps"] == steps)
        instance.begin_step("Create the agent")
        running = [*steps, {"name": "Create the agent"}]
        wait_until(lambda: receiver.list("boot")[-1]["steps"] == running)
        instance.finish_step("Create the agent", seconds=-400)
        (folder / "run/cloud-init").mkdir()
        instance.finish_boot()
        wait_until(
            lambda: receiver.list("boot")[-1]["log"].endswith(
                "\n== Waiting for cloud-init to finish\n"
            )
        )
        (folder / "run/cloud-init/result.json").touch()
        wait_until(
            lambda: (
                "\n== Waiting for the agent to run\n"
                in receiver.list("boot")[-1]["log"]
            )
        )
        assert {each["phase"] for each in receiver.list("boot")} == {"booting"}
        assert not receiver.list("heartbeat")

        # The agent's own script has tests of its own.
        instance.add_script(
            "opt/agent",
            f'echo "$1" >>"{folder}/asked"\n'
            f'case $1 in builds | drain) cat "{folder}/builds" ;; esac\n'
            f'[ "$1" != drain ] || [ ! -s "{folder}/builds" ] || exit 10\n'
            f'[ "$1" != start ] || : >"{folder}/started"\n'
            f'[ "$1" != look ] || {{ [ -e "{folder}/started" ] && '
            f'[ ! -e "{folder}/gone" ]; }}',
        )
        (folder / "builds").write_text('web #1 "x"\nweb #2\n')
        wait_until(lambda: receiver.list("heartbeat"))
        told = receiver.list("boot")[-1]
        assert told["phase"] == "ready"
        *before, started = told["steps"]
        assert before == [
            *steps,
            {"name": "Create the agent", "seconds": 0, "ok": True},
        ]
        assert (started["name"], started["ok"]) == ("Start the agent", True)
        assert receiver.list("heartbeat")[0] == {
            "secret": first["secret"],
            "agent": "running",
            "docker": "none",
            "drained": False,
            "builds": ['web #1 "x"', "web #2"],
        }

        # It survives a reboot: the secret stays, and the boot is not told again.
        instance.stop()
        boots = len(receiver.list("boot"))
        beats = len(receiver.list("heartbeat"))
        (folder / "gone").touch()
        instance.start()
        wait_until(lambda: receiver.list("heartbeat")[-1]["agent"] == "ended")
        assert len(receiver.list("heartbeat")) > beats
        assert len(receiver.list("boot")) == boots

        wait_until(lambda: len(receiver.list("heartbeat")) > beats + 2)
        receiver.answer["cordon"] = True
        cordoned = folder / "run/serverfleet/cordoned"
        assert "drain" not in (folder / "asked").read_text()
        wait_until(cordoned.exists)
        wait_until(lambda: "drain" in (folder / "asked").read_text())
        instance.stop()
        instance.start()
        (folder / "asked").write_text("")
        receiver.answer["cordon"] = False
        wait_until(lambda: "resume" in (folder / "asked").read_text())
        assert not cordoned.exists()
        receiver.answer["drain"] = True
        (folder / "asked").write_text("")
        wait_until(lambda: "drain" in (folder / "asked").read_text())
        assert "resume" not in (folder / "asked").read_text()
        beats = len(receiver.list("heartbeat"))
        wait_until(lambda: len(receiver.list("heartbeat")) > beats + 1)
        assert not receiver.list("heartbeat")[-1]["drained"]
        (folder / "builds").write_text("")
        wait_until(lambda: receiver.list("heartbeat")[-1]["drained"])
        assert receiver.list("heartbeat")[-1]["builds"] == []

        # A drain that hangs is neither cut off nor repeated, and holds up no heartbeat.
        instance.add_script(
            "opt/agent", f'echo "$1" >>"{folder}/asked"\n[ "$1" != drain ] || sleep 60'
        )
        (folder / "asked").write_text("")
        wait_until(lambda: not receiver.list("heartbeat")[-1]["drained"], 40)
        beats = len(receiver.list("heartbeat"))
        wait_until(lambda: len(receiver.list("heartbeat")) > beats, 40)
        assert (folder / "asked").read_text().split().count("drain") == 1

        assert {each.headers["authorization"] for each in receiver.calls} == {
            f"Bearer {instance.token}"
        }
        kinds = {each.headers["content-type"] for each in receiver.calls}
        assert kinds == {"application/json"}
        assert {each["secret"] for each in receiver.list("heartbeat")} == {
            first["secret"]
        }
        assert instance.leaks == set()
        for path in (
            *(folder / "state/callback").iterdir(),
            *cordoned.parent.iterdir(),
        ):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert instance.said.read_text() == ""


def test_a_boot_that_hears_of_a_drain_starts_no_agent_and_reports_the_end(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        receiver = stack.enter_context(receive())
        receiver.answer |= {"cordon": True, "drain": True, "again": 1}
        found = {}
        for name in ("booting", "failed", "busy"):
            instance = CallingInstance(
                tmp_path / name, receiver.url, has_docker=True, has_agent=True
            )
            found[name] = instance.read_secret
            busy = "10" if name == "busy" else "0"
            instance.add_script("opt/agent", f'[ "$1" != drain ] || exit {busy}')
            if name == "failed":
                instance.finish_step("Install Docker", code=1)
            stack.enter_context(instance.start())
        wait_until(
            lambda: len({each["secret"] for each in receiver.list("heartbeat")}) == 3
        )

        def read_last(name: str) -> Any:
            beats = receiver.list("heartbeat")
            return [each for each in beats if each["secret"] == found[name]()][-1]

        assert read_last("booting")["drained"]
        assert read_last("failed")["drained"]
        assert not read_last("busy")["drained"]
        assert read_last("busy")["docker"] == "silent"  # there is none yet


def test_no_agent_starts_before_a_report_of_the_whole_boot_was_accepted(
    tmp_path: Path,
) -> None:
    asked = tmp_path / "asked"
    with (
        receive() as receiver,
        CallingInstance(tmp_path / "a", receiver.url, has_agent=True) as instance,
    ):
        instance.add_script(
            "opt/agent",
            f'echo "$1" >>"{asked}"\n[ "$1" != look ] || grep -q start "{asked}"',
        )
        instance.start()
        # While it boots, each report is accepted. Then it was given up.
        wait_until(lambda: receiver.list("boot"))
        receiver.behaviours.extend(["401", "401"])
        instance.finish_step("Create the agent")
        instance.finish_boot()
        wait_until(lambda: not receiver.behaviours)
        assert {each["phase"] for each in receiver.list("boot")} == {"booting"}
        # It reboots, and is refused again, or nobody answers.
        instance.stop()
        receiver.behaviours.extend(["401", "drop"])
        instance.start()
        wait_until(lambda: not receiver.behaviours)
        assert "start" not in asked.read_text()
        wait_until(lambda: receiver.list("heartbeat"))
        assert asked.read_text().split().count("start") == 1
        *_, allowed, told = receiver.list("boot")
        created = {"name": "Create the agent", "seconds": 1, "ok": True}
        assert (allowed["phase"], allowed["steps"]) == ("booting", [created])
        assert told["phase"] == "ready"
        started = told["steps"][-1]
        assert (started["name"], started["ok"]) == ("Start the agent", True)


def test_an_agent_whose_only_build_was_short_has_run(tmp_path: Path) -> None:
    with (
        receive() as receiver,
        CallingInstance(tmp_path / "a", receiver.url, has_agent=True) as instance,
    ):
        instance.add_script("opt/agent", '[ "$1" != look ] || exit 3')
        instance.finish_boot()
        instance.start()
        wait_until(lambda: receiver.list("heartbeat"))
        assert receiver.list("boot")[-1]["phase"] == "ready"
        assert receiver.list("heartbeat")[-1]["agent"] == "ended"


def test_an_agent_that_does_not_start_fails_the_boot(tmp_path: Path) -> None:
    with (
        receive() as receiver,
        CallingInstance(tmp_path / "a", receiver.url, has_agent=True) as instance,
    ):
        instance.add_script("opt/agent", "echo no space left >&2; exit 1")
        instance.finish_boot()
        instance.start()
        wait_until(
            lambda: "failed" in {each["phase"] for each in receiver.list("boot")}
        )
        told = receiver.list("boot")[-1]
        assert [each["name"] for each in told["steps"]] == ["Start the agent"]
        assert told["log"].endswith("== Start the agent\nno space left\n")


def test_a_cordon_during_the_boot_keeps_the_agent_from_being_waited_for(
    tmp_path: Path,
) -> None:
    with (
        receive() as receiver,
        CallingInstance(tmp_path / "a", receiver.url, has_agent=True) as instance,
    ):
        receiver.answer |= {"cordon": True, "again": 1}
        asked = tmp_path / "asked"
        instance.add_script(
            "opt/agent",
            f'echo "$1" >>"{asked}"\n[ "$1" != look ] || grep -q resume "{asked}"',
        )
        instance.start()
        wait_until((tmp_path / "a/run/serverfleet/cordoned").exists)
        instance.finish_boot()
        wait_until(lambda: receiver.list("heartbeat"))
        assert receiver.list("boot")[-1]["phase"] == "ready"
        assert "resume" not in asked.read_text()
        # Uncordoned, the agent is started that the boot has not started.
        receiver.answer["cordon"] = False
        wait_until(lambda: receiver.list("heartbeat")[-1]["agent"] == "running")


def test_a_docker_that_hangs_is_told_and_what_was_known_of_builds_stays(
    tmp_path: Path,
) -> None:
    with (
        receive() as receiver,
        CallingInstance(
            tmp_path / "a", receiver.url, has_docker=True, has_agent=True
        ) as instance,
    ):
        receiver.answer["again"] = 1
        script = instance.script.read_text()
        instance.script.write_text(
            script.replace("timeout 20 docker", "timeout 1 docker")
        )
        hangs = tmp_path / "hangs"
        instance.add_script("bin/docker", f'[ ! -e "{hangs}" ] || exec sleep 60')
        instance.add_script("opt/agent", '[ "$1" != builds ] || echo "web #1"')
        instance.finish_boot()
        instance.start()
        wait_until(lambda: receiver.list("heartbeat"))
        first = receiver.list("heartbeat")[0]
        assert (first["docker"], first["builds"]) == ("answers", ["web #1"])
        hangs.touch()
        wait_until(lambda: receiver.list("heartbeat")[-1]["docker"] == "silent")
        assert receiver.list("heartbeat")[-1] == {**first, "docker": "silent"}
        hangs.unlink()
        wait_until(lambda: receiver.list("heartbeat")[-1] == first)


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


def test_a_failed_boot_is_told_with_the_end_of_its_log_which_stays_small(
    tmp_path: Path,
) -> None:
    with (
        receive() as receiver,
        CallingInstance(tmp_path / "a", receiver.url) as instance,
    ):
        receiver.behaviours.append("413")
        instance.log.write_bytes("ä€😀".encode() * 40_000 + b"the end")
        instance.finish_step("Install Docker", code=100)
        instance.start()
        wait_until(lambda: receiver.list("boot"))
        refused, told = (each.body for each in receiver.calls)
        assert refused["phase"] == told["phase"] == "failed"
        assert told["steps"] == [{"name": "Install Docker", "seconds": 1, "ok": False}]
        assert refused["log"].endswith("ä€😀the end")
        assert 4000 < len(refused["log"].encode()) <= 16384
        assert told["log"] == ""  # it was too large for whoever answers
        assert all(len(each.text) < 65536 for each in receiver.calls)

        instance.log.write_bytes(b'\xff\x00"' * 10_000 + b"\\")
        for number in range(100):
            instance.finish_step(f"Pull {number:0>300}\\", code=1)
        # A report may be sent while these steps are still written.
        wait_until(lambda: len(receiver.list("boot")[-1]["steps"]) == 63)
        assert len(receiver.calls[-1].text) < 65536
        body = receiver.list("boot")[-1]
        assert len(body["log"]) <= 16384
        assert body["log"].endswith('?"?"\\')
        # Someone repeats it by hand, and it succeeds.
        instance.finish_step("Install Docker")
        instance.finish_boot()
        wait_until(lambda: receiver.list("heartbeat"))
        assert receiver.list("boot")[-1]["phase"] == "ready"


def test_an_image_of_an_instance_that_called_before_gets_a_secret_of_its_own(
    tmp_path: Path,
) -> None:
    with receive() as receiver:
        first = CallingInstance(tmp_path / "a", receiver.url)
        first.finish_boot()
        with first.start():
            wait_until(lambda: receiver.list("heartbeat"))
        secret = first.read_secret()
        first.token = make_token()
        (tmp_path / "a/opt/callback.token").write_text(render_token(first.token))
        with first.start():
            wait_until(lambda: len(receiver.list("boot")) > 1)
            # What runs when the token changes ends before it calls with the old one.
            second = first.token
            third = make_token()
            calls = len(receiver.calls)
            (tmp_path / "a/opt/callback.token").write_text(render_token(third))
            assert first.process
            first.process.wait(20)
        tokens = {each.headers["authorization"] for each in receiver.calls[calls + 1 :]}
        assert tokens <= {f"Bearer {second}"}
        body = receiver.list("boot")[-1]
        assert body["phase"] == "ready"
        assert body["secret"] == first.read_secret() != secret


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


def test_the_script_is_posix_shell() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("there is no shellcheck")
    text = render_script(url="https://x", has_docker=True, has_agent=True)
    words = ["shellcheck", "--shell=sh", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""


@pytest.mark.parametrize("token", ["", "cb_x", f"cb_{'a' * 42}\n", f'cb_{"a" * 42}"'])
def test_what_is_no_token_is_never_written(token: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        render_token(token)
