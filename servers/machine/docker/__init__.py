"""The Docker daemon on an instance: a small client that always checks who answers."""

from typing import Final

# The clients of the server API connect to this port and to no other.
DOCKER_PORT: Final = 2376
