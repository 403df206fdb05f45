"""The pages for servers: list, server page, new server, actions on one or many."""
