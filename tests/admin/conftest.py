"""The pages are asked for as browsers do."""

from tests.support.browsing import as_a_browser

__all__ = ["as_a_browser"]
