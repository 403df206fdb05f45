"""The callback: an instance that nobody reaches reports, and asks what to do."""
