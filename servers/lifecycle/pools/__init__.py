"""How many servers a pool should have: a pure plan from its queue and its policy.

``plan`` is the rule. It takes what the queue showed, what the pool has and what the
policy says, and returns what to do and why. Times are Unix seconds.
"""
