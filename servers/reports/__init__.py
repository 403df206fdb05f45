"""What people read: why a server waits, leaks, the overview, events."""
