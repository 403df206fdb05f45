"""A widget for multi-line text: browsers send CRLF, but scripts need LF.

Browsers end every line of a textarea with CRLF. A script whose first line ends with CR
names an interpreter that does not exist. So all our forms use this widget, which
converts the text before it is counted or checked.
"""

from collections.abc import Mapping
from typing import Any

from django.forms import Textarea


class Multiline(Textarea):
    """A textarea whose lines end with LF, as in a file."""

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Any, name: str
    ) -> Any:
        """Return the submitted text with LF line ends."""
        text = super().value_from_datadict(data, files, name)
        if isinstance(text, str):
            return text.replace("\r\n", "\n").replace("\r", "\n")
        return text
