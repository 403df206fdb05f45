"""Keys that are mounted, or that come by settings, are read and never written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serverfleet.run.data_folder import prepare_folder
from servers.drill.service import ROOT

pytestmark = pytest.mark.pure

FILES = {"secret-key", "encryption-keys", "installation"}
SETTINGS = {
    "secret-key": "SERVERFLEET_SECRET_KEY",
    "encryption-keys": "SERVERFLEET_ENCRYPTION_KEYS",
    "installation": "SERVERFLEET_INSTALLATION_ID",
}
NOBODY = 65534


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS.values():
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


def test_keys_that_exist_are_left_alone(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    keys = tmp_path / "keys"
    before = {path.name: path.read_text() for path in keys.iterdir()}
    assert before.keys() == FILES
    # Whatever is written in a folder changes its time, if only for a moment.
    os.utime(keys, ns=(1, 1))
    prepare_folder(tmp_path)
    assert keys.stat().st_mtime_ns == 1
    assert {path.name: path.read_text() for path in keys.iterdir()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_starts_with_keys_that_it_can_only_read(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    keys = tmp_path / "keys"
    for path in keys.iterdir():
        path.chmod(0o400)
    keys.chmod(0o500)
    for folder in tmp_path.parents:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); "
        "from pathlib import Path; "
        "from serverfleet.run.data_folder import prepare_folder; "
        f"os.setgid({NOBODY}); os.setuid({NOBODY}); prepare_folder(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(ROOT)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_nothing_is_written_where_settings_give_all_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    for name in SETTINGS.values():
        monkeypatch.setenv(f"{name}{suffix}", "given")
    prepare_folder(tmp_path)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("given", sorted(FILES))
def test_only_the_keys_that_nothing_gives_are_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv(SETTINGS[given], "given")
    prepare_folder(tmp_path)
    assert {path.name for path in (tmp_path / "keys").iterdir()} == FILES - {given}
