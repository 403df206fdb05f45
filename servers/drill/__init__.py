"""The fire drill: a whole fleet on a simulated cloud, with everything in it killed.

``manage.py drill`` runs a copy of ServerFleet in its own folder, and creates and
terminates servers at random. Meanwhile it kills and suspends the copy's processes and
empties its broker, while the cloud fails as well. Then it waits for the bound and
counts.

``service`` is the copy, in its ``surroundings``. ``plan`` has the seeded choices,
``callers`` the clients, ``killer`` the kills, ``count`` the figures, ``ends`` how
servers ended, ``verdict`` the conclusions, and ``run`` the whole drill. It only touches
a copy whose folder has the mark of a drill, and only sandbox accounts in it.
"""
