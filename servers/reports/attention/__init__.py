"""What needs a person's attention, from the database at one moment.

Each ``Item`` has a sentence. The dashboard chooses the buttons, from the item's kind
and the reader's rights. The number of queries is the same for any fleet.
"""
