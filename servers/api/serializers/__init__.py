"""What the API accepts and returns: one serializer per resource, one line per field."""
