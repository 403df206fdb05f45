"""Where a server can be created now: locations, breakers and limits."""
