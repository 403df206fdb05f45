"""Amazon EC2, through libcloud's signed connection.

The calls are EC2's own Query API, each one request: RunInstances with its tags inside
it (libcloud's create_node tags in a second call, and a crash between the two would
leave an instance that nobody can find), DescribeInstances by tag with all its pages
(libcloud's list_nodes follows none), TerminateInstances by id. Answers are read here,
whatever their XML namespace. Requests are POSTs: user data does not belong in a URL.
"""

from servers.clouds.amazon.adapter import KIND

__all__ = ["KIND"]
