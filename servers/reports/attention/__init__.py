"""What needs a person's attention, from the database at one moment.

Each ``Item`` has a sentence. The dashboard chooses the buttons, from the item's kind
and the reader's rights. The number of queries is the same for any fleet.
"""

from servers.reports.attention.items import Item, Kind
from servers.reports.attention.load import list_attention, read_moment

__all__ = ["Item", "Kind", "list_attention", "read_moment"]
