"""The pages for people. Plain forms; JavaScript only improves them."""
