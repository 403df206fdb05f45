"""Test clients that request pages like browsers."""

from typing import Any

import pytest

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(autouse=True)
def as_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Django's client send an Accept header, which it does not do by default."""
    # Imported here, since this file is loaded before Django is set up.
    from django.test import RequestFactory

    begin = RequestFactory.__init__

    def begin_as_a_browser(
        self: RequestFactory, *args: Any, headers: Any = None, **more: Any
    ) -> None:
        begin(self, *args, headers={"accept": ACCEPT, **(headers or {})}, **more)

    monkeypatch.setattr(RequestFactory, "__init__", begin_as_a_browser)
