"""What may be served from memory: stamps, triggers that bump them, one round trip."""
