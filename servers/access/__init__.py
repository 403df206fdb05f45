"""Who a caller is and what they can reach: tokens, rights, sessions, limits."""
