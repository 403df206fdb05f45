"""The template pages: the list, one template, its form and its figures."""
