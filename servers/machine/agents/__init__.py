"""The agents that take builds: one literal table, and how each is run."""
