"""The script on an instance reports its boot and health."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from servers.machine.callback.script import render_script, render_token
from servers.machine.callback.tokens import make_token
from tests.support.callbacks import CallingInstance, wait_until
from tests.support.receivers import receive

pytestmark = pytest.mark.pure

DASH, BUSYBOX = ("dash",), ("busybox", "sh")


BOTH = pytest.mark.parametrize(
    ("shell", "client"), [(DASH, "wget"), (BUSYBOX, "curl")], ids=["wget", "curl"]
)


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


def test_the_script_is_posix_shell() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("there is no shellcheck")
    text = render_script(url="https://x", has_docker=True, has_agent=True)
    words = ["shellcheck", "--shell=sh", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
