"""The pages for people, your own account, log-in, and API tokens."""
