"""The account pages: the list, one account, its form and its actions."""
