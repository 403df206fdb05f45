"""How many servers a pool has: what its queue shows, a plan, and what follows."""
