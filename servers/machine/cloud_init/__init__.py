"""The user data: what sets an instance up at its first boot."""
