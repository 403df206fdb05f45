"""What needs a person's attention, from what the database knows at one moment.

Each ``Item`` has its sentence; which button helps is the dashboard's to say, from the
item's kind and the reader's rights. Three queries for any fleet.
"""

from servers.attention.items import Item, Kind
from servers.attention.load import list_attention, read_moment

__all__ = ["Item", "Kind", "list_attention", "read_moment"]
