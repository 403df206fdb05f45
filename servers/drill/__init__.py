"""The fire drill: a whole fleet on a simulated cloud, and everything in it killed.

``manage.py drill`` runs a copy of ServerFleet in a folder of its own, asks it for
servers and for their end at random, and meanwhile kills, stops and empties what it runs
on, while the cloud itself fails. Then it waits for the bound and counts.

``service`` is the copy, ``plan`` the seeded choices, ``callers`` the clients,
``killer`` the one who kills, ``verdict`` what is concluded, ``run`` the whole. Only a
copy whose folder carries the mark of a drill is ever touched, and only sandbox accounts
in it.
"""
