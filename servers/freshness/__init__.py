"""What may be served from memory: stamps, their triggers, and what is kept."""
