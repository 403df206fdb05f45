"""The pages of servers: the list, one, a new one, acts on one and on many."""
