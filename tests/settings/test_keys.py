"""Encryption keys: rotated while the service runs, and refused where they are wrong."""

import base64
import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from servers.drill.service import ROOT, Service
from servers.models import Account, Fleet, Server, Template, encryption
from servers.models.fields import DecryptionError
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
from tests.support.fleet import make_fleet, provision

OLD = {"k1": b"k" * 32}
NEW = {"k2": b"n" * 32, **OLD}
ONLY_NEW = {"k2": b"n" * 32}


@pytest.fixture
def secrets(transactional_db: Any) -> Server:
    """A fleet with a secret in every encrypted column."""
    account = make_fleet()
    save_account(account, credentials={"token": "cloud-needle"})
    template = Template.objects.get()
    template.user_data = "data-needle"
    save_template(template)
    server = provision()
    server.secret, server.ca_key, server.tls_key = "one", "two", "three"
    server.save(update_fields=["secret", "ca_key", "tls_key"])
    return server


def run(command: str) -> str:
    said = io.StringIO()
    call_command(command, stdout=said)
    return said.getvalue()


def read_all(server: Server) -> tuple[Any, ...]:
    row = Server.objects.get(pk=server.pk)
    credentials = json.loads(Account.objects.get().credentials)
    return (
        row.secret,
        row.ca_key,
        row.tls_key,
        credentials["token"],
        Template.objects.get().user_data,
        Fleet.objects.get().key_check,
    )


WANTED = ("one", "two", "three", "cloud-needle", "data-needle", "serverfleet")


def test_after_a_rotation_the_new_key_alone_reads_everything(secrets: Server) -> None:
    with override_settings(ENCRYPTION_KEYS=NEW):
        assert read_all(secrets) == WANTED  # the old one still decrypts
        said = run("rotatekeys")
        assert "encrypted again with k2" in said
        assert "k1: no longer needed. You can remove it." in said
        assert "encrypted again with k2: 0." in run("rotatekeys")
    with override_settings(ENCRYPTION_KEYS=ONLY_NEW):
        assert read_all(secrets) == WANTED
        assert "Every value can be read." in run("checkkeys")
        assert set(encryption.count_by_key()) == {"k2"}


def test_a_rotation_that_was_killed_goes_on_and_keeps_what_was_written_meanwhile(
    secrets: Server,
) -> None:
    for row in (provision(), provision()):
        row.secret = "another"
        row.save(update_fields=["secret"])
    with override_settings(ENCRYPTION_KEYS=NEW):
        done, failed = encryption.rotate_batch(1)
        assert done > 0
        assert failed == 0
        assert encryption.count_by_key()["k1"] > 0
        assert read_all(secrets) == WANTED
    with override_settings(ENCRYPTION_KEYS=OLD):
        # A process that has not been restarted writes under the old key.
        row = Server.objects.get(pk=secrets.pk)
        row.ca_key = "changed meanwhile"
        row.save(update_fields=["ca_key"])
    with override_settings(ENCRYPTION_KEYS=NEW):
        run("rotatekeys")
    with override_settings(ENCRYPTION_KEYS=ONLY_NEW):
        assert Server.objects.get(pk=secrets.pk).ca_key == "changed meanwhile"


def test_a_missing_key_is_named_and_nothing_is_rotated(secrets: Server) -> None:
    with override_settings(ENCRYPTION_KEYS=ONLY_NEW):
        for command in ("checkkeys", "rotatekeys"):
            with pytest.raises(CommandError, match="'k1', which is not in"):
                run(command)
        with pytest.raises(DecryptionError):
            read_all(secrets)


def test_one_value_that_cannot_be_read_is_found_and_keeps_the_keys(
    secrets: Server,
) -> None:
    other = provision()
    Server.objects.filter(pk=other.pk).update(
        secret=Server._meta.get_field("secret").seal("moved", secrets.pk)
    )
    errors = io.StringIO()
    with pytest.raises(CommandError, match="can't be read: 1"):
        call_command("checkkeys", stderr=errors, stdout=io.StringIO())
    assert str(other.pk) in errors.getvalue()
    assert "moved or damaged" in errors.getvalue()
    with (
        override_settings(ENCRYPTION_KEYS=NEW),
        pytest.raises(CommandError, match="keep all keys"),
    ):
        run("rotatekeys")


def test_values_that_cannot_be_read_do_not_hold_up_the_others(secrets: Server) -> None:
    broken = sorted((provision() for _ in range(6)), key=lambda server: server.pk)
    seal = Server._meta.get_field("secret").seal
    Server.objects.filter(pk__in=[server.pk for server in broken[:3]]).update(
        secret=seal("moved", secrets.pk)
    )
    with override_settings(ENCRYPTION_KEYS=NEW):
        for _ in range(20):
            done, failed = encryption.rotate_batch(2)
            if not done:
                break
        assert failed == 3
        assert encryption.count_by_key()["k1"] == 3


@pytest.mark.pure
def test_a_service_with_another_key_refuses_to_start_in_one_sentence() -> None:
    wrong = f"k1:{base64.b64encode(os.urandom(32)).decode()}"
    service = Service()
    # The keys, and the database that they fit, without any process to start and stop.
    for command in (
        ["-m", "serverfleet.run.data_folder", str(service.data)],
        ["-m", "serverfleet.run.up", "--prepare"],
    ):
        done = run_python(command, service.env)
        assert done.returncode == 0, done.stderr
    env = {**service.env, "SERVERFLEET_ENCRYPTION_KEYS": wrong}
    for command in (
        ["-m", "serverfleet.run.up"],
        ["-m", "gunicorn", "serverfleet.wsgi", "--bind", "127.0.0.1:0"],
        ["-m", "celery", "-A", "serverfleet", "worker", "-P", "threads"],
    ):
        done = run_python(command, env)
        assert done.returncode != 0, command
        said = done.stderr + done.stdout
        assert "The encryption keys don't match this database." in said
        assert "Traceback" not in said, said


def run_python(command: list[str], env: dict[str, str]) -> Any:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**env, "SERVERFLEET_HTTPS": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
