"""An admin's browser, with the sandbox and an account at a cloud."""

from typing import Any

import pytest


@pytest.fixture
def admin(workshop: Any) -> Any:
    # Here, since this file is read before Django is set up.
    from servers.models import Account
    from servers.operations.accounts import save_account
    from tests.dashboard.templates.forms import KEYS
    from tests.support.fleet import make_fleet
    from tests.support.people import log_in, make_person

    make_fleet()
    save_account(
        Account(name="spare", kind="amazon", region="eu-central-1"), credentials=KEYS
    )
    return log_in(make_person("admin", name="ada"))
