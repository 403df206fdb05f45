"""Amazon EC2, through libcloud's signed connection.

Each call is one request of EC2's own Query API: RunInstances with its tags in the same
call (libcloud's create_node sets tags in a second call, and a crash between the two
would leave an untraceable instance), DescribeInstances by tag with all its pages
(libcloud's list_nodes reads only the first), and TerminateInstances by id. Answers are
parsed here, whatever their XML namespace. Requests are POSTs, since user data does not
belong in a URL.
"""

from servers.clouds.amazon.adapter import KIND

__all__ = ["KIND"]
