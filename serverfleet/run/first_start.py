"""What the first start creates: tables, static files, admin, token, sandbox."""

import contextlib
import hashlib
import io
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from serverfleet import env
from serverfleet.run.data_folder import StartError
from servers import tracing
from servers.access.tokens import SCOPES, issue_token
from servers.models import Account, Template, TemplatePlacement, Token
from servers.models.encryption import refuse_wrong_keys
from servers.operations.accounts import save_account
from servers.operations.fleet import close_gates, initialise_fleet
from servers.operations.templates import save_template


def prepare_static(folder: Path) -> None:
    """Collect the static files if they changed since the last time."""
    stamp = folder / "static.stamp"
    wanted = _static_stamp()
    if stamp.exists() and stamp.read_text() == wanted and settings.STATIC_ROOT.exists():
        return
    # Removed first: a start after one that was killed here must collect again.
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(wanted)


def _static_stamp() -> str:
    """Return a digest that changes with any static file, including libraries'."""
    digest = hashlib.sha256(settings.VERSION.encode())
    paths = [
        Path(storage.path(name))
        for finder in get_finders()
        for name, storage in finder.list([])
    ]
    for path in sorted(paths):
        status = path.stat()
        digest.update(f"{path}:{status.st_mtime_ns}:{status.st_size}\n".encode())
    return digest.hexdigest()


def prepare_database(address: str | None) -> str:
    """Migrate, create what is missing, and return the block to print.

    ``address`` is where this machine is about to serve. Then there is also a sandbox to
    try. With None, nothing runs on this machine, and no sandbox is created.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        with contextlib.redirect_stdout(io.StringIO()):
            call_command("migrate", interactive=False, verbosity=0)
    refuse_wrong_keys()
    # All or nothing: an admin whose password was never shown would lock everyone out.
    with tracing.bound(actor="first start"), transaction.atomic():
        initialise_fleet()
        close_gates()
        admin = _make_admin()
        token = _make_token()
        if address is not None:
            _make_sandbox()
    connection.close()  # the supervisor does not need it
    return _describe(address, admin, token)


def _make_admin() -> tuple[str, str] | None:
    """Create the first admin. Return None if there is a user already."""
    users = get_user_model().objects
    if users.exists():
        return None
    name = env.read_text("SERVERFLEET_ADMIN_USERNAME", "admin")
    given = env.read_secret("SERVERFLEET_ADMIN_PASSWORD")
    password = given or secrets.token_urlsafe(12)
    try:
        validate_password(password)
    except ValidationError as error:
        raise StartError(f"SERVERFLEET_ADMIN_PASSWORD: {error.messages[0]}") from None
    users.create_superuser(username=name, password=password)
    return name, "as you set it" if given else password


def _make_token() -> str | None:
    if Token.objects.exists():
        return None
    return issue_token("first", scopes=SCOPES)


def _make_sandbox() -> None:
    """Create the simulated cloud if no account is configured."""
    if Account.objects.exists():
        return
    account = save_account(Account(name="sandbox", kind="sandbox"))
    save_template(
        Template(name="default", overrides=Template.Overrides.ANY, is_default=True),
        [TemplatePlacement(account=account, image="ubuntu-24.04", size="small")],
    )


def _describe(
    address: str | None, admin: tuple[str, str] | None, token: str | None
) -> str:
    head = f"ServerFleet {settings.VERSION} is at {address}"
    if address is None:
        head = (
            f"The database is ready for ServerFleet {settings.VERSION}. Start the "
            "processes."
        )
    lines = ["", head, ""]
    if admin:
        lines.append(f"  Log-in     {admin[0]}  {admin[1]}")
    elif address:
        lines.append(f"  Log-in     {address}/login/")
    if token:
        lines.append(f"  API token  {token}")
    else:
        lines.append(
            "  API token  .venv/bin/python manage.py createtoken NAME "
            "--scope servers:write"
        )
    if address:
        shown = token or "$TOKEN"
        lines.append(
            f"  Try        curl -X POST -H 'Authorization: Bearer {shown}' "
            f"{address}/api/servers"
        )
    lines += [f"  Data       {settings.DATA_DIR or 'none'}", ""]
    if admin or token:
        lines += ["  These credentials are shown only once.", ""]
    return "\n".join(lines)
