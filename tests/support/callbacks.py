"""Instances that call back: the script and its files in a folder of their own.

``/proc`` is searched for the token and the secret as long as one runs.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from servers.machine.callback.script import (
    CA,
    FOLDER,
    SCRIPT,
    TOKEN,
    render_script,
    render_token,
)
from servers.machine.callback.tokens import make_token

# What every image has. What calls is added by name.
PROGRAMS: Final = (
    *("awk", "cat", "chmod", "cmp", "cut", "date", "grep", "head", "mkdir", "mv"),
    *("od", "rm", "sed", "sleep", "sync", "tail", "timeout", "tr", "wc"),
)


class CallingInstance:
    """An instance whose boot the test plays.

    ``files`` are those of real user data, by path. Without them, it only calls.
    """

    def __init__(
        self,
        folder: Path,
        url: str = "",
        *,
        token: str = "",
        ca: str = "",
        shell: tuple[str, ...] = ("dash",),
        client: str = "curl",
        has_docker: bool = False,
        has_agent: bool = False,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        files = dict(files or {})
        if not files:
            script = render_script(url=url, has_docker=has_docker, has_agent=has_agent)
            files = {SCRIPT: script, TOKEN: render_token(token or make_token())}
            files |= {CA: ca} if ca else {}
        self.token = files[TOKEN].strip()
        self.shell = shell
        self.leaks: set[str] = set()
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("opt", "state", "run", "bin"):
            (folder / name).mkdir(parents=True)
        for path, text in files.items():
            if path.startswith(f"{FOLDER}/"):
                file = folder / "opt" / path.removeprefix(f"{FOLDER}/")
                file.write_text(self.move(text))
                file.chmod(0o700)
        self.script = folder / "opt/callback"
        self.log = folder / "boot.log"
        self.said = folder / "said"
        for name in (*PROGRAMS, *filter(None, [client])):
            self.add_program(name)

    def move(self, text: str) -> str:
        """Return a script of an instance as it is for this folder."""
        places = {
            "/run/serverfleet": "run/serverfleet",
            "/run/cloud-init": "run/cloud-init",
            "/var/lib/serverfleet": "state",
            "/var/log/serverfleet.log": "boot.log",
            FOLDER: "opt",
        }
        for there, here in places.items():
            text = text.replace(there, str(self.folder / here))
        text = text.replace("-ge 20 ]", "-ge 3 ]").replace("step=5", "step=1")
        return re.sub("sleep [125]\\b", "sleep 0.3", text)

    def add_program(self, name: str) -> None:
        """Put a program of this machine on the instance."""
        found = shutil.which(name)
        assert found, name
        path = self.folder / "bin" / name
        if self.shell[0] == "busybox" and name in PROGRAMS:
            found = shutil.which("busybox")
        if not path.exists():
            path.symlink_to(str(found))

    def add_script(self, name: str, text: str) -> Path:
        """Put a script on the instance."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def finish_step(self, name: str, *, seconds: int = 1, code: int = 0) -> None:
        """Record a step as the boot's script does."""
        with (self.folder / "state/steps").open("a") as file:
            file.write(f"100\t{100 + seconds}\t{code}\t{name}\n")

    def begin_step(self, name: str) -> None:
        """Note a step that runs as the boot's script does."""
        (self.folder / "state/step").write_text(name)

    def finish_boot(self) -> None:
        """Record that the last step is through."""
        (self.folder / "state/booted").touch()

    def start(self, **environment: str) -> Self:
        """Start the service, as at each boot."""
        shell = [str(shutil.which(self.shell[0])), *self.shell[1:]]
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [*shell, str(self.script)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={"PATH": str(self.folder / "bin"), **environment},
                start_new_session=True,
            )
        threading.Thread(target=self._watch, args=(self.process,), daemon=True).start()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the service at once, whatever it does."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def read_secret(self) -> str:
        """Return the secret, or "" if there is none yet."""
        path = self.folder / "state/callback/secret"
        return path.read_text() if path.exists() else ""

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Look for secrets in what each process of the session shows to others."""
        while process.poll() is None:
            hidden = [self.token.encode(), self.read_secret().encode() or b"\0none"]
            for each in Path("/proc").iterdir():
                with suppress(OSError, ValueError):
                    if os.getsid(int(each.name)) != process.pid:
                        continue
                    for name in ("cmdline", "environ"):
                        shown = (each / name).read_bytes()
                        if any(word in shown for word in hidden):
                            self.leaks.add(shown.decode(errors="replace"))
            time.sleep(0.01)


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.02)
