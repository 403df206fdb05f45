"""Fields of several lines: browsers send CRLF, and scripts need LF.

HTML has every line of a textarea sent with CRLF, whatever was typed or pasted. A script
whose first line ends in CR names an interpreter that does not exist, so every form of
ours takes its lines by this widget, before anything is counted or checked.
"""

from collections.abc import Mapping
from typing import Any

from django.forms import Textarea


class Multiline(Textarea):
    """A textarea whose lines end in LF, as they do in a file."""

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Any, name: str
    ) -> Any:
        """Return what was sent, with the line ends of a file."""
        text = super().value_from_datadict(data, files, name)
        if isinstance(text, str):
            return text.replace("\r\n", "\n").replace("\r", "\n")
        return text
