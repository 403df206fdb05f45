"""The writers: the ledger alone writes states; leases, attempts, counters."""
