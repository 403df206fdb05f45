"""The script on an instance starts the agent, watches it and tells it to end."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.callbacks import CallingInstance, wait_until
from tests.support.receivers import receive

pytestmark = pytest.mark.pure


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
        assert receiver.list("heartbeat")[-1]["agent"] == "spent"


def test_the_end_of_an_agent_for_one_build_is_told_at_once(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    with (
        receive() as receiver,
        CallingInstance(tmp_path / "a", receiver.url, has_agent=True) as instance,
    ):
        instance.add_script(
            "opt/agent",
            f"case $1 in\nlook) [ ! -e {ended} ] || exit 3 ;;\n"
            f"await) until [ -e {ended} ]; do sleep 0.1; done; exit 4 ;;\nesac",
        )
        instance.finish_boot()
        instance.start()
        wait_until(lambda: receiver.list("heartbeat"))
        assert receiver.list("heartbeat")[-1]["agent"] == "running"
        began = time.monotonic()
        ended.touch()
        wait_until(lambda: receiver.list("heartbeat")[-1]["agent"] == "spent")
        # The next heartbeat would come after 30 seconds, and so would the next look.
        assert time.monotonic() - began < 15


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
