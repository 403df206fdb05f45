"""The fast ``GET /api/servers``: filters, pages, encoded rows, ETags."""
